"""The shard map: the super nodes of a network, numbered and signed by its keeper.

Pure.

A network is the key that signs its maps. Everybody computes from a map alone who holds which shard (`ring`), so a
map is all that nodes must agree on, and it only ever grows newer: one of another keeper, or not newer than what is
held, is refused.

Layout `micro-shard-map-v1`: 1 v = 1, 2 keeper's public key, 3 version, 4 issued (Unix seconds), 5 super nodes in the
order of their keys: 1 public key, 2 addresses (1 to 8), 3 relay, 4 owner, 5 joined (Unix seconds).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

import blake3

from micro.errors import BadRequest, Forbidden
from micro.network.prefix import prefix_of_host
from micro.service.registry.layout import NUMBER_MAX, Layout, Part
from micro.trust.identity import nid_of
from micro.trust.keys import KEY_BYTES, SIGNATURE_BYTES, NodeKey, is_weak
from micro.trust.seal import body_of, is_genuine, seal
from micro.trust.ticket import ADDRESSES_MAX, RELAY_CHARACTERS_MAX, Ticket, canonical_address, canonical_relay

__all__ = [
    "MAP_BYTES_MAX",
    "MAP_DOMAIN",
    "OWNER_CHARACTERS_MAX",
    "SHARDS",
    "SUPER_NODES_MAX",
    "ShardMap",
    "SignedMap",
    "SuperNode",
    "check_owner",
    "prefix_of",
    "read_map",
    "reading_map",
    "shard_of_name",
    "shard_of_node",
    "shard_of_word",
    "sign_map",
]

MAP_DOMAIN: Final = b"micro-shard-map-v1"
MAP_VERSION: Final = 1

SHARDS: Final = 2**16
"""Everything that can be looked up is in one of so many shards."""

SUPER_NODES_MAX: Final = 10_000
"""A map names at most so many super nodes."""

OWNER_CHARACTERS_MAX: Final = 64
"""The label of a super node's owner is at most so long."""

MEMBER_BYTES_MAX: Final = 1024
MAP_BYTES_MAX: Final = 4_000_000
"""The most bytes of a map with its signature: a map fits into one message of a link."""

ADDRESS_BYTES_MAX: Final = 47

SLICE_MEMBERS: Final = 128
"""So many super nodes are read between two pauses: a few milliseconds."""

_OWNER = re.compile(r"[a-z0-9](?:[a-z0-9._@-]*[a-z0-9])?")

_MEMBER = Layout(
    "the super node",
    MEMBER_BYTES_MAX,
    key=Part(1, "bytes", bytes_max=KEY_BYTES),
    addresses=Part(2, "text", most=ADDRESSES_MAX, bytes_max=ADDRESS_BYTES_MAX),
    relay=Part(3, "text", bytes_max=RELAY_CHARACTERS_MAX),
    owner=Part(4, "text", bytes_max=OWNER_CHARACTERS_MAX),
    joined=Part(5, "number"),
)
_LAYOUT = Layout(
    "the shard map",
    MAP_BYTES_MAX - SIGNATURE_BYTES,
    v=Part(1, "number"),
    keeper=Part(2, "bytes", bytes_max=KEY_BYTES),
    version=Part(3, "number"),
    issued=Part(4, "number"),
    members=Part(5, _MEMBER, most=SUPER_NODES_MAX),
)


@dataclass(frozen=True, slots=True)
class SuperNode:
    """One super node.

    Attributes:
        key: its public key, 32 bytes.
        addresses: UDP addresses `ip:port` in their one spelling, at most 8; may be empty if there is a relay.
        relay: URL of a relay that knows it, "" where there is none.
        owner: the label its owner gave it, "" where he gave none; then it counts as one of its own.
        joined: since when it is in the map, in Unix seconds.

    Raises:
        BadRequest: a field is wrong; the detail names it.
    """

    key: bytes
    addresses: tuple[str, ...]
    relay: str = ""
    owner: str = ""
    joined: int = 0

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES or is_weak(self.key):
            raise BadRequest("a super node is named by a public key of 32 bytes that somebody owns")
        if len(self.addresses) > ADDRESSES_MAX or not (self.addresses or self.relay):
            raise BadRequest(f"a super node has 1 to {ADDRESSES_MAX} addresses, or a relay")
        for address in self.addresses:
            if canonical_address(address) != address:
                raise BadRequest(f"address {address[:80]!r} is not in its one spelling")
        if self.relay:
            canonical_relay(self.relay)
        check_owner(self.owner)
        if not 0 <= self.joined <= NUMBER_MAX:
            raise BadRequest("the time at which a super node joined is a number from 0 up")

    @property
    def nid(self) -> str:
        """Its node id."""
        return nid_of(self.key)

    def is_like(self, other: SuperNode) -> bool:
        """Says whether two entries of one super node say the same of where it is and whose, in whatever order."""
        mine, its = ((set(each.addresses), each.relay, each.owner) for each in (self, other))
        return mine == its

    def reached_at(self, address: str) -> SuperNode:
        """Returns its entry with what it was reached at first, so that it counts in the place where it really is.

        Args:
            address: `ip:port`; something else if it was reached through a relay. That proves no address, so none of
                those that it names stays.

        Raises:
            Forbidden: it was reached elsewhere than it says.
        """
        host = address.rpartition(":")[0]
        if not _is_host(host):
            if self.relay:
                return SuperNode(self.key, (), self.relay, self.owner, self.joined)
            raise Forbidden(f"{self.nid} was not reached at any address that it names; it joins with one it has")
        proved = [each for each in self.addresses if prefix_of(each) == prefix_of(address)]
        if not proved:
            raise Forbidden(
                f"{self.nid} was reached at {address}, which is not where it says it is; it joins from there"
            )
        others = [each for each in self.addresses if each not in proved]
        return SuperNode(self.key, (*proved, *others), self.relay, self.owner, self.joined)

    def ticket(self) -> Ticket:
        """Returns where it can be reached."""
        return Ticket(self.nid, self.addresses, self.relay or None)

    @property
    def owner_mark(self) -> str:
        """What tells its owner from others: the label, or itself where there is none."""
        return self.owner or self.key.hex()

    @property
    def prefix(self) -> str:
        """Its place on the net: of its first address, which is the one that was proved, else of its relay."""
        return prefix_of(self.addresses[0]) if self.addresses else _place_of_relay(self.relay)


