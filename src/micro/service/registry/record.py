"""A record: a service, a log or a subscription of a node, in signed bytes that anybody may keep and nobody can change.

Pure.

What a record is of stands in it as its kind, and in its *mark*, the name under which it is filed and asked for: the
name of a service, `log:TOPIC`, `subscription:NID:TOPIC`. No service has a colon in its name, so nothing that asks for
the one is ever shown the other.

The description stays with its provider; the record names it by its hash. A record lives at most a day and carries a
sequence that rises with every record its node signs: of two records of one (node, mark) the greater sequence counts,
and of two with one sequence the greater body, so that all holders agree in whatever order they hear. A withdrawal is a
record too, with the flag and the words of what it withdraws, and stays as long as one.

Layout `micro-record-v1`: 1 v = 1, 2 public key (32 bytes), 3 name, 4 version, 5 sequence, 6 expires (Unix seconds),
7 hash of the description (BLAKE3, 32 bytes; none in a withdrawal), 8 words and tags (at most 8), 9 withdrawn, 10 kind
(none of a service, 1 of a log, 2 of a subscription), 11 origin (public key, 32 bytes: of a subscription the node whose
log it is; else none). Of a log and a subscription the name is a topic, and 4, 7 and 8 are empty. A service's record has
the bytes that it had before there were kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from micro.errors import BadRequest, TooLarge
from micro.service.broker.broker import NAME_CHARACTERS_MAX, check_name
from micro.service.registry.description import Description, check_description
from micro.service.registry.instance import check_service, check_version
from micro.service.registry.layout import NUMBER_MAX, Layout, Part
from micro.service.registry.words import is_word, words
from micro.service.schema.naming import PLATFORM_NAMES, RESERVED_NAMES
from micro.trust.identity import nid_of, public_key_of
from micro.trust.keys import KEY_BYTES, SIGNATURE_BYTES, NodeKey, is_weak
from micro.trust.seal import body_of, is_genuine, seal

__all__ = [
    "HASH_BYTES",
    "LIFETIME_SECONDS_MAX",
    "LOGS_MAX",
    "RECORD_BYTES_MAX",
    "RECORD_DOMAIN",
    "SERVICES_MAX",
    "SKEW_SECONDS",
    "SUBSCRIPTIONS_MAX",
    "TERMS_MAX",
    "Kind",
    "ServiceRecord",
    "SignedRecord",
    "described",
    "has_later_kind",
    "is_timely",
    "key_in",
    "listed",
    "mark_of_log",
    "mark_of_subscription",
    "read_mark",
    "read_record",
    "sign_record",
    "terms_of",
    "written",
]

RECORD_DOMAIN: Final = b"micro-record-v1"
RECORD_VERSION: Final = 1

RECORD_BYTES_MAX: Final = 1024
"""The most bytes of a record with its signature; most have less than 300."""

LIFETIME_SECONDS_MAX: Final = 86_400
"""No record is believed for longer than a day."""

SKEW_SECONDS: Final = 60
"""So much may the clocks of two nodes differ."""

HASH_BYTES: Final = 32
"""Length of a description's hash, and of a step of a chain."""

SERVICES_MAX: Final = 200
"""So many services does one node tell a network of."""

LOGS_MAX: Final = 64
"""So many logs."""

SUBSCRIPTIONS_MAX: Final = 36
"""So many logs of others that somebody there subscribes to."""

TERMS_MAX: Final = 8
"""A record is filed under so many words and tags."""

TERM_TAG: Final = 8 << 3 | 2
"""What protobuf writes before each of field 8."""

TERM_BYTES_MAX: Final = 127
"""So that its length is one byte."""
SUMMARY_CHARACTERS_MIN: Final = 4
"""Shorter words of prose tell nothing of what a service does."""

_LAYOUT = Layout(
    "the service record",
    RECORD_BYTES_MAX - SIGNATURE_BYTES,
    v=Part(1, "number"),
    key=Part(2, "bytes", bytes_max=KEY_BYTES),
    name=Part(3, "text", bytes_max=NAME_CHARACTERS_MAX),
    version=Part(4, "text", bytes_max=64),
    sequence=Part(5, "number"),
    expires=Part(6, "number"),
    description_hash=Part(7, "bytes", bytes_max=HASH_BYTES),
    terms=Part(8, "text", most=TERMS_MAX, bytes_max=TERM_BYTES_MAX),
    withdrawn=Part(9, "flag"),
    kind=Part(10, "number"),
    origin=Part(11, "bytes", bytes_max=KEY_BYTES),
)


class Kind(IntEnum):
    """What a record is of."""

    SERVICE = 0
    LOG = 1
    """The node keeps a log of a topic, and lets others subscribe to it."""
    SUBSCRIPTION = 2
    """Somebody on the node subscribes to the log of another one."""


