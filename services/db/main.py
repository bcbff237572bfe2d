"""Keeps tables of records, which are JSON objects, and finds those that a query asks for."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import msgspec

from micro import Context, Service, errors

TABLES_MAX = 100  # of one caller
RECORDS_MAX = 5000  # of one table: a query reads all of them
RECORD_BYTES_MAX = 32 * 1024
PAGE_MAX = 1000
QUERY_CHARACTERS_MAX = 2000
QUERY_DEPTH_MAX = 20
UPDATES_TRIED_MAX = 10  # where another generation changes the same record
TOGETHER = 64  # so many records are read or deleted at once

RECORDS, TABLES = "records", "tables"
WORDS = {"true": True, "false": False, "null": None}
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,99}")
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"""
    r"""|(?P<sign>==|!=|<=|>=|<|>|=|\(|\))|(?P<word>[^\W\d]\w*(?:\.\w+)*))"""
)

Record = dict[str, Any]
Test = Callable[[Record], bool]

service = Service(
    "db",
    version="1.0.0",
    description="Keeps tables of JSON records and queries them: filter, order, page. Each caller's own.",
    metadata={"tags": "database, storage, records, query"},
    store="caller",
)

_changing: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()
"""One change of a record at a time, or two who update at once would each undo what the other did."""


@service.endpoint(examples=[{"table": "users", "record": {"name": "Ann", "age": 36, "address": {"city": "Rome"}}}])
async def create(context: Context, table: str, record: Record, id: str = "") -> str:
    """Add a record to a table; the first one makes the table.

    Wishes:
        add a row to the table customers
        save this record in the database

    Args:
        table: its name: letters, digits, - and _, at most 60.
        record: the fields with their values, any JSON, at most 32 KiB.
        id: what to call it, at most 100 letters, digits and .@:+-_; empty makes an id that sorts by time.

    Returns:
        The record's id.
    """
    prefix = _prefix(table)
    id = id or _id_of(record) or _new_id()
    key = prefix + _check_id(id)
    try:
        if await context.store.read(table, table=TABLES) is None:
            await context.store.write(table, b"", table=TABLES, keys_max=TABLES_MAX)
    except errors.TooManyRequests:
        reason = f"you have {TABLES_MAX} tables, the most that are kept; drop one first"
        raise errors.TooManyRequests(reason) from None
    # Only where there is none: of several that come at once, here and in another generation, one is first.
    try:
        await _write(context, key, record, if_version=0)
    except errors.Conflict:
        raise errors.Conflict(f"{table} has a record {id!r} already; `db update` changes it") from None
    except errors.TooManyRequests:
        reason = f"{table} has {RECORDS_MAX} records, the most it keeps; delete some first"
        raise errors.TooManyRequests(reason) from None
    return id


@service.endpoint(idempotent=True, examples=[{"table": "users", "id": "ann"}])
async def read(context: Context, table: str, id: str) -> Record:
    """Read a record.

    Wishes:
        get the row with id bob from customers

    Args:
        table: its table.
        id: its id.

    Returns:
        Its fields, and `id`.
    """
    found = await _read(context, _prefix(table) + _check_id(id))
    if found is None:
        raise _missing(table, id)
    return found


@service.endpoint(idempotent=True, examples=[{"table": "users", "id": "ann", "record": {"age": 37}}])
async def update(context: Context, table: str, id: str, record: Record, replace: bool = False) -> Record:
    """Change fields of a record; those that are not given stay.

    Wishes:
        change a field of a row in customers

    Args:
        table: its table.
        id: its id.
        record: the fields to change, with their new values.
        replace: whether to drop the fields that are not given.

    Returns:
        The whole record.
    """
    key = _prefix(table) + _check_id(id)
    async with _lock(context, key):
        for _ in range(UPDATES_TRIED_MAX):
            entry = await context.store.entry(key, table=RECORDS)
            if entry is None:
                raise _missing(table, id)
            new = record if replace else _shown(key, entry.value) | record
            with contextlib.suppress(errors.Conflict):  # another generation changed it: from what it is by now, then
                await _write(context, key, new, if_version=entry.version)
                return {"id": id} | new | {"id": id}
    raise errors.Conflict(f"{table} changes {id!r} all the time; try again")


@service.endpoint(idempotent=True, examples=[{"table": "users", "id": "ann"}])
async def delete(context: Context, table: str, id: str) -> bool:
    """Delete a record.

    Wishes:
        delete the row bob from customers

    Args:
        table: its table.
        id: its id.

    Returns:
        Whether it was there.
    """
    key = _prefix(table) + _check_id(id)
    async with _lock(context, key):
        return await context.store.delete(key, table=RECORDS)


