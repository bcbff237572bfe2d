"""The records at a super node."""

from __future__ import annotations

import pytest

from micro.service.registry import shards as module
from micro.service.registry.penalties import Verdict
from micro.service.registry.record import SignedRecord, read_record
from micro.service.registry.shards import FOUND_MAX, NODE_RECORDS_MAX, Found, Shards
from micro.trust.seal import seal
from tests.unit.service.registry.makings import DAY, NOW, key_of, record_of, signed_of, withdrawn_of

ANN, BOB = key_of(1), key_of(2)


@pytest.fixture
def shards() -> Shards:
    return Shards()


def put(shards: Shards, signed: SignedRecord, now: float = NOW) -> Verdict:
    return shards.put(signed, now, name=True, words=signed.record.terms)


def test_a_record_is_found_by_name_word_and_node(shards: Shards) -> None:
    """As the bytes that came."""
    signed = signed_of(ANN)

    assert put(shards, signed) is Verdict.TAKEN
    assert shards.find("greeter").sealed == (signed.sealed,)
    assert shards.search(["hello"]).sealed == (signed.sealed,)
    assert shards.of_node(ANN.public) == [signed.sealed]
    assert shards.find("other").total == 0


def test_it_is_found_only_by_what_is_held_here(shards: Shards) -> None:
    """A super node may hold the shard of one word alone."""
    signed = signed_of(ANN)
    shards.put(signed, NOW, name=False, words=("hello",))

    assert shards.find("greeter").total == 0
    assert shards.find("greeter", key=ANN.public).total == 0
    assert shards.search(["greeter"]).total == 0
    assert shards.search(["hello"]).total == 1


def test_the_same_again_is_known_and_may_be_filed_under_more(shards: Shards) -> None:
    """For instance after the map changed."""
    signed = signed_of(ANN)
    shards.put(signed, NOW, name=False, words=("hello",))

    assert put(shards, signed) is Verdict.KNOWN
    assert shards.find("greeter").total == 1
    assert shards.search(["greeter"]).total == 1


def test_a_newer_one_takes_its_place(shards: Shards) -> None:
    """In every index."""
    put(shards, signed_of(ANN))
    newer = signed_of(ANN, sequence=2, terms=("other",))

    assert put(shards, newer) is Verdict.TAKEN
    assert shards.find("greeter").sealed == (newer.sealed,)
    assert shards.search(["hello"]).total == 0
    assert shards.search(["other"]).total == 1
    assert len(shards) == 1


def test_an_older_one_is_outdated(shards: Shards) -> None:
    """A replay brings nothing back."""
    put(shards, signed_of(ANN, sequence=2))

    assert put(shards, signed_of(ANN)) is Verdict.OUTDATED


def test_a_withdrawal_is_not_found_and_keeps_older_ones_out(shards: Shards) -> None:
    """Until its own end."""
    put(shards, signed_of(ANN))

    gone = withdrawn_of(ANN, sequence=2)
    assert put(shards, gone) is Verdict.TAKEN
    assert shards.find("greeter").total == 0
    assert shards.find("greeter", key=ANN.public) == Found((gone.sealed,), 0)  # who asks for this node shall know
    assert shards.of_node(ANN.public) == []
    assert put(shards, signed_of(ANN)) is Verdict.OUTDATED
    assert put(shards, signed_of(ANN, sequence=3)) is Verdict.TAKEN
    assert shards.find("greeter").total == 1


def test_two_nodes_of_one_name_are_both_there(shards: Shards) -> None:
    """And one of them can be asked for."""
    put(shards, signed_of(ANN))
    put(shards, signed_of(BOB))

    assert shards.find("greeter").total == 2
    assert [read_record(sealed).record.key for sealed in shards.find("greeter", key=BOB.public).sealed] == [BOB.public]


@pytest.mark.parametrize("expires", [NOW, NOW + 2 * DAY], ids=["over", "too long"])
def test_what_is_not_timely_is_refused(shards: Shards, expires: int) -> None:
    """Before its signature is looked at."""
    assert put(shards, signed_of(ANN, expires=expires)) is Verdict.EXPIRED


def test_a_forged_one_is_refused(shards: Shards) -> None:
    """It changes nothing, not even what it would replace."""
    put(shards, signed_of(ANN))
    forged = read_record(seal(BOB, b"micro-record-v1", record_of(ANN, sequence=9).encode()))

    assert put(shards, forged) is Verdict.FORGED
    assert put(shards, signed_of(ANN, sequence=2)) is Verdict.TAKEN


