"""Events of go-micro's HTTP broker reach our subscribers and ours theirs, each once; a queue has each once too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.interop import programs
from tests.interop.matrix import Cell, Matrix
from tests.interop.programs import Built, Generation
from tests.interop.street import READY_SECONDS, Street, open_street
from tests.network.lab import reason_not_to

REASON = programs.reason_not_to() or reason_not_to()
TOPIC, QUEUE = "notes", "work"
COUNT = 10

pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)


class Heard:
    """What two members of a queue and somebody without one heard: of go-micro's, and of ours."""

    def __init__(self) -> None:
        self.members: tuple[list[str], list[str]] = ([], [])
        self.alone: list[str] = []
        self.our_members: tuple[list[str], list[str]] = ([], [])
        self.ours: list[str] = []

    @property
    def queue(self) -> list[str]:
        return sorted(self.members[0] + self.members[1])

    @property
    def our_queue(self) -> list[str]:
        return sorted(self.our_members[0] + self.our_members[1])

    @property
    def everybody(self) -> tuple[list[str], ...]:
        return self.ours, self.our_queue, self.alone, self.queue

    @staticmethod
    def only(wanted: list[str], heard: list[str]) -> list[str]:
        """Returns what is wanted of what was heard; before that came what found out who hears."""
        return sorted(name for name in heard if name in wanted)


async def until(holds: Callable[[], bool], again: Callable[[], Awaitable[Any]] | None = None) -> None:
    """Waits until something holds; does something again and again meanwhile."""
    async with asyncio.timeout(READY_SECONDS):
        while not holds():
            if again is not None:
                await again()
            await asyncio.sleep(0.5)


async def listen(street: Street, into: list[str], queue: str | None = None) -> None:
    async with street.client() as client, client.subscribe(TOPIC, queue) as events:
        async for event in events:
            into.append(event.value["name"])
            await event.ack()


async def test_events_go_both_ways(generation: Generation, built: Built, matrix: Matrix) -> None:
    """Between programs that know nothing of each other, found by multicast DNS."""
    program = built(generation)
    heard = Heard()
    async with open_street() as street, asyncio.TaskGroup() as group:
        await street.node("--mdns", "--mucp-trust")
        tasks = [group.create_task(listen(street, heard.ours))]
        tasks += [group.create_task(listen(street, into, QUEUE)) for into in heard.our_members]
        for into, queue in ((heard.members[0], QUEUE), (heard.members[1], QUEUE), (heard.alone, "")):
            said = {"INTEROP_TOPIC": TOPIC, "INTEROP_QUEUE": queue, "INTEROP_NAME": "listener"}
            process = await street.server(program, **said)
            tasks.append(group.create_task(street.heard(process, into)))
        async with street.client() as client:

            async def publish(name: str = "warm") -> None:
                await client.publish(TOPIC, {"name": name})

            await until(lambda: all((*heard.members, *heard.our_members, heard.alone, heard.ours)), publish)
            wanted = sorted(f"n{number}" for number in range(COUNT))
            for name in wanted:
                await publish(name)
            with contextlib.suppress(TimeoutError):
                await until(lambda: all(set(wanted) <= set(each) for each in (heard.queue, heard.alone)))
        well = heard.only(wanted, heard.alone) == wanted
        in_turn = heard.only(wanted, heard.queue) == wanted and all(heard.members)
        matrix.note(Cell("publish", "Go finds and hears us", generation.name), well=well)
        matrix.note(Cell("queue", "Go finds and hears us", generation.name), well=in_turn)
        assert (well, in_turn) == (True, True), vars(heard)
        said = {"INTEROP_DO": "publish", "INTEROP_NAME": "speaker", "INTEROP_TOPIC": TOPIC}
        await street.lines(str(program), **said)
        with contextlib.suppress(TimeoutError):
            await until(lambda: all("John" in each for each in heard.everybody))
        await asyncio.sleep(1)  # so long an event that came by another way too has to be heard twice
        counts = [each.count("John") for each in heard.everybody]
        matrix.note(Cell("publish", "we find and hear Go", generation.name), well=counts[0] == 1)
        matrix.note(Cell("queue", "we find and hear Go", generation.name), well=counts[1] == 1)
        assert counts == [1, 1, 1, 1], vars(heard)
        for task in tasks:
            task.cancel()
