"""Why a service that is not there will be there again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from micro.node.elsewhere import Elsewhere
from micro.node.neighbours import Neighbours
from micro.runtime.supervisor import Supervisor
from micro.trust.identity import short

__all__ = ["Expectation"]

NAMED_MAX: Final = 3
"""So many nodes that a name is pinned to are named."""


class Expectation:
    """What a node waits for.

    Args:
        supervisor: what runs here.
        elsewhere: strangers.
        neighbours: nodes that it is linked to, or was.
    """

    def __init__(self, supervisor: Supervisor, elsewhere: Elsewhere, neighbours: Neighbours) -> None:
        self._supervisor = supervisor
        self._elsewhere = elsewhere
        self._neighbours = neighbours

    def starting(self) -> int:
        """Returns how many services of this node are being started."""
        return sum(found["state"] == "starting" for found in self._supervisor.status())

    def of(self, service: str, *, is_peer: bool = False) -> str:
        """Says why a service that is not in the catalog will be there again; "" where it will not.

        Args:
            service: its name.
            is_peer: whether another node asks, which is not told whom this one's owner means by the name.
        """
        for found in self._supervisor.status():
            if found["name"] == service:
                return "it is being started again"
        if (away := self._elsewhere.away(service)) is not None:
            return f"it is looked for in the network{'' if is_peer else _whose(service, *away)}"
        return "the node it runs on is away" if self._neighbours.had(service) else ""


def _whose(service: str, seconds: float, nids: Sequence[str]) -> str:
    """Returns who had a service and for how long nobody of them has been there, as it is told after the reason."""
    if not nids:
        return f", where nobody has offered it for {seconds:.0f} s"
    more = f" and {len(nids) - NAMED_MAX} more" if len(nids) > NAMED_MAX else ""
    named = ", ".join(short(nid) for nid in nids[:NAMED_MAX])
    return (
        f"; the name is pinned to {named}{more}, out of reach for {seconds:.0f} s, "
        f"and `micro network unpin {service}` lets others take their place"
    )
