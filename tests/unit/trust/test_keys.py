"""Keys sign only below a domain, and derive secrets that do not meet."""

from __future__ import annotations

import hmac
import os
import pickle
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from micro.errors import LocalProtocolError
from micro.trust.keys import NodeKey, is_weak, verify

SEED = bytes(range(32))
P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P


def test_public_key_is_that_of_rfc_8032() -> None:
    """The first test vector of RFC 8032, 7.1 gives its public key."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert NodeKey(seed).public == public


def test_signature_is_over_domain_zero_and_message() -> None:
    """Whoever knows the rule can check a signature with plain ed25519."""
    key = NodeKey(SEED)
    signature = key.sign(b"micro-record-v1", b"hello")
    Ed25519PublicKey.from_public_bytes(key.public).verify(signature, b"micro-record-v1\0hello")


def test_own_signature_is_verified() -> None:
    """What a key signed is accepted for that key."""
    key = NodeKey(SEED)
    assert verify(key.public, b"micro-record-v1", b"hello", key.sign(b"micro-record-v1", b"hello"))


@pytest.mark.parametrize(
    ("public", "domain", "message", "cut"),
    [
        (NodeKey(SEED).public, b"micro-record-v1", b"other", 64),
        (NodeKey(SEED).public, b"micro-record-v2", b"hello", 64),
        (NodeKey(bytes(32)).public, b"micro-record-v1", b"hello", 64),
        (NodeKey(SEED).public, b"micro-record-v1", b"hello", 63),
        (b"short", b"micro-record-v1", b"hello", 64),
        (b"", b"micro-record-v1", b"hello", 64),
        (b"\xff" * 32, b"micro-record-v1", b"hello", 64),
    ],
    ids=["message", "domain", "key", "signature", "key length", "no key", "no point"],
)
def test_anything_else_is_not_verified(public: bytes, domain: bytes, message: bytes, cut: int) -> None:
    """Another message, domain or key, or a malformed part, is False and no error."""
    signature = NodeKey(SEED).sign(b"micro-record-v1", b"hello")
    assert not verify(public, domain, message, signature[:cut])


@pytest.mark.parametrize(
    "domain",
    [b"", b"record-v1", b"micro-record", b"micro-record-v0", b"micro-record-v1\0", b"micro-A-v1", b"micro--v1"],
)
def test_bytes_without_a_domain_are_not_signed(domain: bytes) -> None:
    """There is no way to sign raw bytes."""
    with pytest.raises(LocalProtocolError):
        NodeKey(SEED).sign(domain, b"hello")


def test_secrets_of_two_purposes_differ() -> None:
    """Who learns one derived secret knows nothing of another."""
    key = NodeKey(SEED)
    assert key.derive("api-token") != key.derive("settings-encryption")


def test_derived_secret_is_hkdf_of_the_seed() -> None:
    """The rule is fixed: what was encrypted last year can be read next year."""
    extracted = hmac.digest(bytes(32), SEED, "sha256")
    expanded = hmac.digest(extracted, b"micro-derive-v1\0settings-encryption\x01", "sha256")
    assert NodeKey(SEED).derive("settings-encryption") == expanded


@pytest.mark.parametrize("purpose", ["", "Api", "a b", "-a", "a" * 65])
def test_a_purpose_has_one_form(purpose: str) -> None:
    """Two spellings of one purpose cannot give two secrets by accident."""
    with pytest.raises(LocalProtocolError):
        NodeKey(SEED).derive(purpose)


def test_a_seed_of_another_length_is_refused() -> None:
    """A cut seed is noticed at once."""
    with pytest.raises(LocalProtocolError):
        NodeKey(SEED[:31])


def test_the_seed_is_not_printed() -> None:
    """A key in a log line shows only what is public."""
    assert SEED.hex() not in repr(NodeKey(SEED))


def test_a_key_is_not_pickled() -> None:
    """A key does not leave its process by accident."""
    with pytest.raises(TypeError):
        pickle.dumps(NodeKey(SEED))


def test_every_point_of_small_order_is_weak() -> None:
    """The list holds the eight points of which eight times is nothing, computed here from the curve itself."""
    points = [(x, y) for y in _small_order_ys() for x in _xs(y)]
    assert all(is_weak(((x & 1) << 255 | y).to_bytes(32, "little")) for x, y in points)
    assert len(points) == 8


def test_weak_keys_verify_nothing() -> None:
    """The identity point would accept a signature over any message."""
    identity = (1).to_bytes(32, "little")
    assert not verify(identity, b"micro-record-v1", b"any", identity + bytes(32))


def _xs(y: int) -> set[int]:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    root = pow(square, (P + 3) // 8, P)
    if root * root % P != square:
        root = root * pow(2, (P - 1) // 4, P) % P
    return {root, -root % P} if root * root % P == square else set()


def _small_order_ys() -> set[int]:
    """Of order 1 and 2: y is 1 and -1; of order 4: 0; of order 8: those that double to y = 0, so y^2 = -x^2."""
    found = {1, P - 1, 0}
    # -x^2 + y^2 = 1 + d x^2 y^2 with x^2 = -y^2 gives d y^4 + 2 y^2 - 1 = 0
    root = pow(1 + D, (P + 3) // 8, P)
    if root * root % P != (1 + D) % P:
        root = root * pow(2, (P - 1) // 4, P) % P
    for sign in (1, -1):
        square = (-1 + sign * root) * pow(D, P - 2, P) % P
        y = pow(square, (P + 3) // 8, P)
        if y * y % P != square:
            y = y * pow(2, (P - 1) // 4, P) % P
        if y * y % P == square:
            found |= {y, -y % P}
    return found


def test_what_signs_nothing_starts_without_the_library() -> None:
    """A service and a client: it would be a sixth of their start, and of their memory a fifth."""
    program = "import sys; from micro import Client, Service; print('cryptography' in sys.modules)"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
