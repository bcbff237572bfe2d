"""What a node remembers of its services."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from micro.errors import ConfigError
from micro.runtime.memory import Memory, Remembered
from micro.system import SystemDisk

SERVICE = Remembered(
    name="greeter",
    source="github.com/ann/greeter@main",
    named=True,
    revision="a" * 40,
    ref="refs/heads/main",
    generation=3,
    environment={"A": "1"},
)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(SystemDisk(), tmp_path / "services.json")


def test_what_was_written_is_read(memory: Memory, tmp_path: Path) -> None:
    """A service comes back as it was, and the file is the owner's alone."""
    memory.write([SERVICE])

    assert memory.read() == [SERVICE]
    assert (tmp_path / "services.json").stat().st_mode & 0o777 == 0o600


def test_nothing_yet(memory: Memory) -> None:
    """A new home has no services."""
    assert memory.read() == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../x"},
        {"source": "ssh://x"},
        {"generation": 0},
        {"generation": "1"},
        {"environment": {"MICRO_TOKEN": "x"}},
        {"surprise": 1},
    ],
)
def test_a_file_that_is_none_of_ours(memory: Memory, tmp_path: Path, change: dict[str, object]) -> None:
    """What makes no sense is not run; the message says what to do."""
    memory.write([SERVICE])
    found = json.loads((tmp_path / "services.json").read_text())
    found["services"][0].update(change)
    (tmp_path / "services.json").write_text(json.dumps(found))

    with pytest.raises(ConfigError, match="move it away"):
        memory.read()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"services": 1}', '{"services": [1]}', "[" * 100_000])
def test_a_file_that_is_no_list(memory: Memory, tmp_path: Path, text: str) -> None:
    """A damaged file is said to be one."""
    (tmp_path / "services.json").write_text(text)

    with pytest.raises(ConfigError):
        memory.read()