def test_records_end(shards: Shards) -> None:
    """Those whose time is over, and no others; a renewed one stays."""
    put(shards, signed_of(ANN, expires=NOW + 100))
    put(shards, signed_of(BOB, expires=NOW + 100))
    put(shards, signed_of(BOB, sequence=2, expires=NOW + 5_000))

    ended = shards.expire(NOW + 200)

    assert [signed.record.key for signed in ended] == [ANN.public]
    assert shards.find("greeter").total == 1
    assert len(shards) == 1
    assert shards.search(["hello"]).total == 1


def test_one_node_offers_a_bounded_number(shards: Shards) -> None:
    """The next is refused, and so is nobody else's."""
    for number in range(NODE_RECORDS_MAX):
        assert put(shards, signed_of(ANN, f"service-{number}", terms=())) is Verdict.TAKEN

    assert put(shards, signed_of(ANN, "one-more", terms=())) is Verdict.FULL
    assert put(shards, signed_of(BOB, "one-more", terms=())) is Verdict.TAKEN


def test_one_name_is_offered_by_a_bounded_number(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renewals of those that are there are taken."""
    monkeypatch.setattr(module, "NAME_RECORDS_MAX", 2)
    put(shards, signed_of(key_of(1)))
    put(shards, signed_of(key_of(2)))

    assert put(shards, signed_of(key_of(3))) is Verdict.FULL
    assert put(shards, signed_of(key_of(2), sequence=2)) is Verdict.TAKEN


def test_a_word_is_bounded_and_its_records_are_found_by_others(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    """A common word costs no more than its bound."""
    monkeypatch.setattr(module, "WORD_RECORDS_MAX", 2)
    for number in range(1, 5):
        put(shards, signed_of(key_of(number), terms=("common", f"rare{number}")))

    assert shards.search(["common"]).total == 2
    assert shards.search(["rare4"]).total == 1


def test_the_super_node_is_bounded() -> None:
    """In all."""
    shards = Shards(records_max=1)
    put(shards, signed_of(ANN))

    assert put(shards, signed_of(BOB)) is Verdict.FULL


def test_of_many_a_part_is_shown_with_the_count_of_all(shards: Shards) -> None:
    """Another chance shows others."""
    for number in range(200):
        put(shards, signed_of(key_of(number), terms=()))

    first, second = shards.find("greeter"), shards.find("greeter", chance=100)

    assert (len(first.sealed), first.total) == (FOUND_MAX, 200)
    assert not set(first.sealed) & set(second.sealed)
    assert len(shards.find("greeter", limit=3, chance=2**63).sealed) == 3


def test_a_search_puts_those_first_that_have_more_of_the_words(shards: Shards) -> None:
    """The first word decides who is asked, the others who comes first."""
    put(shards, signed_of(ANN, "plain", terms=("image",)))
    best = signed_of(BOB, "best", terms=("resize", "image"))
    put(shards, best)

    assert shards.search(["image", "resize"]).sealed[0] == best.sealed
    assert shards.search([]).total == 0


def test_after_another_map_the_rest_is_dropped(shards: Shards) -> None:
    """What is no business of ours goes, and the indices follow what is."""
    put(shards, signed_of(ANN, "kept", terms=("one", "two")))
    put(shards, signed_of(ANN, "gone", terms=("one",)))

    for _ in shards.dropping(lambda signed: (False, ["two"]) if signed.record.name == "kept" else (False, [])):
        pass

    assert len(shards) == 1
    assert shards.find("kept").total == 0
    assert shards.search(["one"]).total == 0
    assert shards.search(["two"]).total == 1


def test_a_place_that_became_free_is_used_again(shards: Shards) -> None:
    """And its old end does not end the new record."""
    put(shards, signed_of(ANN, expires=NOW + 100))
    shards.expire(NOW + 200)
    put(shards, signed_of(BOB, expires=NOW + 10_000))
    shards.expire(NOW + 1_000)

    assert shards.find("greeter").total == 1


def test_what_is_renewed_without_end_does_not_pile_up(shards: Shards) -> None:
    """Ten thousand renewals of one record leave a bounded calendar."""
    for number in range(3_000):
        put(shards, signed_of(ANN, sequence=number + 1, expires=NOW + 60 * (1 + number % 7), terms=()))

    assert shards._calendar._count <= 2 * len(shards) + 1_100


def test_what_is_no_record_is_not_read(shards: Shards) -> None:
    """None instead of an error: whoever sent it pays."""
    assert shards.read(b"nothing") is Verdict.MALFORMED
    assert shards.read(bytes(2000)) is Verdict.MALFORMED
    long = record_of(ANN).encode().replace(b"\x42\x07greeter", b"\x42\x80\x01" + b"a" * 128)
    assert shards.read(seal(ANN, b"micro-record-v1", long)) is Verdict.MALFORMED
    assert shards.read(signed_of(ANN).sealed) == signed_of(ANN)
