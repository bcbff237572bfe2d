"""The frames of the relay: who is let in, and what is passed on."""

from __future__ import annotations

import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from micro.errors import BadRequest, Unauthorized
from micro.network.relay import protocol

CHALLENGE = bytes(range(16))
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
KEY = PRIVATE.public_key().public_bytes_raw()
OTHER = b"\x55" * 32


def auth(challenge: bytes = CHALLENGE, key: bytes = KEY) -> bytes:
    """The answer of a client, as iroh makes it."""
    message = blake3(challenge, derive_key_context="iroh-relay handshake v1 challenge signature").digest()
    return b"\x01" + key + b"\x40" + PRIVATE.sign(message)


def test_a_signed_challenge_proves_the_key() -> None:
    """The key is what the client is from then on."""
    assert protocol.authenticate(auth(), CHALLENGE) == KEY


@pytest.mark.parametrize(
    "frame",
    [auth(bytes(16)), auth(key=OTHER), auth(key=bytes(32)), auth()[:-1] + bytes((auth()[-1] ^ 1,))],
    ids=["another challenge", "another key", "a weak key", "a flipped bit"],
)
def test_nothing_else_proves_it(frame: bytes) -> None:
    """A signature serves for one challenge and one key."""
    with pytest.raises(Unauthorized):
        protocol.authenticate(frame, CHALLENGE)


@pytest.mark.parametrize("frame", [b"", b"\x01", auth()[1:], b"\x04" + auth()[1:], auth()[:96]])
def test_something_else_is_no_answer(frame: bytes) -> None:
    """A frame that is too short or of another type is refused before any signature is checked."""
    with pytest.raises(BadRequest):
        protocol.authenticate(frame, CHALLENGE)


@pytest.mark.parametrize(("sent", "received"), [(b"\x04", b"\x06"), (b"\x05", b"\x07")])
def test_datagrams_change_their_address_alone(sent: bytes, received: bytes) -> None:
    """The receiver's key is replaced by the proved key of the sender, and the rest stays as it is."""
    contents = b"\x00\x05\xdc" + b"sealed"
    assert protocol.addressed(sent + OTHER + contents, KEY) == (OTHER, received + KEY + contents)


@pytest.mark.parametrize("frame", [b"\x04", b"\x04" + OTHER, b"\x05" + OTHER + b"\x00\x01"])
def test_datagrams_that_end_too_early_are_refused(frame: bytes) -> None:
    """There is a byte of congestion, and a size where there are several."""
    with pytest.raises(BadRequest):
        protocol.addressed(frame, KEY)


@pytest.mark.parametrize("frame", [b"", b"\x06" + OTHER * 2, b"\x08" + OTHER, b"\x09" + bytes(8), b"\xff"])
def test_other_frames_are_not_for_anybody(frame: bytes) -> None:
    """A client cannot have the relay say what only a relay says."""
    assert protocol.addressed(frame, KEY) is None


def test_a_ping_is_answered_with_its_bytes() -> None:
    """Eight bytes, sent back."""
    assert protocol.pong_frame(b"\x09abcdefgh") == b"\x0aabcdefgh"
    assert protocol.pong_frame(b"\x09abc") is None
    assert protocol.pong_frame(b"\x0aabcdefgh") is None


def test_a_denial_says_why() -> None:
    """The reason is text with its length before it, cut where it is too long for one byte of length."""
    assert protocol.denied_frame("no") == b"\x03\x02no"
    assert len(protocol.denied_frame("x" * 500)) == 2 + 127


def test_each_version_is_told_in_its_way_that_it_was_replaced() -> None:
    """Version 2 has a status, version 1 a text."""
    assert protocol.replaced_frame("iroh-relay-v2") == b"\x0d\x01"
    assert protocol.replaced_frame("iroh-relay-v1")[:1] == b"\x0b"
