"""Commands that a build runs: in every sandbox, with and without network, with folders to write into, and an end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from micro.runtime.command import CommandOverran, Finished, run_command
from micro.runtime.sandbox.confinement import Confinement
from micro.runtime.sandbox.sandbox import Policy
from micro.runtime.seclusion import Secluded
from micro.runtime.workbench import Reach
from micro.system import SystemProcesses
from tests.contract.yard import BOUNDS, CONFINING, Yard, forbidden, running
from tests.waiting import until


@pytest.fixture(params=CONFINING)
async def yard(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Yard]:
    why = forbidden(request.param)
    if why:
        pytest.skip(f"{request.param} is not permitted on this machine, so no command is confined by it: {why}")
    made = Yard(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def ask_before_the_loop_runs() -> None:
    for kind in CONFINING:
        forbidden(kind)


async def run(yard: Yard, *command: str, network: bool = False, seconds_max: float = 30.0) -> Finished:
    """Runs a command in the yard's source, with `built` beside it to write into."""
    built = yard.source.parent / "built"
    built.mkdir(exist_ok=True)
    policy = Policy(writable=(built,), network=network, private=yard.private, bounds=BOUNDS)
    return await run_command(
        yard.confinement().processes(policy),
        command,
        directory=yard.source,
        environment={"PATH": "/usr/bin:/bin", "BUILT": str(built)},
        seconds_max=seconds_max,
        output_bytes_max=100_000,
    )


async def test_what_it_makes_is_there(yard: Yard) -> None:
    """In the folder that it may write into, and nowhere else."""
    (yard.source / "code").write_text("int main;")
    finished = await run(
        yard,
        "/bin/sh",
        "-c",
        'cat code > "$BUILT/made"; echo x > code; echo x > ../beside; echo done',
    )
    assert (finished.code, finished.output) == (0, b"done\n")
    assert (yard.source.parent / "built" / "made").read_text() == "int main;"
    assert (yard.source / "code").read_text() == "int main;"
    assert not (yard.source.parent / "beside").exists()


async def test_why_it_failed(yard: Yard) -> None:
    """Its code and its complaint."""
    finished = await run(yard, "/bin/sh", "-c", "echo no such header >&2; exit 3")
    assert (finished.code, finished.errors) == (3, b"no such header\n")


@pytest.mark.parametrize("network", [True, False], ids=["with network", "without"])
async def test_the_network_is_there_if_it_was_granted(yard: Yard, network: bool) -> None:
    """Fetching needs it, building must not have it."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as own:
        where = f"/dev/tcp/127.0.0.1/{own.getsockname()[1]}"
        finished = await run(yard, "/bin/bash", "-c", f"exec 3<>{where} && echo reached", network=network)
    assert finished.output == (b"reached\n" if network else b"")


async def test_one_that_takes_too_long_leaves_nothing(yard: Yard) -> None:
    """Not even what it started in a session of its own."""
    marker = f"slow-{yard.source.parent.name}-{yard.kind}"
    script = f"(exec -a {marker} sleep 61) & (setsid bash -c 'exec -a {marker} sleep 62') & wait"
    with pytest.raises(CommandOverran, match="longer than 1 seconds"):
        await run(yard, "/bin/bash", "-c", script, seconds_max=1.0)
    await until(lambda: not running(marker))


async def test_one_that_is_cancelled_leaves_nothing(yard: Yard) -> None:
    """Neither processes nor a control group."""
    marker = f"cancelled-{yard.source.parent.name}-{yard.kind}"
    running_it = asyncio.ensure_future(run(yard, "/bin/bash", "-c", f"exec -a {marker} sleep 61"))
    await until(lambda: running(marker))
    running_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running_it
    await until(lambda: not running(marker))
    await until(lambda: not yard.groups.guests())


async def test_one_that_says_too_much_is_ended(yard: Yard) -> None:
    """And what it said is not kept."""
    with pytest.raises(CommandOverran, match="more than 100000 bytes"):
        await run(yard, "/bin/sh", "-c", "while :; do echo spam spam spam spam; done")


@pytest.mark.parametrize("network", [True, False], ids=["fetched", "built"])
async def test_what_strangers_wrote_is_built_in_the_sandbox(yard: Yard, network: bool) -> None:
    """A build has no network and none of its owner's files; a package manager is started as its owner would."""

    async def confinement() -> Confinement:
        return yard.confinement()

    built, secret = yard.source.parent / "built", yard.source.parent / "secret"
    built.mkdir()
    secret.write_text("the owner's")
    processes, note = await Secluded(SystemProcesses(), confinement)(Reach(writable=(built,), network=network))
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as own:
        where = f"/dev/tcp/127.0.0.1/{own.getsockname()[1]}"
        finished = await run_command(
            processes,
            ["/bin/bash", "-c", f"echo made > {built}/made; cat {secret}; exec 3<>{where} && echo reached"],
            directory=yard.source,
            environment={"PATH": "/usr/bin:/bin"},
            seconds_max=30.0,
            output_bytes_max=100_000,
        )
    assert note == ""
    assert (built / "made").read_text() == "made\n"
    assert finished.output == (b"the owner'sreached\n" if network else b"")
