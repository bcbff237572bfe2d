"""What stands at a place, and what of it is believed: only what its owner has signed, in time, and newest.

Pure.

A place may hold anything, so the cheap questions come first: is it one of our values, is it of what was asked for, is
it timely, is something newer known already. Signatures are looked at last, at most `SIGNATURES_MAX` for one look at a
place, and where a value holds several records, the first of each value before the second of any: one that is stuffed
with junk takes no turn of another.

| place | value |
| --- | --- |
| `name` | the record of one node |
| `word` | records of one node that have the word, at most `RECORDS_PER_VALUE_MAX` |
| `node` | whereabouts |
| `super` | whereabouts of a super node, with the newest map where that fits |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from micro.errors import BadRequest, TooLarge
from micro.service.registry.commons.commons import VALUE_BYTES_MAX
from micro.service.registry.commons.whereabouts import (
    WHEREABOUTS_BYTES_MAX,
    SignedWhereabouts,
    Whereabouts,
    read_whereabouts,
)
from micro.service.registry.layout import Layout, Part
from micro.service.registry.record import RECORD_BYTES_MAX, SignedRecord, is_timely, read_record
from micro.service.registry.shardmap import MAP_DOMAIN
from micro.trust.seal import is_genuine

__all__ = [
    "RECORDS_PER_VALUE_MAX",
    "SIGNATURES_MAX",
    "Wanted",
    "believed_maps",
    "believed_records",
    "believed_whereabouts",
    "may_be_records",
    "may_be_whereabouts",
    "value_of_place",
    "value_of_records",
]

RECORDS_PER_VALUE_MAX: Final = 3
"""So many records of the largest size fit into one value."""

SIGNATURES_MAX: Final = 128
"""So many signatures are looked at for one look at a place: a hundredth of a second."""

_VALUE = Layout(
    "the value of a commons",
    VALUE_BYTES_MAX,
    whereabouts=Part(1, "bytes", bytes_max=WHEREABOUTS_BYTES_MAX),
    map=Part(2, "bytes", bytes_max=VALUE_BYTES_MAX),
    records=Part(3, "bytes", most=RECORDS_PER_VALUE_MAX, bytes_max=RECORD_BYTES_MAX),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What records are looked for.

    Attributes:
        name: the mark of the records, of a service its name; "" for any.
        word: that they must have, "" for none.
        key: the public key of the one node that is meant, empty for any.
    """

    name: str = ""
    word: str = ""
    key: bytes = b""

    def fits(self, signed: SignedRecord) -> bool:
        """Says whether a record is one of these."""
        record = signed.record
        if self.name and record.mark != self.name:
            return False
        return (not self.word or self.word in record.terms) and (not self.key or record.key == self.key)


def value_of_records(records: Iterable[SignedRecord]) -> bytes:
    """Returns the value for a place of a name or a word; of more records than fit the first count."""
    return _VALUE.encode({"records": [signed.sealed for signed in records][:RECORDS_PER_VALUE_MAX]})


def value_of_place(found: SignedWhereabouts, sealed_map: bytes = b"") -> bytes:
    """Returns the value for the place of a node, or with a map for that of super nodes; too large a map is left out."""
    try:
        return _VALUE.encode({"whereabouts": found.sealed, "map": sealed_map})
    except TooLarge:
        return _VALUE.encode({"whereabouts": found.sealed})


def may_be_records(wanted: Wanted, now: float, value: bytes) -> bool:
    """Says whether a value may hold a record that is sought; its signature is not looked at."""
    return any(wanted.fits(signed) and is_timely(signed.record, now) for signed in _records([value]))


def may_be_whereabouts(keeper: bytes, key: bytes, now: float, value: bytes) -> bool:
    """Says whether a value may hold whereabouts that are sought, or a map; signatures are not looked at."""
    for fields in _values([value]):
        try:
            found = read_whereabouts(fields["whereabouts"]).whereabouts
        except (BadRequest, TooLarge):
            return False
        return found.keeper == keeper and found.is_timely(now) and (found.key == key if key else found.map_version > 0)
    return False


def believed_records(
    values: Iterable[bytes], wanted: Wanted, now: float, newest: Mapping[bytes, int]
) -> list[SignedRecord]:
    """Returns the records at a place that are believed, withdrawals too, of each node and name the newest.

    Args:
        values: what stands there.
        wanted: what was asked for.
        now: Unix seconds.
        newest: greatest sequence seen before, by public key and mark in a row.
    """
    best: dict[bytes, SignedRecord] = {}
    tried = 0
    for signed in _records(values):
        mark = signed.record.key + signed.record.mark.encode()
        if not wanted.fits(signed) or not is_timely(signed.record, now):
            continue
        if signed.record.sequence < newest.get(mark, 0) or (mark in best and signed.rank <= best[mark].rank):
            continue
        tried += 1
        if tried > SIGNATURES_MAX:
            break
        if signed.is_genuine():
            best[mark] = signed
    return list(best.values())


def believed_whereabouts(
    values: Iterable[bytes], keeper: bytes, now: float, newest: Mapping[bytes, int], *, key: bytes = b""
) -> list[Whereabouts]:
    """Returns the whereabouts at a place that are believed, of each node the newest, those that have left too.

    Args:
        values: what stands there.
        keeper: the public key of the keeper of the network.
        now: Unix seconds.
        newest: greatest sequence of whereabouts seen before, by public key.
        key: the public key of the one node that is meant; empty for any super node.
    """
    best: dict[bytes, Whereabouts] = {}
    tried = 0
    for fields in _values(values):
        try:
            signed = read_whereabouts(fields["whereabouts"])
        except (BadRequest, TooLarge):
            continue
        found = signed.whereabouts
        if found.keeper != keeper or not found.is_timely(now) or (found.key != key if key else not found.map_version):
            continue
        known = best.get(found.key)
        if found.sequence < newest.get(found.key, 0) or (known is not None and found.sequence <= known.sequence):
            continue
        tried += 1
        if tried > SIGNATURES_MAX:
            break
        if signed.is_genuine():
            best[found.key] = found
    return list(best.values())


def believed_maps(values: Iterable[bytes], keeper: bytes) -> list[bytes]:
    """Returns the sealed maps at the place of super nodes that the keeper has signed, each once.

    The key is known beforehand, so the signature is cheaper to look at than the map is to read.
    """
    maps = dict.fromkeys(fields["map"] for fields in _values(values) if fields["map"])
    return [sealed for sealed in list(maps)[:SIGNATURES_MAX] if is_genuine(keeper, MAP_DOMAIN, sealed)]


def _values(values: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for value in values:
        try:
            yield _VALUE.decode(value)
        except (BadRequest, TooLarge):
            continue


def _records(values: Iterable[bytes]) -> Iterator[SignedRecord]:
    """Yields the records of values that can be read: the first of each value, then the second of each, and so on."""
    for row in zip_longest(*(fields["records"] for fields in _values(values))):
        for sealed in row:
            try:
                if sealed is not None:
                    yield read_record(sealed)
            except (BadRequest, TooLarge):
                continue
