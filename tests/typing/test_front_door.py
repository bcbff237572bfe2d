"""The front door is frozen, and honest under two type checkers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FROZEN = ["BlockingClient", "Client", "Context", "Event", "Fault", "Node", "NodeConfig", "Service", "Stream", "errors"]
"""The public names. To add one is a feature, to take one away breaks everybody: say so in changes/."""

FROZEN_TESTING = [
    "CALM",
    "Guest",
    "Invariant",
    "LIES",
    "NetworkOrdeal",
    "Ordeal",
    "STORMY",
    "Weather",
    "World",
    "WorldBroken",
]
"""The names of the test kit, `micro.testing`, which are promised as well."""

CHECKERS = {
    "mypy": ["-m", "mypy", "--strict", "tests/typing/front_door.py"],
    "pyright": ["-m", "pyright", "--project", "pyproject.toml"],
}


def has_front_door() -> bool:
    return (ROOT / "src/micro/__init__.py").exists() and "__all__" in (ROOT / "src/micro/__init__.py").read_text()


def check(checker: str, folder: Path = ROOT) -> tuple[int, str]:
    """Runs a type checker over the front door and returns its exit code and what it said."""
    assert importlib.util.find_spec(checker), f"{checker} is not installed: `make setup` installs it"
    environment = os.environ | {"MYPYPATH": str(ROOT / "src"), "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, *CHECKERS[checker]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


pytestmark = pytest.mark.skipif(not has_front_door(), reason="micro/__init__.py does not open the front door yet")


def test_the_public_names_are_frozen() -> None:
    """`micro` offers exactly the names that were promised."""
    micro = importlib.import_module("micro")

    assert sorted(micro.__all__) == FROZEN


def test_the_names_of_the_test_kit_are_frozen() -> None:
    """`micro.testing` offers exactly the names that were promised, and each is there."""
    kit = importlib.import_module("micro.testing")

    assert sorted(kit.__all__) == FROZEN_TESTING
    assert [] == [name for name in FROZEN_TESTING if getattr(kit, name, None) is None]


def test_every_public_name_is_there() -> None:
    """Every promised name can be had, although names are resolved only when asked for."""
    micro = importlib.import_module("micro")

    assert [] == [name for name in FROZEN if getattr(micro, name, None) is None]


@pytest.mark.parametrize("checker", sorted(CHECKERS))
def test_the_front_door_is_honest(checker: str) -> None:
    """What the types promise is what a strict type checker finds."""
    code, said = check(checker)

    assert code == 0, said


@pytest.mark.parametrize("checker", sorted(CHECKERS))
def test_the_checker_bites(checker: str, tmp_path: Path) -> None:
    """A false promise about a type is found."""
    (tmp_path / "tests/typing").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.pyright]\ninclude = ["tests/typing/front_door.py"]\n')
    false = "import typing\nfrom micro import Client\ntyping.assert_type(Client, int)\n"
    (tmp_path / "tests/typing/front_door.py").write_text(false)

    assert check(checker, tmp_path)[0] != 0
