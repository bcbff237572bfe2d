"""A seal: bytes with the signature of a node before them, so that nobody in between can change a bit of either.

Pure.

`signature (64 bytes) || body`, the signature over the domain, a zero byte and the body. Who signed stands in the body,
at a place that the body's format knows; so a seal is checked in two steps: read the body, then ask whether it is
genuine. The second costs a hundred times the first, and comes last.
"""

from __future__ import annotations

from typing import Final

from micro.errors import BadRequest, TooLarge
from micro.trust import keys
from micro.trust.keys import SIGNATURE_BYTES, NodeKey

__all__ = ["body_of", "is_genuine", "seal"]

SHOWN_BYTES_MIN: Final = SIGNATURE_BYTES + 1
"""Below this there is no body."""


def seal(key: NodeKey, domain: bytes, body: bytes) -> bytes:
    """Returns `body` under the signature of `key` in `domain`."""
    return key.sign(domain, body) + body


def body_of(sealed: bytes, *, bytes_max: int, what: str) -> bytes:
    """Returns the body of sealed bytes, whose signature is not looked at yet.

    Args:
        sealed: what came.
        bytes_max: the most that signature and body may have together.
        what: how an error calls it.

    Raises:
        TooLarge: it is larger than `bytes_max`.
        BadRequest: it is too short to have a body.
    """
    if len(sealed) > bytes_max:
        raise TooLarge(f"{what} has {len(sealed)} bytes, at most {bytes_max} are taken; make it smaller")
    if len(sealed) < SHOWN_BYTES_MIN:
        raise BadRequest(f"{what} has {len(sealed)} bytes, which is no signature with something behind it")
    return sealed[SIGNATURE_BYTES:]


def is_genuine(public_key: bytes, domain: bytes, sealed: bytes) -> bool:
    """Says whether the owner of `public_key` sealed these bytes in `domain`."""
    return keys.verify(public_key, domain, sealed[SIGNATURE_BYTES:], sealed[:SIGNATURE_BYTES])
