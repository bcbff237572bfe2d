"""The service `config`: settings that the owner gives to services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from micro.errors import BadRequest, Conflict, NotFound
from micro.service.context import Context
from micro.service.service import Service
from micro.store.settings import Settings

__all__ = ["config_service"]


class ConfigControl:
    """The endpoints. The first name of a path is the service it is for; a service sees what is below its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @staticmethod
    def _path(context: Context, path: str, own: bool) -> str:
        caller = context.caller
        if caller.owner and not own:
            return path
        if not caller.service:
            raise BadRequest("own: this caller is no service and has no settings of its own")
        return f"{caller.service}.{path}" if path else caller.service

    async def get(self, context: Context, path: str = "", own: bool = False, reveal: bool = False) -> dict[str, Any]:
        """Returns what is at a path: a value, or the tree below it. Secrets are masked for people.

        Args:
            path: names joined by dots; the first is the service's.
            own: read below the calling service's own name, secrets in plain.
            reveal: show secrets to the owner.
        """
        whole = self._path(context, path, own)
        shown = reveal or own or not context.caller.owner
        try:
            return {"found": True, "path": whole, "value": self._settings.get(whole, reveal=shown)}
        except NotFound:
            return {"found": False, "path": whole, "value": None}

    async def set(self, path: str, value: Any, secret: bool = False) -> dict[str, Any]:
        """Sets what is at a path, in place of all that was there.

        Args:
            path: names joined by dots; the first is the service's.
            value: any JSON value.
            secret: whether it is encrypted at rest and masked when shown.
        """
        if not isinstance(value, dict) and isinstance(self._present(path), dict):
            raise Conflict(f"there are settings below {path}; name one of them, or delete {path} first")
        await self._settings.set(path, value, secret=secret)
        return {"path": path}

    def _present(self, path: str) -> Any:
        try:
            return self._settings.get(path)
        except NotFound:
            return None

    async def delete(self, path: str) -> dict[str, Any]:
        """Removes what is at a path and below it.

        Args:
            path: names joined by dots.
        """
        return {"path": path, "deleted": await self._settings.delete(path)}

    async def watch(self, context: Context, path: str = "", own: bool = False) -> AsyncIterator[dict[str, Any]]:
        """Yields the path of every change from now on at or below a path.

        Args:
            path: names joined by dots.
            own: below the calling service's own name.
        """
        watch = self._settings.watch(self._path(context, path, own))
        try:
            async for change in watch:
                yield {"kind": change.kind, "path": change.key}
        finally:
            watch.close()


def config_service(settings: Settings) -> Service:
    """Returns the service."""
    endpoints = ConfigControl(settings)
    service = Service("config", description="Settings that the owner gives to services.", platform=True)
    service.add("Config.Get", endpoints.get, idempotent=True)
    service.add("Config.Set", endpoints.set, idempotent=True)
    service.add("Config.Delete", endpoints.delete)
    service.add("Config.Watch", endpoints.watch, idempotent=True)
    return service
