"""Services as processes."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from micro.runtime.engine.engine import Launch
from micro.runtime.engine.process import ProcessEngine, ProcessInstance
from micro.system import SystemProcesses


class Written:
    """Keeps what an instance writes."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.up = asyncio.Event()

    async def __call__(self, stream: str, line: str) -> None:
        self.lines.append((stream, line))
        self.up.set()


async def start(script: str, written: Written) -> ProcessInstance:
    launch = Launch(("sh", "-c", script), Path("/"), {"PATH": "/usr/bin:/bin"})
    return await ProcessEngine(SystemProcesses()).start(launch, written)


async def test_what_it_writes_comes_line_by_line() -> None:
    """Output and errors come with the name of their stream, the last line too."""
    written = Written()
    instance = await start("echo one; printf two; echo bad >&2", written)

    assert await instance.wait() == 0
    assert sorted(written.lines) == [("err", "bad"), ("out", "one"), ("out", "two")]


async def test_asked_to_end() -> None:
    """A service that ends when asked ends as it likes."""
    written = Written()
    instance = await start("trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.05; done", written)
    await written.up.wait()

    assert await instance.stop(10.0) == 4
    assert written.lines[-1] == ("out", "bye")


async def test_made_to_end() -> None:
    """A service that does not listen is ended when its grace is over."""
    written = Written()
    instance = await start("trap '' TERM; echo up; while :; do sleep 0.05; done", written)
    await written.up.wait()

    assert await instance.stop(0.1) == -signal.SIGKILL


async def test_a_stop_that_is_cancelled_does_not_wait_for_manners() -> None:
    """Who has no time to wait for a polite end gets a quick one."""
    written = Written()
    instance = await start("trap '' TERM; echo up; while :; do sleep 0.05; done", written)
    await written.up.wait()
    stopping = asyncio.ensure_future(instance.stop(60.0))
    await asyncio.sleep(0)
    stopping.cancel()

    assert await instance.wait() == -signal.SIGKILL


async def test_any_number_may_wait() -> None:
    """One who gives up waiting does not disturb the others."""
    instance = await start("sleep 0.2", Written())
    impatient = asyncio.ensure_future(instance.wait())
    await asyncio.sleep(0)
    impatient.cancel()

    assert await asyncio.gather(instance.wait(), instance.wait()) == [0, 0]


async def test_a_slow_reader_holds_the_writer() -> None:
    """What nobody takes is not piled up in the node: the service waits."""
    gate = asyncio.Event()
    taken: list[str] = []

    async def slow(stream: str, line: str) -> None:
        taken.append(line)
        await gate.wait()

    launch = Launch(("sh", "-c", "yes | head -n 1000000; echo end"), Path("/"), {"PATH": "/usr/bin:/bin"})
    instance = await ProcessEngine(SystemProcesses()).start(launch, slow)
    waiting = asyncio.ensure_future(instance.wait())
    done, _ = await asyncio.wait([waiting], timeout=0.3)

    assert (done, len(taken)) == (set(), 1)
    await instance.stop(1.0)
    await waiting
