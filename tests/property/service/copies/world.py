"""A log, its super nodes, and everything that may go wrong between them; nothing here takes time."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from micro.service.copies.believing import Fields, Listed, agreed, log_of
from micro.service.copies.replication import Replication
from tests.unit.service.copies.keep import event

WANTED = 2


@dataclass
class SuperNode:
    """One super node: what is on its disk, what it has only in memory, and what it has of logs of other names."""

    disk: int = 0
    memory: int = 0
    is_there: bool = True
    is_full: bool = False
    former: dict[str, int] = field(default_factory=dict)


@dataclass
class World:
    """Plays events at random and keeps account of what was promised.

    Attributes:
        early: the planted bug: a receipt says what is in memory only.
        forgetful: the planted bug: a log that was lost is not taken back, and keeps its name.
        promised: the newest event whose publisher was told that enough have it.
        said: up to where the log's node has said so since it was started.
        name: what the log is called now.
        ended: what was promised of logs that were lost and are called otherwise now.
    """

    random: random.Random
    early: bool = False
    forgetful: bool = False
    count: int = 5
    now: float = 0.0
    last: int = 0
    promised: int = 0
    said: int = 0
    name: str = "log-0"
    ended: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nodes = {name: SuperNode() for name in "ABCDEFGH"[: self.count]}
        self.replication = Replication(WANTED)
        self.replication.place(self._map(), WANTED, self.now)

    def _map(self) -> list[str]:
        return self.random.sample(sorted(self.nodes), self.count - 1)

    def step(self) -> None:
        """One thing happens."""
        happens = self.random.choices(
            [
                self._publish,
                self._visit,
                self._crash,
                self._come_back,
                self._remap,
                self._wait,
                self._fill,
                self._restart,
                self._lose_log,
            ],
            [6, 12, 1, 2, 1, 2, 1, 1, 1],
        )[0]
        happens()
        self._check()

    def _publish(self) -> None:
        self.last += self.random.randrange(1, 4)

    def _visit(self) -> None:
        replication = self.replication
        for nid in replication.droppable():
            if self.nodes[nid].is_there:
                self.nodes[nid].disk = self.nodes[nid].memory = 0
                replication.dropped(nid)
        if not replication.chosen:
            return
        nid = self.random.choice(replication.chosen)
        node = self.nodes[nid]
        if not node.is_there:
            replication.failed(nid, self.now)
        elif node.is_full:
            replication.refused(nid, self.now)
        elif not replication.is_open(nid):
            replication.opened(nid, node.disk, self.now)
        else:
            node.memory = min(self.last, replication.last(nid) + self.random.randrange(1, 5))
            if self.early:
                replication.stored(nid, node.memory, self.now)
            if self.random.random() < 0.8:  # else the power fails before it is on disk, and nobody is told
                node.disk = max(node.disk, node.memory)
                replication.stored(nid, node.disk, self.now)
            else:
                self._lose(nid)

    def _lose(self, nid: str) -> None:
        self.nodes[nid].memory = self.nodes[nid].disk
        self.nodes[nid].is_there = False

    def _crash(self) -> None:
        self._lose(self.random.choice(sorted(self.nodes)))

    def _come_back(self) -> None:
        node = self.nodes[self.random.choice(sorted(self.nodes))]
        node.is_there, node.is_full = True, False

    def _remap(self) -> None:
        self.replication.place(self._map(), WANTED, self.now)

    def _wait(self) -> None:
        self.now += self.random.choice((0.5, 3.0, 30.0))
        self.replication.tick(self.now)

    def _fill(self) -> None:
        self.nodes[self.random.choice(sorted(self.nodes))].is_full = True

    def _restart(self) -> None:
        """The log's node knows who was chosen, and no more; and the map may have changed meanwhile."""
        before = self.replication
        self.replication = Replication(WANTED, chosen=before.chosen, generation=before.generation, last=self.last)
        self.said = 0
        self._remap()

    def _lose_log(self) -> None:
        """The disk of the log's node is lost: it takes back what those have who are there, and then begins anew."""
        before, there = self.replication, {nid: node for nid, node in self.nodes.items() if node.is_there}
        for node in self.nodes.values():
            node.memory = node.disk
        lasts = {nid: node.disk for nid, node in there.items() if node.disk}
        listed = {nid: [Listed(self.name, 1, last, last, before.generation)] for nid, last in lasts.items()}
        assert log_of(listed).keys() == lasts.keys()
        self.last = 0 if self.forgetful else len(self._taken(lasts))
        if self.last < max((node.disk for node in self.nodes.values()), default=0) and not self.forgetful:
            self._rename()
        chosen = before.chosen if self.last else ()
        self.replication = Replication(WANTED, chosen=chosen, generation=before.generation, last=self.last)
        self.said = 0
        self._remap()

    @staticmethod
    def _taken(lasts: Mapping[str, int]) -> list[Fields]:
        found: list[Fields] = []
        while readers := [nid for nid, last in lasts.items() if last > len(found)]:
            start = len(found) + 1
            pieces = {
                nid: [event(number) for number in range(start, min(lasts[nid], start + 4) + 1)] for nid in readers
            }
            found += agreed(start, pieces, {nid: lasts[nid] for nid in readers}).events
        return found

    def _rename(self) -> None:
        """Somebody who is away has more: it keeps that, and the log goes on under another name."""
        self.ended[self.name], self.promised = self.promised, 0
        for node in self.nodes.values():
            node.former[self.name], node.disk, node.memory = node.disk, 0, 0
        self.name = f"log-{len(self.ended)}"

    def _check(self) -> None:
        replication = self.replication
        if replication.safe < self.said:
            self.broken.append(f"{self.said} was safe, and now {replication.safe} is")
        self.said = replication.safe
        self.promised = max(self.promised, replication.safe)
        holders = sum(node.disk >= self.promised for node in self.nodes.values())
        if holders < WANTED:
            self.broken.append(f"event {self.promised} was promised, and {holders} disks have it")
        for name, promised in self.ended.items():
            if sum(node.former.get(name, 0) >= promised for node in self.nodes.values()) < WANTED:
                self.broken.append(f"event {promised} of {name} was promised, and is gone")
        if self.last < self.promised:
            self.broken.append(f"event {self.promised} was promised, and the log ends with {self.last}")
        if len(replication.chosen) > WANTED or len(set(replication.chosen)) < len(replication.chosen):
            self.broken.append(f"chosen: {replication.chosen}")

    def heal(self) -> None:
        """Everybody comes back, and the copiers go on."""
        for node in self.nodes.values():
            node.is_there, node.is_full = True, False
        self.now += 200.0
        self.replication.tick(self.now)
        for _ in range(20 * (self.last + 5)):
            for nid in self.replication.chosen:
                if not self.replication.is_open(nid):
                    self.replication.opened(nid, self.nodes[nid].disk, self.now)
                self.nodes[nid].disk = min(self.last, self.replication.last(nid) + 4)
                self.replication.stored(nid, self.nodes[nid].disk, self.now)
            for nid in self.replication.droppable():
                self.nodes[nid].disk = 0
                self.replication.dropped(nid)
            if self.replication.safe == self.last and not self.replication.leaving:
                return
        self.broken.append(f"safe up to {self.replication.safe} of {self.last}, leaving {self.replication.leaving}")
