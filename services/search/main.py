"""Finds texts: keeps the caller's documents, and tells which of them a query is about, the best first."""

from __future__ import annotations

import asyncio
import re
import secrets
import sqlite3
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from micro import Context, Service, errors

DOCUMENTS_MAX = 2000
"""Documents of one index."""

INDEXES_MAX = 20
"""Indexes of one caller."""

TEXT_CHARACTERS_MAX = 50_000
TITLE_CHARACTERS_MAX = 300
DATA_BYTES_MAX = 4096
QUERY_CHARACTERS_MAX = 500
WORDS_MAX = 20
PAGE_MAX = 100
SNIPPET_WORDS = 16
TOGETHER = 32
"""So many documents are read at once."""

IN_MEMORY_MAX = 8
"""Indexes in memory at once; the one unused for longest gives way, and is made again from the store."""

IN_MEMORY_BYTES_MAX = 64_000_000
"""What texts of indexes beside the one that is searched may have; an index takes about twice its texts."""

# The store has the truth, in two tables: `versions` says by its keys alone which documents there are, `documents` has
# them. What is searched is an index in memory, which is brought up to the versions before each search: so it is right
# after a restart, and where two processes of this service run.
VERSIONS, DOCUMENTS, NAMES = "versions", "documents", "names"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,99}")
WORD = re.compile(r"\"([^\"]+)\"|(?:(?<!\S)(-))?([\w']+)(\*?)")
START, END = "\x02", "\x03"

service = Service(
    "search",
    version="1.0.0",
    description="Finds texts: keeps your documents and searches them by words, the best first, with snippets.",
    metadata={"tags": "search, index, full text, documents, storage"},
    store="caller",
)


@dataclass
class Found:
    """A document that was found.

    Attributes:
        id: its id.
        title: its title.
        snippet: where in the text the words are, each between two stars.
        score: how well it fits; larger is better, and only comparable within one answer.
        data: what was kept beside it.
    """

    id: str
    title: str
    snippet: str
    score: float
    data: Any = None


@dataclass
class Document:
    """A document.

    Attributes:
        id: its id.
        title: one line; words in it count for more.
        text: all of it.
        data: whatever you keep beside it, such as an address; it is not searched.
    """

    id: str
    title: str
    text: str
    data: Any = None


class Index:
    """An index in memory: SQLite's FTS5, which ignores case, accents, and endings of English words."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self._base = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._base.execute(
            "CREATE VIRTUAL TABLE documents USING fts5"
            "(id UNINDEXED, title, text, data UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        self._rows: dict[str, int] = {}

    def put(self, documents: list[Document], versions: dict[str, str]) -> None:
        """Takes documents in, instead of older ones of the same id. It takes long, and so belongs on a thread."""
        for document in documents:
            self.remove(document.id)
            text = document.text.replace(START, "").replace(END, "")
            data = msgspec.json.encode(document.data)
            fields = (document.id, document.title, text, data)
            added = self._base.execute("INSERT INTO documents VALUES (?, ?, ?, ?)", fields)
            self._rows[document.id] = int(added.lastrowid or 0)
            self.sizes[document.id] = len(document.title.encode()) + len(text.encode()) + len(data)
            self.versions[document.id] = versions[document.id]

    def remove(self, id: str) -> None:
        """Forgets a document."""
        self.versions.pop(id, None)
        self.sizes.pop(id, None)
        if (row := self._rows.pop(id, None)) is not None:
            self._base.execute("DELETE FROM documents WHERE rowid = ?", (row,))

    def find(self, expression: str, limit: int, offset: int) -> list[Found]:
        """Returns documents that an expression of FTS5 is about. A word in the title counts for five in the text."""
        rows = self._base.execute(
            "SELECT id, title, snippet(documents, 2, ?, ?, '…', ?), -bm25(documents, 0, 5, 1), data FROM documents"
            " WHERE documents MATCH ? ORDER BY bm25(documents, 0, 5, 1), id LIMIT ? OFFSET ?",
            (START, END, SNIPPET_WORDS, expression, limit, offset),
        )
        return [
            Found(id, title, _one_line(snippet), float(f"{score:.4g}"), msgspec.json.decode(data))
            for id, title, snippet, score, data in rows
        ]


Place = tuple[str, str, str, bool, bool, bool, str]
_indexes: OrderedDict[Place, Index] = OrderedDict()
_changing: WeakValueDictionary[tuple[Place, str], asyncio.Lock] = WeakValueDictionary()


@service.endpoint(
    idempotent=True,
    examples=[{"index": "recipes", "id": "soup", "title": "Tomato soup", "text": "Cook tomatoes with basil."}],
)
async def add(context: Context, index: str, id: str, text: str, title: str = "", data: Any = None) -> bool:
    """Put a document into an index, instead of an older one of the same id; the first one makes the index.

    Wishes:
        add this page to the index recipes

    Args:
        index: its name: letters, digits, - and _, at most 60.
        id: the document's name, at most 100 letters, digits and .@:+-_.
        text: what is searched, at most 50,000 characters.
        title: one line; words in it count for more.
        data: whatever you want back with it, such as an address, at most 4 KiB as JSON.

    Returns:
        True, once it is on disk; from then on it is found.
    """
    _check_document(id, title, text, data)
    async with _lock(context, index, id):
        if await context.store.read(index, table=NAMES) is None:
            await _name(context, index)
        is_new = not await context.store.list(f"{index}/{id}/", limit=1, table=VERSIONS)
        room = {"keys_max": DOCUMENTS_MAX, "prefix": f"{index}/"} if is_new else {}
        version = f"{time.time_ns():016x}{secrets.token_hex(4)}"
        key = f"{index}/{id}/{version}"
        # The document goes first and its older self last: whatever happens in between, one of them is found.
        await context.store.write(key, msgspec.json.encode(Document(id, title, text, data)), table=DOCUMENTS)
        try:  # counted where it is written, so that many that come at once are no more
            await context.store.write(key, b"", table=VERSIONS, **room)
        except errors.TooManyRequests:
            await context.store.delete(key, table=DOCUMENTS)
            reason = f"{index} has {DOCUMENTS_MAX} documents, the most; delete some first"
            raise errors.TooManyRequests(reason) from None
        await _forget(context, f"{index}/{id}/", keep=key)
    return True


@service.endpoint(
    "Search.Query",
    idempotent=True,
    examples=[{"index": "recipes", "query": "tomato soup"}, {"index": "recipes", "query": '"with basil" tom* -meat'}],
)
async def find(context: Context, index: str, query: str, limit: int = 10, offset: int = 0) -> list[Found]:
    """Find the documents that contain all words of a query, the best first.

    Wishes:
        search the index recipes for tomato
        what do we have on basil in recipes

    Wishes (es):
        busca tomate en el índice recetas

    Wishes (de):
        such im Index Rezepte nach Tomate

    Args:
        index: which index.
        query: words; `tom*` is any word that begins so, `"two words"` is a phrase, `-word` must not be there.
        limit: how many at most, up to 100.
        offset: how many to leave out at the beginning.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise errors.BadRequest(f"limit: expected 1 to {PAGE_MAX}, got {limit}")
    if not 0 <= offset <= DOCUMENTS_MAX:
        raise errors.BadRequest(f"offset: expected 0 to {DOCUMENTS_MAX}, got {offset}")
    expression = expression_of(query)
    async with _lock(context, index):
        current = await _current(context, index)
        return await asyncio.to_thread(current.find, expression, limit, offset)


