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


HOME, OTHER = b"home", b"other"


@pytest.fixture
def told(presences: Presences) -> Presences:
    """What a home has told of a node, up to its second step."""
    presences.put(SIGNED, SIGNED.anchor, NOW, HOME)
    for step in (1, 2):
        presences.beat(KEY, 1, CHAIN.beat(step), NOW + step * BEAT_SECONDS, HOME)
    return presences


NOW_TOLD = NOW + 2 * BEAT_SECONDS + 1


def test_a_silent_node_is_not_there(told: Presences) -> None:
    """Its home has heard no more of it; its lease goes on, so that a later step counts."""
    assert told.hush(KEY, 1, 2, HOME)

    assert told.get(KEY, NOW_TOLD) is None
    assert told.gone([KEY, BOB.public], NOW_TOLD) == [KEY]
    assert not told.hush(KEY, 1, 2, HOME)
    assert told.expire(NOW + 2 * BEAT_SECONDS + LEASE_SECONDS + 10) == [KEY]


@pytest.mark.parametrize("teller", [OTHER, b""])
def test_only_who_told_it_says_that_a_node_is_silent(told: Presences, teller: bytes) -> None:
    """A stranger among the super nodes cannot have a node missed, nor can nobody in particular."""
    assert not told.hush(KEY, 1, 2, teller)
    presences = Presences()
    put(presences)
    assert not presences.hush(KEY, 1, 0, teller)

    assert told.get(KEY, NOW_TOLD) is not None
    assert presences.get(KEY, NOW) is not None


@pytest.mark.parametrize("late", [(1, 1), (0, 200)])
def test_what_was_told_later_outweighs_a_silence(told: Presences, late: tuple[int, int]) -> None:
    """A word that took long says nothing of the steps since."""
    assert not told.hush(KEY, *late, HOME)

    assert told.get(KEY, NOW_TOLD) is not None


def test_a_silence_counts_where_the_last_step_was_not_heard(told: Presences) -> None:
    """A parcel may have been lost."""
    assert told.hush(KEY, 1, 3, HOME)


def test_a_later_step_ends_a_silence(told: Presences) -> None:
    """The node lives, and its home has heard so."""
    told.hush(KEY, 1, 2, HOME)

    assert told.beat(KEY, 1, CHAIN.beat(2), NOW_TOLD, HOME) is Verdict.KNOWN
    assert told.get(KEY, NOW_TOLD) is None
    assert told.beat(KEY, 1, CHAIN.beat(3), NOW_TOLD + BEAT_SECONDS, HOME) is Verdict.TAKEN
    assert told.get(KEY, NOW_TOLD + BEAT_SECONDS) is not None


def test_a_new_home_ends_a_silence(told: Presences) -> None:
    """And what the one before says later has no effect."""
    told.hush(KEY, 1, 2, HOME)
    moved = presence_of(ANN, chain_of(2), sequence=2, issued=NOW_TOLD)

    assert told.put(moved, moved.anchor, NOW_TOLD, OTHER) is Verdict.TAKEN
    assert not told.hush(KEY, 1, 2, HOME)
    assert not told.hush(KEY, 2, 0, HOME)
    assert told.get(KEY, NOW_TOLD) is not None


def test_what_two_tell_neither_takes_back(told: Presences) -> None:
    """Whoever hears of a presence first and tells it on in haste gains nothing, whichever of the two is the home."""
    told.hush(KEY, 1, 2, HOME)
    told.beat(KEY, 1, CHAIN.beat(2), NOW_TOLD, OTHER)
    assert told.get(KEY, NOW_TOLD) is not None

    assert not told.hush(KEY, 1, 2, HOME)
    assert not told.hush(KEY, 1, 2, OTHER)
    told.beat(KEY, 1, CHAIN.beat(3), NOW_TOLD + BEAT_SECONDS, OTHER)
    assert not told.hush(KEY, 1, 3, OTHER)


def test_the_home_itself_knows(told: Presences) -> None:
    """Nobody can take that from it by telling what it told; only of another presence it knows nothing."""
    told.beat(KEY, 1, CHAIN.beat(2), NOW_TOLD, OTHER)

    assert not told.hush(KEY, 2, 2, None)
    assert told.hush(KEY, 1, 2, None)
