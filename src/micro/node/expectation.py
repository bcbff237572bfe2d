"""Why a service that is not there will be there again."""

from __future__ import annotations

from micro.node.elsewhere import Elsewhere
from micro.node.neighbours import Neighbours
from micro.runtime.supervisor import Supervisor

__all__ = ["Expectation"]


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

    def of(self, service: str) -> str:
        """Says why a service that is not in the catalog will be there again; "" where it will not."""
        for found in self._supervisor.status():
            if found["name"] == service:
                return "it is being started again"
        if self._elsewhere.had(service):
            return "it is looked for in the network"
        return "the node it runs on is away" if self._neighbours.had(service) else ""
