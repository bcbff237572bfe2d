"""Reads the log of a node through its broker, as a queue that sees every event that is kept."""

from __future__ import annotations

import asyncio

from micro.service.broker.broker import Broker, Member, StoredEvent, Subscription
from micro.testing.machine import Machine

__all__ = ["log_of"]

TURNS_MAX = 10_000


class _Reader(Member):
    """A member of a queue of its own."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []
        self.subscription: Subscription | None = None

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        """Takes an event and acknowledges it in a turn of its own."""
        self.events.append((event.topic, event.publisher, event.id))
        if self.subscription is not None:
            asyncio.get_running_loop().call_soon(self.subscription.acknowledge, sequence)
        return True

    def dropped(self, count: int) -> None:
        """A queue drops nothing."""


async def log_of(machine: Machine) -> dict[tuple[str, str, str], int] | None:
    """Returns how often each (topic, publisher, id) is kept by a node, or None where the node went down meanwhile."""
    found: dict[tuple[str, str, str], int] = {}
    node = machine.node
    if node is None or not await machine.by_node(_read(node.broker, f"audit-{machine.audits}", found)):
        return None
    machine.audits += 1
    return found


async def _read(broker: Broker, queue: str, found: dict[tuple[str, str, str], int]) -> None:
    for topic in broker.topics():
        reader = _Reader()
        reader.subscription = broker.subscribe(topic.topic, queue, reader)
        for _ in range(TURNS_MAX):
            if len(reader.events) >= topic.messages:
                break
            await asyncio.sleep(0)
        reader.subscription.close()
        for key in reader.events:
            found[key] = found.get(key, 0) + 1
