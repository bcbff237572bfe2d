"""What people say is understood, of sentences that nothing was tuned on: `benchmarks.assistant` has the figures."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.assistant.report import Row, report
from benchmarks.assistant.utterances import SetName, read_utterances

FIRST_MIN, THREE_MIN, TYPED_MIN, TEXT_MIN, REFUSED_MIN, KEPT_MIN = 0.80, 0.95, 0.95, 0.80, 0.80, 0.85


SETS: Sequence[SetName] = ("held_out", "everyday_held_out")


@pytest.fixture(scope="module", params=SETS)
def row(request: pytest.FixtureRequest) -> Row:
    """Returns what is understood of a set that nothing was tuned on."""
    name: SetName = request.param
    return report(name)


def part(found: Sequence[bool]) -> float:
    return sum(found) / len(found)


def test_the_set_is_large_and_covers_the_catalogue(row: Row) -> None:
    """Nearly a hundred sentences or more that mean something, and twenty that mean nothing here."""
    assert len(row.first) >= 99
    assert len(row.refused) >= 20


def test_the_endpoint_is_found(row: Row) -> None:
    """First, or among the first three."""
    assert part(row.first) >= FIRST_MIN
    assert part(row.three) >= THREE_MIN


def test_fields_are_filled_in(row: Row) -> None:
    """Numbers, choices and flags nearly always, texts mostly; one of few may be wrong."""
    assert part(row.typed) >= TYPED_MIN or sum(row.typed) == len(row.typed) - 1
    assert part(row.text) >= TEXT_MIN


def test_what_no_service_does_is_refused(row: Row) -> None:
    """And little else is."""
    assert part(row.refused) >= REFUSED_MIN
    assert part(row.kept) >= KEPT_MIN


def test_the_halves_of_everyday_wishes_share_none() -> None:
    """Odd lines may be tuned on, even lines only measure; a quarter of each asks for what no service does."""
    tuned, held_out = read_utterances("everyday_tuned"), read_utterances("everyday_held_out")
    assert not {found.say for found in tuned} & {found.say for found in held_out}
    assert len(tuned) == len(held_out) >= 120
    for half in (tuned, held_out):
        assert 0.24 <= sum(not found.endpoints for found in half) / len(half) <= 0.27
