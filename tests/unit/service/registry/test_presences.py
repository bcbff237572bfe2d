"""The presences at a super node."""

from __future__ import annotations

import pytest

from micro.service.registry.penalties import Verdict
from micro.service.registry.presence import BEAT_SECONDS, LEASE_SECONDS, Beat, SignedPresence, read_presence
from micro.service.registry.presences import Presences
from micro.trust.seal import seal
from tests.unit.service.registry.makings import NOW, chain_of, key_of, presence_of

ANN, BOB = key_of(1), key_of(2)
CHAIN = chain_of(1)
SIGNED = presence_of(ANN, CHAIN)
KEY = ANN.public


@pytest.fixture
def presences() -> Presences:
    return Presences()


def put(presences: Presences, signed: SignedPresence = SIGNED, now: float = NOW) -> Verdict:
    return presences.put(signed, signed.anchor, now)


def test_a_node_is_present_for_its_lease(presences: Presences) -> None:
    """And not longer."""
    assert put(presences) is Verdict.TAKEN

    found = presences.get(KEY, NOW + LEASE_SECONDS - 1)
    assert found is not None
    assert found.sealed == SIGNED.sealed
    assert presences.get(KEY, NOW + LEASE_SECONDS) is None
    assert presences.expire(NOW + LEASE_SECONDS + 10) == [KEY]
    assert len(presences) == 0


def test_beats_keep_it(presences: Presences) -> None:
    """For as long as the chain goes."""
    put(presences)
    for step in range(1, CHAIN.steps + 1):
        now = NOW + step * BEAT_SECONDS
        assert presences.beat(KEY, 1, CHAIN.beat(step), now) is Verdict.TAKEN
        assert presences.expire(now) == []

    assert presences.get(KEY, NOW + CHAIN.steps * BEAT_SECONDS + LEASE_SECONDS - 1) is not None


def test_a_beat_may_be_missed(presences: Presences) -> None:
    """The next one makes up for it."""
    put(presences)

    assert presences.beat(KEY, 1, CHAIN.beat(2), NOW + 2 * BEAT_SECONDS) is Verdict.TAKEN


def test_an_old_beat_prolongs_nothing(presences: Presences) -> None:
    """Whoever keeps a beat and sends it again gains nothing, neither at once nor later."""
    put(presences)
    presences.beat(KEY, 1, CHAIN.beat(2), NOW + 2 * BEAT_SECONDS)

    assert presences.beat(KEY, 1, CHAIN.beat(2), NOW + 60) is Verdict.KNOWN
    assert presences.beat(KEY, 1, CHAIN.beat(1), NOW + 60) is Verdict.OUTDATED
    presences.expire(NOW + 60 + LEASE_SECONDS + 10)
    assert presences.beat(KEY, 1, CHAIN.beat(2), NOW + 600) is Verdict.UNKNOWN
    assert put(presences, now=NOW + 600) is Verdict.EXPIRED
    assert presences.put(SIGNED, CHAIN.beat(2), NOW + 600) is Verdict.EXPIRED


def test_a_beat_from_the_future_is_refused(presences: Presences) -> None:
    """Nobody is present in advance."""
    put(presences)

    assert presences.beat(KEY, 1, CHAIN.beat(5), NOW) is Verdict.EXPIRED


def test_a_forged_beat_is_refused(presences: Presences) -> None:
    """And the right one is still taken."""
    put(presences)
    now = NOW + BEAT_SECONDS

    assert presences.beat(KEY, 1, Beat(1, bytes(32)), now) is Verdict.FORGED
    assert presences.beat(KEY, 1, chain_of(2).beat(1), now) is Verdict.FORGED
    assert presences.beat(KEY, 1, CHAIN.beat(1), now) is Verdict.TAKEN


def test_a_beat_beyond_the_chain_is_malformed(presences: Presences) -> None:
    """The record says how long it is."""
    chain = chain_of(3, steps=2)
    put(presences, presence_of(ANN, chain))

    assert presences.beat(KEY, 1, Beat(3, bytes(32)), NOW + 90) is not Verdict.TAKEN
    assert presences.put(presence_of(ANN, chain), Beat(3, bytes(32)), NOW) is Verdict.MALFORMED


