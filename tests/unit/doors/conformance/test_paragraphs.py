"""Every check holds an implementation to a paragraph that there is."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from micro.doors.conformance.client import GREETS
from micro.doors.conformance.exercises import EXERCISES
from micro.doors.conformance.kit import checks_for
from micro.doors.conformance.service import checks as of_service

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "mucp.md"


def anchors(text: str) -> set[str]:
    """Returns the anchors of a page's headings, as they are made where it is read."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{plain}-{seen[plain]}" if seen[plain] else plain)
        seen[plain] += 1
    return found


def test_every_check_names_a_paragraph() -> None:
    """And no two are called the same."""
    checks = [*checks_for("unix:x"), *checks_for("http://x"), GREETS, *EXERCISES, *of_service()]
    known = anchors(PAGE.read_text())

    assert sorted({check.section for check in checks} - known) == []
    for part in (checks_for("unix:x"), checks_for("http://x"), EXERCISES, of_service()):
        assert len({check.name for check in part}) == len(part)
    assert all(check.expected for check in checks)
