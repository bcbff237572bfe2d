"""What a node believes of its copies when it has lost its log, whatever some of them say."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from micro.service.copies.believing import Listed, agreed, log_of
from tests.unit.service.copies.keep import event

PIECE = 4


def log(last: int, forged_from: int = 10**6) -> list[dict[str, Any]]:
    return [event(number, b"forged" if number >= forged_from else b"true") for number in range(1, last + 1)]


def taken(
    copies: dict[str, list[dict[str, Any]]], claims: dict[str, int], chance: random.Random
) -> list[dict[str, Any]]:
    """Reads copies to their end, in pieces of any size."""
    found: list[dict[str, Any]] = []
    liars: set[str] = set()
    while True:
        start = len(found) + 1
        readers = [nid for nid in sorted(copies) if nid not in liars and claims[nid] >= start]
        if not readers:
            return found
        pieces = {nid: copies[nid][start - 1 : start - 1 + chance.randint(1, PIECE)] for nid in readers}
        said = agreed(start, pieces, {nid: claims[nid] for nid in readers})
        assert said.events or said.liars or said.is_contested
        found += said.events
        liars |= said.liars
        if said.is_contested:
            return found


@settings(deadline=None, max_examples=300)
@given(
    lasts=st.lists(st.integers(1, 20), min_size=2, max_size=3),
    liar=st.none() | st.tuples(st.integers(1, 25), st.integers(1, 25), st.integers(0, 30)),
    seed=st.integers(0, 10**6),
)
def test_what_two_have_is_taken_as_it_was(lasts: list[int], liar: tuple[int, int, int] | None, seed: int) -> None:
    """However far each copy goes, and whatever one more says: nothing takes the place of what two have."""
    copies = {f"honest-{number}": log(last) for number, last in enumerate(lasts)}
    claims = {nid: len(events) for nid, events in copies.items()}
    if liar is not None:
        last, forged_from, more = liar
        copies["liar"] = log(last, forged_from)
        claims["liar"] = last + more
    found = taken(copies, claims, random.Random(seed))
    sure = sorted(lasts)[-2]
    assert found[:sure] == log(sure)
    assert [each["sequence"] for each in found] == list(range(1, len(found) + 1))
    if liar is None:
        assert found == log(max(lasts))


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 5), st.integers(0, 10**15), st.integers(1, 10**6))
def test_nobody_alone_says_which_log_it_is(honest: int, time: int, last: int) -> None:
    """Where two have the log that was there, another one that claims anything of one more changes nothing."""
    said = {f"honest-{number}": [Listed("0123abcd", 1, 9, 5, 1)] for number in range(honest + 1)}
    said["liar"] = [Listed("deadbeef", 1, last, time, 1)]
    assert set(log_of(said)) == {nid for nid in said if nid != "liar"}
