"""What a node believes of the copies of its log."""

from __future__ import annotations

from typing import Any

import pytest

from micro.service.copies.believing import GENERATION_MAX, SEQUENCE_MAX, Listed, agreed, log_of
from tests.unit.service.copies.keep import event


def listed(log: str = "a", last: int = 9, time: int = 1, first: int = 1, generation: int = 1) -> Listed:
    return Listed(log, first, last, time, generation)


def log(first: int, last: int, body: bytes = b"true") -> list[dict[str, Any]]:
    return [event(number, body) for number in range(first, last + 1)]


def test_the_log_is_the_one_whose_name_is_known() -> None:
    """Whatever else there is; and where nobody has that one there is none."""
    said = {"A": [listed("a"), listed("b", time=2)], "B": [listed("b", time=2)]}
    assert log_of(said, "a") == {"A": listed("a")}
    assert log_of(said, "c") == {}


def test_else_it_is_the_newest_that_two_have() -> None:
    """A third one cannot make up another that is newer; of two that two have the newer one counts."""
    said = {"A": [listed("a")], "B": [listed("a")], "C": [listed("c", time=9, last=99)]}
    assert set(log_of(said)) == {"A", "B"}
    said = {"A": [listed("a"), listed("b", time=2)], "B": [listed("b", time=2), listed("a")], "C": [listed("a")]}
    assert log_of(said) == {"A": listed("b", time=2), "B": listed("b", time=2)}
    assert log_of({"A": [listed("a")], "B": [listed("b", time=2)]}) == {"B": listed("b", time=2)}


@pytest.mark.parametrize(
    "impossible",
    [
        listed(first=0),
        listed(first=10),
        listed(last=SEQUENCE_MAX + 1),
        listed(generation=GENERATION_MAX + 1),
    ],
)
def test_a_log_that_cannot_be_is_none(impossible: Listed) -> None:
    """There is no first event after the last, and room for as many events again as a log ever had."""
    assert log_of({"A": [impossible]}) == {}


def test_what_all_say_is_believed_as_far_as_all_have_said_it() -> None:
    """One may give less at once than another; and who has less is no reason to stop."""
    found = agreed(3, {"A": log(3, 9), "B": log(3, 5)}, {"A": 9, "B": 9})
    assert (found.events, found.liars, found.is_contested) == (log(3, 5), frozenset(), False)
    assert agreed(3, {"A": log(3, 9), "B": log(3, 5)}, {"A": 9, "B": 5}).events == log(3, 9)
    assert agreed(3, {"A": log(3, 9)}, {"A": 12}).events == log(3, 9)


def test_more_than_one_are_needed_against_another() -> None:
    """Two overrule one, from there on; one does not overrule one, and two not two."""
    forged = log(1, 2) + log(3, 6, b"forged")
    found = agreed(1, {"A": log(1, 6), "B": forged, "C": log(1, 6)}, dict.fromkeys("ABC", 6))
    assert (found.events, found.liars, found.is_contested) == (log(1, 6), {"B"}, False)
    found = agreed(1, {"A": log(1, 6), "B": forged}, dict.fromkeys("AB", 6))
    assert (found.events, found.liars, found.is_contested) == (log(1, 2), frozenset(), True)
    pieces = {"A": log(1, 6), "B": forged, "C": log(1, 6), "D": forged}
    assert agreed(1, pieces, dict.fromkeys("ABCD", 6)).is_contested


@pytest.mark.parametrize("name", ["publisher", "id", "headers", "time", "body"])
def test_every_part_of_an_event_is_compared(name: str) -> None:
    """An event with one other part is another event."""
    other = [event(1, **{name: {"headers": b'{"a":"b"}', "time": 5, "body": b"x"}.get(name, "other")})]
    assert agreed(1, {"A": log(1, 1), "B": other}, dict.fromkeys("AB", 1)).is_contested


def test_who_has_not_what_it_says_that_it_has_is_asked_no_more() -> None:
    """And holds up nobody."""
    found = agreed(1, {"A": log(1, 3), "B": []}, {"A": 3, "B": 9})
    assert (found.events, found.liars) == (log(1, 3), {"B"})
    assert agreed(1, {"A": [], "B": []}, {"A": 3, "B": 9}).events == []
