"""Changes what is filled in: by a form, or by naming a field or its value.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from micro.assistant.conversation import Plan
from micro.assistant.slots import shown
from micro.assistant.words import plain, spaced
from micro.service.schema.fields import Field, assemble

__all__ = ["field_meant", "merged", "with_value"]


def merged(fields: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Returns fields with those of a form over them; None takes one back."""
    both = {**fields, **more}
    return {name: value for name, value in both.items() if not (name in more and value is None)}


def with_value(plan: Plan, known: Field, value: Any) -> Plan:
    """Returns a plan whose field has a value that somebody said for it."""
    return replace(plan, fields=assemble({known.path: value}, plan.fields), guessed=plan.guessed - {known.path})


def field_meant(plan: Plan, what: str) -> Field | None:
    """Returns the field that is called so, or has this value."""
    wanted = plain(what)
    for field in plan.offer.fields:
        if wanted in (plain(spaced(field.path[-1])), plain(field.path[-1])):
            return field
    for field in plan.offer.fields:
        value: Any = plan.fields
        for name in field.path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None and wanted in (
            plain(shown(value)),
            plain(shown(value).rpartition("/")[2].replace("_", " ")),
        ):
            return field
    return None
