"""Who is at the relay, and how much each may pass."""

from __future__ import annotations

from micro.network.relay.desk import Desk, Limits

LIMITS = Limits(bytes_per_second=100, burst_bytes=1000, correspondents_max=2)


def desk() -> Desk[str]:
    """A desk with small limits."""
    return Desk(LIMITS)


def test_a_client_is_found_by_its_key() -> None:
    """Who is not here is nobody."""
    at = desk()
    ann, _ = at.enter(b"ann", "line of ann", 0.0)
    bob, _ = at.enter(b"bob", "line of bob", 0.0)
    assert at.receiver(ann, b"bob", 10, 0.0) is bob
    assert at.receiver(ann, b"eve", 10, 0.0) is None


def test_a_second_connection_takes_the_place_of_the_first() -> None:
    """And when the first ends at last, the second stays."""
    at = desk()
    first, before = at.enter(b"ann", "first", 0.0)
    assert before is None
    second, before = at.enter(b"ann", "second", 1.0)
    assert before is first
    assert at.leave(first) == []
    bob, _ = at.enter(b"bob", "bob", 1.0)
    assert at.receiver(bob, b"ann", 1, 1.0) is second


def test_those_it_spoke_to_are_told_that_a_client_left() -> None:
    """Those only, and only while they are here."""
    at = desk()
    ann, _ = at.enter(b"ann", "ann", 0.0)
    bob, _ = at.enter(b"bob", "bob", 0.0)
    carl, _ = at.enter(b"carl", "carl", 0.0)
    at.enter(b"dora", "dora", 0.0)
    at.receiver(ann, b"bob", 1, 0.0)
    at.receiver(ann, b"carl", 1, 0.0)
    at.leave(carl)
    assert at.leave(ann) == [bob]
    assert len(at) == 2


def test_how_many_are_told_is_bounded() -> None:
    """The one longest known gives way."""
    at = desk()
    ann, _ = at.enter(b"ann", "ann", 0.0)
    others = [at.enter(name, name.decode(), 0.0)[0] for name in (b"b", b"c", b"d")]
    for other in others:
        at.receiver(ann, other.key, 1, 0.0)
    assert at.leave(ann) == others[1:]


def test_a_client_beyond_its_rate_reaches_nobody() -> None:
    """Its datagrams are dropped at the relay."""
    at = desk()
    ann, _ = at.enter(b"ann", "ann", 0.0)
    bob, _ = at.enter(b"bob", "bob", 0.0)
    assert at.receiver(ann, b"bob", 900, 0.0) is bob
    assert at.receiver(ann, b"bob", 900, 0.0) is None
