"""Services in multicast DNS, as go-micro's registry says them: questions, answers, and their bytes.

Pure.

The domain is `micro`. A question for the PTR of `greeter.micro` is answered with records of each node of the greeter:

    PTR  greeter.micro          NODE.greeter.micro
    SRV  NODE.greeter.micro     priority 10, weight 1, port, HOST
    A    HOST                   address, or AAAA where it is one of IPv6
    TXT  NODE.greeter.micro     hex(zlib(JSON {"Service", "Version", "Metadata", "Endpoints"})), in pieces of 255 bytes

and one for `_services.micro` with `SERVICE._services.micro`, one answer for each service. See RFC 1035 and 6763; what
go-micro does otherwise than they say is kept to: its answers go to the address that asked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import msgspec

from micro.errors import BadRequest

__all__ = ["DOMAIN", "EVERYTHING", "Found", "answer", "listed", "listing", "question", "read_answer", "read_question"]

DOMAIN = "micro"
EVERYTHING = f"_services.{DOMAIN}"
PACKET_BYTES_MAX = 65_507
RECORDS_MAX = 4_096
TEXT_BYTES_MAX = 262_144
"""How large the description of one node may be when it is unpacked."""

POINTERS_MAX = 32
NAME_BYTES_MAX = 255
LABEL_BYTES_MAX = 63
PIECE_BYTES = 255
TTL_SECONDS = 120
LISTED_PORT = 9_999

A, PTR, TXT, AAAA, LOCATION, ANY = 1, 12, 16, 28, 33, 255
IN = 1
ANSWERED = 0x8400
RESPONSE = 0x8000

_HEAD = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_LOCATION = struct.Struct(">HHH")
_TAIL = struct.Struct(">HH")


@dataclass(frozen=True)
class Found:
    """One node of a service.

    Attributes:
        service, version: what it is.
        node: the node's id.
        address, port: where it is asked.
        metadata: of the node; `protocol` is `mucp` or `grpc`.
        endpoints: names, and metadata such as `stream`.
    """

    service: str
    version: str
    node: str
    address: str
    port: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    endpoints: Sequence[Mapping[str, Any]] = ()


# -- questions ---------------------------------------------------------------------------------------------------------


def question(name: str) -> bytes:
    """Returns a packet that asks for a service, or with `EVERYTHING` for all of them."""
    asked = name if name == EVERYTHING else f"{name}.{DOMAIN}"
    return _HEAD.pack(0, 0, 1, 0, 0, 0) + _name(asked) + _TAIL.pack(PTR, IN)


def read_question(packet: bytes) -> tuple[str, ...]:
    """Returns what a packet asks for: names of services, and `EVERYTHING`; nothing where it asks for something else.

    Raises:
        BadRequest: it is no packet of DNS.
    """
    _, flags, count, _, _, _ = _head(packet)
    if flags & RESPONSE:
        return ()
    asked, position = [], _HEAD.size
    for _ in range(min(count, POINTERS_MAX)):
        name, position = _read_name(packet, position)
        if position + _TAIL.size > len(packet):
            raise BadRequest("mDNS: a question is cut short")
        kind, _ = _TAIL.unpack_from(packet, position)
        position += _TAIL.size
        lower = name.lower()
        if kind not in (PTR, ANY):
            continue
        if lower == EVERYTHING:
            asked.append(EVERYTHING)
        elif lower.endswith(f".{DOMAIN}"):
            asked.append(name[: -len(DOMAIN) - 1])
    return tuple(asked)


# -- answers -----------------------------------------------------------------------------------------------------------


def answer(asked: str, nodes: Sequence[Found]) -> bytes:
    """Returns a packet that answers a question for one service with its nodes.

    Raises:
        BadRequest: a name cannot be spelled.
    """
    records = []
    for each in nodes:
        name, host = f"{each.node}.{each.service}.{DOMAIN}", f"{each.node}.host"
        text = {
            "Metadata": dict(each.metadata),
            "Service": each.service,
            "Version": each.version,
            "Endpoints": list(each.endpoints) or None,
        }
        records += [
            _record(f"{each.service}.{DOMAIN}", PTR, _name(name)),
            _record(name, LOCATION, _LOCATION.pack(10, 1, each.port) + _name(host)),
            _address(host, each.address),
            _record(name, TXT, _pieces(zlib.compress(msgspec.json.encode(text)).hex().encode())),
        ]
    return _packet(f"{asked}.{DOMAIN}", records)


def listing(service: str) -> bytes:
    """Returns a packet that answers the question for everything with one service.

    Raises:
        BadRequest: its name cannot be spelled.
    """
    name = f"{service}.{EVERYTHING}"
    records = [
        _record(EVERYTHING, PTR, _name(name)),
        _record(name, LOCATION, _LOCATION.pack(10, 1, LISTED_PORT) + _name(name)),
        _record(name, A, bytes(4)),
        _record(name, TXT, b"\0"),
    ]
    return _packet(EVERYTHING, records)


def listed(packet: bytes) -> list[str]:
    """Returns the names of the services that a packet lists.

    Raises:
        BadRequest: it is no packet of DNS.
    """
    found = []
    for name, kind, start, _ in _records(packet):
        if kind == PTR and name.lower() == EVERYTHING:
            target, _ = _read_name(packet, start)
            if target.lower().endswith(f".{EVERYTHING}"):
                found.append(target[: -len(EVERYTHING) - 1])
    return found


def read_answer(packet: bytes) -> list[Found]:
    """Returns the nodes that a packet tells of; records that do not belong together are left out.

    Raises:
        BadRequest: it is no packet of DNS.
    """
    hosts: dict[str, str] = {}
    hosts_of_6: dict[str, str] = {}
    places: dict[str, tuple[int, str]] = {}
    texts: dict[str, bytes] = {}
    for name, kind, start, data in _records(packet):
        if kind == A and len(data) == 4:
            hosts[name] = str(IPv4Address(data))
        elif kind == AAAA and len(data) == 16:
            hosts_of_6[name] = str(IPv6Address(data))
        elif kind == LOCATION and len(data) > _LOCATION.size:
            _, _, port = _LOCATION.unpack_from(data)
            places[name] = port, _read_name(packet, start + _LOCATION.size)[0]
        elif kind == TXT:
            texts[name] = _joined(data)
    found = []
    for name, (port, host) in places.items():
        told = _told(texts.get(name, b""))
        address = hosts.get(host) or hosts.get(name) or hosts_of_6.get(host) or hosts_of_6.get(name)
        if told is None or address is None or not name.endswith(f".{told.Service}.{DOMAIN}"):
            continue
        node = name[: -len(told.Service) - len(DOMAIN) - 2]
        endpoints = tuple(each for each in told.Endpoints or () if isinstance(each.get("name"), str))
        found.append(Found(told.Service, told.Version, node, address, port, told.Metadata or {}, endpoints))
    return found


class _Told(msgspec.Struct):
    """What a TXT record says; the names are go-micro's."""

    Service: str
    Version: str = ""
    Metadata: dict[str, str] | None = None
    Endpoints: list[dict[str, Any]] | None = None


