"""What is to be typed beside a network of nodes on this machine."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from micro.doors.cli.testnet_command import suggestions


@pytest.mark.parametrize(("folder", "home"), [(None, "/some where/home"), (Path("/some where/net"), "/else")])
def test_each_line_reaches_the_network_from_another_terminal(folder: Path | None, home: str) -> None:
    """By the home that the network is in, or by its own folder; either as a shell takes it."""
    lines = [shlex.split(line) for line in suggestions({"name": "n5", "home": "/a b/n5"}, folder, home)]

    before = [f"MICRO_HOME={home}"] if folder is None else []
    option = ["--folder", str(folder)] if folder is not None else []
    assert lines == [
        ["micro", "new", "greeter", "&&", "micro", "--home", "/a b/n5", "run", "./greeter"],
        ["micro", "--home", "/a b/n5", "services"],
        [*before, "micro", "testnet", "logs", "n5", *option],
        [*before, "micro", "testnet", "down", *option],
    ]


def test_a_line_works_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the network's folder lies in this one, or was typed from here."""
    monkeypatch.chdir(tmp_path)

    lines = suggestions({"name": "n5", "home": str(tmp_path / "net" / "n5")}, Path("net"), None)

    assert f"micro --home {tmp_path}/net/n5 services" in lines
    assert f"micro testnet down --folder {tmp_path}/net" in lines
