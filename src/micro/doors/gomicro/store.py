"""The service `go.micro.store`: go-micro's store over RPC, kept in the node's own store, for its owner.

A database is the store of the service of that name, `go-micro` where it is not said, and a table a table of it. Times
are in seconds, as go-micro's client sends and reads them, whatever its comments say. Source of the messages:
`store/service/proto/store.proto` of go-micro v2.9.1.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from micro.doors.gomicro.messages import Empty
from micro.doors.mucp.names import name_of
from micro.errors import BadRequest, NotFound
from micro.ports import Clock
from micro.service.client import Client
from micro.service.context import Context
from micro.service.service import Service
from micro.trust.policy import Caller

__all__ = ["NAME", "store_service"]

NAME = "go-micro-store"
DATABASE, TABLE = "go-micro", "main"
PAGE_RECORDS = 100
RECORDS_MAX = 10_000
"""So many records are looked through for one question."""

ANSWERED_BYTES_MAX = 3_000_000
METADATA_MAX = 64
ClientFor = Callable[[Caller], Client]


@dataclass
class Field:
    """A value beside a record.

    Attributes:
        type: what Go calls its type.
        value: it, as text.
    """

    type: str = ""
    value: str = ""


@dataclass
class Record:
    """A record.

    Attributes:
        key: its key.
        value: its bytes.
        expiry: in how many seconds it is forgotten; 0 for never.
        metadata: what is said beside it; it is not kept.
    """

    key: str = ""
    value: bytes = b""
    expiry: int = 0
    metadata: dict[str, Field] = field(default_factory=dict)


@dataclass
class ReadOptions:
    """Which records are read.

    Attributes:
        database, table: where.
        prefix, suffix: whether the key is only the beginning, or the end, of theirs.
        limit, offset: how many at most, 0 for all, and how many are left out first.
    """

    database: str = ""
    table: str = ""
    prefix: bool = False
    suffix: bool = False
    limit: int = 0
    offset: int = 0


@dataclass
class WriteOptions:
    """How a record is written.

    Attributes:
        database, table: where.
        expiry: when it is forgotten, in seconds since 1970.
        ttl: in how many seconds it is forgotten.
    """

    database: str = ""
    table: str = ""
    expiry: int = 0
    ttl: int = 0


@dataclass
class DeleteOptions:
    """Where a record is deleted.

    Attributes:
        database, table: where.
    """

    database: str = ""
    table: str = ""


@dataclass
class ListOptions:
    """Which keys are listed.

    Attributes:
        database, table: where.
        prefix, suffix: with what they begin and end.
        limit, offset: how many at most, 0 for all, and how many are left out first.
    """

    database: str = ""
    table: str = ""
    prefix: str = ""
    suffix: str = ""
    limit: int = 0
    offset: int = 0


@dataclass
class Records:
    """Some records.

    Attributes:
        records: in the order of their keys.
    """

    records: list[Record] = field(default_factory=list)


@dataclass
class Keys:
    """Some keys.

    Attributes:
        reserved: nothing: go-micro left the number behind.
        keys: in order.
    """

    reserved: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


class StoreControl:
    """The endpoints."""

    def __init__(self, client_for: ClientFor, clock: Clock) -> None:
        self._client_for = client_for
        self._clock = clock

    async def read(self, context: Context, key: str = "", options: ReadOptions | None = None) -> Records:
        """Reads a record, or all whose keys begin or end so.

        Args:
            key: the key, or a part of it.
            options: where, and which.
        """
        asked = options or ReadOptions()
        place = _place(asked.database, asked.table)
        if not (asked.prefix or asked.suffix):
            found = await self._ask(context, "Read", {"key": key, **place})
            if not found["found"]:
                raise NotFound(f"key: {key[:80]!r} is not in this table", id=NAME)
            return Records([self._record({"key": key, **found})])
        prefix, suffix = key if asked.prefix else "", key if asked.suffix else ""
        records, size = list[Record](), 0
        async for item in self._matching(context, place, prefix, suffix, asked.limit, asked.offset):
            record = self._record(item)
            size += len(record.value)
            if size > ANSWERED_BYTES_MAX:
                raise BadRequest("limit: these records are too large for one answer; read fewer of them")
            records.append(record)
        return Records(records)

    async def write(self, context: Context, record: Record | None = None, options: WriteOptions | None = None) -> Empty:
        """Writes a record; it is on disk when this returns.

        Args:
            record: the record.
            options: where, and for how long.
        """
        if record is None:
            raise BadRequest("record: which one is to be written?")
        asked = options or WriteOptions()
        seconds = record.expiry or asked.ttl
        if not seconds and asked.expiry:
            seconds = max(1, asked.expiry - int(self._clock.now()))
        lasts = {"expiry_seconds": seconds} if seconds > 0 else {}
        wish = {"key": record.key, "value": record.value, **_place(asked.database, asked.table), **lasts}
        await self._ask(context, "Write", wish)
        return Empty()

    async def delete(self, context: Context, key: str = "", options: DeleteOptions | None = None) -> Empty:
        """Removes a record; that there is none is no error.

        Args:
            key: its key.
            options: where.
        """
        asked = options or DeleteOptions()
        await self._ask(context, "Delete", {"key": key, **_place(asked.database, asked.table)})
        return Empty()

    async def list(self, context: Context, options: ListOptions | None = None) -> AsyncIterator[Keys]:
        """Lists keys, some at a time.

        Args:
            options: which.
        """
        asked = options or ListOptions()
        place, keys = _place(asked.database, asked.table), list[str]()
        async for item in self._matching(context, place, asked.prefix, asked.suffix, asked.limit, asked.offset):
            keys.append(item["key"])
            if len(keys) >= PAGE_RECORDS:
                yield Keys(keys=keys)
                keys = []
        if keys:
            yield Keys(keys=keys)

    async def _ask(self, context: Context, verb: str, wish: dict[str, Any]) -> Any:
        return await self._client_for(context.caller).call("store", f"Store.{verb}", wish)

    async def _matching(
        self, context: Context, place: dict[str, str], prefix: str, suffix: str, limit: int, offset: int
    ) -> AsyncIterator[dict[str, Any]]:
        """Yields the records whose keys fit, a page of the store at a time."""
        if limit < 0 or offset < 0:
            raise BadRequest("limit, offset: 0 or more are expected")
        left, skipped = limit or RECORDS_MAX, 0
        for start in range(0, RECORDS_MAX, PAGE_RECORDS):
            wish = {"prefix": prefix, "limit": PAGE_RECORDS, "offset": start, **place}
            items = (await self._ask(context, "List", wish))["items"]
            for item in items:
                if not item["key"].endswith(suffix):
                    continue
                if skipped < offset:
                    skipped += 1
                    continue
                if left <= 0:
                    return
                left -= 1
                yield item
            if len(items) < PAGE_RECORDS:
                return
        raise BadRequest(f"at most {RECORDS_MAX} records are looked through; ask for a longer prefix")

    def _record(self, item: dict[str, Any]) -> Record:
        seconds = max(1, int(item["expires"] - self._clock.now())) if "expires" in item else 0
        return Record(item["key"], base64.b64decode(item["value"]), seconds)


def _place(database: str, table: str) -> dict[str, str]:
    return {"service": name_of(database) if database else DATABASE, "table": table or TABLE}


def store_service(client_for: ClientFor, clock: Clock) -> Service:
    """Returns the service; `client_for` gives a client with a caller's rights."""
    endpoints = StoreControl(client_for, clock)
    service = Service(NAME, description="The node's store, for go-micro's store over RPC.", platform=True)
    service.add("Store.Read", endpoints.read, idempotent=True)
    service.add("Store.Write", endpoints.write, idempotent=True)
    service.add("Store.Delete", endpoints.delete, idempotent=True)
    service.add("Store.List", endpoints.list, idempotent=True)
    return service
