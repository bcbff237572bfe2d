"""A ticket: where a node can be reached, as one word to copy, read out or print as a QR code.

Pure.

A ticket is an address, never a permission. Its text is Bech32m (BIP 350) with the prefix `micro`, without the
length limit of that standard: `micro1`, the payload in 5-bit characters, six characters of checksum. The payload is a
version byte and fields of `type, length, value`, in rising order of type. A reader skips fields of an odd type that it
does not know and refuses those of an even one, so that tickets can grow.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from micro.errors import BadRequest
from micro.trust.bech32 import bech32m_decode, bech32m_encode
from micro.trust.identity import nid_of, public_key_of

__all__ = [
    "ADDRESSES_MAX",
    "GENESIS_BYTES",
    "RELAY_CHARACTERS_MAX",
    "TICKET_CHARACTERS_MAX",
    "Ticket",
    "canonical_address",
    "canonical_relay",
]

ADDRESSES_MAX: Final = 8
"""A ticket names at most so many addresses."""

RELAY_CHARACTERS_MAX: Final = 255
"""A relay's URL is at most so long."""

GENESIS_BYTES: Final = 32
"""Length of a chain's genesis hash."""

TEXTS_KEPT: Final = 1024
"""So many tickets keep their text: all neighbours are written down whenever one changes."""

TICKET_CHARACTERS_MAX: Final = 1000
"""A longer text is not looked at."""