@service.endpoint(idempotent=True, examples=[{"index": "recipes", "id": "soup"}])
async def read(context: Context, index: str, id: str) -> Document:
    """Read a document.

    Wishes:
        show the document soup of the index recipes

    Args:
        index: its index.
        id: its id.
    """
    _check_index(index)
    keys = await context.store.list(f"{index}/{id}/", table=VERSIONS) if ID.fullmatch(id) else []
    data = await context.store.read(keys[-1], table=DOCUMENTS) if keys else None
    if data is None:
        raise errors.NotFound(f"{index} has no document {id[:60]!r}; `search query --index {index}` finds those it has")
    return msgspec.json.decode(data, type=Document)


@service.endpoint(idempotent=True, examples=[{"index": "recipes", "id": "soup"}])
async def delete(context: Context, index: str, id: str) -> bool:
    """Take a document out of an index.

    Wishes:
        delete the document soup from the index recipes

    Args:
        index: its index.
        id: its id.

    Returns:
        Whether it was there.
    """
    async with _lock(context, index, id):
        return bool(ID.fullmatch(id)) and await _forget(context, f"{index}/{id}/")


@service.endpoint(idempotent=True, examples=[{"index": "recipes"}])
async def count(context: Context, index: str) -> int:
    """Tell how many documents an index has.

    Wishes:
        how many documents are in the index recipes

    Args:
        index: which index.
    """
    _check_index(index)
    return len(await _versions(context, index))


@service.endpoint(idempotent=True, examples=[{}])
async def indexes(context: Context) -> list[str]:
    """List the names of the indexes there are.

    Wishes:
        all search indexes
    """
    return await context.store.list(limit=INDEXES_MAX, table=NAMES)


@service.endpoint(idempotent=True, examples=[{"index": "recipes"}])
async def drop(context: Context, index: str) -> bool:
    """Drop an index with all its documents.

    Wishes:
        delete the index recipes

    Args:
        index: which index.

    Returns:
        Whether it was there.
    """
    async with _lock(context, index):
        await _forget(context, f"{index}/")
        _indexes.pop(_place(context, index), None)
        return await context.store.delete(index, table=NAMES)