@service.endpoint(
    idempotent=True,
    examples=[
        {"table": "users"},
        {"table": "users", "query": 'age >= 18 and (address.city == "Rome" or name contains "nn")', "order_by": "age"},
    ],
)
async def find(
    context: Context,
    table: str,
    query: str = "",
    order_by: str = "",
    descending: bool = False,
    limit: int = 25,
    offset: int = 0,
) -> list[Record]:
    """Find records that a query asks for.

    Wishes:
        all customers where age > 40
        which rows of the table customers match a condition

    Args:
        table: which table.
        query: comparisons of fields with values, by == != < <= > >= and contains, joined by and, or, not and
            parentheses; empty finds all.
        order_by: the field to sort by; empty sorts by id, which is the order of time unless you chose the ids.
        descending: whether the largest comes first.
        limit: how many at most, up to 1000.
        offset: how many to leave out at the beginning.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise errors.BadRequest(f"limit: expected 1 to {PAGE_MAX}, got {limit}")
    if offset < 0:
        raise errors.BadRequest(f"offset: expected 0 or more, got {offset}")
    found = await _find(context, table, query)
    if order_by:
        found.sort(key=lambda record: _rank(_field(record, order_by)))
    if descending:
        found.reverse()
    return found[offset : offset + limit]


@service.endpoint(idempotent=True, examples=[{"table": "users"}, {"table": "users", "query": "age < 18"}])
async def count(context: Context, table: str, query: str = "") -> int:
    """Count records that a query asks for.

    Wishes:
        how many rows does the table customers have

    Args:
        table: which table.
        query: as for find; empty counts all.
    """
    return len(await _find(context, table, query))


@service.endpoint(idempotent=True, examples=[{}])
async def tables(context: Context) -> list[str]:
    """List the names of the tables there are.

    Wishes:
        which tables does the database have
    """
    return await context.store.list(limit=TABLES_MAX, table=TABLES)


@service.endpoint(idempotent=True, examples=[{"table": "users"}])
async def drop(context: Context, table: str) -> bool:
    """Drop a table with all its records.

    Wishes:
        delete the whole table customers

    Args:
        table: which table.

    Returns:
        Whether it was there.
    """
    prefix = _prefix(table)
    # The name goes last: a call that was cut off in the middle can be made again.
    while keys := await context.store.list(prefix, limit=TOGETHER, table=RECORDS):
        await asyncio.gather(*(context.store.delete(key, table=RECORDS) for key in keys))
    return await context.store.delete(table, table=TABLES)


class Query:
    """A query, read by recursive descent: `or` of `and` of `not` of comparisons.

    Raises:
        BadRequest: it is no query; the detail shows where it stops being one.
    """

    def __init__(self, text: str) -> None:
        if len(text) > QUERY_CHARACTERS_MAX:
            raise errors.BadRequest(f"query: expected at most {QUERY_CHARACTERS_MAX} characters, got {len(text)}")
        self._text = text
        self._at = 0
        self._depth = 0

    def test(self) -> Test:
        """Returns what tells whether a record is asked for."""
        test = self._any()
        if self._text[self._at :].strip():
            self._refuse("and, or, or the end")
        return test

    def _any(self) -> Test:
        tests = self._joined("or", self._all)
        return lambda record: any(test(record) for test in tests)

    def _all(self) -> Test:
        tests = self._joined("and", self._one)
        return lambda record: all(test(record) for test in tests)

    def _joined(self, word: str, part: Callable[[], Test]) -> list[Test]:
        tests = [part()]
        while self._accept(word):
            tests.append(part())
        return tests

    def _one(self) -> Test:
        self._depth += 1
        if self._depth > QUERY_DEPTH_MAX:
            self._refuse(f"at most {QUERY_DEPTH_MAX} parentheses and nots")
        if self._accept("not"):
            test = self._one()
            self._depth -= 1
            return lambda record: not test(record)
        if self._accept("("):
            test = self._any()
            if not self._accept(")"):
                self._refuse("a closing parenthesis")
        else:
            test = self._comparison()
        self._depth -= 1
        return test

    def _comparison(self) -> Test:
        found = self._next("word")
        if found is None:
            self._refuse("the name of a field")
        sign = next((one for one in COMPARISONS if self._accept(one)), None)
        if sign is None:
            self._refuse("== != < <= > >= or contains")
        compare, value = COMPARISONS[sign], self._value()
        return lambda record: compare(_field(record, found), value)

    def _value(self) -> Any:
        if text := self._next("text"):
            return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        if number := self._next("number"):
            return float(number) if re.search(r"[.eE]", number) else int(number)
        word = next((one for one in WORDS if self._accept(one)), None)
        return WORDS[word] if word else self._refuse('a number, a "text", true, false or null')

    def _next(self, kind: str) -> str | None:
        found = TOKEN.match(self._text, self._at)
        if found is None or found[kind] is None:
            return None
        self._at = found.end()
        return found[kind]

    def _accept(self, token: str) -> bool:
        found = TOKEN.match(self._text, self._at)
        if found is None or found["text"] or found[0].strip().lower() != token:
            return False
        self._at = found.end()
        return True

    def _refuse(self, expected: str) -> NoReturn:
        rest = self._text[self._at :].strip()
        raise errors.BadRequest(f"query: expected {expected}, got {repr(rest[:40]) if rest else 'its end'}")


def _equal(left: Any, right: Any) -> bool:
    """Tells whether two values of JSON are the same: 1 and 1.0 are, 1 and true are not."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Returns a comparison that is false between values of different kinds, and of such that have no order."""

    def test(left: Any, right: Any) -> bool:
        kind = _rank(left)[0]
        return kind in (2, 3) and kind == _rank(right)[0] and compare(left, right)

    return test


