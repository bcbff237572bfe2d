"""A check: its name, where the rule stands, what is expected, and what was seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Check", "Differs", "Outcome", "Skipped", "expect"]

DOCUMENT = "docs/reference/mucp.md"


class Differs(Exception):
    """What was seen is not what is expected; its text says what it was."""


class Skipped(Exception):
    """The check cannot be made; its text says why."""


@dataclass(frozen=True)
class Check:
    """One thing that an implementation does.

    Attributes:
        name: of the check.
        section: the anchor of the paragraph that says so.
        expected: what an implementation does.
        run: tries it; raises `Differs` or `Skipped`.
    """

    name: str
    section: str
    expected: str
    run: Callable[[Any], Awaitable[Any]]

    @property
    def paragraph(self) -> str:
        """Where the rule stands."""
        return f"{DOCUMENT}#{self.section}"


@dataclass(frozen=True)
class Outcome:
    """What came of a check.

    Attributes:
        check: which one.
        state: how it went.
        seen: what was seen, or why it was not made; "" where all is as expected.
    """

    check: Check
    state: Literal["passed", "failed", "skipped"]
    seen: str = ""

    def to_dict(self) -> dict[str, str]:
        """Returns it for programs."""
        check = self.check
        return {
            "name": check.name,
            "state": self.state,
            "paragraph": check.paragraph,
            "expected": check.expected,
            "seen": self.seen,
        }


def expect(holds: bool, seen: str) -> None:
    """Raises `Differs` where something does not hold."""
    if not holds:
        raise Differs(seen)