_PREFIX = "micro"
_VERSION = 1
_KEY, _ADDRESS, _RELAY, _GENESIS, _NETWORK = 2, 1, 3, 5, 7
_FIELD_ORDER_START = 0
_PORT_BYTES = 2
_RELAY_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~/-]*)?")
_ADDRESS_FORM = re.compile(r"(?:(?P<v4>[0-9.]{7,15})|\[(?P<v6>[0-9a-fA-F:.]{2,45})\]):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where a node can be reached.

    Attributes:
        nid: who it is; whoever answers must prove it.
        addresses: UDP addresses `ip:port` (`[ip]:port` for IPv6), at most 8; may be empty if there is a relay.
        relay: URL of a relay that knows the node.
        genesis: hash of the first block of the chain its network follows, 32 bytes, once there is one.
        network: the network it is in, by the nid of its keeper; None for a node that is in none.

    Raises:
        BadRequest: a part has another form; the detail names it.
    """

    nid: str
    addresses: tuple[str, ...] = ()
    relay: str | None = None
    genesis: bytes | None = None
    network: str | None = None

    def __post_init__(self) -> None:
        public_key_of(self.nid)
        if len(self.addresses) > ADDRESSES_MAX:
            raise BadRequest(f"a ticket holds at most {ADDRESSES_MAX} addresses, not {len(self.addresses)}")
        object.__setattr__(self, "addresses", tuple(canonical_address(address) for address in self.addresses))
        if self.relay is not None:
            object.__setattr__(self, "relay", canonical_relay(self.relay))
        if self.genesis is not None and len(self.genesis) != GENESIS_BYTES:
            raise BadRequest(f"a genesis hash has {GENESIS_BYTES} bytes, not {len(self.genesis)}")
        if self.network is not None:
            public_key_of(self.network)

    def encode(self) -> str:
        """Returns the ticket as text, `micro1…`."""
        return _encoded(self)

    @staticmethod
    def decode(text: str) -> Ticket:
        """Reads a ticket from text; white space around it is ignored.

        Raises:
            BadRequest: the text is no ticket, has a typing error, or is of a newer kind; the detail says which.
        """
        payload = _payload_of(text.strip())
        addresses: list[str] = []
        found: dict[int, bytes] = {}
        for kind, value in _fields(payload[1:]):
            if kind == _ADDRESS:
                addresses.append(_unpack_address(value))
            elif kind in found:
                raise BadRequest(f"the ticket holds field {kind} twice; ask for a new one")
            else:
                found[kind] = value
        if _KEY not in found:
            raise BadRequest("the ticket does not say whose it is; ask for a new one")
        relay = found.get(_RELAY)
        return Ticket(
            nid=nid_of(found[_KEY]),
            addresses=tuple(addresses),
            relay=None if relay is None else relay.decode("ascii", "replace"),
            genesis=found.get(_GENESIS),
            network=None if _NETWORK not in found else nid_of(found[_NETWORK]),
        )


@lru_cache(TEXTS_KEPT)
def _encoded(ticket: Ticket) -> str:
    fields = [(_ADDRESS, _pack_address(address)) for address in ticket.addresses]
    fields.append((_KEY, public_key_of(ticket.nid)))
    if ticket.relay is not None:
        fields.append((_RELAY, ticket.relay.encode()))
    if ticket.genesis is not None:
        fields.append((_GENESIS, ticket.genesis))
    if ticket.network is not None:
        fields.append((_NETWORK, public_key_of(ticket.network)))
    payload = bytes((_VERSION,)) + b"".join(bytes((kind, len(value))) + value for kind, value in fields)
    return bech32m_encode(_PREFIX, payload)


@lru_cache(TEXTS_KEPT)
def canonical_address(address: str) -> str:
    """Returns an address `ip:port` or `[ip]:port` in its one spelling.

    Raises:
        BadRequest: it is no IP address with a port; names are not resolved here.
    """
    match = _ADDRESS_FORM.fullmatch(address)
    try:
        host = None if match is None else ipaddress.ip_address(match["v4"] or match["v6"])
    except ValueError:
        host = None
    port = 0 if match is None else int(match["port"])
    if host is None or not 0 < port < 2**16:
        raise BadRequest(f"address {address[:80]!r}: expected is an IP address with a port, such as 192.0.2.7:4040")
    return f"{host}:{port}" if host.version == 4 else f"[{host}]:{port}"


def canonical_relay(relay: str) -> str:
    """Returns a relay's URL without the slash at its end.

    Raises:
        BadRequest: it is no http or https URL of at most 255 plain characters.
    """
    if len(relay) > RELAY_CHARACTERS_MAX or _RELAY_URL.fullmatch(relay) is None:
        raise BadRequest(
            f"relay {relay[:80]!r}: expected is an http or https URL of at most {RELAY_CHARACTERS_MAX} letters"
        )
    return relay.rstrip("/")


def _payload_of(text: str) -> bytes:
    if len(text) > TICKET_CHARACTERS_MAX:
        raise BadRequest(f"a ticket has at most {TICKET_CHARACTERS_MAX} characters, this text has {len(text)}")
    if not text.startswith(_PREFIX + "1"):
        raise BadRequest(
            f"{text[:20]!r} is no ticket: it does not begin with micro1; `micro network ticket` prints one"
        )
    try:
        payload = bech32m_decode(_PREFIX, text)
    except ValueError as error:
        raise BadRequest(f"the ticket has a typing error or is incomplete: {error}; copy it again") from error
    if not payload or payload[0] != _VERSION:
        made = f"version {payload[0]}" if payload else "no version"
        raise BadRequest(f"the ticket has {made}, this program reads version {_VERSION}; update the older of the two")
    return payload


def _fields(rest: bytes) -> list[tuple[int, bytes]]:
    fields: list[tuple[int, bytes]] = []
    before = _FIELD_ORDER_START
    while rest:
        if len(rest) < 2 or len(rest) < 2 + rest[1]:
            raise BadRequest("the ticket ends in the middle of a field; ask for a new one")
        kind, value, rest = rest[0], rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        if kind < before:
            raise BadRequest("the fields of the ticket are out of order; ask for a new one")
        before = kind
        if kind in (_KEY, _ADDRESS, _RELAY, _GENESIS, _NETWORK):
            fields.append((kind, value))
        elif kind % 2 == 0:
            raise BadRequest(f"the ticket holds a field {kind} that this program must know and does not; update it")
    return fields


def _pack_address(address: str) -> bytes:
    host, _, port = address.rpartition(":")
    return ipaddress.ip_address(host.strip("[]")).packed + int(port).to_bytes(_PORT_BYTES)


def _unpack_address(value: bytes) -> str:
    host, port = value[:-_PORT_BYTES], int.from_bytes(value[-_PORT_BYTES:])
    if len(host) == 4:
        return canonical_address(f"{ipaddress.IPv4Address(host)}:{port}")
    if len(host) == 16:
        return canonical_address(f"[{ipaddress.IPv6Address(host)}]:{port}")
    raise BadRequest(f"the ticket holds an address of {len(value)} bytes, 6 or 18 are expected; ask for a new one")