def _contains(whole: Any, part: Any) -> bool:
    """Tells whether a text contains another, in either case, or a list an item."""
    if isinstance(whole, str):
        return isinstance(part, str) and part.casefold() in whole.casefold()
    return isinstance(whole, list) and any(_equal(item, part) for item in whole)


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "=": _equal,
    "!=": lambda left, right: not _equal(left, right),
    **{sign: _ordered(test) for sign, test in (("<", lt), ("<=", le), (">", gt), (">=", ge))},
    "contains": _contains,
}


def _rank(value: Any) -> tuple[int, Any]:
    """Returns what values are sorted by: nothing, then true and false, numbers, texts, and at last what has parts."""
    if value is None or isinstance(value, bool):
        return (0, 0) if value is None else (1, value)
    if isinstance(value, int | float):
        return 2, value
    return (3, value) if isinstance(value, str) else (4, 0)


def _field(record: Record, path: str) -> Any:
    """Returns the field at a path of names joined by dots, None where there is none."""
    value: Any = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


async def _find(context: Context, table: str, query: str) -> list[Record]:
    """Returns all records that a query asks for, by id."""
    prefix = _prefix(table)
    test = Query(query).test() if query.strip() else None
    if await context.store.read(table, table=TABLES) is None:
        raise errors.NotFound(f"you have no table {table!r}; `db tables` shows those you have")
    keys, found = list[str](), list[Record]()
    while some := await context.store.list(prefix, limit=PAGE_MAX, offset=len(keys), table=RECORDS):
        keys += some
    for at in range(0, len(keys), TOGETHER):
        records = await asyncio.gather(*(_read(context, key) for key in keys[at : at + TOGETHER]))
        found += [record for record in records if record is not None and (test is None or test(record))]
    return found


async def _read(context: Context, key: str) -> Record | None:
    data = await context.store.read(key, table=RECORDS)
    return None if data is None else _shown(key, data)


def _missing(table: str, id: str) -> errors.NotFound:
    return errors.NotFound(f"{table} has no record {id!r}; `db find --table {table}` shows those there are")


def _shown(key: str, data: bytes) -> Record:
    return {"id": key.partition("/")[2], **msgspec.json.decode(data, type=Record)}


async def _write(context: Context, key: str, record: Record, if_version: int | None = None) -> None:
    id = key.partition("/")[2]
    if _id_of(record) not in ("", id):
        raise errors.BadRequest(f"record: its id is {id!r} and cannot become {str(record['id'])[:40]!r}")
    data = msgspec.json.encode({name: value for name, value in record.items() if name != "id"})
    if len(data) > RECORD_BYTES_MAX:
        raise errors.TooLarge(f"record: {len(data):,} bytes exceed the limit of {RECORD_BYTES_MAX:,}; split it")
    room = {"keys_max": RECORDS_MAX, "prefix": key.removesuffix(id)}
    await context.store.write(key, data, table=RECORDS, if_version=if_version, **room)


def _id_of(record: Record) -> str:
    """Returns the id that a record names, "" where it names none; ids that are numbers elsewhere are texts here."""
    id = record.get("id")
    if isinstance(id, bool) or not isinstance(id, str | int | None):
        raise errors.BadRequest(f"record: its id is to be a text or a whole number, got {str(id)[:40]!r}")
    return "" if id is None else str(id)


def _prefix(table: str) -> str:
    if not NAME.fullmatch(table):
        raise errors.BadRequest(f"table: expected a letter, then up to 59 letters, digits, - and _, got {table[:80]!r}")
    return f"{table}/"


def _check_id(id: str) -> str:
    if not ID.fullmatch(id):
        raise errors.BadRequest(f"id: expected 1 to 100 letters, digits and .@:+-_, got {id[:120]!r}")
    return id


def _lock(context: Context, key: str) -> asyncio.Lock:
    return _changing.setdefault((context.caller.nid, context.caller.service, key), asyncio.Lock())


def _new_id() -> str:
    """Returns an id that sorts by time: 64 bits of nanoseconds, then 32 of chance."""
    return f"{time.time_ns():016x}{secrets.token_hex(4)}"


if __name__ == "__main__":
    service.run()
