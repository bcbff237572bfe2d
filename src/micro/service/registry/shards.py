"""The records that a super node holds: found by name, by word and by node, and gone when their day is over.

Pure.

A record of each (node, mark) is kept once, as the bytes that came; what is needed often stands beside it. Names,
words and nodes lead to small numbers of records. Of a name that thousands offer a part is shown, from a place
that the asker's chance chooses, with the count of all.

A withdrawal is kept like a record, where nobody finds it, until its own end: what it withdraws cannot come back.
Whatever a stranger can make many of has a limit with a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from micro.errors import BadRequest, TooLarge
from micro.service.registry.calendar import Calendar
from micro.service.registry.penalties import Verdict
from micro.service.registry.places import Places
from micro.service.registry.record import SignedRecord, has_later_kind, is_timely, read_record, written
from micro.trust.keys import SIGNATURE_BYTES

__all__ = ["FOUND_MAX", "NAME_RECORDS_MAX", "NODE_RECORDS_MAX", "RECORDS_MAX", "WORD_RECORDS_MAX", "Found", "Shards"]

NODE_RECORDS_MAX: Final = 300
"""So many records may there be of one node, of all kinds."""

NAME_RECORDS_MAX: Final = 10_000
"""So many nodes may offer one name."""

WORD_RECORDS_MAX: Final = 50_000
"""So many records are filed under one word; further ones are found by their other words."""

RECORDS_MAX: Final = 1_000_000
"""So many records does one super node hold."""

FOUND_MAX: Final = 64
"""So many records at most in one answer."""

SEARCH_READS_MAX: Final = 2_000
"""A search looks at so many records."""

PAGE_SECONDS: Final = 60
"""Records end up to so much later than they say."""

DROP_SLICE: Final = 2_000


class _Entry:
    """One record: the sealed bytes, and what is asked often."""

    __slots__ = ("expires", "name", "sealed", "sequence", "terms", "withdrawn")

    def __init__(self, signed: SignedRecord, name: str | None, terms: tuple[str, ...]) -> None:
        record = signed.record
        self.sealed = signed.sealed
        self.sequence = record.sequence
        self.expires = record.expires
        self.withdrawn = record.withdrawn
        self.name = name
        """The name it is filed under, None where its name's shard is not held here."""
        self.terms = terms
        """The words it is filed under."""


@dataclass(frozen=True, slots=True)
class Found:
    """Sealed records, and how many there are in all."""

    sealed: tuple[bytes, ...]
    total: int


