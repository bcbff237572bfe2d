"""What of a place is believed, and that junk costs bounded work."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from micro.errors import BadRequest, MicroError, TooLarge
from micro.service.registry.commons import value
from micro.service.registry.commons.commons import VALUE_BYTES_MAX
from micro.service.registry.commons.value import (
    SIGNATURES_MAX,
    Wanted,
    believed_maps,
    believed_records,
    believed_whereabouts,
    value_of_place,
    value_of_records,
)
from micro.service.registry.commons.whereabouts import (
    BELIEVED_SECONDS,
    WHEREABOUTS_DOMAIN,
    SignedWhereabouts,
    Whereabouts,
    read_whereabouts,
    sign_whereabouts,
)
from micro.service.registry.presence import PRESENCE_DOMAIN
from micro.service.registry.record import SignedRecord
from micro.trust.seal import seal
from tests.unit.service.registry.makings import NOW, key_of, map_of, record_of, signed_of, withdrawn_of

ANN, BOB, KEEPER, OTHER = key_of(1), key_of(2), key_of(3), key_of(4)
GREETER = Wanted("greeter")


def where(key: object = ANN, **fields: object) -> SignedWhereabouts:
    """Returns signed whereabouts, with these fields instead of the usual ones."""
    usual = {"keeper": KEEPER.public, "sequence": 1, "issued": NOW, "addresses": ("192.0.2.7:4040",)}
    return sign_whereabouts(key, Whereabouts(key=key.public, **{**usual, **fields}))  # type: ignore[arg-type, attr-defined]


def super_where(key: object = ANN, **fields: object) -> SignedWhereabouts:
    return where(key, map_version=1, map_hash=bytes(32), **fields)


def records(values: Sequence[bytes], wanted: Wanted = GREETER, seen: dict[bytes, int] | None = None) -> list[bytes]:
    return [signed.sealed for signed in believed_records(values, wanted, NOW, seen or {})]


def test_whereabouts_say_what_was_signed() -> None:
    """Read again they are the same, and lead to the node."""
    signed = where(relay="http://192.0.2.9:3340")
    again = read_whereabouts(signed.sealed)
    assert (again, again.is_genuine()) == (signed, True)
    assert again.whereabouts.ticket().addresses == ("192.0.2.7:4040",)
    assert where(addresses=()).whereabouts.is_leaving


@pytest.mark.parametrize(
    "fields",
    [
        {"keeper": b"short"},
        {"sequence": 0},
        {"addresses": ("example:1",)},
        {"addresses": ("192.0.2.007:4040",)},
        {"relay": "ftp://x"},
        {"map_version": 1},
        {"map_hash": bytes(32)},
    ],
    ids=str,
)
def test_wrong_whereabouts_are_refused(fields: dict[str, object]) -> None:
    """With what is wrong about them."""
    with pytest.raises(BadRequest):
        where(**fields)


@pytest.mark.parametrize("sealed", [b"", bytes(100), bytes(5000), where().sealed + b"\x00"], ids=len)
def test_what_is_no_whereabouts_is_refused(sealed: bytes) -> None:
    """Whatever stands at a place ends in one of two errors."""
    with pytest.raises((BadRequest, TooLarge)):
        read_whereabouts(sealed)


def test_whereabouts_are_believed_for_their_time_their_network_and_their_node() -> None:
    """Nothing that another one signed, nothing old, nothing of the future, nothing of another domain or network."""
    good = where()
    bad = [
        where(issued=NOW - BELIEVED_SECONDS),
        where(issued=NOW + 3600),
        where(keeper=OTHER.public),
        where(BOB),
        SignedWhereabouts(good.whereabouts, seal(BOB, WHEREABOUTS_DOMAIN, good.whereabouts.encode())),
        SignedWhereabouts(good.whereabouts, seal(ANN, PRESENCE_DOMAIN, good.whereabouts.encode())),
    ]
    for signed in bad:
        assert believed_whereabouts([value_of_place(signed)], KEEPER.public, NOW, {}, key=ANN.public) == []
    values = [b"junk", *map(value_of_place, bad), value_of_place(good)]
    assert believed_whereabouts(values, KEEPER.public, NOW, {}, key=ANN.public) == [good.whereabouts]


def test_the_newest_whereabouts_count() -> None:
    """In any order, and against what was seen before."""
    old, new = where(sequence=5), where(sequence=6, addresses=("192.0.2.8:4040",))
    for values in ([old, new], [new, old]):
        stand = [value_of_place(signed) for signed in values]
        assert believed_whereabouts(stand, KEEPER.public, NOW, {}, key=ANN.public) == [new.whereabouts]
    assert believed_whereabouts([value_of_place(old)], KEEPER.public, NOW, {ANN.public: 6}, key=ANN.public) == []


def test_super_nodes_are_told_from_others() -> None:
    """By the map that theirs name; the map is believed by the keeper's signature alone."""
    genuine, foreign = map_of(KEEPER, [1, 2]), map_of(OTHER, [1, 2])
    stand = [
        value_of_place(super_where(), genuine.sealed),
        value_of_place(super_where(BOB), foreign.sealed),
        value_of_place(where(OTHER)),
    ]
    found = believed_whereabouts(stand, KEEPER.public, NOW, {})
    assert sorted(each.key for each in found) == sorted([ANN.public, BOB.public])
    assert believed_maps(stand, KEEPER.public) == [genuine.sealed]


