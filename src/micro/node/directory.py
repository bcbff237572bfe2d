"""The directory of logs of a node: what its neighbours tell, and what is found in its network, as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from micro.node.far_logs import FarLogs
from micro.node.logs import NeighbourLogs
from micro.service.broker.directory import LogPlace, split_log
from micro.service.registry.record import LOGS_MAX, SUBSCRIPTIONS_MAX, mark_of_log, mark_of_subscription

__all__ = ["Directory"]


class Directory:
    """`micro.service.broker.directory.LogDirectory` of a node.

    Args:
        neighbours: the logs among neighbours.

    Attributes:
        is_known: whether a neighbour is no stranger, so that its logs are meant by bare names.
        far: the logs of nodes that are no neighbours, None without a network.
    """

    def __init__(self, neighbours: NeighbourLogs) -> None:
        self._neighbours = neighbours
        self._changed: list[Callable[[], None]] = []
        self.is_known: Callable[[str], bool] = lambda nid: True
        self._wanted: dict[str, int] = {}
        self.far: FarLogs | None = None
        neighbours.watch(self._choose_copies)

    def announce(self, topic: str) -> None:
        """See `LogDirectory.announce`."""
        self._neighbours.announce(topic)
        if self.far is not None:
            self.far.subscribers.changed()

    def withdraw(self, topic: str) -> None:
        """See `LogDirectory.withdraw`."""
        self._neighbours.withdraw(topic)

    def want(self, name: str) -> None:
        """See `LogDirectory.want`."""
        self._wanted[name] = self._wanted.get(name, 0) + 1
        if self.far is not None:
            self.far.strangers.want(name)
            self._choose_copies()

    def release(self, name: str) -> None:
        """See `LogDirectory.release`."""
        self._wanted[name] -= 1
        if not self._wanted[name]:
            del self._wanted[name]
        if self.far is not None:
            self.far.strangers.release(name)
            self._choose_copies()

    def widen(self, far: FarLogs) -> None:
        """Takes the logs and the subscribers of a network in; what is wanted already is sought from now on."""
        self.far = far
        for name, count in self._wanted.items():
            for _ in range(count):
                far.strangers.want(name)
        self._choose_copies()

    def find(self, name: str) -> Sequence[LogPlace]:
        """See `LogDirectory.find`: of neighbours that are no strangers, and of others that a name or a pin means."""
        if self.far is None:
            return sorted(self._there(name))
        topic, _ = split_log(name)
        copies = [place for origin in self._missed(name) for place in self.far.copies.find(topic, origin)]
        return sorted([*self._there(name), *copies])

    def missing(self, name: str) -> Mapping[str, str]:
        """See `LogDirectory.missing`: of strangers that a name or a pin means."""
        if self.far is None:
            return {}
        had = {place.origin for place in self.find(name)}
        return {nid: why for nid, why in self.far.missing(split_log(name)[0], name).items() if nid not in had}

    def refused(self, topic: str, place: LogPlace) -> None:
        """See `LogDirectory.refused`."""
        if self.far is not None and place.nid != place.origin:
            self.far.copies.refused(topic, place)

    def _there(self, name: str) -> set[LogPlace]:
        """Returns the logs themselves that a name means, as far as their nodes are there."""
        further = self.far.strangers.find(name) if self.far is not None else ()
        return {*further, *self._of_neighbours(name)}

    def _missed(self, name: str) -> list[str]:
        """Returns whose logs a name means that are out of reach: strangers, and neighbours that had one before."""
        if self.far is None:
            return []
        topic, only = split_log(name)
        away = [] if only else [nid for nid in self._neighbours.away(topic) if self.is_known(nid)]
        there = {place.origin for place in self._there(name)}
        return sorted({*self.far.strangers.missed(name), *away} - there)

    def _choose_copies(self) -> None:
        """Has copies held of what is wanted and out of reach."""
        if self.far is not None:
            self.far.copies.seek((split_log(name)[0], nid) for name in self._wanted for nid in self._missed(name))

    def _of_neighbours(self, name: str) -> list[LogPlace]:
        places = self._neighbours.find(name)
        meant = self.far.strangers.meant(name) if self.far is not None else ()
        return [place for place in places if "@" in name or place.origin in meant or self.is_known(place.origin)]

    def watch(self, changed: Callable[[], None]) -> None:
        """See `LogDirectory.watch`."""
        self._neighbours.watch(changed)
        self._changed.append(changed)

    def told(self) -> None:
        """Takes note that what is known of other nodes changed."""
        self._choose_copies()
        for changed in self._changed:
            changed()

    async def subscribing(self, topic: str) -> tuple[str, ...]:
        """Returns the nodes that say in the network that they subscribe to a topic of this one.

        Raises:
            BadRequest, Unavailable: as `Subscribers.known`.
        """
        return await self.far.subscribers.known(topic) if self.far is not None else ()

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
        sought = self.far.strangers.sought if self.far is not None else []
        return [*logs, *(mark_of_subscription(topic, nid) for topic, nid in sought[:SUBSCRIPTIONS_MAX])]
