"""What is believed of answers."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest
from micro.service.registry.description import check_description
from micro.service.registry.finding import (
    chosen_records,
    genuine_presence,
    genuine_records,
    newest_records,
    ranked,
)
from micro.service.registry.presence import BEAT_SECONDS, LEASE_SECONDS
from micro.service.registry.record import SignedRecord, described
from micro.trust.seal import seal
from tests.unit.service.registry.makings import NOW, chain_of, key_of, presence_of, record_of, signed_of, withdrawn_of

ANN, BOB = key_of(1), key_of(2)
CHAIN = chain_of(1)


def living(step: int = 0, **fields: object) -> dict[str, object]:
    signed = presence_of(ANN, CHAIN, **fields)
    return {"sealed": signed.sealed, "step": step, "value": CHAIN.beat(step).value if step else b""}


def test_what_is_asked_for_is_believed() -> None:
    """If its node has signed it."""
    good = signed_of(ANN)

    assert genuine_records([good.sealed], NOW, name="greeter") == ([good], True)
    assert genuine_records([good.sealed], NOW, word="hello") == ([good], True)
    assert genuine_records([good.sealed], NOW, key=ANN.public) == ([good], True)


@pytest.mark.parametrize(
    "sealed",
    [
        b"nothing",
        bytes(2000),
        signed_of(ANN, "other").sealed,
        signed_of(BOB).sealed,
        seal(BOB, b"micro-record-v1", record_of(ANN).encode()),
    ],
    ids=["no record", "too large", "another name", "another node", "forged"],
)
def test_anything_else_speaks_against_whoever_sent_it(sealed: bytes) -> None:
    """And is left out."""
    assert genuine_records([sealed], NOW, name="greeter", key=ANN.public) == ([], False)


def test_what_two_answers_show_is_checked_once() -> None:
    """The same bytes were found good; others are looked at, whatever was."""
    good, forged = signed_of(ANN), seal(BOB, b"micro-record-v1", record_of(ANN, sequence=2).encode())
    checked: dict[bytes, SignedRecord] = {}

    (first,), _ = genuine_records([good.sealed], NOW, name="greeter", checked=checked)
    (again,), honest = genuine_records([good.sealed], NOW, name="greeter", checked=checked)
    assert again is first
    assert honest
    assert genuine_records([forged], NOW, name="greeter", checked=checked) == ([], False)
    assert genuine_records([forged], NOW, name="greeter", checked=checked) == ([], False)


def test_a_record_that_just_ended_is_nobodys_fault() -> None:
    """It is left out all the same."""
    assert genuine_records([signed_of(ANN, expires=NOW).sealed], NOW) == ([], True)


def test_no_answer_fills_all_the_room() -> None:
    """Of more nodes than are looked for each answer has its part, the newest records of those, none that is over."""
    loud = [signed_of(key_of(number)) for number in range(10, 50)]
    quiet = [signed_of(key_of(number)) for number in (60, 61)]

    chosen = chosen_records([loud, [*quiet, withdrawn_of(key_of(10), sequence=2)]], 32)
    assert len(chosen) == 32
    assert {signed.record for signed in quiet} <= set(chosen)
    assert loud[0].record not in chosen
    assert chosen == chosen_records([loud, [*quiet, withdrawn_of(key_of(10), sequence=2)]], 99)[:32]


def test_the_newest_of_each_node_counts_over_all_answers() -> None:
    """One super node that keeps silent about a withdrawal is outweighed by another that shows it."""
    old, new, gone = signed_of(ANN), signed_of(ANN, sequence=2, version="2"), withdrawn_of(BOB, sequence=2)

    for answers in ([[old, signed_of(BOB)], [new, gone]], [[gone, new], [signed_of(BOB), old]]):
        assert [record.version for record in newest_records(answers)] == ["2"]


def test_a_presence_is_believed_with_its_beat() -> None:
    """From the anchor, or any step of the chain."""
    wanted = {ANN.public: None}
    for step in (0, 1, 200):
        found = genuine_presence(living(step), NOW + step * BEAT_SECONDS, wanted)
        assert found is not None
        assert found.ends == NOW + step * BEAT_SECONDS + LEASE_SECONDS


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (living(), LEASE_SECONDS),
        (living(5), 0),
        ({**living(), "step": 1, "value": bytes(32)}, 30),
        ({**living(), "sealed": b"nothing"}, 0),
        ({**living(), "sealed": seal(BOB, b"micro-presence-v1", presence_of(ANN, CHAIN).record.encode())}, 0),
        (living(addresses=()), 0),
        ({**living(), "step": 241, "value": bytes(32)}, 241 * 30),
    ],
    ids=["over", "of the future", "a forged beat", "no presence", "forged", "left", "beyond the chain"],
)
def test_no_other_presence_is_believed(said: dict[str, object], seconds: int) -> None:
    """However it is wrong."""
    assert genuine_presence(said, NOW + seconds, {ANN.public: None}) is None


def test_nobody_is_present_who_was_not_asked_for() -> None:
    """An answer may not put somebody else in."""
    assert genuine_presence(living(), NOW, {BOB.public: None}) is None


def test_a_search_is_ranked_by_words() -> None:
    """Most of the words first, then those of the name."""
    both = record_of(ANN, "zebra", terms=("image", "resize"))
    named = record_of(ANN, "image", terms=("image",))
    other = record_of(ANN, "aaa", terms=("image",))

    assert ranked([other, named, both], ["image", "resize"]) == [both, named, other]


def test_a_description_is_checked_against_its_record() -> None:
    """By the hash, whoever sent it."""
    description = check_description({"name": "greeter", "version": "1.0.0", "description": "Hi", "endpoints": []})
    record = record_of(ANN, description_hash=bytes.fromhex(description.hash))

    assert described(record, description.decode()) == description
    with pytest.raises(BadRequest, match="not the one"):
        described(record, {**description.decode(), "description": "Evil"})
    with pytest.raises(BadRequest, match="record of other"):
        described(record_of(ANN, "other", description_hash=bytes.fromhex(description.hash)), description.decode())
