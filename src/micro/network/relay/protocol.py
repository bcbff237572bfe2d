"""The relay's language, as endpoints of iroh 1.x speak it: one frame in each binary message of a WebSocket.

Pure.

A frame is a type, one byte here since all are below 64 (a QUIC varint, RFC 9000 section 16), and its payload. The
subprotocols are `iroh-relay-v2` and `iroh-relay-v1`; versions differ only in how a client is told that something is
wrong with its connection.

| type | name | from | payload |
| --- | --- | --- | --- |
| 0 | challenge | relay | 16 random bytes |
| 1 | auth | client | its key (32), then the signature over the challenge; the last 64 bytes |
| 2 | confirmed | relay | nothing |
| 3 | denied | relay | why: length, UTF-8 |
| 4, 5 | datagram, batch of datagrams | client | whom it is for (32), congestion (1), [segment size (2)], contents |
| 6, 7 | the same | relay | whom it is from (32), the rest as it came |
| 8 | gone | relay | the key of a client that spoke to this one and has left |
| 9, 10 | ping, pong | both | 8 bytes, sent back as they are |
| 11 | health | relay, v1 | text |
| 13 | status | relay, v2 | 1: another connection of the same key took this one's place |

What is signed is BLAKE3 in its key-derivation mode over the challenge, so the signature serves for nothing else.
"""

from __future__ import annotations

from typing import Final

from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from micro.errors import BadRequest, Unauthorized
from micro.trust.keys import KEY_BYTES, SIGNATURE_BYTES, is_weak

__all__ = [
    "CHALLENGE_BYTES",
    "CONFIRMED",
    "FRAME_BYTES_MAX",
    "SUBPROTOCOLS",
    "addressed",
    "authenticate",
    "challenge_frame",
    "denied_frame",
    "gone_frame",
    "ping_frame",
    "pong_frame",
    "replaced_frame",
]

SUBPROTOCOLS: Final = ("iroh-relay-v2", "iroh-relay-v1")
"""What a client may ask for, the newest first."""

CHALLENGE_BYTES: Final = 16
PING_BYTES: Final = 8

FRAME_BYTES_MAX: Final = 64 * 1024 + 64
"""Datagrams of at most 64 KiB in one frame, and what stands before them."""

_CHALLENGE, _AUTH, _CONFIRMED, _DENIED = 0, 1, 2, 3
_DATAGRAM, _BATCH = 4, 5
_GONE, _PING, _PONG, _HEALTH, _STATUS = 8, 9, 10, 11, 13
_SAME_KEY_CONNECTED = 1
_AS_RECEIVED: Final = {_DATAGRAM: b"\x06", _BATCH: b"\x07"}
_SHORTEST: Final = {_DATAGRAM: 1 + KEY_BYTES + 1, _BATCH: 1 + KEY_BYTES + 3}
_CONTEXT: Final = "iroh-relay handshake v1 challenge signature"
_REASON_BYTES_MAX: Final = 127
"""A length of one byte."""

CONFIRMED: Final = bytes((_CONFIRMED,))
"""The frame that lets a client in."""


def challenge_frame(challenge: bytes) -> bytes:
    """Returns the frame that asks a client to prove its key."""
    return bytes((_CHALLENGE,)) + challenge


def authenticate(frame: bytes, challenge: bytes) -> bytes:
    """Returns the 32-byte key that a client's first frame proves.

    Raises:
        BadRequest: it is no such frame.
        Unauthorized: the signature is not that of the key over this challenge.
    """
    if len(frame) < 1 + KEY_BYTES + SIGNATURE_BYTES or frame[0] != _AUTH:
        raise BadRequest("the relay expects the answer to its challenge first")
    key, signature = frame[1 : 1 + KEY_BYTES], frame[-SIGNATURE_BYTES:]
    if is_weak(key):
        raise Unauthorized("anybody can sign for this key")
    message = blake3(challenge, derive_key_context=_CONTEXT).digest()
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Unauthorized("the signature is not that of this key over this challenge") from error
    return key


def denied_frame(reason: str) -> bytes:
    """Returns the frame that turns a client away."""
    text = reason.encode()[:_REASON_BYTES_MAX]
    return bytes((_DENIED, len(text))) + text


def addressed(frame: bytes, sender: bytes) -> tuple[bytes, bytes] | None:
    """Returns for whom a frame of datagrams is, and the frame he is to get; None where it is no such frame.

    Args:
        frame: as it came from a client.
        sender: the key that client proved; whatever it says of itself is not asked.

    Raises:
        BadRequest: it ends too early.
    """
    head = _AS_RECEIVED.get(frame[0]) if frame else None
    if head is None:
        return None
    if len(frame) < _SHORTEST[frame[0]]:
        raise BadRequest("a frame of datagrams ends in its head")
    return frame[1 : 1 + KEY_BYTES], b"".join((head, sender, frame[1 + KEY_BYTES :]))


def pong_frame(frame: bytes) -> bytes | None:
    """Returns the answer to a ping; None where `frame` is none."""
    if len(frame) == 1 + PING_BYTES and frame[0] == _PING:
        return bytes((_PONG,)) + frame[1:]
    return None


def ping_frame(payload: bytes) -> bytes:
    """Returns a ping with 8 bytes that come back."""
    return bytes((_PING,)) + payload


def gone_frame(key: bytes) -> bytes:
    """Returns the frame that tells a client that somebody who spoke to it has left."""
    return bytes((_GONE,)) + key


def replaced_frame(subprotocol: str | None) -> bytes:
    """Returns the frame that tells a client that another connection of its key took its place."""
    if subprotocol == SUBPROTOCOLS[0]:
        return bytes((_STATUS, _SAME_KEY_CONNECTED))
    return bytes((_HEALTH,)) + b"another connection of the same key took this one's place"
