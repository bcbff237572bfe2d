"""The limits of the door."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from micro.doors.api.limits import Limits

REFERENCE = Path(__file__).parents[4] / "docs" / "reference" / "http.md"


@pytest.mark.parametrize("field", dataclasses.fields(Limits), ids=lambda field: field.name)
def test_every_limit_stands_in_the_reference(field: dataclasses.Field[float]) -> None:
    """With its value, so that nobody has to read the source."""
    rows = [line for line in REFERENCE.read_text().splitlines() if line.startswith(f"| `{field.name}` |")]

    assert len(rows) == 1
    assert (
        rows[0].partition("` | ")[2].startswith(f"{field.default:,g}" if field.default < 1e6 else f"{field.default:,}")
    )
