"""What the doctor finds on machines that are not well."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from micro.doors.cli import checks
from micro.doors.cli.main import run
from micro.node.config import NodeConfig


@pytest.fixture
def config(home: Path) -> NodeConfig:
    """Returns the settings of a node in an empty home."""
    return NodeConfig(home=str(home))


def test_a_machine_that_is_well_has_nothing_to_do(config: NodeConfig) -> None:
    """But start a node."""
    found = [check(config) for check in checks.CHECKS if check is not checks.check_api_port]

    assert {check.name for check in found if check.state == "fail"} == set()
    assert (found[-1].name, found[-1].state, found[-1].remedy) == ("node", "warn", "micro server")


def test_a_home_that_others_can_read_fails(config: NodeConfig, home: Path) -> None:
    """With the command that helps."""
    home.chmod(0o755)
    found = checks.check_home(config)

    assert (found.state, found.remedy) == ("fail", f"chmod 700 {home}")


def test_a_home_that_is_a_file_fails(config: NodeConfig, home: Path) -> None:
    """It could not hold anything."""
    (home / "file").write_text("")

    assert checks.check_home(NodeConfig(home=str(home / "file"))).state == "fail"


def test_a_home_that_does_not_exist_yet_is_well(home: Path) -> None:
    """If it can be made."""
    assert checks.check_home(NodeConfig(home=str(home / "deep" / "new"))).state == "ok"


@pytest.mark.parametrize("name", ["key", "token"])
def test_a_key_that_others_can_read_fails(config: NodeConfig, home: Path, name: str) -> None:
    """It is who the node is; and the token stands for its owner."""
    (home / name).write_text("00")
    (home / name).chmod(0o644)
    found = checks.check_key(config)

    assert (found.state, found.remedy) == ("fail", f"chmod 600 {home / name}")


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Returns a port of this machine that somebody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_port_in_use_is_a_warning(home: Path, taken_port: int) -> None:
    """The node takes another one."""
    found = checks.check_api_port(NodeConfig(home=str(home), api_port=taken_port))

    assert (found.state, "another port" in found.detail) == ("warn", True)


def test_what_is_switched_off_is_not_checked(home: Path, taken_port: int) -> None:
    """Nobody needs it."""
    config = NodeConfig(home=str(home), api=False, api_port=taken_port, network=False, network_host="256.0.0.1")

    assert [check(config).state for check in (checks.check_api_port, checks.check_network_port)] == ["ok", "ok"]


def test_an_address_of_another_machine_fails(home: Path) -> None:
    """Nothing can listen there."""
    config = NodeConfig(home=str(home), network_host="192.0.2.1")

    assert checks.check_network_port(config).state == "fail"


def test_a_socket_that_nobody_serves_fails(config: NodeConfig, home: Path) -> None:
    """As a node leaves it that was killed."""
    (home / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(home / "run" / "node.sock"))
    found = checks.check_node(config)

    assert (found.state, found.remedy) == ("fail", "micro server")


@pytest.mark.parametrize(
    ("said", "state"), [("git version 2.45.1", "ok"), ("git version 2.20.0", "warn"), ("no git", "warn")]
)
def test_git_must_be_new_enough(
    config: NodeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, state: str
) -> None:
    """Older ones are told apart."""
    program = tmp_path / "git"
    program.write_text(f"#!/bin/sh\necho {said}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert checks.check_git(config).state == state


def test_without_git_only_folders_run(config: NodeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is no failure."""
    monkeypatch.setenv("PATH", "")

    assert checks.check_git(config).state == "warn"


def test_a_clock_before_the_nodes_files_is_a_warning(config: NodeConfig, home: Path) -> None:
    """It was set back."""
    (home / "key").write_text("")
    os.utime(home / "key", (4e9, 4e9))

    assert checks.check_clock(config).state == "warn"


def test_a_failure_ends_with_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And each line says how it is."""
    home.chmod(0o755)

    assert run(["doctor", "--output", "plain"]) == 1
    assert "fail\thome\t" in capsys.readouterr().out


def test_warnings_end_well(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No node is nothing to fail about."""
    assert run(["doctor"]) == 0
    assert "warn\tnode\t" in capsys.readouterr().out
