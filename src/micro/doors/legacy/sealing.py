"""How a go-micro tunnel hides what is said on a session: AES-256-GCM under a key of the network's token.

Pure.

The key is SHA-256 of token, channel and session, one after the other. A body is a nonce of 12 bytes and what GCM makes
of it; the value of a header the same in base32; names of headers stay readable. Nothing binds a header to its name or
to its message, and what was said once can be said again by whoever heard it: this keeps out who has no token, and says
of nobody who he is.

Source: `tunnel/crypto.go` and `tunnel/session.go` of go-micro v2.9.1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["NONCE_BYTES", "Seal", "Unreadable"]

NONCE_BYTES = 12


class Unreadable(ValueError):
    """What came was sealed under another token, or by nobody who has one."""


class Seal:
    """Hides and reads what is said on one session.

    Args:
        token: the secret of the network.
        channel, session: where it is said.
    """

    def __init__(self, token: str, channel: str, session: str) -> None:
        self.key = hashlib.sha256((token + channel + session).encode()).digest()
        self._cipher = AESGCM(self.key)

    def hide(
        self, headers: Mapping[str, str], body: bytes, chance: Callable[[int], bytes]
    ) -> tuple[dict[str, str], bytes]:
        """Returns headers and body as they travel.

        Args:
            chance: returns so many bytes that nobody can guess, others each time.
        """
        return (
            {name: base64.b32encode(self._hidden(text.encode(), chance)).decode() for name, text in headers.items()},
            self._hidden(body, chance),
        )

    def _hidden(self, data: bytes, chance: Callable[[int], bytes]) -> bytes:
        nonce = chance(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, None)

    def read(self, headers: Mapping[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
        """Returns headers and body as they were meant.

        Raises:
            Unreadable: they were sealed under another key, or changed on the way.
        """
        try:
            found = {
                name: self._read(base64.b32decode(text.encode("ascii"))).decode() for name, text in headers.items()
            }
            return found, self._read(body)
        except (binascii.Error, UnicodeError) as error:
            raise Unreadable(f"a header is no text in base32: {error}") from error

    def _read(self, data: bytes) -> bytes:
        if len(data) < NONCE_BYTES:
            raise Unreadable("it is shorter than a nonce")
        try:
            return self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], None)
        except InvalidTag:
            raise Unreadable("it was sealed under another token") from None
