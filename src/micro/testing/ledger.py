"""What a world has promised its clients, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Ledger", "Promise"]


@dataclass(frozen=True, slots=True)
class Promise:
    """An event that a node said is on its disk: which node's, which of its disks, and the event's topic and id."""

    machine: str
    age: int
    topic: str
    id: str


@dataclass(slots=True)
class Ledger:
    """The promises of a world.

    Attributes:
        promises: in the order in which they were given.
        attempts: every (topic, id) that somebody tried to publish.
        received: for each receiver, how often each (topic, id) came.
    """

    promises: list[Promise] = field(default_factory=list)
    attempts: dict[tuple[str, str], None] = field(default_factory=dict)
    received: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)

    def tried(self, topic: str, id: str) -> None:
        """Somebody is about to publish an event."""
        self.attempts[topic, id] = None

    def acknowledged(self, machine: str, age: int, topic: str, id: str) -> None:
        """A node has said that it keeps an event."""
        self.attempts[topic, id] = None
        self.promises.append(Promise(machine, age, topic, id))

    def took(self, receiver: str, topic: str, id: str) -> None:
        """A receiver got an event."""
        counts = self.received.setdefault(receiver, {})
        counts[topic, id] = counts.get((topic, id), 0) + 1

    def of(self, machine: str, age: int) -> list[tuple[str, str]]:
        """Returns the (topic, id) of every event that a node said is on this disk of its machine."""
        return [(each.topic, each.id) for each in self.promises if (each.machine, each.age) == (machine, age)]