def _told(text: bytes) -> _Told | None:
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(bytes.fromhex(text.decode("ascii")), TEXT_BYTES_MAX)
        told = msgspec.json.decode(plain, type=_Told) if unpacker.eof else None
    except (ValueError, zlib.error, RecursionError):
        return None
    return told if told is not None and told.Service else None


# -- bytes -------------------------------------------------------------------------------------------------------------


def _head(packet: bytes) -> tuple[int, int, int, int, int, int]:
    if not _HEAD.size <= len(packet) <= PACKET_BYTES_MAX:
        raise BadRequest("mDNS: this is no packet of DNS")
    found: tuple[int, int, int, int, int, int] = _HEAD.unpack_from(packet)
    return found


def _packet(asked: str, records: Sequence[bytes]) -> bytes:
    head = _HEAD.pack(0, ANSWERED, 1, len(records), 0, 0)
    packet = head + _name(asked) + _TAIL.pack(PTR, IN) + b"".join(records)
    if len(packet) > PACKET_BYTES_MAX:
        raise BadRequest(f"mDNS: an answer has at most {PACKET_BYTES_MAX} bytes")
    return packet


def _record(name: str, kind: int, data: bytes) -> bytes:
    if len(data) > 0xFFFF:
        raise BadRequest("mDNS: a record has at most 65535 bytes")
    return _name(name) + _RECORD.pack(kind, IN, TTL_SECONDS, len(data)) + data


def _address(host: str, address: str) -> bytes:
    found = ip_address(address)
    return _record(host, A if isinstance(found, IPv4Address) else AAAA, found.packed)


def _name(name: str) -> bytes:
    spelled = b""
    for label in name.split("."):
        data = label.encode()
        if not 0 < len(data) <= LABEL_BYTES_MAX:
            raise BadRequest(f"mDNS: each part of a name has 1 to {LABEL_BYTES_MAX} bytes, unlike {name[:80]!a}")
        spelled += bytes((len(data),)) + data
    if len(spelled) >= NAME_BYTES_MAX:
        raise BadRequest(f"mDNS: a name has less than {NAME_BYTES_MAX} bytes")
    return spelled + b"\0"


def _read_name(packet: bytes, position: int) -> tuple[str, int]:
    """Returns a name, and where what follows it begins; pointers lead only backwards."""
    labels: list[str] = []
    after, size = -1, 0
    for _ in range(NAME_BYTES_MAX):
        if position >= len(packet):
            break
        length = packet[position]
        if length == 0:
            return ".".join(labels), after if after >= 0 else position + 1
        if length >= 0xC0:
            if position + 1 >= len(packet):
                break
            target = (length & 0x3F) << 8 | packet[position + 1]
            if target >= position:
                break
            after = after if after >= 0 else position + 2
            position = target
            continue
        end = position + 1 + length
        size += length + 1
        if length > LABEL_BYTES_MAX or end > len(packet) or size >= NAME_BYTES_MAX:
            break
        labels.append(packet[position + 1 : end].decode("utf-8", "replace"))
        position = end
    raise BadRequest("mDNS: a name cannot be read")


def _records(packet: bytes) -> Iterator[tuple[str, int, int, bytes]]:
    """Yields name, kind, where the data begins, and the data of each record that says how long it holds."""
    _, flags, questions, *counts = _head(packet)
    if not flags & RESPONSE:
        return
    position = _HEAD.size
    for _ in range(min(questions, POINTERS_MAX)):
        _, position = _read_name(packet, position)
        position += _TAIL.size
    for _ in range(min(sum(counts), RECORDS_MAX)):
        name, position = _read_name(packet, position)
        if position + _RECORD.size > len(packet):
            raise BadRequest("mDNS: a record is cut short")
        kind, _, seconds, size = _RECORD.unpack_from(packet, position)
        start = position + _RECORD.size
        position = start + size
        if position > len(packet):
            raise BadRequest("mDNS: a record is cut short")
        if seconds:  # with 0 it says that the node is leaving
            yield name, kind, start, packet[start:position]


def _pieces(data: bytes) -> bytes:
    parts = [data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES)]
    return b"".join(bytes((len(part),)) + part for part in parts)


def _joined(data: bytes) -> bytes:
    parts, position = [], 0
    while position < len(data):
        end = position + 1 + data[position]
        parts.append(data[position + 1 : end])
        position = end
    return b"".join(parts)
