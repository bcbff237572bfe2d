"""What a guest writes to its standard output, on its way to the log."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from micro.runtime.guest.outlet import WAITING_BYTES_MAX, Outlet


async def test_lines_come_as_they_were_written() -> None:
    """Also one that came in two pieces, and one that never ended."""
    lines, outlet = opened()
    for piece in (b"one\ntw", b"o\nthree"):
        outlet.write(piece)
    await asyncio.sleep(0)
    outlet.end()

    assert lines == ["one", "two", "three"]


async def test_a_guest_that_writes_faster_than_the_log_fills_no_memory() -> None:
    """What is too much is left out and counted, and what comes later is there again."""
    lines, outlet = opened()
    line = b"x" * 1_023 + b"\n"
    for _ in range(2 * WAITING_BYTES_MAX // len(line)):
        outlet.write(line)
    await asyncio.sleep(0)
    outlet.write(b"later\n")
    outlet.end()

    assert len(lines) == WAITING_BYTES_MAX // len(line) + 2
    assert lines[-2:] == [f"{WAITING_BYTES_MAX} bytes were written too fast, and left out", "later"]


def opened() -> tuple[list[str], Outlet]:
    """Returns the lines that are logged, and the outlet that they come from."""
    lines: list[str] = []
    run: Any = SimpleNamespace(host=SimpleNamespace(log=lambda level, line: lines.append(line)))
    return lines, Outlet(run, 1, asyncio.get_running_loop())
