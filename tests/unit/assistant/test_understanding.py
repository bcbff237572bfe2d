"""What people say is understood, of sentences that nothing was tuned on: `benchmarks.assistant` has the figures."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.assistant.report import Row, report
from benchmarks.assistant.utterances import SetName, read_utterances

FIRST_MIN, THREE_MIN, TYPED_MIN, TEXT_MIN, REFUSED_MIN, KEPT_MIN = 0.80, 0.95, 0.95, 0.80, 0.80, 0.85


SETS: Sequence[SetName] = ("held_out", "everyday_held_out")


@pytest.fixture(scope="module")
def rows() -> dict[SetName, Row]:
    """Returns what is understood of the sets that nothing was tuned on."""
    return {name: report(name) for name in SETS}


@pytest.fixture(params=SETS)
def row(request: pytest.FixtureRequest, rows: dict[SetName, Row]) -> Row:
    """Returns what is understood of one of them."""
    name: SetName = request.param
    return rows[name]


def part(found: Sequence[bool]) -> float:
    return sum(found) / len(found)


def test_the_sets_are_large_and_cover_the_catalogue(rows: dict[SetName, Row]) -> None:
    """A hundred sentences that mean something, nearly as many everyday ones, and twenty that mean nothing here."""
    assert len(rows["held_out"].first) >= 100
    assert len(rows["everyday_held_out"].first) >= 99
    assert all(len(row.refused) >= 20 for row in rows.values())


def test_the_endpoint_is_found(row: Row) -> None:
    """First, or among the first three."""
    assert part(row.first) >= FIRST_MIN
    assert part(row.three) >= THREE_MIN


def test_typed_fields_are_filled_in(rows: dict[SetName, Row]) -> None:
    """Numbers, choices and flags nearly always: in the older set by itself, and in both, as the newer has 18 alone."""
    older = rows["held_out"].typed
    assert part(older) >= TYPED_MIN
    assert part([*older, *rows["everyday_held_out"].typed]) >= TYPED_MIN


def test_fields_are_filled_in(row: Row) -> None:
    """Texts mostly."""
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
