"""The directory of logs of a node: what its neighbours tell, and what is found in its network, as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from micro.node.logs import NeighbourLogs
from micro.node.stranger_logs import StrangerLogs
from micro.node.subscribers import Subscribers
from micro.service.broker.directory import LogPlace
from micro.service.registry.record import LOGS_MAX, SUBSCRIPTIONS_MAX, mark_of_log, mark_of_subscription

__all__ = ["Directory"]


class Directory:
    """`micro.service.broker.directory.LogDirectory` of a node.

    Args:
        neighbours: the logs among neighbours.

    Attributes:
        is_known: whether a neighbour is no stranger, so that its logs are meant by bare names.
        strangers: the logs of strangers, None without a network.
        subscribers: those who subscribe elsewhere to logs of this node, None without a network.
    """

    def __init__(self, neighbours: NeighbourLogs) -> None:
        self._neighbours = neighbours
        self._changed: list[Callable[[], None]] = []
        self.is_known: Callable[[str], bool] = lambda nid: True
        self._early: list[str] = []
        self.strangers: StrangerLogs | None = None
        self.subscribers: Subscribers | None = None

    def announce(self, topic: str) -> None:
        """See `LogDirectory.announce`."""
        self._neighbours.announce(topic)
        if self.subscribers is not None:
            self.subscribers.changed()

    def withdraw(self, topic: str) -> None:
        """See `LogDirectory.withdraw`."""
        self._neighbours.withdraw(topic)

    def want(self, name: str) -> None:
        """See `LogDirectory.want`."""
        if self.strangers is not None:
            self.strangers.want(name)
        else:
            self._early.append(name)

    def release(self, name: str) -> None:
        """See `LogDirectory.release`."""
        if self.strangers is not None:
            self.strangers.release(name)
        else:
            self._early.remove(name)

    def widen(self, strangers: StrangerLogs, subscribers: Subscribers) -> None:
        """Takes the logs and the subscribers of a network in; what is wanted already is sought from now on."""
        self.strangers, self.subscribers = strangers, subscribers
        early, self._early = self._early, []
        for name in early:
            strangers.want(name)

    def find(self, name: str) -> Sequence[LogPlace]:
        """See `LogDirectory.find`: of neighbours that are no strangers, and of others that a name or a pin means."""
        further = self.strangers.find(name) if self.strangers is not None else ()
        found = {place.origin: place for place in (*further, *self._of_neighbours(name))}
        return [found[origin] for origin in sorted(found)]

    def _of_neighbours(self, name: str) -> list[LogPlace]:
        places = self._neighbours.find(name)
        meant = self.strangers.meant(name) if self.strangers is not None else ()
        return [place for place in places if "@" in name or place.origin in meant or self.is_known(place.origin)]

    def watch(self, changed: Callable[[], None]) -> None:
        """See `LogDirectory.watch`."""
        self._neighbours.watch(changed)
        self._changed.append(changed)

    def told(self) -> None:
        """Takes note that what is known of strangers changed."""
        for changed in self._changed:
            changed()

    async def subscribing(self, topic: str) -> tuple[str, ...]:
        """Returns the nodes that say in the network that they subscribe to a topic of this one.

        Raises:
            BadRequest, Unavailable: as `Subscribers.known`.
        """
        return await self.subscribers.known(topic) if self.subscribers is not None else ()

    @property
    def announced(self) -> list[str]:
        """The topics of which the network is told that this node keeps a log for others, by name."""
        return self._neighbours.announced[:LOGS_MAX]

    def may_follow(self, nid: str, topic: str) -> bool:
        """Says whether a node may subscribe to a topic here."""
        return self._neighbours.may_follow(nid, topic)

    def marks(self) -> list[str]:
        """Returns the marks of the records by which the network is told of logs and subscriptions of this node."""
        logs = [mark_of_log(topic) for topic in self.announced]
        sought = self.strangers.sought if self.strangers is not None else []
        return [*logs, *(mark_of_subscription(topic, nid) for topic, nid in sought[:SUBSCRIPTIONS_MAX])]
