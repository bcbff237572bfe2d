"""What a go-micro program beside an adapter can call: the services in reach of its node."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from micro.doors.mucp.names import name_of
from micro.errors import MicroError
from micro.service.client import Client

__all__ = ["Nearby"]

SERVICES_MAX: Final = 10_000
AGAIN_SECONDS: Final = 1.0


class Nearby:
    """What can be called, as the node's registry says it, kept up to date.

    A door asks for a description between two bytes of a request, and cannot wait for the node's answer.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._hashes: dict[str, dict[str, str]] = {}
        self._descriptions: dict[str, Mapping[str, Any]] = {}
        self._watching: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        """Set once everything that is there was heard of."""

    def start(self) -> None:
        """Begins to listen."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    def stop(self) -> None:
        """Listens no more."""
        if self._watching is not None:
            self._watching.cancel()

    def describe(self, name: str) -> Mapping[str, Any] | None:
        """Returns the description of a service, None where none is known."""
        instances = self._hashes.get(name_of(name), {})
        return next((self._descriptions[each] for each in instances.values() if each in self._descriptions), None)

    def list_services(self) -> Sequence[Mapping[str, Any]]:
        """Returns the name of each service."""
        return [{"name": name} for name in self._hashes]

    async def _watch(self) -> None:
        while True:
            try:
                stream = await self._client.stream_raw("registry", "Registry.Watch", b"{}")
                async with stream:
                    async for change in stream:
                        self.heard(msgspec.json.decode(change))
            except MicroError:
                pass  # the link to the node is gone, and so is soon the adapter
            await asyncio.sleep(AGAIN_SECONDS)

    def heard(self, change: Mapping[str, Any]) -> None:
        """Takes note of one message of `Registry.Watch`."""
        kind, instance = change.get("kind"), change.get("instance") or {}
        if kind == "resync":
            self._hashes.clear()
            self._descriptions.clear()
        elif kind == "ready":
            self.ready.set()
        elif kind == "removed":
            known = self._hashes.get(str(instance.get("service")), {})
            known.pop(str(instance.get("id")), None)
            if not known:
                self._hashes.pop(str(instance.get("service")), None)
        elif kind in ("added", "changed") and len(self._hashes) < SERVICES_MAX:
            number = str(change.get("hash"))
            self._hashes.setdefault(str(instance.get("service")), {})[str(instance.get("id"))] = number
            if change.get("description") and len(self._descriptions) < SERVICES_MAX:
                self._descriptions[number] = change["description"]
