"""A proof leaves a page behind: what was run, how far, and what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
CAMPAIGNS = """
import pytest


def test_holds(campaign):
    assert campaign("grains of sand", share=1, full=2_000) in (1, 2_000)


def test_breaks(campaign):
    assert campaign("drops of water", share=1, full=30) == 0


@pytest.mark.parametrize("part", range(3))
def test_is_split(campaign, part):
    assert campaign("waves", share=3, full=60, parts=3) in (1, 20)


@pytest.mark.parametrize("part", range(2))
def test_breaks_in_part(campaign, part):
    assert campaign("tides", share=2, full=8, parts=2) == 4 - part


def test_is_fuzzed(fuzzing):
    assert fuzzing("bent spoons", share=5) != 5
"""


def run(folder: Path, *options: str) -> Path:
    """Runs some campaigns in a pytest of their own, and returns where the page is written."""
    (folder / "test_campaigns.py").write_text(CAMPAIGNS)
    page = folder / "proofs.md"
    words = ["-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", str(folder), "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", *words, "--proofs", str(page), *options, "test_campaigns.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    return page


def rows(page: str) -> dict[str, list[str]]:
    """Returns what a page says of each campaign: how far it ran, of how much, its outcome, and the day."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return {what: cells for what, *cells in ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)}


def test_a_proof_writes_down_what_it_ran(tmp_path: Path) -> None:
    """Each campaign with its length, outcome and day, and that it was a part of the tests only."""
    page = run(tmp_path, "--prove").read_text()

    found = rows(page)
    assert found["grains of sand"][:3] == ["2,000", "2,000", "passed"]
    assert found["drops of water"][:3] == ["30", "30", "failed"]
    assert found["waves"][:3] == ["60", "60", "passed"]
    assert found["tides"][:3] == ["8", "8", "failed"]
    assert found["bent spoons"][:3] == ["1,000,000", "1,000,000", "passed"]
    assert date.fromisoformat(found["waves"][3]) <= datetime.now(UTC).date()
    assert "6 passed, 2 failed, 0 skipped. It was a part of the tests only: `test_campaigns.py`." in page


def test_a_flag_says_how_far_parsers_are_fuzzed(tmp_path: Path) -> None:
    """All of them alike, further than a proof goes by itself or less far."""
    page = run(tmp_path, "--prove", "--inputs", "7").read_text()
    assert rows(page)["bent spoons"][:3] == ["7", "1,000,000", "passed"]
    page = run(tmp_path, "--prove", "--inputs", "10000000").read_text()
    assert rows(page)["bent spoons"][:3] == ["10,000,000", "10,000,000", "passed"]


def test_a_part_of_a_split_campaign_is_no_more_than_that(tmp_path: Path) -> None:
    """Where it is narrowed to some of the tests that lead it, the page says of how many."""
    page = run(tmp_path, "--prove", "--deselect", "test_campaigns.py::test_is_split[2]").read_text()
    assert rows(page)["waves"][:3] == ["40", "60", "passed"]


def test_a_part_leaves_the_rest_of_the_page(tmp_path: Path) -> None:
    """What another run proved stands with its own day; what this one ran again is replaced."""
    page = run(tmp_path, "--prove")
    today = rows(page.read_text())["waves"][3]
    page.write_text(page.read_text().replace(today, "2026-01-01"))

    text = run(tmp_path, "--prove", "-k", "holds or fuzzed").read_text()

    assert rows(text)["grains of sand"] == ["2,000", "2,000", "passed", today]
    assert rows(text)["drops of water"] == ["30", "30", "failed", "2026-01-01"]
    assert [text.count(words) for words in ("grains of sand", "# Proofs")] == [1, 1]


def test_a_page_of_another_layout_is_replaced(tmp_path: Path) -> None:
    """Its rows mean something else."""
    (tmp_path / "proofs.md").write_text("# Proofs\n\n| campaign | ran |\n| --- | --- |\n| deserts | 3 |\n")
    assert "deserts" not in run(tmp_path, "--prove", "-k", "holds").read_text()


def test_the_guard_of_a_commit_writes_nothing(tmp_path: Path) -> None:
    """A share of a campaign proves less than the page would say."""
    assert not run(tmp_path).exists()