@dataclass(frozen=True, slots=True)
class ShardMap:
    """The super nodes of a network at one time.

    Attributes:
        keeper: the public key that signs the network's maps, 32 bytes.
        version: the rising number of this map, from 1.
        issued: when it was signed, in Unix seconds.
        members: the super nodes in the order of their keys, each once.

    Raises:
        BadRequest: a field is wrong; the detail names it.
    """

    keeper: bytes
    version: int
    issued: int
    members: tuple[SuperNode, ...]

    def __post_init__(self) -> None:
        if len(self.keeper) != KEY_BYTES or is_weak(self.keeper):
            raise BadRequest("a map is kept by a public key of 32 bytes that somebody owns")
        if not 1 <= self.version <= NUMBER_MAX or not 0 <= self.issued <= NUMBER_MAX:
            raise BadRequest("a map's version and time are numbers from 1 up")
        if len(self.members) > SUPER_NODES_MAX:
            raise BadRequest(f"a map names at most {SUPER_NODES_MAX} super nodes, not {len(self.members)}")
        if any(before.key >= after.key for before, after in pairwise(self.members)):
            raise BadRequest("the super nodes of a map stand in the order of their keys, each once")

    @property
    def network(self) -> str:
        """The name of the network: the node id of its keeper."""
        return nid_of(self.keeper)

    def next(self, members: Iterable[SuperNode], issued: int) -> ShardMap:
        """Returns the map after this one, with these super nodes in any order."""
        ordered = tuple(sorted(members, key=lambda member: member.key))
        return ShardMap(self.keeper, self.version + 1, issued, ordered)

    def encode(self) -> bytes:
        """Returns the body that is signed.

        Raises:
            TooLarge: it would exceed `MAP_BYTES_MAX` with its signature.
        """
        members = [{name: getattr(member, name) for name in member.__slots__} for member in self.members]
        fields = {"keeper": self.keeper, "version": self.version, "issued": self.issued, "members": members}
        return _LAYOUT.encode({"v": MAP_VERSION, **fields})


@dataclass(frozen=True, slots=True)
class SignedMap:
    """A map together with the sealed bytes that it was read from."""

    map: ShardMap
    sealed: bytes

    def is_genuine(self) -> bool:
        """Says whether the keeper it names has signed it; to be asked last."""
        return is_genuine(self.map.keeper, MAP_DOMAIN, self.sealed)


def sign_map(key: NodeKey, found: ShardMap) -> SignedMap:
    """Signs a map with its keeper's key."""
    assert found.keeper == key.public, "a keeper signs its own maps"
    return SignedMap(found, seal(key, MAP_DOMAIN, found.encode()))


def read_map(sealed: bytes) -> SignedMap:
    """Reads a map from anybody, at once; its signature is not looked at yet.

    Raises:
        TooLarge, BadRequest: it is no map in its one spelling.
    """
    return next(found for found in reading_map(sealed) if found is not None)


def reading_map(sealed: bytes) -> Iterator[SignedMap | None]:
    """Yields None after each slice of reading a map, and the map at the end; raises as `read_map` does."""
    fields = _LAYOUT.decode(body_of(sealed, bytes_max=MAP_BYTES_MAX, what="a shard map"))
    if fields.pop("v") != MAP_VERSION:
        raise BadRequest(f"the map is of another version than {MAP_VERSION}; update the older program of the two")
    members: list[SuperNode] = []
    for member in fields.pop("members"):
        if len(members) % SLICE_MEMBERS == 0:
            yield None
        members.append(SuperNode(**member))
    yield SignedMap(ShardMap(members=tuple(members), **fields), sealed)


def check_owner(owner: str) -> str:
    """Returns the label of an owner, if it is one or empty.

    Raises:
        BadRequest: it is neither.
    """
    if owner and (len(owner) > OWNER_CHARACTERS_MAX or _OWNER.fullmatch(owner) is None):
        raise BadRequest(
            f"owner {owner[:80]!r}: expected are at most {OWNER_CHARACTERS_MAX} lower-case letters, digits and ._@-, "
            "of which the first and the last are a letter or a digit"
        )
    return owner


def _place_of_relay(url: str) -> str:
    """Returns where a relay is: all who are reached through it alone are in one place."""
    host = urlsplit(url).hostname or ""
    return prefix_of_host(ipaddress.ip_address(host)) if _is_host(host) else host


def prefix_of(address: str) -> str:
    """Returns the place on the net of an address `ip:port`."""
    return prefix_of_host(ipaddress.ip_address(address.rpartition(":")[0].strip("[]")))


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def shard_of_name(service: str) -> int:
    """Returns the shard that holds the records of a name."""
    return _shard(f"name:{service}")


def shard_of_word(word: str) -> int:
    """Returns the shard that holds the records with a word."""
    return _shard(f"word:{word}")


def shard_of_node(nid: str) -> int:
    """Returns the shard that holds a node's presence, and among whose super nodes its home is."""
    return _shard(f"node:{nid}")


def _shard(text: str) -> int:
    return int.from_bytes(blake3.blake3(text.encode()).digest(2))
