"""How a child process starts: no Python between fork and exec, its limits, its end with ours."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from micro import child
from micro.child import Child, launch, led
from micro.ports import Limits

Loop = Callable[[Coroutine[Any, Any, Any]], Any]
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
SECONDS_MAX = 60.0
NODE = """
import asyncio, sys
from pathlib import Path
from micro.system import SystemProcesses
async def main():
    where = {"directory": Path("/"), "environment": {"PATH": "/usr/bin:/bin"}}
    process = await SystemProcesses().spawn(["sh", "-c", "echo up; exec sleep 60"], **where)
    await process.read_line()  # it is what it was started for
    print(process.pid, flush=True)
    await process.wait()
asyncio.run(main())
"""
HOOKED = """
import importlib, os, sys
from pathlib import Path
from micro.ports import Limits
from micro.system import SystemProcesses
async def main():
    where = {"directory": Path("/"), "environment": {"PATH": "/usr/bin:/bin"}}
    process = await SystemProcesses().spawn(["true"], **where, limits=Limits(open_files=50))
    assert await process.wait() == 0
    process.close()
os.register_at_fork(after_in_child=Path(sys.argv[2]).touch)
importlib.import_module(sys.argv[1]).run(main())
"""


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Loop:
    """Returns what runs a coroutine on each of the loops that a node may have."""
    return request.param  # type: ignore[no-any-return]


def start(*command: str, limits: Limits | None = None, output: int = subprocess.DEVNULL) -> Child:
    files = (subprocess.DEVNULL, output, output)
    where = {"directory": Path("/"), "environment": ENVIRONMENT}
    return launch(command, **where, limits=limits or Limits(), files=files, handed=())  # type: ignore[arg-type]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_nothing_of_python_runs_before_the_command(tmp_path: Path, loop: str) -> None:
    """A lock that another thread held at the fork is asked for by nobody in the child: not even Python's hooks run."""
    words = [sys.executable, "-c", HOOKED, loop, str(tmp_path / "ran")]  # hooks are for ever, so in a process of theirs
    subprocess.run(words, env={**os.environ, "PYTHONPATH": "src"}, check=True, timeout=SECONDS_MAX)

    assert not (tmp_path / "ran").exists()


def test_limits_are_what_was_said(run: Loop, tmp_path: Path) -> None:
    """Each limit reaches the command, hard and soft."""
    text = "import json, resource, sys; print(json.dumps([resource.getrlimit(int(one)) for one in sys.argv[1:]]))"
    kinds = [str(kind) for kind, _ in child.UNITS.values()]
    wanted = Limits(1 << 31, 1 << 20, 1000, 1 << 30, 100, dumps=False)

    async def work() -> int:
        with (tmp_path / "told").open("wb") as told:
            return await start(sys.executable, "-c", text, *kinds, limits=wanted, output=told.fileno()).wait()

    assert run(work()) == 0
    assert json.loads((tmp_path / "told").read_bytes()) == [
        [1 << 31] * 2,
        [1 << 30] * 2,
        [1 << 20] * 2,
        [1000] * 2,
        [100] * 2,
        [0] * 2,
    ]


def test_small_limits_are_not_none() -> None:
    """A limit below the shell's unit stays one, and nothing stays nothing."""
    script = led(["true"], limits=Limits(memory_bytes=5, file_bytes=0), environment={})

    assert any("ulimit -v 1 " in word and "ulimit -f 0 " in word for word in script)


def test_our_own_limits_are_not_raised(run: Loop) -> None:
    """Who asks for more than we may have ourselves gets what we have."""
    ours = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    async def work() -> int:
        return await start("sh", "-c", f"test $(ulimit -Hn) = {ours}", limits=Limits(open_files=ours + 1)).wait()

    assert run(work()) == 0


def test_a_group_that_is_not_there_stops_the_start(run: Loop, tmp_path: Path) -> None:
    """A command does not run outside the group that bounds it, and its reader is told why."""

    async def work() -> int:
        limits = Limits(groups=(tmp_path / "no such group",))
        with (tmp_path / "told").open("wb") as told:
            return await start("touch", f"{tmp_path}/ran", limits=limits, output=told.fileno()).wait()

    assert run(work()) == 126
    assert b"no such group" in (tmp_path / "told").read_bytes()
    assert not (tmp_path / "ran").exists()


def test_groups_are_entered_in_turn(run: Loop, tmp_path: Path) -> None:
    """Every group is asked to take the process that writes, and the command keeps its words."""
    groups = tuple(tmp_path / name for name in ("one group", "another"))
    for group in groups:
        group.mkdir()

    async def work() -> int:
        return await start("test", "two words", "=", "two words", limits=Limits(groups=groups)).wait()

    assert run(work()) == 0
    assert [(group / "cgroup.procs").read_text() for group in groups] == ["0\n", "0\n"]


def test_who_lost_its_parent_does_not_start(tmp_path: Path) -> None:
    """Whose parent was gone before the kernel was asked for the signal ends by itself."""
    words = led(["touch", str(tmp_path / "ran")], limits=Limits(), environment=ENVIRONMENT)
    done = subprocess.run(["sh", "-c", '"$@"; exit $?', "sh", *words], env=ENVIRONMENT, check=False)

    assert done.returncode == 1
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("path", ["/usr/local/bin:/usr/bin:/bin", "/nowhere"], ids=["setpriv", "without setpriv"])
def test_children_die_with_their_node(path: str) -> None:
    """Nobody has to clear up after a node that was killed, whichever program asks the kernel for that."""
    environment = {**os.environ, "PYTHONPATH": "src", "PATH": path}
    with subprocess.Popen([sys.executable, "-c", NODE], stdout=subprocess.PIPE, env=environment) as node:
        assert node.stdout is not None
        number = int(node.stdout.readline())
        watched = os.pidfd_open(number)
        node.kill()

    async def work() -> None:
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(watched, gone.set)
        async with asyncio.timeout(SECONDS_MAX):
            await gone.wait()
        asyncio.get_running_loop().remove_reader(watched)

    asyncio.run(work())
    os.close(watched)


@pytest.mark.parametrize(("name", "error"), [("plain", PermissionError), ("missing", FileNotFoundError)])
async def test_what_cannot_run_is_told_before(tmp_path: Path, name: str, error: type[OSError]) -> None:
    """A program that is not there, or may not be run, is no child that ends at once."""
    (tmp_path / "plain").write_text("")

    with pytest.raises(error, match=name):
        start(str(tmp_path / name))


async def test_the_end_is_told_to_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a child that is gone, or beside another, hears its code; where the kernel watches nobody, too."""
    watched = start("sh", "-c", "exit 7")
    monkeypatch.delattr(os, "pidfd_open")
    unwatched = start("sh", "-c", "kill -9 $$")

    assert await asyncio.gather(watched.wait(), watched.wait(), unwatched.wait()) == [7, 7, -9]
    assert await watched.wait() == 7
