"""Whereabouts: where a node is, signed for the commons, where it is believed for an hour and no beat renews it.

Pure.

A presence is no use in a commons: it says that a node lives, and must be renewed within 90 seconds. Whereabouts say
only where to try. They are signed in a domain of their own and name their network, so that nobody can carry one into
the backbone or into another network; those of a super node name its newest map too, so that whoever has none learns
which to ask for. Of two of one node the greater sequence counts, and those without address and relay say that it left.

Layout `micro-whereabouts-v1`: 1 v = 1, 2 keeper of the network (32 bytes), 3 public key (32 bytes), 4 sequence,
5 issued (Unix seconds), 6 addresses (at most 8), 7 relay, 8 number of the newest map (0: no super node), 9 BLAKE3 of
that map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from micro.errors import BadRequest
from micro.service.registry.layout import NUMBER_MAX, Layout, Part
from micro.service.registry.record import HASH_BYTES, SKEW_SECONDS
from micro.trust.identity import nid_of
from micro.trust.keys import KEY_BYTES, SIGNATURE_BYTES, NodeKey, is_weak
from micro.trust.seal import body_of, is_genuine, seal
from micro.trust.ticket import ADDRESSES_MAX, RELAY_CHARACTERS_MAX, Ticket, canonical_address, canonical_relay

__all__ = [
    "BELIEVED_SECONDS",
    "WHEREABOUTS_BYTES_MAX",
    "WHEREABOUTS_DOMAIN",
    "SignedWhereabouts",
    "Whereabouts",
    "read_whereabouts",
    "sign_whereabouts",
]

WHEREABOUTS_DOMAIN: Final = b"micro-whereabouts-v1"
WHEREABOUTS_VERSION: Final = 1

WHEREABOUTS_BYTES_MAX: Final = 1024
"""The most bytes with the signature; most have less than 250."""

BELIEVED_SECONDS: Final = 3600
"""Whereabouts are believed for an hour after they were issued."""

_LAYOUT = Layout(
    "the whereabouts",
    WHEREABOUTS_BYTES_MAX - SIGNATURE_BYTES,
    v=Part(1, "number"),
    keeper=Part(2, "bytes", bytes_max=KEY_BYTES),
    key=Part(3, "bytes", bytes_max=KEY_BYTES),
    sequence=Part(4, "number"),
    issued=Part(5, "number"),
    addresses=Part(6, "text", most=ADDRESSES_MAX, bytes_max=47),
    relay=Part(7, "text", bytes_max=RELAY_CHARACTERS_MAX),
    map_version=Part(8, "number"),
    map_hash=Part(9, "bytes", bytes_max=HASH_BYTES),
)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a node is.

    Attributes:
        keeper: the public key of the keeper of its network, 32 bytes.
        key: the node's public key, 32 bytes.
        sequence: the node's rising number, from 1.
        issued: when it was signed, in Unix seconds.
        addresses: UDP addresses `ip:port` in their one spelling, at most 8.
        relay: URL of a relay that knows the node, "" where there is none.
        map_version: of a super node the number of the newest map it has, else 0.
        map_hash: BLAKE3 of that map as it is sealed, 32 bytes; empty where there is none.

    Raises:
        BadRequest: a field is wrong; the detail names it.
    """

    keeper: bytes
    key: bytes
    sequence: int
    issued: int
    addresses: tuple[str, ...]
    relay: str = ""
    map_version: int = 0
    map_hash: bytes = b""

    def __post_init__(self) -> None:
        if len(self.keeper) != KEY_BYTES or len(self.key) != KEY_BYTES or is_weak(self.key):
            raise BadRequest("whereabouts name a network and a node: two public keys of 32 bytes are expected")
        if not 1 <= self.sequence <= NUMBER_MAX or not 0 <= self.issued <= NUMBER_MAX:
            raise BadRequest("the sequence and time of whereabouts are numbers from 1 up")
        for address in self.addresses:
            if canonical_address(address) != address:
                raise BadRequest(f"address {address[:80]!r} is not in its one spelling")
        if self.relay:
            canonical_relay(self.relay)
        if len(self.map_hash) != (HASH_BYTES if self.map_version else 0):
            raise BadRequest("whereabouts of a super node name its map by number and hash, others neither")

    @property
    def is_leaving(self) -> bool:
        """Whether they say that the node has left."""
        return not (self.addresses or self.relay)

    @property
    def ends(self) -> int:
        """Until when they are believed, in Unix seconds."""
        return self.issued + BELIEVED_SECONDS

    def is_timely(self, now: float) -> bool:
        """Says whether they are neither old nor of the future; `now` in Unix seconds."""
        return self.issued <= now + SKEW_SECONDS and now < self.ends

    def ticket(self) -> Ticket:
        """Returns where the node can be reached."""
        return Ticket(nid_of(self.key), self.addresses, self.relay or None)

    def encode(self) -> bytes:
        """Returns the body that is signed.

        Raises:
            TooLarge: it would exceed `WHEREABOUTS_BYTES_MAX` with its signature.
        """
        fields = {name: getattr(self, name) for name in self.__slots__}
        return _LAYOUT.encode({"v": WHEREABOUTS_VERSION, **fields})


@dataclass(frozen=True, slots=True)
class SignedWhereabouts:
    """Whereabouts together with the sealed bytes that they were read from."""

    whereabouts: Whereabouts
    sealed: bytes

    def is_genuine(self) -> bool:
        """Says whether the node they name has signed them; to be asked last."""
        return is_genuine(self.whereabouts.key, WHEREABOUTS_DOMAIN, self.sealed)


def sign_whereabouts(key: NodeKey, found: Whereabouts) -> SignedWhereabouts:
    """Signs whereabouts with the key of the node they name."""
    assert found.key == key.public, "a node signs its own whereabouts"
    return SignedWhereabouts(found, seal(key, WHEREABOUTS_DOMAIN, found.encode()))


def read_whereabouts(sealed: bytes) -> SignedWhereabouts:
    """Reads whereabouts from anybody; their time and their signature are not looked at yet.

    Raises:
        TooLarge, BadRequest: they are none in their one spelling.
    """
    fields = _LAYOUT.decode(body_of(sealed, bytes_max=WHEREABOUTS_BYTES_MAX, what="whereabouts"))
    if fields.pop("v") != WHEREABOUTS_VERSION:
        raise BadRequest(f"the whereabouts are not of version {WHEREABOUTS_VERSION}; update the older program")
    return SignedWhereabouts(Whereabouts(**fields), sealed)