_LOG: Final = "log:"
_SUBSCRIPTION: Final = "subscription:"


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """What a node says of one of its services, or of its log of a topic, or of its subscription to one.

    Attributes:
        key: the node's public key, 32 bytes.
        name: the service, or the topic.
        version: the service's version.
        sequence: the node's rising number, from 1.
        expires: when it ends, in Unix seconds.
        description_hash: BLAKE3 of the description in canonical JSON, 32 bytes; empty in a withdrawal.
        terms: the words and tags under which it is found, folded, at most 8.
        withdrawn: whether it is offered no longer.
        kind: what it is of; of a log or a subscription the version, the hash and the terms are empty.
        origin: of a subscription the public key of the node whose log it is; else empty.

    Raises:
        BadRequest: a field is wrong; the detail names it.
    """

    key: bytes
    name: str
    version: str
    sequence: int
    expires: int
    description_hash: bytes
    terms: tuple[str, ...] = ()
    withdrawn: bool = False
    kind: Kind = Kind.SERVICE
    origin: bytes = b""

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES or is_weak(self.key):
            raise BadRequest("the record names no node: a public key of 32 bytes that somebody owns is expected")
        if not 1 <= self.sequence <= NUMBER_MAX or not 0 <= self.expires <= NUMBER_MAX:
            raise BadRequest("the record's sequence and expiry are numbers from 1 up")
        if self.kind is Kind.SERVICE:
            self._check_service()
        else:
            check_name("topic", self.name)
            if self.version or self.description_hash or self.terms:
                raise BadRequest(f"the record of the topic {self.name} has what only records of services have")
        self._check_origin()

    def _check_origin(self) -> None:
        if self.kind is not Kind.SUBSCRIPTION:
            if self.origin:
                raise BadRequest(f"the record of {self.name} names another node, which only a subscription does")
        elif len(self.origin) != KEY_BYTES or is_weak(self.origin) or self.origin == self.key:
            raise BadRequest(f"the subscription to {self.name} names no other node whose log it is")

    def _check_service(self) -> None:
        check_service(self.name)
        check_version(self.version)
        if self.name in RESERVED_NAMES or self.name in PLATFORM_NAMES:
            raise BadRequest(f"{self.name} is no name that a node can offer to others; choose another one")
        if len(self.description_hash) != (0 if self.withdrawn else HASH_BYTES):
            raise BadRequest(
                f"the record of {self.name} names its description by {HASH_BYTES} bytes, a withdrawal none"
            )
        if len(self.terms) > TERMS_MAX or len(set(self.terms)) != len(self.terms):
            raise BadRequest(f"the record of {self.name} has at most {TERMS_MAX} words, each once")
        if not all(map(is_word, self.terms)):
            raise BadRequest(f"the record of {self.name} has a word that is not folded, or too long")

    @property
    def nid(self) -> str:
        """The node that offers it."""
        return nid_of(self.key)

    @property
    def mark(self) -> str:
        """The name under which it is filed and asked for; none of a service is one of a log, or of a subscription."""
        if self.kind is Kind.SERVICE:
            return self.name
        return mark_of_log(self.name) if self.kind is Kind.LOG else mark_of_subscription(self.name, nid_of(self.origin))

    def encode(self) -> bytes:
        """Returns the body that is signed.

        Raises:
            TooLarge: it would exceed `RECORD_BYTES_MAX` with its signature.
        """
        fields = {name: getattr(self, name) for name in self.__slots__}
        return _LAYOUT.encode({"v": RECORD_VERSION, **fields})


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record together with the sealed bytes that it was read from."""

    record: ServiceRecord
    sealed: bytes

    @property
    def rank(self) -> tuple[int, bytes]:
        """Of two records of one (node, service) the one of greater rank counts."""
        return (self.record.sequence, self.sealed[SIGNATURE_BYTES:])

    def is_genuine(self) -> bool:
        """Says whether the node it names has signed it; to be asked last."""
        return is_genuine(self.record.key, RECORD_DOMAIN, self.sealed)


def sign_record(key: NodeKey, record: ServiceRecord) -> SignedRecord:
    """Signs a record with the key of the node it names; words that would make it too large are left out."""
    assert record.key == key.public, "a node signs its own records"
    while True:
        try:
            return SignedRecord(record, seal(key, RECORD_DOMAIN, record.encode()))
        except TooLarge:
            fields = {name: getattr(record, name) for name in record.__slots__}
            record = ServiceRecord(**{**fields, "terms": record.terms[:-1]})


def read_record(sealed: bytes) -> SignedRecord:
    """Reads a record from anybody, of whatever kind; its time and its signature are not looked at yet.

    Raises:
        TooLarge, BadRequest: it is no record in its one spelling.
    """
    fields = _fields_of(sealed)
    try:
        kind = Kind(fields.pop("kind"))
    except ValueError:
        raise BadRequest("the record is of a kind that is not known here; a newer program signed it") from None
    return SignedRecord(ServiceRecord(**fields, kind=kind), sealed)


def key_in(sealed: bytes) -> bytes:
    """Returns the public key in a record that was read before: behind the version, which takes two bytes."""
    start = SIGNATURE_BYTES + 4
    return sealed[start : start + KEY_BYTES]


def _fields_of(sealed: bytes) -> dict[str, Any]:
    fields = _LAYOUT.decode(body_of(sealed, bytes_max=RECORD_BYTES_MAX, what="a service record"))
    if fields.pop("v") != RECORD_VERSION:
        raise BadRequest(f"the record is of another version than {RECORD_VERSION}; update the older program of the two")
    return fields


def has_later_kind(sealed: bytes, key: bytes = b"") -> bool:
    """Says whether these bytes are a record but for its kind, which only a newer program than this one knows.

    Its signature is looked at: what nobody signed is no record of any kind.

    Args:
        sealed: what came from anybody.
        key: the public key of the node whose it has to be, none for any.
    """
    try:
        fields = _fields_of(sealed)
    except (BadRequest, TooLarge):
        return False
    signer = fields["key"]
    if fields["kind"] in set(Kind) or len(signer) != KEY_BYTES or is_weak(signer) or key not in (b"", signer):
        return False
    return is_genuine(signer, RECORD_DOMAIN, sealed)


def mark_of_log(topic: str) -> str:
    """Returns the mark of the records of logs of a topic."""
    return _LOG + topic


def mark_of_subscription(topic: str, nid: str) -> str:
    """Returns the mark of the records of subscriptions to one node's log of a topic."""
    return f"{_SUBSCRIPTION}{nid}:{topic}"


