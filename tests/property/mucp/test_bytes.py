"""Whatever bytes come, in whatever chunks: the same is heard, nothing raises, and one mistake is the end."""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from micro.mucp.event import Broken
from micro.mucp.limits import WINDOW_BYTES
from micro.mucp.session import Session
from tests.property.mucp.words import SENSE, SPEECHES, plain, prepared, state
from tests.unit.mucp import wire

SIZES = st.lists(st.one_of(st.integers(1, 30), st.integers(1, 200_000)), min_size=1, max_size=60)


def chunks(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cuts bytes into pieces of these sizes, over and over; large pieces where there is much."""
    found, start, factor = [], 0, 1 + len(data) // 20_000
    for size in itertools.cycle(sizes):
        if start >= len(data):
            return found
        found.append(data[start : start + size * factor])
        start += size * factor
    return found


@given(SPEECHES, SIZES)
@example(wire.opening(3, wire.STREAM) + wire.frame(wire.ERROR, 3, b"x") + (2**31).to_bytes(4, "big") + bytes(9), [1])
@example(wire.frame(wire.DATA, 5, bytes(33_000)) * 4 + wire.frame(wire.END, 5), [32_777, 9])
def test_any_chunks_say_the_same(speech: bytes, sizes: list[int]) -> None:
    """What is heard, said and remembered does not depend on where chunks end."""
    whole, cut = prepared(), prepared()
    at_once = whole.receive(speech)
    in_pieces = [event for piece in chunks(speech, sizes) for event in cut.receive(piece)]

    assert list(map(plain, at_once)) == list(map(plain, in_pieces))
    assert state(whole) == state(cut)


@given(SENSE)
def test_who_keeps_the_rules_is_heard(speech: bytes) -> None:
    """A peer that keeps the rules never loses its link."""
    session = prepared()

    assert not [event for event in session.receive(speech) if isinstance(event, Broken)]


@given(speech=SPEECHES, dialed=st.booleans())
def test_the_first_mistake_is_the_last_word(speech: bytes, *, dialed: bool) -> None:
    """At most one `Broken`, nothing after it, and windows never above their size."""
    session = prepared(dialed=dialed)
    heard = session.receive(speech)

    broken = [index for index, event in enumerate(heard) if isinstance(event, Broken)]
    assert broken in ([], [len(heard) - 1])
    assert session.broken == bool(broken)
    for exchange in session.exchanges.values():
        assert exchange.receive_window <= WINDOW_BYTES
        assert exchange.send_window <= WINDOW_BYTES
    if broken:
        assert session.receive(speech) == []


@given(noise=st.binary(max_size=400), greeted=st.booleans())
def test_noise_never_raises(noise: bytes, *, greeted: bool) -> None:
    """Bytes that are no MUCP at all end the link or wait for more."""
    session = wire.greeted() if greeted else Session(dialed=False)
    heard = session.receive(noise)

    assert sum(isinstance(event, Broken) for event in heard) <= 1
    assert len(session.buffer()) > 0


@given(SPEECHES)
@example(wire.frame(wire.DATA, 5, bytes(160_000)) * 2)
def test_every_exchange_ends_at_most_once(speech: bytes) -> None:
    """No call, however answered, is answered twice; what is open is what was opened and has not ended."""
    session = prepared()
    calls = set(session.calls.values())
    heard = session.receive(speech)
    ended = [
        event.owner
        for event in heard
        if type(event).__name__ in ("Replied", "Failed", "Refused") and event.owner in calls
    ]

    assert len(ended) == len(set(ended))
    assert set(ended) | set(session.calls.values()) == calls
    peers = sum(not exchange.local for exchange in session.exchanges.values())
    assert peers == session._joined
    assert set(session._large) <= session.serving | set(session.exchanges)
    overdrawn = sum(exchange.overdraft for exchange in session.exchanges.values())
    assert session._large_bytes == sum(session._large.values()) + overdrawn
