"""Commands that may not be trusted to end."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from micro.errors import EngineError
from micro.ports import Limits
from micro.runtime.command import ERROR_BYTES_MAX, CommandOverran, Finished, run_command
from micro.system import SystemProcesses


async def run(script: str, **options: object) -> Finished:
    chosen = {"seconds_max": 20.0, "output_bytes_max": 1000, **options}
    return await run_command(
        SystemProcesses(), ["sh", "-c", script], directory=Path("/"), environment={"PATH": "/usr/bin:/bin"}, **chosen  # type: ignore[arg-type]
    )  # fmt: skip


async def test_how_it_ended() -> None:
    """Exit code, output and complaints are told."""
    assert await run("cat; echo bad >&2; exit 3", data=b"good") == Finished(3, b"good", b"bad\n")


async def test_too_long() -> None:
    """A command that takes too long is ended."""
    with pytest.raises(CommandOverran, match=r"sh took longer than 0\.1 seconds"):
        await run("sleep 60", seconds_max=0.1)


async def test_too_much() -> None:
    """A command that says too much is ended."""
    with pytest.raises(CommandOverran, match="printed more than 1000 bytes"):
        await run("yes")


async def test_one_that_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """Who no longer waits for it ends it, and nobody is told of an error that is none."""
    began = asyncio.Event()
    task = asyncio.ensure_future(run("echo here; sleep 60", on_output=lambda part: began.set()))
    await began.wait()
    task.cancel()
    await asyncio.wait([task])
    del task
    gc.collect()
    await asyncio.sleep(0)

    assert not caplog.records


async def test_of_complaints_the_end_is_kept() -> None:
    """However much a command complains, the last of it is there and no more."""
    finished = await run("yes 123456789 | head -c 100000 >&2; echo why >&2")

    assert (len(finished.errors), finished.errors[-4:]) == (ERROR_BYTES_MAX, b"why\n")


async def test_who_listens_hears_it_as_it_comes() -> None:
    """Output and complaints can be followed."""
    heard: list[bytes] = []
    await run("echo out; echo err >&2", on_output=heard.append, on_errors=heard.append)

    assert sorted(heard) == [b"err\n", b"out\n"]


async def test_output_that_stays_open_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that a command leaves behind does not hold it up for ever."""
    monkeypatch.setattr("micro.runtime.command.DRAIN_SECONDS_MAX", 0.1)

    assert (await run("setsid sleep 5 & echo done")).output == b"done\n"


async def test_limits_are_handed_on(tmp_path: Path) -> None:
    """The kernel's limits hold for it."""
    finished = await run(f"head -c 5000 /dev/zero > {tmp_path}/zeros", limits=Limits(file_bytes=1024))

    assert b"File size limit exceeded" in finished.errors


async def test_what_cannot_start_says_so() -> None:
    """A program that is not there is an error of the engine."""
    with pytest.raises(EngineError, match="cannot start"):
        await run_command(
            SystemProcesses(), ["nope"], directory=Path("/"), environment={}, seconds_max=1, output_bytes_max=1
        )
