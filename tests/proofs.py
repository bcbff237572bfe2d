"""The page that `make prove` writes: which campaigns ran, how far, when, and what came of them.

A proof of everything takes most of a day, so it is often led in parts: a run replaces what the page says of its own
campaigns and leaves the others as they were.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

__all__ = ["Ran", "page_of", "together"]

WORST_FIRST: Final = ("failed", "ended early", "skipped", "passed")
"""What becomes of a campaign whose parts end differently."""

HEAD = """# Proofs

What `make prove` ran last of each campaign: how far it went of its full length, on which day, and what became of the
test that leads it. A run may be a part of the tests only; what it did not run stays as it was.

| campaign | ran | of | outcome | on |
| --- | ---: | ---: | --- | --- |
"""
COLUMNS: Final = 5


@dataclass(frozen=True, slots=True)
class Ran:
    """A campaign that ran.

    Attributes:
        test: the pytest node id of the test that asked how far to go.
        what: what is counted.
        count: how many ran.
        full: how many the whole campaign has.
        is_part: whether several tests lead the campaign, each of which ran a part.
    """

    test: str
    what: str
    count: int
    full: int
    is_part: bool = False

    @property
    def line(self) -> str:
        """What is printed of it."""
        return f"{self.count:>12,} of {self.full:,} {self.what}"


def together(campaigns: Sequence[Ran]) -> list[tuple[Ran, list[str]]]:
    """Returns each campaign once, its parts added up, with the tests that led it."""
    found = [(ran, [ran.test]) for ran in campaigns if not ran.is_part]
    for what in dict.fromkeys(ran.what for ran in campaigns if ran.is_part):
        parts = [ran for ran in campaigns if ran.is_part and ran.what == what]
        found.append((replace(parts[0], count=sum(ran.count for ran in parts)), [ran.test for ran in parts]))
    return sorted(found, key=lambda each: (each[0].what, each[0].test))


def page_of(
    campaigns: Sequence[Ran], outcomes: Mapping[str, str], part: Sequence[str], day: str, before: str = ""
) -> str:
    """Returns the page.

    Args:
        campaigns: those that ran, in any order.
        outcomes: `passed`, `failed` or `skipped` of every test that ran, by its node id.
        part: what the run was narrowed to, nothing where it was whole.
        day: the day of the run, as 2026-11-29.
        before: the page that is replaced; where the run was a part, the campaigns stay that it did not lead.
    """
    rows = _rows_of(before) if part else {}
    for ran, tests in together(campaigns):
        rows[ran.what] = f"| {ran.what} | {ran.count:,} | {ran.full:,} | {_outcome(tests, outcomes)} | {day} |"
    counts = [f"{list(outcomes.values()).count(name):,} {name}" for name in ("passed", "failed", "skipped")]
    narrowed = f" It was a part of the tests only: `{' '.join(part)}`." if part else ""
    table = "\n".join(rows[what] for what in sorted(rows))
    return HEAD + table + f"\n\nOf all tests of the last run {', '.join(counts)}.{narrowed}\n"


def _rows_of(page: str) -> dict[str, str]:
    """Returns the rows of a page by their campaigns, none of a page that is laid out in another way."""
    lines = [line for line in page.removeprefix(HEAD).splitlines() if line.startswith("| ")]
    return {line.split("|")[1].strip(): line for line in lines if line.count("|") == COLUMNS + 1}


def _outcome(tests: Sequence[str], outcomes: Mapping[str, str]) -> str:
    found = {outcomes.get(test, "ended early") for test in tests}
    return next(outcome for outcome in WORST_FIRST if outcome in found)
