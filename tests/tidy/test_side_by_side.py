"""The parts of `make test`: all is run once, and what fails in one fails the whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.side_by_side import COMPUTING, NETWORK, PARTS, SIMULATING

ROOT = Path(__file__).parents[2]
PASSING = "def test_it() -> None:\n    assert True\n"
FAILING = "def test_it() -> None:\n    raise AssertionError('as it must')\n"
ELSEWHERE = "tests/elsewhere"
LISTED = (*COMPUTING, *SIMULATING, *NETWORK)
PLACES = (COMPUTING[-1], SIMULATING[-1], NETWORK[0], ELSEWHERE)
"""One folder of each part, in their order."""


def ended(folder: Path, failing: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the parts of a house with one test in each folder."""
    for name in (*LISTED, ELSEWHERE):
        (folder / name).mkdir(parents=True)
        text = FAILING if name == failing else PASSING
        (folder / name / f"test_{name.rpartition('/')[2]}.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "tests.side_by_side", "-q"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_test_runs_once(tmp_path: Path) -> None:
    """Each folder in its part, and what is listed nowhere in the last one."""
    run = ended(tmp_path)
    assert run.returncode == 0, run.stdout
    passed = [line.split()[0] for line in run.stdout.splitlines() if " passed in " in line]
    assert passed == [str(len(COMPUTING)), str(len(SIMULATING)), str(len(NETWORK)), "1"]


@pytest.mark.parametrize("place", range(len(PARTS)))
def test_any_part_fails_the_whole(tmp_path: Path, place: int) -> None:
    """And the last words say which one it was."""
    run = ended(tmp_path, PLACES[place])
    assert run.returncode == 1
    assert "as it must" in run.stdout
    told = run.stdout.splitlines()[-len(PARTS) :]
    assert ["FAILED" in line for line in told] == [part == place for part in range(len(PARTS))]


@pytest.mark.parametrize("name", LISTED)
def test_the_folders_are_there(name: str) -> None:
    """One that was renamed would run in another part, at the cost of time."""
    assert list((ROOT / name).glob("**/test_*.py"))