def read_mark(mark: str) -> tuple[Kind, str, bytes]:
    """Returns the kind, the name and the origin of the records that are filed under a mark.

    Raises:
        BadRequest: no record can have this mark.
    """
    kind, name, nid = Kind.SERVICE, mark, ""
    if mark.startswith(_LOG):
        kind, name = Kind.LOG, mark.removeprefix(_LOG)
    elif mark.startswith(_SUBSCRIPTION):
        kind = Kind.SUBSCRIPTION
        nid, _, name = mark.removeprefix(_SUBSCRIPTION).partition(":")
    if kind is Kind.SERVICE:
        check_service(name)
    else:
        check_name("topic", name)
    return kind, name, public_key_of(nid) if kind is Kind.SUBSCRIPTION else b""


def is_timely(record: ServiceRecord, now: float) -> bool:
    """Says whether a record has not ended and does not claim more than its day; `now` in Unix seconds."""
    return now < record.expires <= now + LIFETIME_SECONDS_MAX + SKEW_SECONDS


def described(record: ServiceRecord, description: Mapping[str, Any]) -> Description:
    """Returns the checked description of a record, as its provider sent it.

    Raises:
        BadRequest: it is no description, or not the one that the record names by its hash.
    """
    found = check_description(description)
    if bytes.fromhex(found.hash) != record.description_hash:
        raise BadRequest(f"the description of {record.name} is not the one that its record names; ask another provider")
    if (found.name, found.version) != (record.name, record.version):
        raise BadRequest(f"the description is of {found.name} {found.version}, the record of {record.name}")
    return found


def listed(records: Iterable[ServiceRecord]) -> list[dict[str, Any]]:
    """Returns lines of services as `Registry.Search` has them, each name once, in the order of its first record."""
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        line = found.setdefault(
            record.name,
            {
                "name": record.name,
                "version": record.version,
                "description": ", ".join(record.terms),
                "nodes": 0,
                "owner": record.nid,
                "where": "strangers",
            },
        )
        line["nodes"] += 1
    return list(found.values())


def written(term: str) -> bytes:
    """Returns how a word stands in a record's bytes, so that it is found there without reading the record."""
    text = term.encode()
    return bytes((TERM_TAG, len(text))) + text


def terms_of(description: Description) -> tuple[str, ...]:
    """Returns the words under which a service is filed: of its name, its tags, its first line, its endpoints."""
    texts = description.texts()
    prose = [word for word in words(texts["summary"]) if len(word) >= SUMMARY_CHARACTERS_MIN]
    said = [*words(texts["name"]), *words(texts["tags"]), *prose, *words(texts["endpoint"])]
    return tuple(dict.fromkeys(word for word in said if is_word(word)))[:TERMS_MAX]
