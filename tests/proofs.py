"""The page that `make prove` writes: which campaigns ran, how far, and what came of them.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Ran", "page_of"]

HEAD = """# Proofs

What `make prove` ran last: each campaign, how far it went of its full length, and what became of the test that leads
it.

| campaign | ran | of | outcome |
| --- | ---: | ---: | --- |
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A campaign that ran.

    Attributes:
        test: the pytest node id of the test that asked how far to go.
        what: what is counted.
        count: how many ran.
        full: how many the whole campaign has.
    """

    test: str
    what: str
    count: int
    full: int

    @property
    def line(self) -> str:
        """What is printed of it."""
        return f"{self.count:>12,} of {self.full:,} {self.what}"


def page_of(campaigns: Sequence[Ran], outcomes: Mapping[str, str], part: Sequence[str]) -> str:
    """Returns the page.

    Args:
        campaigns: those that ran, in any order.
        outcomes: `passed`, `failed` or `skipped` of every test that ran, by its node id.
        part: what the run was narrowed to, nothing where it was whole.
    """
    ordered = sorted(campaigns, key=lambda ran: (ran.what, ran.test))
    rows = [
        f"| {ran.what} | {ran.count:,} | {ran.full:,} | {outcomes.get(ran.test, 'ended early')} |" for ran in ordered
    ]
    counts = [f"{list(outcomes.values()).count(name):,} {name}" for name in ("passed", "failed", "skipped")]
    narrowed = f" It was a part of the tests only: `{' '.join(part)}`." if part else ""
    return HEAD + "\n".join(rows) + f"\n\nOf all tests of that run {', '.join(counts)}.{narrowed}\n"
