"""The folder of a new service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from micro.doors.cli.main import run
from micro.doors.cli.new import files_of
from micro.runtime.manifest import read_manifest


def test_the_folder_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service, its test, its manifest and a README."""
    monkeypatch.chdir(tmp_path)

    assert run(["new", "word-count"]) == 0
    assert {path.name for path in (tmp_path / "word-count").iterdir()} == {
        "main.py",
        "test_main.py",
        "micro.toml",
        "README.md",
    }


def test_the_service_fits_into_ten_lines() -> None:
    """Not counting empty ones."""
    assert len([line for line in files_of("x")["main.py"].splitlines() if line]) <= 10


def test_the_manifest_is_one() -> None:
    """As the runtime reads it."""
    found = read_manifest(files_of("word-count")["micro.toml"].encode())

    assert (found.name, found.command) == ("word-count", ("python", "main.py"))


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor a folder that holds something."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("mine")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "main.py").write_text("mine")

    assert [run(["new", "a"]), run(["new", "b"])] == [1, 1]
    assert (tmp_path / "b" / "main.py").read_text() == "mine"
    assert len(list((tmp_path / "b").iterdir())) == 1


def test_a_path_may_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last part is the name; an empty folder is filled."""
    (tmp_path / "deep" / "greeter").mkdir(parents=True)

    assert run(["new", str(tmp_path / "deep" / "greeter"), "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "greeter"


@pytest.mark.parametrize("name", ["Bad", "a_b", "1a", "registry", "healthz", "status", "..", ""])
def test_a_name_that_cannot_be_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written."""
    monkeypatch.chdir(tmp_path)

    assert run(["new", name]) == 2
    assert list(tmp_path.iterdir()) == []
