"""Exchanges get instances as their service declares, wait in a bounded line, and leave nothing dead behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from micro.errors import InternalError, TooManyRequests
from micro.runtime.guest.description import Instances
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.pool import Pool
from tests.unit.runtime.guest.guests import HEADERS, RELAY, KeptHost, guest, program
from tests.waiting import until

COUNT = guest(
    """(global.set $count (i32.add (global.get $count) (i32.const 1)))
      (if (i32.eq (global.get $count) (i32.const 52)) (then unreachable))
      (i32.store8 (i32.const 4096) (global.get $count)) (call $answer (i32.const 4096) (i32.const 1))""",
    more="(global $count (mut i32) (i32.const 48))",
)
"""Answers how often its instance was called, and dies of the fourth call."""


async def pool_of(folder: Path, artefact: bytes, kind: Instances, grant: Grant, died: list[str]) -> Pool:
    return Pool(await program(folder, artefact, grant), kind, grant, died.append)


async def call(pool: Pool, host: Any = None) -> bytes:
    host = host or KeptHost()
    return await pool.run(lambda one: one.call(HEADERS, b"", host), host)


@pytest.mark.parametrize(("kind", "answers"), [("stateless", b"11111"), ("pooled", b"123x1"), ("resident", b"123x1")])
async def test_a_dead_instance_is_never_used_again(tmp_path: Path, kind: Instances, answers: bytes) -> None:
    """The next exchange gets a new one; of a resident service the loss is told."""
    died: list[str] = []
    pool = await pool_of(tmp_path, COUNT, kind, Grant(fuel=1_000_000), died)
    found = b""
    for _ in answers:
        try:
            found += await call(pool)
        except InternalError:
            found += b"x"
    assert found == answers
    assert len(died) == (kind == "resident")
    pool.close()


async def test_exchanges_wait_for_an_instance_in_a_bounded_line(tmp_path: Path) -> None:
    """Those beyond it are refused at once, and the others get their turn."""
    grant = Grant(fuel=1_000_000, instances=2, waiting=1)
    pool = await pool_of(tmp_path, RELAY, "stateless", grant, [])
    gate = asyncio.Event()

    class Gated(KeptHost):
        async def call(self, headers: object, body: bytes) -> bytes:
            await gate.wait()
            return b"done"

    calls = [asyncio.ensure_future(call(pool, Gated())) for _ in range(4)]
    await until(lambda: any(each.done() for each in calls))
    gate.set()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(each, TooManyRequests) for each in found] == [False, False, False, True]
    assert found[:3] == [b"done"] * 3
