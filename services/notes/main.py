"""Keeps notes: each caller's own, in the service's store."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import msgspec

from micro import Context, Service, errors

NOTES_MAX = 1000
"""Notes of one caller."""

TITLE_CHARACTERS_MAX = 200
TEXT_CHARACTERS_MAX = 50_000
TAGS_MAX = 16
TAG_CHARACTERS_MAX = 40
PAGE_MAX = 100
READ_TOGETHER = 32
"""So many notes are read from the store at once."""

TABLE = "notes"
ID = re.compile(r"[0-9a-f]{28}")

service = Service(
    "notes",
    version="1.0.0",
    description="Keeps notes: each caller's own.",
    metadata={"tags": "text, storage, tool"},
    store="caller",
)


@dataclass
class Note:
    """A note.

    Attributes:
        id: its name; ids of later notes sort behind.
        title: one line.
        text: all of it.
        tags: words to find it by.
        created: when it was made, in ISO 8601.
        updated: when it was last changed.
    """

    id: str
    title: str
    text: str = ""
    tags: list[str] = field(default_factory=list)
    created: str = ""
    updated: str = ""


@dataclass
class Found:
    """A note that was found.

    Attributes:
        id: the note's id.
        title: its title.
        snippet: where the first word was found.
    """

    id: str
    title: str
    snippet: str


_changing: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()
"""One change of a note at a time, or two callers at once would each undo what the other did."""


@service.endpoint(examples=[{"title": "Shopping", "text": "Milk, bread.", "tags": ["home"]}])
async def create(context: Context, title: str, text: str = "", tags: list[str] | None = None) -> Note:
    """Make a note.

    Wishes:
        write down that I parked on level 3
        take a note: call the bank

    Wishes (es):
        apunta que aparqué en la planta 3

    Wishes (de):
        notiere, dass ich auf Ebene 3 parke

    Args:
        title: one line, at most 200 characters.
        text: at most 50,000 characters.
        tags: words to find it by, at most 16.
    """
    if await context.store.list(limit=1, offset=NOTES_MAX - 1, table=TABLE):
        raise errors.TooManyRequests(f"you have {NOTES_MAX} notes, the most that are kept; delete one first")
    now = _now()
    note = Note(_new_id(), title, text, list(tags or []), created=now, updated=now)
    return await _write(context, note)


@service.endpoint(idempotent=True, examples=[{"id": "0198f2a1b3c4d5e6f7a8b9c0d1e2"}])
async def read(context: Context, id: str) -> Note:
    """Read a note.

    Wishes:
        open this note

    Args:
        id: the note's id.
    """
    note = await _read(context, id)
    if note is None:
        raise errors.NotFound(f"there is no note {id[:60]!r} of yours; `notes list` shows those there are")
    return note


@service.endpoint(idempotent=True, examples=[{"id": "0198f2a1b3c4d5e6f7a8b9c0d1e2", "text": "Milk, bread, honey."}])
async def update(
    context: Context, id: str, title: str | None = None, text: str | None = None, tags: list[str] | None = None
) -> Note:
    """Change a note; what is not given stays.

    Wishes:
        change the text of a note

    Args:
        id: the note's id.
        title: the new title.
        text: the new text.
        tags: the new tags, instead of all old ones.
    """
    caller = context.caller
    lock = _changing.setdefault((caller.nid, caller.service, id), asyncio.Lock())
    async with lock:
        note = await read(context, id)
        note.title = note.title if title is None else title
        note.text = note.text if text is None else text
        note.tags = note.tags if tags is None else list(tags)
        note.updated = _now()
        return await _write(context, note)


@service.endpoint(idempotent=True, examples=[{"id": "0198f2a1b3c4d5e6f7a8b9c0d1e2"}])
async def delete(context: Context, id: str) -> bool:
    """Delete a note.

    Wishes:
        throw this note away

    Args:
        id: the note's id.

    Returns:
        Whether it was there.
    """
    return bool(ID.fullmatch(id)) and await context.store.delete(id, table=TABLE)


@service.endpoint("Notes.List", idempotent=True, examples=[{}, {"tag": "home", "limit": 10}])
async def list_notes(context: Context, tag: str = "", limit: int = 20, offset: int = 0) -> list[Note]:
    """List notes in the order in which they were made.

    Wishes:
        show my notes
        what did I write down lately

    Wishes (es):
        qué notas tengo

    Wishes (de):
        welche Notizen habe ich

    Args:
        tag: only those with this tag.
        limit: how many at most, up to 100.
        offset: how many to leave out at the beginning.
    """
    _check_page(limit, offset)
    ids = await _ids(context)
    if not tag:
        return await _read_all(context, ids[offset : offset + limit])
    return [note for note in await _read_all(context, ids) if tag in note.tags][offset : offset + limit]


@service.endpoint(idempotent=True, examples=[{"query": "milk"}])
async def search(context: Context, query: str, limit: int = 20) -> list[Found]:
    """Find notes that contain all words of a query, in their title, text or tags.

    Wishes:
        which of my notes mention milk
        do I have notes on gardening

    Wishes (es):
        qué notas mías hablan de leche

    Wishes (de):
        in welchen Notizen steht etwas über Milch

    Args:
        query: words, or parts of them.
        limit: how many at most, up to 100.
    """
    _check_page(limit, 0)
    words = query.casefold().split()
    if not words:
        raise errors.BadRequest("query: expected at least one word")
    notes = await _read_all(context, await _ids(context))
    found = [note for note in notes if all(word in _searched(note) for word in words)]
    return [Found(note.id, note.title, snippet(note.text, words[0])) for note in found[:limit]]


def snippet(text: str, word: str, characters: int = 80) -> str:
    """Returns the part of a text around a word, or its beginning, on one line."""
    at = max(0, text.casefold().find(word) - characters // 3)
    part = " ".join(text[at : at + characters].split())
    return f"{'…' if at else ''}{part}{'…' if at + characters < len(text) else ''}"


def _searched(note: Note) -> str:
    return "\n".join((note.title, note.text, *note.tags)).casefold()


def _check_page(limit: int, offset: int) -> None:
    if not 1 <= limit <= PAGE_MAX:
        raise errors.BadRequest(f"limit: expected 1 to {PAGE_MAX}, got {limit}")
    if not 0 <= offset <= NOTES_MAX:
        raise errors.BadRequest(f"offset: expected 0 to {NOTES_MAX}, got {offset}")


def _check(note: Note) -> None:
    if not note.title.strip() or len(note.title) > TITLE_CHARACTERS_MAX or "\n" in note.title:
        raise errors.BadRequest(f"title: expected one line of 1 to {TITLE_CHARACTERS_MAX} characters")
    if len(note.text) > TEXT_CHARACTERS_MAX:
        raise errors.BadRequest(f"text: expected at most {TEXT_CHARACTERS_MAX} characters, got {len(note.text)}")
    if len(note.tags) > TAGS_MAX or not all(0 < len(tag) <= TAG_CHARACTERS_MAX for tag in note.tags):
        raise errors.BadRequest(f"tags: expected at most {TAGS_MAX} words of 1 to {TAG_CHARACTERS_MAX} characters")


async def _write(context: Context, note: Note) -> Note:
    _check(note)
    await context.store.write(note.id, msgspec.json.encode(asdict(note)), table=TABLE, keys_max=NOTES_MAX)
    return note


async def _read(context: Context, id: str) -> Note | None:
    if not ID.fullmatch(id):
        return None
    kept = await context.store.read(id, table=TABLE)
    return None if kept is None else msgspec.json.decode(kept, type=Note)


async def _ids(context: Context) -> list[str]:
    """Returns the ids of all notes; a page of the store ends early where values are large."""
    ids: list[str] = []
    while len(ids) < NOTES_MAX and (some := await context.store.list(limit=NOTES_MAX, offset=len(ids), table=TABLE)):
        ids += some
    return ids


async def _read_all(context: Context, ids: list[str]) -> list[Note]:
    """Reads notes, some at once; one that was deleted meanwhile is left out."""
    notes: list[Note] = []
    for at in range(0, len(ids), READ_TOGETHER):
        some = await asyncio.gather(*(_read(context, id) for id in ids[at : at + READ_TOGETHER]))
        notes += [note for note in some if note is not None]
    return notes


def _new_id() -> str:
    """Returns an id that sorts by time: 48 bits of milliseconds, then 64 of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


if __name__ == "__main__":
    service.run()
