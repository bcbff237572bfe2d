"""The service `store`: what services keep through their node, each its own and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from micro.errors import BadRequest, Forbidden
from micro.ports import Clock
from micro.service.context import Context
from micro.service.service import Service
from micro.store.condition import Room
from micro.store.kv import KeyValue, Record
from micro.store.stores import Stores

__all__ = ["store_service"]

TABLE = "main"


class StoreControl:
    """The endpoints. A service uses its own store; the owner names one."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock

    async def _store(self, context: Context, service: str) -> KeyValue:
        own = context.caller.service
        if own and service and service != own:
            raise Forbidden(f"{own} keeps its own store and not that of {service}")
        if not (own or service):
            raise BadRequest("service: whose store? Name the service, for instance --service notes")
        return await self._stores.get(own or service)

    async def read(
        self, key: str, context: Context, table: str = TABLE, scope: str = "", service: str = ""
    ) -> dict[str, Any]:
        """Reads a key; `found` says whether it is there.

        Args:
            key: the key.
            table: which table.
            scope: whose part of the store; empty for what all callers share.
            service: whose store, for the owner.
        """
        store = await self._store(context, service)
        record = await store.read(scope, key, table=table)
        return {"found": False} if record is None else {"found": True, **_shown(record)}

    async def write(
        self,
        key: str,
        value: bytes,
        context: Context,
        table: str = TABLE,
        scope: str = "",
        service: str = "",
        expiry_seconds: float | None = None,
    ) -> dict[str, Any]:
        """Writes a key; it is on disk when this returns.

        Args:
            key: at most 512 bytes.
            value: at most 1 MiB, in base64 where the request is JSON.
            table: which table.
            scope: whose part of the store; empty for what all callers share.
            service: whose store, for the owner.
            expiry_seconds: after how long it is forgotten.
        """
        store = await self._store(context, service)
        expires = self._clock.now() + expiry_seconds if expiry_seconds is not None else None
        return {"written": True, "version": await store.write(scope, key, value, table=table, expires=expires)}

    async def put(
        self,
        key: str,
        value: bytes,
        context: Context,
        table: str = TABLE,
        scope: str = "",
        service: str = "",
        expiry_seconds: float | None = None,
        if_version: int | None = None,
        keys_max: int | None = None,
        prefix: str = "",
    ) -> dict[str, Any]:
        """Writes a key where a condition holds, which is looked at and written in one; a conflict if it does not.

        Args:
            key: at most 512 bytes.
            value: at most 1 MiB, in base64 where the request is JSON.
            table: which table.
            scope: whose part of the store; empty for what all callers share.
            service: whose store, for the owner.
            expiry_seconds: after how long it is forgotten.
            if_version: the version that the key must have; 0 where it must not be there.
            keys_max: how many keys there may be, if it is a new one.
            prefix: of the keys that are counted.
        """
        store = await self._store(context, service)
        expires = self._clock.now() + expiry_seconds if expiry_seconds is not None else None
        room = Room(keys_max, prefix) if keys_max is not None else None
        version = await store.write(scope, key, value, table=table, expires=expires, if_version=if_version, room=room)
        return {"written": True, "version": version}

    async def delete(
        self,
        key: str,
        context: Context,
        table: str = TABLE,
        scope: str = "",
        service: str = "",
        if_version: int | None = None,
    ) -> dict[str, Any]:
        """Removes a key.

        Args:
            key: the key.
            table: which table.
            scope: whose part of the store.
            service: whose store, for the owner.
            if_version: the version that the key must have.
        """
        store = await self._store(context, service)
        return {"deleted": await store.delete(scope, key, table=table, if_version=if_version)}

    async def list(
        self,
        context: Context,
        prefix: str = "",
        limit: int = 100,
        offset: int = 0,
        table: str = TABLE,
        scope: str = "",
        service: str = "",
    ) -> dict[str, Any]:
        """Lists keys in order, with their values.

        Args:
            prefix: only keys that begin so.
            limit: how many at most.
            offset: how many to leave out first.
            table: which table.
            scope: whose part of the store.
            service: whose store, for the owner.
        """
        store = await self._store(context, service)
        records = await store.list(scope, table=table, prefix=prefix, limit=limit, offset=offset)
        return {"items": [_shown(record) for record in records]}

    async def watch(
        self, context: Context, prefix: str = "", table: str = TABLE, scope: str = "", service: str = ""
    ) -> AsyncIterator[dict[str, Any]]:
        """Yields changes of keys from now on; `lagged` says that so many were missed that all should be read anew.

        Args:
            prefix: only keys that begin so.
            table: which table.
            scope: whose part of the store.
            service: whose store, for the owner.
        """
        store = await self._store(context, service)
        watch = store.watch(scope, table=table, prefix=prefix)
        try:
            async for change in watch:
                yield {"kind": change.kind, "key": change.key, "missed": change.missed}
        finally:
            watch.close()


def _shown(record: Record) -> dict[str, Any]:
    shown: dict[str, Any] = {"key": record.key, "value": record.value, "changed": record.changed}
    shown["version"] = record.version
    if record.expires is not None:
        shown["expires"] = record.expires
    return shown


def store_service(stores: Stores, clock: Clock) -> Service:
    """Returns the service."""
    endpoints = StoreControl(stores, clock)
    service = Service("store", description="What services keep through their node.", platform=True)
    service.add("Store.Read", endpoints.read, idempotent=True)
    service.add("Store.Write", endpoints.write, idempotent=True)
    service.add("Store.Put", endpoints.put)
    service.add("Store.Delete", endpoints.delete)
    service.add("Store.List", endpoints.list, idempotent=True)
    service.add("Store.Watch", endpoints.watch, idempotent=True)
    return service
