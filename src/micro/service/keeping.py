"""What a service keeps through its node: a key-value store, and its settings."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from micro.service.client import Client

__all__ = ["Settings", "Store"]

DEFAULT_TABLE = "main"


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

    async def write(
        self, key: str, value: bytes, expiry_seconds: float | None = None, *, table: str = DEFAULT_TABLE
    ) -> None:
        """Sets the value of `key`, to be forgotten after `expiry_seconds` if given.

        Raises:
            Fault: the key or value is too large, or the store is full.
        """
        await self._call(
            "Store.Write", table, key=key, value=base64.b64encode(value).decode("ascii"), expiry_seconds=expiry_seconds
        )

    async def delete(self, key: str, *, table: str = DEFAULT_TABLE) -> bool:
        """Removes `key`; returns whether it was there."""
        return bool((await self._call("Store.Delete", table, key=key))["deleted"])

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
