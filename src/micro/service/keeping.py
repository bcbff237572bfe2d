"""What a service keeps through its node: a key-value store, and its settings."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from micro.service.client import Client

__all__ = ["Entry", "Settings", "Store"]

DEFAULT_TABLE = "main"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept under a key.

    Attributes:
        key, value: what it is.
        version: which write it is of: it changes with each, and never comes back.
        changed: when it was written, in seconds since 1970.
        expires: when it will be forgotten; None for never.
    """

    key: str
    value: bytes
    version: int
    changed: float
    expires: float | None = None


class Store:
    """The key-value store of a service, of one scope of it. Values are bytes; a write is on disk when it returns."""

    __slots__ = ("_client", "_scope")

    def __init__(self, client: Client, scope: str) -> None:
        self._client = client
        self._scope = scope

    async def read(self, key: str, *, table: str = DEFAULT_TABLE) -> bytes | None:
        """Returns the value of `key`, or None where there is none or it expired."""
        answer = await self._call("Store.Read", table, key=key)
        return base64.b64decode(answer["value"]) if answer.get("found") else None

    async def entry(self, key: str, *, table: str = DEFAULT_TABLE) -> Entry | None:
        """Returns what is kept under `key` with its version, or None where there is nothing or it expired."""
        answer = await self._call("Store.Read", table, key=key)
        return _entry(answer) if answer.get("found") else None

    async def write(
        self,
        key: str,
        value: bytes,
        expiry_seconds: float | None = None,
        *,
        table: str = DEFAULT_TABLE,
        if_version: int | None = None,
        keys_max: int | None = None,
        prefix: str = "",
    ) -> int:
        """Sets the value of `key`, to be forgotten after `expiry_seconds` if given, and returns its version.

        Args:
            key: at most 512 bytes.
            value: at most 1 MiB.
            expiry_seconds: after how long it is forgotten.
            table: which table.
            if_version: only where it still has this version; 0 where it must not be there.
            keys_max: how many keys of the table may begin with `prefix`, if it is a new one.
            prefix: of the keys that are counted.

        Raises:
            Conflict: it has another version: somebody was faster.
            TooManyRequests: there are so many keys already.
            Fault: the key or value is too large, or the store is full.
        """
        fields = {"key": key, "value": base64.b64encode(value).decode("ascii"), "expiry_seconds": expiry_seconds}
        if if_version is None and keys_max is None:
            answer = await self._call("Store.Write", table, **fields)
        else:  # not to be sent twice: the second time the first would be in its way
            more = {"if_version": if_version, "keys_max": keys_max, "prefix": prefix}
            answer = await self._call("Store.Put", table, **fields, **more)
        return int(answer["version"])

    async def delete(self, key: str, *, table: str = DEFAULT_TABLE, if_version: int | None = None) -> bool:
        """Removes `key`, if it has the version that is asked for; returns whether it was there.

        Raises:
            Conflict: it has another version.
        """
        return bool((await self._call("Store.Delete", table, key=key, if_version=if_version))["deleted"])

    async def entries(
        self, prefix: str = "", limit: int = 100, offset: int = 0, *, table: str = DEFAULT_TABLE
    ) -> list[Entry]:
        """Returns what is kept under keys that begin with `prefix`, in order; fewer than `limit` where it is much."""
        answer = await self._call("Store.List", table, prefix=prefix, limit=limit, offset=offset)
        return [_entry(item) for item in answer["items"]]

    async def list(
        self, prefix: str = "", limit: int = 100, offset: int = 0, *, table: str = DEFAULT_TABLE
    ) -> list[str]:
        """Returns keys that begin with `prefix`, in order."""
        answer = await self._call("Store.List", table, prefix=prefix, limit=limit, offset=offset)
        return [item["key"] for item in answer["items"]]

    async def watch(self, prefix: str = "", *, table: str = DEFAULT_TABLE) -> AsyncIterator[dict[str, Any]]:
        """Yields changes of keys that begin with `prefix`, as `{"key", "kind"}`, from now on."""
        request = {"table": table, "scope": self._scope, "prefix": prefix}
        async with self._client.stream("store", "Store.Watch", request) as changes:
            async for change in changes:
                yield change

    async def _call(self, endpoint: str, table: str, **fields: Any) -> dict[str, Any]:
        request = {"table": table, "scope": self._scope, **{k: v for k, v in fields.items() if v is not None}}
        found: dict[str, Any] = await self._client.call("store", endpoint, request)
        return found


def _entry(item: dict[str, Any]) -> Entry:
    value = base64.b64decode(item["value"])
    return Entry(item["key"], value, int(item["version"]), item["changed"], item.get("expires"))


class Settings:
    """The settings of a service, set by its owner with `micro config set SERVICE.PATH VALUE`."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, path: str = "", default: Any = None) -> Any:
        """Returns the value at a path of names joined by dots, secrets included, or `default`."""
        answer = await self._client.call("config", "Config.Get", {"path": path, "own": True})
        return answer["value"] if answer["found"] else default

    async def watch(self, path: str = "") -> AsyncIterator[dict[str, Any]]:
        """Yields `{"path"}` whenever something at or below a path changes."""
        async with self._client.stream("config", "Config.Watch", {"path": path, "own": True}) as changes:
            async for change in changes:
                yield change
