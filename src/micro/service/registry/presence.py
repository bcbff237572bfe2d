"""Presence: where a node is and that it lives, renewed every 30 seconds by one hash instead of a signature.

Pure.

The record is signed once in hours and names an anchor: the last value of a chain of hashes over a secret. Each renewal,
a beat, reveals the value before. Whoever holds the record checks a beat with one hash for each step since the last one;
nobody who holds it, the super nodes in between included, can make the next (Lamport, "Password authentication with
insecure communication", 1981). A step counts from its own time, `issued + 30 s x step`, for 90 s, so that an old beat
prolongs nothing, and a beat from the future is refused, so that nobody is present in advance.

Layout `micro-presence-v1`: 1 v = 1, 2 public key (32 bytes), 3 sequence, 4 issued (Unix seconds), 5 addresses (at most
8), 6 relay, 7 anchor (32 bytes), 8 steps (at most 240).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import blake3

from micro.errors import BadRequest
from micro.service.registry.layout import NUMBER_MAX, Layout, Part
from micro.service.registry.record import HASH_BYTES, SKEW_SECONDS
from micro.trust.identity import nid_of
from micro.trust.keys import KEY_BYTES, SIGNATURE_BYTES, NodeKey, is_weak
from micro.trust.seal import body_of, is_genuine, seal
from micro.trust.ticket import ADDRESSES_MAX, RELAY_CHARACTERS_MAX, Ticket, canonical_address, canonical_relay

__all__ = [
    "BEAT_SECONDS",
    "LEASE_SECONDS",
    "PRESENCE_BYTES_MAX",
    "PRESENCE_DOMAIN",
    "STEPS_MAX",
    "Beat",
    "Chain",
    "PresenceRecord",
    "SignedPresence",
    "begins",
    "continues",
    "is_current",
    "lease_ends",
    "read_presence",
    "sign_presence",
]

PRESENCE_DOMAIN: Final = b"micro-presence-v1"
PRESENCE_VERSION: Final = 1

PRESENCE_BYTES_MAX: Final = 1024
"""The most bytes of a presence record with its signature; most have less than 250."""

BEAT_SECONDS: Final = 30
"""A step of the chain is so long."""

LEASE_SECONDS: Final = 90
"""A node is believed alive for so long after the time of its last step."""

STEPS_MAX: Final = 240
"""A chain has at most so many steps, two hours; then a new record is signed."""

ADDRESS_BYTES_MAX: Final = 47
"""An IPv6 address in brackets with its port."""

_HASH_KEY = blake3.blake3(b"micro-beat-v1").digest()
"""The hash of the chain is BLAKE3 keyed with the hash of its name, so that it is no hash of anything else."""

_LAYOUT = Layout(
    "the presence record",
    PRESENCE_BYTES_MAX - SIGNATURE_BYTES,
    v=Part(1, "number"),
    key=Part(2, "bytes", bytes_max=KEY_BYTES),
    sequence=Part(3, "number"),
    issued=Part(4, "number"),
    addresses=Part(5, "text", most=ADDRESSES_MAX, bytes_max=ADDRESS_BYTES_MAX),
    relay=Part(6, "text", bytes_max=RELAY_CHARACTERS_MAX),
    anchor=Part(7, "bytes", bytes_max=HASH_BYTES),
    steps=Part(8, "number"),
)


@dataclass(frozen=True, slots=True)
class Beat:
    """A step of a chain, revealed: its number from 1, and its value of 32 bytes. Step 0 is the anchor itself."""

    step: int
    value: bytes


@dataclass(frozen=True, slots=True)
class PresenceRecord:
    """Where a node is.

    Attributes:
        key: the node's public key, 32 bytes.
        sequence: the node's rising number, from 1.
        issued: when the chain begins, in Unix seconds.
        addresses: UDP addresses `ip:port` in their one spelling, at most 8.
        relay: URL of a relay that knows the node, "" where there is none. Neither address nor relay says that the
            node has left.
        anchor: the last value of the chain, 32 bytes.
        steps: how many beats the chain has.

    Raises:
        BadRequest: a field is wrong; the detail names it.
    """

    key: bytes
    sequence: int
    issued: int
    addresses: tuple[str, ...]
    relay: str
    anchor: bytes
    steps: int

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES or is_weak(self.key):
            raise BadRequest("the presence names no node: a public key of 32 bytes that somebody owns is expected")
        if not 1 <= self.sequence <= NUMBER_MAX or not 0 <= self.issued <= NUMBER_MAX:
            raise BadRequest("the presence's sequence and time are numbers from 1 up")
        if len(self.addresses) > ADDRESSES_MAX:
            raise BadRequest(f"a presence holds at most {ADDRESSES_MAX} addresses, not {len(self.addresses)}")
        for address in self.addresses:
            if canonical_address(address) != address:
                raise BadRequest(f"address {address[:80]!r} is not in its one spelling")
        if self.relay:
            canonical_relay(self.relay)
        if len(self.anchor) != HASH_BYTES:
            raise BadRequest(f"the anchor of a presence has {HASH_BYTES} bytes, not {len(self.anchor)}")
        if not 0 <= self.steps <= STEPS_MAX:
            raise BadRequest(f"the chain of a presence has at most {STEPS_MAX} steps, not {self.steps}")

    @property
    def nid(self) -> str:
        """The node it speaks of."""
        return nid_of(self.key)

    @property
    def is_leaving(self) -> bool:
        """Whether it says that the node has left."""
        return not (self.addresses or self.relay)

    def ticket(self) -> Ticket:
        """Returns where the node can be reached."""
        return Ticket(self.nid, self.addresses, self.relay or None)

    def encode(self) -> bytes:
        """Returns the body that is signed.

        Raises:
            TooLarge: it would exceed `PRESENCE_BYTES_MAX` with its signature.
        """
        fields = {name: getattr(self, name) for name in self.__slots__}
        return _LAYOUT.encode({"v": PRESENCE_VERSION, **fields})


@dataclass(frozen=True, slots=True)
class SignedPresence:
    """A presence record together with the sealed bytes that it was read from."""

    record: PresenceRecord
    sealed: bytes

    @property
    def rank(self) -> tuple[int, bytes]:
        """Of two records of one node the one of greater rank counts."""
        return (self.record.sequence, self.sealed[SIGNATURE_BYTES:])

    @property
    def anchor(self) -> Beat:
        """Step 0 of its chain."""
        return Beat(0, self.record.anchor)

    def is_genuine(self) -> bool:
        """Says whether the node it names has signed it; to be asked last."""
        return is_genuine(self.record.key, PRESENCE_DOMAIN, self.sealed)


class Chain:
    """The secret side of a presence: all values of its chain, the anchor last.

    Args:
        secret: 32 bytes that nobody can guess.
        steps: how many beats it shall have.
    """

    __slots__ = ("_values",)

    def __init__(self, secret: bytes, steps: int = STEPS_MAX) -> None:
        assert len(secret) == HASH_BYTES
        assert 0 <= steps <= STEPS_MAX
        self._values = [secret]
        for _ in range(steps):
            self._values.append(_hash(self._values[-1]))

    @property
    def anchor(self) -> bytes:
        """The value that the record names."""
        return self._values[-1]

    @property
    def steps(self) -> int:
        """How many beats there are."""
        return len(self._values) - 1

    def beat(self, step: int) -> Beat:
        """Returns the beat of a step, from 0, the anchor, to `steps`, the secret itself."""
        return Beat(step, self._values[-1 - step])


def continues(held: Beat, beat: Beat) -> bool:
    """Says whether `beat` is a later step of the chain that `held` is on: one hash for each step in between."""
    if not held.step < beat.step <= STEPS_MAX or len(beat.value) != HASH_BYTES:
        return False
    value = beat.value
    for _ in range(beat.step - held.step):
        value = _hash(value)
    return value == held.value


def begins(issued: int, step: int) -> int:
    """Returns the time of a step of a chain that was issued then, in Unix seconds."""
    return issued + BEAT_SECONDS * step


def lease_ends(issued: int, step: int) -> int:
    """Returns when the lease ends whose last step is this, in Unix seconds."""
    return begins(issued, step) + LEASE_SECONDS


def is_current(issued: int, step: int, now: float) -> bool:
    """Says whether a step's lease has not ended, and the step is not from the future; `now` in Unix seconds."""
    return begins(issued, step) <= now + SKEW_SECONDS and now < lease_ends(issued, step)


def sign_presence(key: NodeKey, record: PresenceRecord) -> SignedPresence:
    """Signs a presence with the key of the node it names."""
    assert record.key == key.public, "a node signs its own presence"
    return SignedPresence(record, seal(key, PRESENCE_DOMAIN, record.encode()))


def read_presence(sealed: bytes) -> SignedPresence:
    """Reads a presence from anybody; its time and its signature are not looked at yet.

    Raises:
        TooLarge, BadRequest: it is no presence in its one spelling.
    """
    fields = _LAYOUT.decode(body_of(sealed, bytes_max=PRESENCE_BYTES_MAX, what="a presence record"))
    if fields.pop("v") != PRESENCE_VERSION:
        raise BadRequest(
            f"the presence is of another version than {PRESENCE_VERSION}; update the older program of the two"
        )
    return SignedPresence(PresenceRecord(**fields), sealed)


def _hash(value: bytes) -> bytes:
    return blake3.blake3(value, key=_HASH_KEY).digest()