class Shards:
    """All records at one super node.

    Args:
        records_max: how many are held.
    """

    def __init__(self, *, records_max: int = RECORDS_MAX) -> None:
        self._records_max = records_max
        self._entries: list[_Entry | None] = []
        self._free: list[int] = []
        self._places: dict[bytes, int] = {}
        self._names: Places[str] = Places()
        self._words: Places[str] = Places()
        self._nodes: Places[bytes] = Places()
        self._calendar = Calendar(PAGE_SECONDS)
        self._texts: dict[str, str] = {}

    def __len__(self) -> int:
        """Returns how many records are held, withdrawals included."""
        return len(self._places)

    # ------------------------------------------------------------------------------------------------------- changing

    def put(
        self, signed: SignedRecord, now: float, *, name: bool, words: Sequence[str], is_checked: bool = False
    ) -> Verdict:
        """Takes a record in, if it is timely, newer than what is held, and genuine; cheap checks come first.

        Args:
            signed: the record.
            now: Unix seconds.
            name: whether it is to be found by its name here.
            words: those of its words by which it is to be found here.
            is_checked: whether its signature was checked already.
        """
        record = signed.record
        if not is_timely(record, now):
            return Verdict.EXPIRED
        place = self._places.get(_key_of(signed))
        held = self._entries[place] if place is not None else None
        if held is not None:
            if held.sealed[SIGNATURE_BYTES:] == signed.sealed[SIGNATURE_BYTES:]:
                self._file_more(held, place, signed, name=name, words=words)
                return Verdict.KNOWN
            if signed.rank < (held.sequence, held.sealed[SIGNATURE_BYTES:]):
                return Verdict.OUTDATED
        elif len(self._places) >= self._records_max or self._nodes.count(record.key) >= NODE_RECORDS_MAX:
            return Verdict.FULL
        if name and not record.withdrawn and self._names.count(record.mark) >= NAME_RECORDS_MAX and held is None:
            return Verdict.FULL
        if not is_checked and not signed.is_genuine():
            return Verdict.FORGED
        self._replace(place, held, signed, name=name, words=words)
        return Verdict.TAKEN

    def read(self, sealed: bytes, key: bytes = b"") -> SignedRecord | Verdict:
        """Reads a record that came, of the node with this public key or of any; returns why where it cannot be."""
        try:
            return read_record(sealed)
        except (BadRequest, TooLarge):
            return Verdict.LATER if has_later_kind(sealed, key) else Verdict.MALFORMED

    def expire(self, now: float) -> list[SignedRecord]:
        """Removes the records that ended, and returns those of them that could be found."""
        ended: list[SignedRecord] = []
        for place in self._calendar.turn(now):
            entry = self._entries[place] if place < len(self._entries) else None
            if entry is None or entry.expires > now:
                continue
            signed = read_record(entry.sealed)
            self._remove(place, signed)
            if not entry.withdrawn:
                ended.append(signed)
        return ended

    def dropping(self, keeps: Callable[[SignedRecord], tuple[bool, Sequence[str]]]) -> Iterator[None]:
        """Files every record anew after the map changed, slice by slice: those that are no business of ours go.

        Args:
            keeps: says of a record whether its name, and which of its words, are held here now.
        """
        for place, entry in enumerate(self._entries):
            if place % DROP_SLICE == 0:
                yield
            if entry is None:
                continue
            signed = read_record(entry.sealed)
            name, words = keeps(signed)
            if not name and not words:
                self._remove(place, signed)
            elif not entry.withdrawn:
                self._unfile(place, entry)
                self._file(place, entry, signed, name=name, words=words)

    # -------------------------------------------------------------------------------------------------------- reading

    def find(self, name: str, *, limit: int = FOUND_MAX, chance: int = 0, key: bytes = b"") -> Found:
        """Returns records of a name.

        Args:
            name: the mark of the records; of a service its name.
            limit: at most so many, and `FOUND_MAX`.
            chance: any number; it chooses where in the row of all the answer begins.
            key: the public key of the one node asked for, empty for any; of one node its withdrawal is shown too.
        """
        if key:
            place = self._places.get(_key(key, name))
            entry = self._entries[place] if place is not None else None
            if entry is None or (entry.name is None and not entry.withdrawn):
                return Found((), 0)
            return Found((entry.sealed,), int(not entry.withdrawn))
        places = self._names.get(name)
        return Found(tuple(self._some(places, limit, chance)), len(places))

    def search(self, words: Sequence[str], *, limit: int = FOUND_MAX, chance: int = 0) -> Found:
        """Returns records under the first of these words, those first that have most of the others.

        Args:
            words: folded words; the first is the one whose shard is held here.
            limit: at most so many, and `FOUND_MAX`.
            chance: any number; it chooses where in the row of all the search begins.
        """
        places = self._words.get(words[0]) if words else ()
        marks = [written(word) for word in dict.fromkeys(words[1:])]
        scored: list[tuple[int, int, bytes]] = []
        for order, sealed in enumerate(self._some(places, SEARCH_READS_MAX, chance, most=SEARCH_READS_MAX)):
            scored.append((-sum(mark in sealed for mark in marks), order, sealed))
            if not marks and order + 1 >= min(limit, FOUND_MAX):
                break
        scored.sort()
        return Found(tuple(sealed for _, _, sealed in scored[: max(0, min(limit, FOUND_MAX))]), len(places))

    def believed(self) -> Iterator[tuple[bytes, str | None, tuple[str, ...]]]:
        """Yields every record that is held: sealed, under which name it is found, if any, and under which words."""
        for entry in self._entries:
            if entry is not None:
                yield entry.sealed, entry.name, entry.terms

    def of_node(self, key: bytes) -> list[bytes]:
        """Returns the records of a node, withdrawals left out."""
        entries = [self._entries[place] for place in self._nodes.get(key)]
        return [entry.sealed for entry in entries if entry is not None and not entry.withdrawn]

    # --------------------------------------------------------------------------------------------------------- within

    def _some(self, places: Sequence[int], limit: int, chance: int, *, most: int = FOUND_MAX) -> Iterator[bytes]:
        size = len(places)
        for step in range(max(0, min(limit, most, size))):
            entry = self._entries[places[(chance + step) % size]]
            if entry is not None:
                yield entry.sealed

    def _replace(
        self, place: int | None, held: _Entry | None, signed: SignedRecord, *, name: bool, words: Sequence[str]
    ) -> None:
        if place is None:
            place = self._free.pop() if self._free else len(self._entries)
            if place == len(self._entries):
                self._entries.append(None)
            self._places[_key_of(signed)] = place
            self._nodes.add(signed.record.key, place)
        elif held is not None:
            self._unfile(place, held)
        entry = self._entries[place] = _Entry(signed, None, ())
        if not entry.withdrawn:
            self._file(place, entry, signed, name=name, words=words)
        self._calendar.put(place, entry.expires)
        if self._calendar.crowded(len(self._places)):
            self._calendar = Calendar(PAGE_SECONDS)
            for known, other in enumerate(self._entries):
                if other is not None:
                    self._calendar.put(known, other.expires)

    def _file(self, place: int, entry: _Entry, signed: SignedRecord, *, name: bool, words: Sequence[str]) -> None:
        if name:
            entry.name = self._text(signed.record.mark, self._names)
            self._names.add(entry.name, place)
        room = [word for word in words if self._words.count(word) < WORD_RECORDS_MAX]
        entry.terms = tuple(self._text(word, self._words) for word in room)
        for word in entry.terms:
            self._words.add(word, place)

    def _file_more(
        self, held: _Entry, place: int | None, signed: SignedRecord, *, name: bool, words: Sequence[str]
    ) -> None:
        """Files a record that is held already under what it was not filed under before."""
        if place is None or held.withdrawn or (name <= (held.name is not None) and set(words) <= set(held.terms)):
            return
        both = dict.fromkeys((*held.terms, *words))
        is_named = name or held.name is not None
        self._unfile(place, held)
        self._file(place, held, signed, name=is_named, words=tuple(both))

    def _unfile(self, place: int, entry: _Entry) -> None:
        if entry.name is not None:
            self._names.remove(entry.name, place)
            self._forget(entry.name)
        for word in entry.terms:
            self._words.remove(word, place)
            self._forget(word)
        entry.name, entry.terms = None, ()

    def _remove(self, place: int, signed: SignedRecord) -> None:
        entry = self._entries[place]
        assert entry is not None
        self._unfile(place, entry)
        self._nodes.remove(signed.record.key, place)
        del self._places[_key_of(signed)]
        self._entries[place] = None
        self._free.append(place)

    def _text(self, text: str, _: Places[str]) -> str:
        """Returns the one copy of a text that is kept."""
        return self._texts.setdefault(text, text)

    def _forget(self, text: str) -> None:
        if not self._names.count(text) and not self._words.count(text):
            self._texts.pop(text, None)


def _key_of(signed: SignedRecord) -> bytes:
    return _key(signed.record.key, signed.record.mark)


def _key(key: bytes, name: str) -> bytes:
    return key + name.encode()
