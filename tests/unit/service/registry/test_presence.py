"""Presence: a signed anchor, and beats that only its node can make."""

from __future__ import annotations

import itertools

import pytest

from micro.errors import BadRequest, TooLarge
from micro.service.registry.presence import (
    BEAT_SECONDS,
    LEASE_SECONDS,
    PRESENCE_BYTES_MAX,
    STEPS_MAX,
    Beat,
    Chain,
    continues,
    is_current,
    read_presence,
)
from micro.service.registry.record import SKEW_SECONDS
from micro.trust.seal import seal
from tests.unit.service.registry.makings import NOW, chain_of, key_of, presence_of

ANN, BOB = key_of(1), key_of(2)
CHAIN = chain_of(1)


def test_a_presence_comes_back_as_it_was() -> None:
    """Signed, sent, read: the same, genuine, and a ticket to its node."""
    signed = presence_of(ANN, CHAIN, addresses=("192.0.2.7:4040", "[2001:db8::1]:9"), relay="https://relay.example")

    found = read_presence(signed.sealed)

    assert found == signed
    assert found.is_genuine()
    assert found.record.ticket().addresses == ("192.0.2.7:4040", "[2001:db8::1]:9")


def test_the_bytes_of_a_presence() -> None:
    """The layout of the reference, byte by byte."""
    expected = b"\x08\x01" + b"\x12\x20" + ANN.public + b"\x18\x01" + b"\x20\x80\xa4\xa7\xda\x06"
    expected += b"\x2a\x0e192.0.2.7:4040" + b"\x3a\x20" + CHAIN.anchor + b"\x40\xf0\x01"

    assert presence_of(ANN, CHAIN).record.encode() == expected


def test_it_is_small() -> None:
    """With one address far below the bound; with all of them and the longest relay still below."""
    addresses = tuple(f"[2001:db8:1111:2222:3333:4444:5555:{number}666]:65535" for number in range(1, 9))

    assert len(presence_of(ANN, CHAIN).sealed) < 250
    assert len(presence_of(ANN, CHAIN, addresses=addresses, relay="https://" + "r" * 247).sealed) <= PRESENCE_BYTES_MAX


def test_another_key_cannot_sign_it() -> None:
    """A presence of Ann under Bob's signature is not genuine."""
    assert not read_presence(seal(BOB, b"micro-presence-v1", presence_of(ANN, CHAIN).record.encode())).is_genuine()


@pytest.mark.parametrize(
    "fields",
    [
        {"sequence": 0},
        {"issued": -1},
        {"addresses": ("192.0.2.7",)},
        {"addresses": ("192.0.2.07:1",)},
        {"addresses": ("[2001:DB8::1]:1",)},
        {"addresses": ("192.0.2.7:1",) * 9},
        {"relay": "ftp://x"},
        {"anchor": b"short"},
        {"steps": STEPS_MAX + 1},
        {"key": bytes(32)},
    ],
    ids=str,
)
def test_a_wrong_field_makes_no_presence(fields: dict[str, object]) -> None:
    """Each field has its grammar."""
    with pytest.raises(BadRequest):
        presence_of(ANN, CHAIN, **fields)


def test_a_larger_one_is_not_read() -> None:
    """The size is looked at first."""
    with pytest.raises(TooLarge):
        read_presence(bytes(PRESENCE_BYTES_MAX + 1))


def test_each_beat_continues_the_one_before() -> None:
    """From the anchor to the secret, and over gaps."""
    beats = [CHAIN.beat(step) for step in range(STEPS_MAX + 1)]

    assert beats[0] == Beat(0, CHAIN.anchor)
    assert all(continues(before, after) for before, after in itertools.pairwise(beats))
    assert continues(beats[0], beats[-1])
    assert continues(beats[3], beats[9])


def test_no_beat_goes_back_or_is_made_up() -> None:
    """An old one, one of another chain, one under another number, and none at all."""
    held = CHAIN.beat(5)

    assert not continues(held, CHAIN.beat(5))
    assert not continues(held, CHAIN.beat(4))
    assert not continues(held, chain_of(2).beat(6))
    assert not continues(held, Beat(7, CHAIN.beat(6).value))
    assert not continues(held, Beat(6, b""))
    assert not continues(held, Beat(STEPS_MAX + 1, CHAIN.beat(6).value))


def test_two_secrets_make_two_chains() -> None:
    """The anchor tells nothing but itself."""
    assert chain_of(1).anchor != chain_of(2).anchor
    assert Chain(bytes(32), 0).anchor == bytes(32)


@pytest.mark.parametrize(
    ("step", "seconds", "current"),
    [
        (0, 0, True),
        (0, LEASE_SECONDS - 1, True),
        (0, LEASE_SECONDS, False),
        (4, 4 * BEAT_SECONDS + LEASE_SECONDS - 1, True),
        (4, 4 * BEAT_SECONDS + LEASE_SECONDS, False),
        (4, 4 * BEAT_SECONDS - SKEW_SECONDS, True),
        (4, 4 * BEAT_SECONDS - SKEW_SECONDS - 1, False),
    ],
)
def test_a_step_counts_from_its_own_time(step: int, seconds: int, current: bool) -> None:
    """Neither an old step nor one from the future prolongs anything."""
    assert is_current(NOW, step, NOW + seconds) is current
