"""What can be done about something that was done: endpoints of the same service that delete or change.

Pure.

No description says that one endpoint undoes another. So nothing is undone by itself: those that may help are shown,
with what the last call and its answer had filled in, and whoever chooses one is asked before it is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from micro.assistant.acts import acts_of_endpoint
from micro.assistant.conversation import Plan
from micro.assistant.offers import Offer

__all__ = ["carried", "undoing"]

_ACTS: Final = ("delete", "update")
ACT_MIN: Final = 0.3
"""An endpoint whose acts are these by less does something else."""


def undoing(done: Offer, offers: Iterable[Offer]) -> list[Offer]:
    """Returns the endpoints of a service that take back or change what it has, those that take back first."""
    found = [
        (-_takes_back(offer), number, offer)
        for number, offer in enumerate(offers)
        if offer.service == done.service
        and offer.name != done.name
        and offer.changes
        and max(offer.acts.get(act, 0.0) for act in _ACTS) >= ACT_MIN
    ]
    return [offer for _, _, offer in sorted(found, key=lambda item: item[:2])]


def _takes_back(offer: Offer) -> float:
    """Returns how much an endpoint takes back: by its name, before what it says."""
    by_name = acts_of_endpoint(offer.endpoint, "").get("delete", 0.0)
    return 2.0 * by_name + max(offer.acts.get("delete", 0.0), 0.5 * offer.acts.get("update", 0.0))


def carried(last: Plan, offer: Offer) -> dict[str, Any]:
    """Returns what an endpoint requires that the last call was given, or answered with, under the same name."""
    if last.offer.service != offer.service:
        return {}
    known = {**last.came, **last.fields}
    required = [field.path[0] for field in offer.fields if field.required and len(field.path) == 1]
    return {name: known[name] for name in required if name in known}
