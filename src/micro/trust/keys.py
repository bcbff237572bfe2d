"""The node's key: it signs only below a domain, and every other secret of the node is derived from it.

Pure.

A node is an ed25519 key (RFC 8032). What it signs always begins with a domain such as `micro-record-v1` and a
zero byte, so that a signature made for one purpose can never be shown as one made for another, and there is no way
to sign bytes that somebody else chose in full.

The library is loaded where something is signed or verified: services and commands do neither, and it takes a sixth of
what they need to start.
"""

from __future__ import annotations

import re
from typing import Final, final

from micro.errors import LocalProtocolError

__all__ = [
    "DOMAIN_BYTES_MAX",
    "KEY_BYTES",
    "SIGNATURE_BYTES",
    "NodeKey",
    "is_weak",
    "verify",
]

KEY_BYTES: Final = 32
"""Length of a seed, a public key and a derived key."""

SIGNATURE_BYTES: Final = 64
"""Length of a signature."""

DOMAIN_BYTES_MAX: Final = 64
"""A longer domain or purpose is refused."""

_DOMAIN = re.compile(rb"micro-[a-z0-9]+(?:-[a-z0-9]+)*-v[1-9][0-9]*")
_PURPOSE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ENVELOPE = b"DSSEv1 "
"""How the encoding begins that the DSSE protocol (version 1) signs."""
_DERIVE_PREFIX = b"micro-derive-v1\0"

_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)
"""The points of order 1, 2, 4 and 8 in every spelling, with the sign bit cleared: keys for which anybody can sign."""


@final
class NodeKey:
    """The private key of a node.

    Attributes:
        seed: the 32 bytes all is made from; the transport needs them, nobody else should.
        public: the public key, 32 bytes.
    """

    __slots__ = ("_private", "public", "seed")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_BYTES:
            raise LocalProtocolError(f"the seed of a node key has {KEY_BYTES} bytes, not {len(seed)}")
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self.seed: Final = bytes(seed)
        self._private: Final = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public: Final = self._private.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"NodeKey(public={self.public.hex()})"

    def __reduce__(self) -> str:
        raise TypeError("a node key is not copied or pickled: it would leave its process")

    def sign(self, domain: bytes, message: bytes) -> bytes:
        """Returns the 64-byte signature over `domain`, a zero byte and `message`.

        Args:
            domain: says what is signed and in which version: `micro-<what>-v<n>`, at most 64 bytes.
            message: the bytes to sign, of any length.

        Raises:
            LocalProtocolError: the domain has another form.
        """
        return self._private.sign(_signed_bytes(domain, message))

    def sign_envelope(self, encoded: bytes) -> bytes:
        """Returns the 64-byte signature over the pre-authentication encoding of a DSSE envelope.

        That encoding is a domain of its own: it begins with `DSSEv1 `, and no domain of ours does, so that standard
        tools can check what a node states, and nothing else that it signs can be taken for it.

        Args:
            encoded: `DSSEv1`, and the lengths and the bytes of the payload's type and of the payload.

        Raises:
            LocalProtocolError: it is no such encoding.
        """
        if not encoded.startswith(_ENVELOPE):
            raise LocalProtocolError("only the encoding of a DSSE envelope is signed so")
        return self._private.sign(encoded)

    def derive(self, purpose: str) -> bytes:
        """Returns a 32-byte secret that belongs to `purpose` alone (HKDF-SHA256, RFC 5869).

        The same seed and purpose always give the same secret; from it neither the seed nor another secret follows.

        Args:
            purpose: lower-case words with dashes, for instance `settings-encryption`, at most 64 characters.

        Raises:
            LocalProtocolError: the purpose has another form.
        """
        if len(purpose) > DOMAIN_BYTES_MAX or _PURPOSE.fullmatch(purpose) is None:
            raise LocalProtocolError(f"{purpose[:80]!r} is no purpose of a key: lower-case words with dashes are")
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        info = _DERIVE_PREFIX + purpose.encode()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self.seed)


def verify(public_key: bytes, domain: bytes, message: bytes, signature: bytes) -> bool:
    """Says whether `signature` was made by the owner of `public_key` over `message` in `domain`.

    Key and signature come from others and may be anything: whatever is malformed or weak is False.

    Raises:
        LocalProtocolError: the domain, which is ours, has another form than `micro-<what>-v<n>`.
    """
    signed = _signed_bytes(domain, message)
    if len(public_key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES or is_weak(public_key):
        return False
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes(public_key)).verify(bytes(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_weak(public_key: bytes) -> bool:
    """Says whether a public key is one of the few points for which anybody can make signatures."""
    return public_key[:-1] + bytes((public_key[-1] & 0x7F,)) in _SMALL_ORDER


def _signed_bytes(domain: bytes, message: bytes) -> bytes:
    if len(domain) > DOMAIN_BYTES_MAX or _DOMAIN.fullmatch(domain) is None:
        raise LocalProtocolError(f"{domain[:80]!r} is no domain to sign in: micro-<what>-v<number> is")
    return domain + b"\0" + message
