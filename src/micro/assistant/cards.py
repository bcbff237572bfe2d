"""What a face shows of an endpoint: a chip, a card, a field.

Pure.
"""

from __future__ import annotations

from typing import Any

from micro.assistant.conversation import Plan
from micro.assistant.offers import Offer
from micro.service.schema.fields import Field, resolve

__all__ = ["card_of", "chip_of", "schema_of"]


def chip_of(offer: Offer, score: float = 1.0) -> dict[str, Any]:
    """Returns an endpoint as a chip to press."""
    return {
        "service": offer.service,
        "endpoint": offer.endpoint,
        "choose": offer.name,
        "title": offer.title,
        "description": offer.description,
        "price": offer.price,
        "score": round(score, 3),
    }


def card_of(plan: Plan, score: float) -> dict[str, Any]:
    """Returns the event that shows what is planned."""
    offer = plan.offer
    return {
        "kind": "route",
        "service": offer.service,
        "endpoint": offer.endpoint,
        "title": offer.title,
        "description": offer.description,
        "form": offer.kind,
        "fields": plan.fields,
        "request": dict(offer.request),
        "price": offer.price,
        "score": round(score, 3),
    }


def schema_of(offer: Offer, field: Field) -> dict[str, Any]:
    """Returns the JSON Schema of one field."""
    schema: Any = offer.request
    for name in field.path:
        resolved, _ = resolve(schema, offer.request)
        schema = resolved.get("properties", {}).get(name, {})
    return resolve(schema, offer.request)[0]
