"""The two halves of `make test`: all is run once, and what fails in either fails the whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.halves import COMPUTING

ROOT = Path(__file__).parents[2]
PASSING = "def test_it() -> None:\n    assert True\n"
FAILING = "def test_it() -> None:\n    raise AssertionError('as it must')\n"


def ended(folder: Path, computing: str, waiting: str) -> subprocess.CompletedProcess[str]:
    """Runs the halves of a house with one test in each computing folder, and one elsewhere."""
    for name in COMPUTING:
        (folder / name).mkdir(parents=True)
        (folder / name / f"test_{name.rpartition('/')[2]}.py").write_text(PASSING)
    (folder / COMPUTING[-1] / "test_last.py").write_text(computing)
    (folder / "tests" / "elsewhere").mkdir()
    (folder / "tests" / "elsewhere" / "test_other.py").write_text(waiting)
    return subprocess.run(
        [sys.executable, "-m", "tests.halves", "-q"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_test_runs_once(tmp_path: Path) -> None:
    """The folders that compute in one half, all else in the other."""
    run = ended(tmp_path, PASSING, PASSING)
    assert run.returncode == 0, run.stdout
    assert f"{len(COMPUTING) + 1} passed" in run.stdout
    assert "\n1 passed" in run.stdout


@pytest.mark.parametrize(("computing", "waiting"), [(FAILING, PASSING), (PASSING, FAILING)])
def test_either_half_fails_the_whole(tmp_path: Path, computing: str, waiting: str) -> None:
    """And the last words say which one it was."""
    run = ended(tmp_path, computing, waiting)
    assert run.returncode == 1
    assert "as it must" in run.stdout
    assert f"The tests that {'compute' if computing == FAILING else 'wait'} FAILED" in run.stdout


@pytest.mark.parametrize("name", COMPUTING)
def test_the_folders_are_there(name: str) -> None:
    """One that was renamed would run in the other half, at the cost of time."""
    assert list((ROOT / name).glob("**/test_*.py"))