def expression_of(query: str) -> str:
    """Returns a query in the language of FTS5, in which every word is quoted, so that none means anything to it."""
    if len(query) > QUERY_CHARACTERS_MAX:
        raise errors.BadRequest(f"query: expected at most {QUERY_CHARACTERS_MAX} characters, got {len(query)}")
    wanted, unwanted = [], []
    for phrase, minus, word, star in WORD.findall(query)[:WORDS_MAX]:
        if re.search(r"\w", phrase or word):
            text = (phrase or word).replace('"', '""')
            (unwanted if minus else wanted).append(f'"{text}"{star and " *"}')
    if not wanted:
        raise errors.BadRequest("query: expected at least one word that is to be there")
    expression = " AND ".join(wanted)
    return f"({expression}) NOT ({' OR '.join(unwanted)})" if unwanted else expression


def _one_line(snippet: str) -> str:
    return " ".join(snippet.replace(START, "*").replace(END, "*").split())


async def _current(context: Context, index: str) -> Index:
    """Returns the index in memory, brought up to what the store has."""
    if await context.store.read(index, table=NAMES) is None:
        raise errors.NotFound(f"you have no index {index!r}; `search indexes` shows those you have")
    place, versions = _place(context, index), await _versions(context, index)
    current = _indexes.pop(place, None) or Index()
    _make_room(place, current)
    for id in current.versions.keys() - versions.keys():
        current.remove(id)
    changed = sorted(id for id, version in versions.items() if current.versions.get(id) != version)
    for at in range(0, len(changed), TOGETHER):
        keys = [f"{index}/{id}/{versions[id]}" for id in changed[at : at + TOGETHER]]
        some = await asyncio.gather(*(context.store.read(key, table=DOCUMENTS) for key in keys))
        documents = [msgspec.json.decode(data, type=Document) for data in some if data is not None]
        await asyncio.to_thread(current.put, documents, versions)
    return current


def _make_room(place: Place, current: Index) -> None:
    """Puts an index last in the order of use, and lets go of the first ones where they are too many or too large."""
    others = sum(sum(index.sizes.values()) for index in _indexes.values())
    while _indexes and (len(_indexes) >= IN_MEMORY_MAX or others > IN_MEMORY_BYTES_MAX):
        others -= sum(_indexes.popitem(last=False)[1].sizes.values())
    _indexes[place] = current


async def _name(context: Context, index: str) -> None:
    """Notes that there is an index."""
    try:
        await context.store.write(index, b"", table=NAMES, keys_max=INDEXES_MAX)
    except errors.TooManyRequests:
        reason = f"you have {INDEXES_MAX} indexes, the most that are kept; drop one first"
        raise errors.TooManyRequests(reason) from None


async def _versions(context: Context, index: str) -> dict[str, str]:
    """Returns the latest version of each document; a page of the store is in order, so a later one comes behind."""
    versions: dict[str, str] = {}
    passed = 0
    while keys := await context.store.list(f"{index}/", limit=1000, offset=passed, table=VERSIONS):
        passed += len(keys)
        versions |= {key.split("/")[1]: key.split("/")[2] for key in keys}
    return versions


async def _forget(context: Context, prefix: str, keep: str = "") -> bool:
    """Deletes versions and their documents; returns whether there were any."""
    found = False
    for table in (VERSIONS, DOCUMENTS):
        while keys := [key for key in await context.store.list(prefix, TOGETHER, table=table) if key != keep]:
            await asyncio.gather(*(context.store.delete(key, table=table) for key in keys))
            found = True
    return found


def _check_document(id: str, title: str, text: str, data: Any) -> None:
    if not ID.fullmatch(id):
        raise errors.BadRequest(f"id: expected 1 to 100 letters, digits and .@:+-_, got {id[:120]!r}")
    if len(title) > TITLE_CHARACTERS_MAX or "\n" in title:
        raise errors.BadRequest(f"title: expected one line of at most {TITLE_CHARACTERS_MAX} characters")
    if not 0 < len(text.strip()) or len(text) > TEXT_CHARACTERS_MAX:
        raise errors.BadRequest(f"text: expected 1 to {TEXT_CHARACTERS_MAX} characters, got {len(text)}; split it")
    if len(msgspec.json.encode(data)) > DATA_BYTES_MAX:
        raise errors.BadRequest(f"data: expected at most {DATA_BYTES_MAX} bytes as JSON")


def _check_index(index: str) -> None:
    if not NAME.fullmatch(index):
        raise errors.BadRequest(f"index: expected 1 to 60 letters, digits, - and _, got {index[:80]!r}")


def _place(context: Context, index: str) -> Place:
    """Returns whose index it is: at least as fine as what tells callers' parts of the store apart."""
    caller = context.caller
    kind = caller.owner or caller.lent, caller.supervised, caller.anonymous
    return (caller.nid, caller.service, caller.account, *kind, index)


def _lock(context: Context, index: str, id: str = "") -> asyncio.Lock:
    """Returns what one has to hold who changes a document, or without an id the index in memory."""
    _check_index(index)
    return _changing.setdefault((_place(context, index), id), asyncio.Lock())


if __name__ == "__main__":
    service.run()
