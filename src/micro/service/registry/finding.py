"""What is believed of the answers of super nodes: only what nodes have signed themselves.

Pure.

Answers of several super nodes are merged: of each node the newest record counts, and a withdrawal that one of them
shows outweighs the older record that another one still has. What is not genuine, not timely or not what was asked for
is left out, and told apart, so that whoever sent it is asked last from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from micro.errors import BadRequest, TooLarge
from micro.service.registry.presence import (
    Beat,
    PresenceRecord,
    continues,
    is_current,
    lease_ends,
    read_presence,
)
from micro.service.registry.record import ServiceRecord, SignedRecord, is_timely, read_mark, read_record
from micro.trust.identity import is_nid, public_key_of
from micro.trust.ticket import Ticket

__all__ = [
    "Living",
    "Offer",
    "chosen_records",
    "genuine_presence",
    "genuine_records",
    "is_of",
    "newest_records",
    "ranked",
    "split_node",
]


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that a node offers, or a log or subscription of its, and where that node is.

    Attributes:
        record: what the node has signed.
        ticket: where it said it is.
        ends: until when it is believed to be there, in Unix seconds, without another sign of life.
    """

    record: ServiceRecord
    ticket: Ticket
    ends: int

    @property
    def nid(self) -> str:
        """The node that offers it."""
        return self.ticket.nid


@dataclass(frozen=True, slots=True)
class Living:
    """A node that is believed alive: its presence, and when its lease ends in Unix seconds."""

    record: PresenceRecord
    ends: int


def genuine_records(
    sealed: Iterable[bytes],
    now: float,
    *,
    name: str = "",
    word: str = "",
    key: bytes = b"",
    checked: dict[bytes, SignedRecord] | None = None,
) -> tuple[list[SignedRecord], bool]:
    """Returns the records of an answer that are believed, and whether all were fit to be sent.

    Args:
        sealed: what came.
        now: Unix seconds.
        name: the mark asked for, if one was; of a service its name.
        word: the word asked for, if one was.
        key: the public key of the node asked for, if one was.
        checked: what was found good in another answer to the same question, which is not checked again; it grows.
    """
    found: list[SignedRecord] = []
    honest = True
    checked = {} if checked is None else checked
    for each in sealed:
        if each in checked:
            found.append(checked[each])
            continue
        try:
            signed = read_record(each)
        except (BadRequest, TooLarge):
            honest = False
            continue
        record = signed.record
        fits = (not name or record.mark == name) and (not word or word in record.terms)
        if not fits or (key and record.key != key) or not signed.is_genuine():
            honest = False
        elif is_timely(record, now):
            checked[each] = signed
            found.append(signed)
    return found, honest


def is_of(sealed: bytes, key: bytes) -> bool:
    """Says whether these bytes can be read as a record of the node with this public key."""
    try:
        return read_record(sealed).record.key == key
    except (BadRequest, TooLarge):
        return False


def newest_records(answers: Iterable[Sequence[SignedRecord]]) -> list[ServiceRecord]:
    """Returns the newest record of each node and name over several answers, without what is withdrawn."""
    newest: dict[tuple[bytes, str], SignedRecord] = {}
    for answer in answers:
        for signed in answer:
            mark = (signed.record.key, signed.record.mark)
            if mark not in newest or newest[mark].rank < signed.rank:
                newest[mark] = signed
    return [signed.record for signed in newest.values() if not signed.record.withdrawn]


def chosen_records(answers: Sequence[Sequence[SignedRecord]], most: int) -> list[ServiceRecord]:
    """Returns the newest record of each node that offers one name, at most so many, without what is withdrawn.

    Where there are more, each answer has as many as the others while it has some: none can fill all the room.
    """
    newest = {record.key: record for record in newest_records(answers)}
    ordered = (signed.record.key for row in zip_longest(*answers) for signed in row if signed is not None)
    chosen = dict.fromkeys(key for key in ordered if key in newest)
    return [newest[key] for key in chosen][: max(0, most)]


def genuine_presence(living: Mapping[str, Any], now: float, wanted: Mapping[bytes, Any]) -> Living | None:
    """Returns the presence of a node that an answer proves to be alive, or None.

    Args:
        living: the sealed presence with its last beat, as it stands in messages.
        now: Unix seconds.
        wanted: the public keys that were asked for.
    """
    try:
        signed = read_presence(living["sealed"])
    except (BadRequest, TooLarge):
        return None
    record, beat = signed.record, Beat(living["step"], living["value"])
    if record.key not in wanted or record.is_leaving or beat.step > record.steps:
        return None
    if not is_current(record.issued, beat.step, now):
        return None
    if beat.step and not continues(signed.anchor, beat):
        return None
    return Living(record, lease_ends(record.issued, beat.step)) if signed.is_genuine() else None


def ranked(records: Iterable[ServiceRecord], words: Sequence[str]) -> list[ServiceRecord]:
    """Returns records in the order in which they fit words: most of them first, words of the name before others."""
    wanted = set(words)

    def fit(record: ServiceRecord) -> tuple[int, int, str, bytes]:
        named = sum(part in wanted for part in record.name.split("-"))
        return (-len(wanted.intersection(record.terms)), -named, record.name, record.key)

    return sorted(records, key=fit)


def split_node(name: str) -> tuple[str, bytes]:
    """Returns the mark and the public key of the one node that is meant, b"" for any.

    Raises:
        BadRequest: it is neither a mark nor `mark@nid`; the mark of a service is its name.
    """
    mark, at, nid = name.partition("@")
    read_mark(mark)
    if at and not is_nid(nid):
        raise BadRequest(f"{name[:160]!r} names no node behind the @; a service of one node is service@nid")
    return mark, public_key_of(nid) if at else b""
