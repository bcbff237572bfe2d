"""What is to be written in one turn of the loop is written at its end."""

from __future__ import annotations

import asyncio

from micro.doors.mucp.turn import Turn
from tests.unit.network.clockwork import run


def test_writes_come_together_behind_what_is_done_in_a_turn() -> None:
    """In their order; one that fails is told of, and the others are made."""
    log: list[str] = []

    def fails() -> None:
        raise ValueError("a bug")

    async def scenario() -> None:
        turn = Turn()
        turn.write_at_end(lambda: log.append("one"))
        turn.write_at_end(fails)
        turn.write_at_end(lambda: log.append("two"))
        log.append("work")
        await asyncio.sleep(0)
        turn.write_at_end(lambda: log.append("three"))
        await asyncio.sleep(0)

    run(scenario(), complaints=1)
    assert log == ["work", "one", "two", "three"]