def test_a_map_that_is_too_large_is_left_out() -> None:
    """Its number and hash stay."""
    large = map_of(KEEPER, range(100)).sealed
    stand = value_of_place(super_where(), large)
    assert len(stand) <= VALUE_BYTES_MAX
    assert believed_maps([stand], KEEPER.public) == []
    assert len(believed_whereabouts([stand], KEEPER.public, NOW, {})) == 1


def test_records_are_believed_like_those_of_the_backbone() -> None:
    """Genuine, timely, and what was asked for; of two of one node the newer, a withdrawal included."""
    good, other = signed_of(ANN), signed_of(BOB)
    forged = SignedRecord(good.record, seal(BOB, b"micro-record-v1", record_of(ANN, sequence=9).encode()))
    bad = [forged, signed_of(ANN, "other"), signed_of(ANN, expires=NOW), signed_of(ANN, expires=NOW + 10**6)]
    values = [b"", b"junk", *(value_of_records([each]) for each in bad), value_of_records([good, other])]

    assert sorted(records(values)) == sorted([good.sealed, other.sealed])
    assert records(values, Wanted("greeter", key=BOB.public)) == [other.sealed]
    assert records(values, Wanted(word="hello")) != []
    assert records(values, Wanted(word="absent")) == []
    gone = withdrawn_of(ANN, sequence=2)
    assert records([value_of_records([gone]), value_of_records([good])]) == [gone.sealed]
    assert records([value_of_records([good])], seen={ANN.public + b"greeter": 2}) == []


def test_junk_costs_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of records that only a signature tells apart so many are looked at, and one value takes no turn of another."""
    looked: list[object] = []

    def is_genuine(self: SignedRecord) -> bool:
        looked.append(self)
        return self.record.key == ANN.public

    monkeypatch.setattr(value.SignedRecord, "is_genuine", is_genuine)
    junk = [
        value_of_records([signed_of(BOB, sequence=3 * number + step) for step in (3, 2, 1)])
        for number in range(SIGNATURES_MAX - 1)
    ]
    found = believed_records([*junk, value_of_records([signed_of(ANN)])], GREETER, NOW, {})
    assert [signed.record.key for signed in found] == [ANN.public]
    assert len(looked) == SIGNATURES_MAX


def test_whatever_stands_at_a_place_raises_nothing() -> None:
    """Cut short or with a byte changed, it is what it was or nothing."""
    whole = value_of_records([signed_of(ANN)])
    for place in range(0, len(whole), 7):
        for broken in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            try:
                assert records([broken]) == []
            except MicroError as error:  # pragma: no cover - the failure itself
                pytest.fail(f"{place}: {error}")
