"""A network of nodes on this machine, as a person types it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.network.places import GREETER

PATIENCE_SECONDS = 120


class Desk:
    """Somebody with a folder of his own, who types `micro testnet …` there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.net = folder / "net"

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "micro", *words]
        path = os.pathsep.join(sys.path)
        environment = {**os.environ, "MICRO_HOME": str(self.folder / "home"), "PYTHONPATH": path}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True)

    def type(self, *words: str) -> tuple[int, str, str]:
        """Types a command; returns its exit code, output and errors."""
        with self.start(*words) as process:
            out, error = process.communicate(timeout=PATIENCE_SECONDS)
            return process.returncode, out, error

    def testnet(self, *words: str) -> tuple[int, str, str]:
        return self.type("testnet", *words, "--folder", str(self.net))

    def rows(self) -> dict[str, dict[str, Any]]:
        """Returns what `status` says of each node."""
        code, out, error = self.testnet("status", "--output", "json")
        assert code == 0, error
        return {row["name"]: row for row in json.loads(out)["nodes"]}

    def processes(self) -> list[str]:
        """Returns the command lines of all processes that have to do with the network."""
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = file.read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # it has ended
            if str(self.net) in line and " testnet " not in line:
                found.append(line)
        return found


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Reads what a command says of its progress, up to a text."""
    assert process.stderr is not None
    found = ""
    while text not in found:
        ready, _, _ = select.select([process.stderr], [], [], PATIENCE_SECONDS)
        line = os.read(process.stderr.fileno(), 65_536).decode() if ready else ""
        assert line, f"{text!r} never came; this did:\n{found}"
        found += line


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Returns a desk; whatever a test leaves is taken down."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as place:
        found = Desk(Path(place).resolve())
        yield found
        found.testnet("down")
        assert found.processes() == []


@pytest.fixture(scope="module")
def town() -> Iterator[Desk]:
    """Returns the desk of somebody whose network of five nodes is up, with a service on one of them."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as place:
        found = Desk(Path(place).resolve())
        (found.folder / "catalogue" / "greeter").mkdir(parents=True)
        (found.folder / "catalogue" / "greeter" / "main.py").write_text(GREETER)
        words = ("up", "--nodes", "5", "--super", "2", "--catalogue", str(found.folder / "catalogue"))
        code, out, error = found.testnet(*words, "--output", "table")
        assert code == 0, error
        assert "Try next" in out
        yield found
        found.testnet("down")


def test_every_node_is_one_of_its_own(town: Desk) -> None:
    """With a home, a process and an API of its own; the map of each names all super nodes."""
    rows = town.rows()

    assert list(rows) == ["super-1", "super-2", "node-1", "node-2", "node-3"]
    assert {row["state"] for row in rows.values()} == {"serving"}
    assert {row["mapped"] for row in rows.values()} == {2}
    for field in ("pid", "home", "api"):
        assert len({row[field] for row in rows.values()}) == 5
    assert [row["role"] for row in rows.values()].count("super node") == 2


def test_a_service_of_the_catalogue_runs_on_one_node(town: Desk) -> None:
    """It is called there as anywhere."""
    code, out, error = town.type("--home", town.rows()["node-1"]["home"], "greeter", "say", "hello", "--name", "Ann")

    assert (code, out) == (0, "Hello Ann\n"), error


def test_a_second_up_says_that_it_runs(town: Desk) -> None:
    """Nothing is started twice, and another network is not built over it."""
    before = town.rows()
    code, _, error = town.testnet("up")

    assert (code, "runs already" in error) == (0, True)
    assert town.rows() == before
    code, _, error = town.testnet("up", "--nodes", "6")
    assert (code, "holds a network of 5 nodes" in error) == (1, True)


def test_the_log_of_a_node_is_shown(town: Desk) -> None:
    """By its name, as many lines as wanted; a name that is none is told with those there are."""
    code, out, _ = town.testnet("logs", "super-1")
    assert (code, "founds a network" in out) == (0, True)
    assert town.testnet("logs", "super-1", "-n", "0")[1] == ""
    code, _, error = town.testnet("logs", "super-9")
    assert (code, "super-1, super-2, node-1" in error) == (4, True)


