"""Service records: one spelling, signed, bounded."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest, TooLarge
from micro.service.registry.description import check_description
from micro.service.registry.record import (
    LIFETIME_SECONDS_MAX,
    RECORD_BYTES_MAX,
    SKEW_SECONDS,
    SignedRecord,
    is_timely,
    key_in,
    read_record,
    terms_of,
    written,
)
from micro.trust.keys import SIGNATURE_BYTES
from micro.trust.seal import seal
from tests.unit.service.registry.makings import NOW, key_of, record_of, signed_of, withdrawn_of

ANN, BOB = key_of(1), key_of(2)


def test_a_record_comes_back_as_it_was() -> None:
    """Signed, sent, read: the same record, and genuine."""
    signed = signed_of(ANN)

    found = read_record(signed.sealed)

    assert found == signed
    assert found.is_genuine()
    assert key_in(signed.sealed) == ANN.public


def test_the_bytes_of_a_record() -> None:
    """The layout of the reference, byte by byte."""
    body = record_of(ANN, sequence=300).encode()

    expected = b"\x08\x01" + b"\x12\x20" + ANN.public + b"\x1a\x07greeter" + b"\x22\x051.0.0" + b"\x28\xac\x02"
    expected += b"\x30\x80\xc7\xac\xda\x06" + b"\x3a\x20" + bytes(range(32)) + b"\x42\x07greeter" + b"\x42\x05hello"
    assert body == expected


def test_a_usual_record_is_small() -> None:
    """Signature and all, well below the bound."""
    assert len(signed_of(ANN).sealed) < 300


def test_another_key_cannot_sign_it() -> None:
    """A record of Ann under Bob's signature is read, and is not genuine."""
    forged = seal(BOB, b"micro-record-v1", record_of(ANN).encode())

    assert not read_record(forged).is_genuine()


def test_a_signature_for_another_purpose_is_none() -> None:
    """The domain is part of what is signed."""
    shown = seal(ANN, b"micro-presence-v1", record_of(ANN).encode())

    assert not read_record(shown).is_genuine()


def test_words_that_do_not_fit_are_left_out() -> None:
    """The longest words in the longest letters: as many as the bound allows."""
    terms = tuple(chr(0x4E00 + number) * 31 for number in range(8))

    signed = signed_of(ANN, name="a" * 63, version="1" * 64, terms=terms)

    assert len(signed.sealed) <= RECORD_BYTES_MAX
    assert signed.record.terms == terms[: len(signed.record.terms)]
    assert len(signed.record.terms) >= 6
    assert read_record(signed.sealed).is_genuine()


def test_a_larger_one_is_not_read() -> None:
    """The size is looked at first."""
    with pytest.raises(TooLarge):
        read_record(bytes(RECORD_BYTES_MAX + 1))


BODY = record_of(ANN).encode()
OTHERS = {
    "an unknown field": BODY + b"\x52\x01a",
    "a default written out": BODY + b"\x48\x00",
    "a field twice": BODY[:2] + BODY,
    "a longer number": BODY.replace(b"\x28\x01", b"\x28\x81\x00"),
    "another order": BODY[2:] + BODY[:2],
    "another version": b"\x08\x02" + BODY[2:],
    "half of it": BODY[: len(BODY) // 2],
    "no text": BODY.replace(b"greeter", b"gree\xff\xffr"),
}


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS.keys())
def test_only_the_one_spelling_is_read(body: bytes) -> None:
    """Even signed by its node."""
    with pytest.raises(BadRequest):
        read_record(seal(ANN, b"micro-record-v1", body))


WRONG = [
    {"name": "Greeter"},
    {"name": "registry"},
    {"name": "api"},
    {"version": ""},
    {"sequence": 0},
    {"sequence": 2**63},
    {"description_hash": b"short"},
    {"description_hash": b""},
    {"terms": ("Hello",)},
    {"terms": ("two words",)},
    {"terms": ("same", "same")},
    {"terms": tuple("abcdefghi")},
    {"terms": ("x" * 33,)},
    {"key": bytes(32)},
    {"withdrawn": True},
]


@pytest.mark.parametrize("fields", WRONG, ids=str)
def test_a_wrong_field_makes_no_record(fields: dict[str, object]) -> None:
    """Each field has its grammar."""
    with pytest.raises(BadRequest):
        record_of(ANN, **fields)


@pytest.mark.parametrize(
    ("expires", "timely"),
    [
        (NOW, False),
        (NOW + 1, True),
        (NOW + LIFETIME_SECONDS_MAX + SKEW_SECONDS, True),
        (NOW + LIFETIME_SECONDS_MAX + SKEW_SECONDS + 1, False),
    ],
)
def test_a_record_lives_at_most_a_day(expires: int, timely: bool) -> None:
    """Neither what is over nor what claims more than its day is believed."""
    assert is_timely(record_of(ANN, expires=expires), NOW) is timely


def test_the_greater_sequence_counts_and_then_the_greater_body() -> None:
    """So that all holders agree."""
    older, newer, other = signed_of(ANN), signed_of(ANN, sequence=2), signed_of(ANN, version="1.0.1")

    assert older.rank < newer.rank
    assert (older.rank < other.rank) == (older.sealed[SIGNATURE_BYTES:] < other.sealed[SIGNATURE_BYTES:])


def test_a_withdrawal_names_no_description() -> None:
    """It is read and signed like any other."""
    signed = withdrawn_of(ANN, sequence=2)

    assert read_record(signed.sealed).record.withdrawn
    assert signed.is_genuine()


def test_a_service_is_filed_under_what_people_look_for() -> None:
    """Name, tags, words of the first line that tell something, and endpoints."""
    description = check_description(
        {
            "name": "image-resize",
            "version": "1",
            "description": "Makes pictures smaller.\nAnd more.",
            "metadata": {"tags": "photos, thumbnail"},
            "endpoints": [{"name": "Image.Shrink"}],
        }
    )

    assert terms_of(description) == ("image", "resize", "photo", "thumbnail", "make", "picture", "smaller", "shrink")


def test_a_word_is_found_in_the_bytes() -> None:
    """So a search need not read every record."""
    signed: SignedRecord = signed_of(ANN, terms=("hello", "größe".casefold().replace("ö", "o").replace("ß", "ss")))

    assert written("hello") in signed.sealed
    assert written("grosse") in signed.sealed
    assert written("hell") not in signed.sealed
