"""When to ask before a call: what it costs and whether it changes something, as its description tells.

Pure.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from micro.assistant.offers import Offer

__all__ = ["reasons_to_ask"]


def reasons_to_ask(offer: Offer, *, price_max: float, unverified: bool, allowed: bool = False) -> list[str]:
    """Returns why a person is asked before a call: any of `unverified`, `price`, and `changes` or `may_change`.

    Args:
        offer: the endpoint.
        price_max: up to which price of one call nobody asks.
        unverified: whether nobody vouches for the service's name, and it was never used here.
        allowed: whether there was a yes to this endpoint before: one that only may change something needs no other.
    """
    found = ["unverified"] if unverified else []
    if offer.price and _costs_more(offer.price, price_max):
        found.append("price")
    if offer.changes and not (offer.unsure and allowed):
        found.append("may_change" if offer.unsure else "changes")
    return found


def _costs_more(price: str, price_max: float) -> bool:
    try:
        amount = Decimal(price)
    except InvalidOperation:
        return True  # what cannot be read may be anything
    return not amount.is_finite() or amount > Decimal(str(price_max))
