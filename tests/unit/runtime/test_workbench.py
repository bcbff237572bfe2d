"""Where strangers' builds run: without a network, without the owner's variables, within limits, and logged."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from micro.errors import SourceError
from micro.runtime.workbench import BuildFailed, Reach, Unshare, Workbench
from micro.system import SystemDisk, SystemProcesses

SETTINGS = {"SECRET": "s", "PIP_INDEX": "there", "PATH": "/nowhere:/bin", "GOPROXY": "here", "HOME": "/owner"}


class Told:
    """A bench in a folder, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.lines: list[str] = []
        self.log = folder / "build.log"
        self.folder = folder
        unshare = Unshare(SystemProcesses())
        self.bench = Workbench(SystemDisk(), unshare, SETTINGS, lambda step, line: self.lines.append(line), self.log)

    async def build(self, code: str) -> str:
        command = [sys.executable, "-c", code]
        done = await self.bench.build(command, directory=self.folder, environment={}, what="it failed")
        return done.output.decode()


async def test_a_build_has_no_network(tmp_path: Path) -> None:
    """Not even what listens on this machine; where the system does not let us, that is said."""
    told = Told(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code = f"import socket; socket.create_connection({listener.getsockname()!r}, timeout=5)"
        _, note = await Unshare(SystemProcesses())(Reach())
        if note:
            await told.build(code)
            assert told.lines == [note]
            return
        with pytest.raises(BuildFailed, match="OSError"):
            await told.build(code)


async def test_a_build_sees_nothing_of_the_owner(tmp_path: Path) -> None:
    """A fetch is told where packages come from; neither is told a secret."""
    told = Told(tmp_path)
    show = [sys.executable, "-c", "import os; print(sorted(os.environ))"]
    fetched = await told.bench.fetch(show, directory=tmp_path, environment={}, what="it failed")

    assert "SECRET" not in fetched.output.decode()
    assert all(name in fetched.output.decode() for name in ("PIP_INDEX", "GOPROXY", "HOME"))
    built = await told.build("import os; print(sorted(os.environ), os.environ['HOME'])")
    assert not any(name in built for name in ("SECRET", "PIP_INDEX", "GOPROXY", "/owner"))


async def test_a_failure_has_its_last_lines(tmp_path: Path) -> None:
    """The line that says why is in the message, more are in the tail, all of them in the log."""
    told = Told(tmp_path)
    with pytest.raises(BuildFailed, match="it failed: error: no such thing") as failed:
        await told.build("print('one'); print('error: no such thing'); print('bye'); raise SystemExit(3)")

    assert failed.value.tail[-3:] == ("one", "error: no such thing", "bye")
    assert told.lines == ["one", "error: no such thing", "bye"]
    assert told.log.read_text().endswith("one\nerror: no such thing\nbye\n")


async def test_a_build_that_floods_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that does not end."""
    monkeypatch.setattr("micro.runtime.workbench.OUTPUT_BYTES_MAX", 10_000)
    with pytest.raises(BuildFailed, match="printed more than 10000 bytes"):
        await Told(tmp_path).build("while True: print('x' * 1000)")
    monkeypatch.setattr("micro.runtime.workbench.BUILD_SECONDS_MAX", 0.3)
    with pytest.raises(BuildFailed, match="took longer than"):
        await Told(tmp_path).build("import time; time.sleep(60)")


def test_a_missing_tool_is_named_with_what_installs_it(tmp_path: Path) -> None:
    """On the owner's PATH alone."""
    bench = Told(tmp_path).bench

    assert bench.find("sh") == "/bin/sh"
    with pytest.raises(SourceError, match="needs `cargo`, which is not on the node's PATH: apt-get install cargo"):
        bench.find("cargo")


async def test_a_copy_may_be_written(tmp_path: Path) -> None:
    """Its scripts still run, and the files it came from are not touched."""
    source = tmp_path / "source"
    (source / "in").mkdir(parents=True)
    (source / "in" / "run").write_text("#!/bin/sh\necho ran\n")
    (source / "text").write_text("before")
    told = Told(tmp_path)
    await told.bench.copy(source, tmp_path / "copy", ["in/run", "text"])
    await told.build("import subprocess; open('copy/text', 'a').write(' after'); subprocess.run('copy/in/run')")

    assert ((source / "text").read_text(), (tmp_path / "copy" / "text").read_text()) == ("before", "before after")
    assert told.lines == ["ran"]