def test_a_beat_without_its_presence_is_unknown(presences: Presences) -> None:
    """The sender is to send the presence."""
    assert presences.beat(KEY, 1, CHAIN.beat(1), NOW + 30) is Verdict.UNKNOWN
    put(presences)
    assert presences.beat(KEY, 2, CHAIN.beat(1), NOW + 30) is Verdict.UNKNOWN


def test_a_newer_presence_takes_its_place(presences: Presences) -> None:
    """And beats of the old chain are outdated."""
    put(presences)
    other = chain_of(2)
    newer = presence_of(ANN, other, sequence=2, issued=NOW + 30, addresses=("192.0.2.8:1",))

    assert put(presences, newer, NOW + 30) is Verdict.TAKEN
    assert presences.beat(KEY, 1, CHAIN.beat(1), NOW + 30) is Verdict.OUTDATED
    assert put(presences, now=NOW + 30) is Verdict.OUTDATED
    assert presences.beat(KEY, 2, other.beat(1), NOW + 60) is Verdict.TAKEN
    assert len(presences) == 1


def test_a_presence_comes_with_its_last_beat(presences: Presences) -> None:
    """A holder that begins anew needs no more."""
    assert presences.put(SIGNED, CHAIN.beat(100), NOW + 100 * BEAT_SECONDS) is Verdict.TAKEN
    assert presences.put(SIGNED, CHAIN.beat(101), NOW + 101 * BEAT_SECONDS) is Verdict.TAKEN


def test_a_presence_with_a_wrong_beat_is_forged(presences: Presences) -> None:
    """Well signed as it may be."""
    assert presences.put(SIGNED, Beat(100, bytes(32)), NOW + 100 * BEAT_SECONDS) is Verdict.FORGED


def test_a_forged_presence_is_refused(presences: Presences) -> None:
    """It does not even replace what is there."""
    put(presences)
    forged = read_presence(
        seal(BOB, b"micro-presence-v1", presence_of(ANN, CHAIN, sequence=5, addresses=("192.0.2.9:9",)).record.encode())
    )

    assert put(presences, forged) is Verdict.FORGED
    found = presences.get(KEY, NOW)
    assert found is not None
    assert found.sequence == 1


def test_there_is_a_limit() -> None:
    """In all."""
    presences = Presences(presences_max=1)
    put(presences)

    assert put(presences, presence_of(BOB, chain_of(2))) is Verdict.FULL
    assert presences.drop(KEY)
    assert not presences.drop(KEY)
    assert put(presences, presence_of(BOB, chain_of(2))) is Verdict.TAKEN


def test_a_place_used_again_does_not_end_early(presences: Presences) -> None:
    """The old end is not the new one's, and nothing piles up."""
    put(presences)
    for number in range(10):
        presences.drop(KEY)
        put(presences, presence_of(ANN, CHAIN, sequence=number + 2))
    presences.beat(KEY, 11, CHAIN.beat(2), NOW + 60)

    assert presences.expire(NOW + 120) == []
    assert presences.expire(NOW + 150) == []
    assert presences._calendar._count == 1
    assert presences.expire(NOW + 200) == [KEY]


def test_what_is_no_presence_is_not_read(presences: Presences) -> None:
    """None instead of an error: whoever sent it pays."""
    assert presences.read(b"nothing") is None
    assert presences.read(bytes(2000)) is None
    assert presences.read(SIGNED.sealed) == SIGNED


def test_after_another_map_the_rest_is_dropped(presences: Presences) -> None:
    """Slice by slice."""
    put(presences)
    put(presences, presence_of(BOB, chain_of(2)))

    for _ in presences.dropping(lambda key: key == BOB.public):
        pass

    assert presences.get(KEY, NOW) is None
    assert presences.get(BOB.public, NOW) is not None