def test_up_starts_again_what_was_killed(town: Desk) -> None:
    """A killed node is told as stopped; `up` starts it and leaves the others alone."""
    before = town.rows()
    os.kill(before["node-2"]["pid"], signal.SIGKILL)
    assert town.rows()["node-2"]["state"] == "stopped"

    code, _, error = town.testnet("up")
    assert (code, error.count(" runs")) == (0, 1), error
    after = town.rows()
    assert after["node-2"]["state"] == "serving"
    assert after["node-2"]["pid"] != before["node-2"]["pid"]
    assert {name: row for name, row in after.items() if name != "node-2"} == {
        name: row for name, row in before.items() if name != "node-2"
    }


def test_down_leaves_nothing(desk: Desk) -> None:
    """No process, no home, whatever crashed before; what else is in the folder stays."""
    assert desk.testnet("up", "--nodes", "2", "--super", "1")[0] == 0
    nodes = {line for line in desk.processes() if " server " in line}  # which try their sandboxes, and start programs
    assert len(nodes) == 2
    (desk.net / "notes").write_text("mine")
    os.kill(desk.rows()["super-1"]["pid"], signal.SIGKILL)

    code, out, error = desk.testnet("down")
    assert (code, "stopped 1 of 2 nodes" in out) == (0, True), error
    assert desk.processes() == []
    assert [path.name for path in desk.net.iterdir()] == ["notes"]
    assert desk.testnet("down")[0] == 4
    code, _, error = desk.testnet("up")
    assert (code, "holds something else" in error) == (1, True)


def test_kept_homes_become_the_same_nodes_again(desk: Desk) -> None:
    """`down --keep` and `up` are a restart of all; one that cannot start is told with its log, and takes none along."""
    assert desk.testnet("up", "--nodes", "2", "--super", "1")[0] == 0
    key = (desk.net / "node-1" / "key").read_text()
    assert desk.testnet("down", "--keep")[0] == 0
    assert desk.processes() == []
    settings = desk.net / "node-1" / "config.toml"
    settings.write_text("nonsense = 1\n")

    code, _, error = desk.testnet("up")
    assert (code, "nonsense, which is no setting" in error, "node-1 has ended with" in error) == (1, True, True)
    assert desk.processes() == []
    settings.unlink()
    assert desk.testnet("up")[0] == 0
    assert set(desk.rows()) == {"super-1", "node-1"}
    assert (desk.net / "node-1" / "key").read_text() == key


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_takes_down_what_it_started(desk: Desk, number: int) -> None:
    """Ctrl-C ends the processes and removes the homes; so does whoever ends the command otherwise."""
    with desk.start("testnet", "up", "--nodes", "3", "--super", "2", "--folder", str(desk.net)) as process:
        wait_for(process, "super-1 runs")
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 130
    assert desk.processes() == []
    assert not desk.net.exists()


def test_down_finds_what_a_killed_up_left(desk: Desk) -> None:
    """The nodes go on without it, and are taken down all the same."""
    with desk.start("testnet", "up", "--nodes", "3", "--super", "2", "--folder", str(desk.net)) as process:
        wait_for(process, "super-1 runs")
        assert desk.testnet("up")[0] == 1  # one at a time
        process.kill()
        process.communicate(timeout=PATIENCE_SECONDS)
    assert desk.processes()

    assert desk.testnet("down")[0] == 0
    assert desk.processes() == []
    assert not desk.net.exists()


def test_a_network_that_cannot_be_is_refused(desk: Desk) -> None:
    """Before anything is started."""
    assert desk.testnet("up", "--nodes", "2", "--super", "3")[0] == 2
    assert desk.testnet("up", "--super", "17")[0] == 2
    code, _, error = desk.testnet("up", "--catalogue", str(desk.folder))
    assert (code, "holds a service" in error) == (1, True)
    assert desk.testnet("status")[0] == 4
    assert not desk.net.exists()
