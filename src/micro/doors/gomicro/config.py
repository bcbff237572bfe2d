"""The service `go.micro.config`: go-micro's settings over RPC, kept among the node's settings, for its owner.

A namespace is the service that settings are for, and a path what is below it. Source of the messages:
`config/source/service/proto/service.proto` of go-micro v2.9.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from micro.doors.gomicro.messages import Empty
from micro.doors.mucp.names import name_of
from micro.errors import BadRequest, Conflict, NotFound
from micro.mucp.codec import decode_json, encode_json
from micro.ports import Clock
from micro.service.client import Client
from micro.service.context import Context
from micro.service.service import Service
from micro.trust.policy import Caller

__all__ = ["NAME", "config_service"]

NAME = "go-micro-config"
NAMESPACE = "global"
FORMAT = "json"
ClientFor = Callable[[Caller], Client]


@dataclass
class ChangeSet:
    """Settings.

    Attributes:
        data: them, in JSON.
        checksum: of the data.
        format: what the data is in; JSON alone is taken.
        source: whence they are.
        timestamp: when they were read, in seconds since 1970.
    """

    data: str = ""
    checksum: str = ""
    format: str = ""
    source: str = ""
    timestamp: int = 0


@dataclass
class Change:
    """Settings at a place.

    Attributes:
        namespace: the service they are for.
        path: names joined by dots; "" for all of that service.
        changeSet: what is there.
    """

    namespace: str = ""
    path: str = ""
    changeSet: ChangeSet | None = None  # noqa: N815 - so go-micro spells it in JSON


@dataclass
class Read:
    """What was read.

    Attributes:
        change: what is there.
    """

    change: Change | None = None


@dataclass
class Changes:
    """All settings.

    Attributes:
        values: those of each service.
    """

    values: list[Change] = field(default_factory=list)


@dataclass
class Watched:
    """What changed.

    Attributes:
        namespace: of which service.
        changeSet: what is there now.
    """

    namespace: str = ""
    changeSet: ChangeSet | None = None  # noqa: N815 - so go-micro spells it in JSON


class ConfigControl:
    """The endpoints."""

    def __init__(self, client_for: ClientFor, clock: Clock) -> None:
        self._client_for = client_for
        self._clock = clock

    async def create(self, context: Context, change: Change | None = None) -> Empty:
        """Sets what is at a place where nothing is.

        Args:
            change: the place, and what.
        """
        place, value = _asked(change)
        if (await self._get(context, place))["found"]:
            raise Conflict(f"there are settings at {place}; use Config.Update", id=NAME)
        await self._ask(context, "Set", {"path": place, "value": value})
        return Empty()

    async def update(self, context: Context, change: Change | None = None) -> Empty:
        """Sets what is at a place, in place of all that was there.

        Args:
            change: the place, and what.
        """
        place, value = _asked(change)
        await self._ask(context, "Set", {"path": place, "value": value})
        return Empty()

    async def delete(self, context: Context, change: Change | None = None) -> Empty:
        """Removes what is at a place, and below it.

        Args:
            change: the place.
        """
        asked = change or Change()
        await self._ask(context, "Delete", {"path": _place(asked.namespace, asked.path)})
        return Empty()

    async def read(self, context: Context, namespace: str = "", path: str = "") -> Read:
        """Returns what is at a place, secrets in plain.

        Args:
            namespace: the service it is for.
            path: names joined by dots; "" for all of that service.
        """
        found = await self._get(context, _place(namespace, path))
        if not found["found"]:
            raise NotFound(f"there are no settings at {_place(namespace, path)}", id=NAME)
        return Read(Change(namespace or NAMESPACE, path, self._set(found["value"])))

    async def list(self, context: Context) -> Changes:
        """Returns the settings of all services, secrets masked."""
        found = await self._ask(context, "Get", {"path": ""})
        tree = found["value"] if found["found"] and isinstance(found["value"], dict) else {}
        return Changes([Change(name, "", self._set(value)) for name, value in tree.items()])

    async def watch(self, context: Context, namespace: str = "", path: str = "") -> AsyncIterator[Watched]:
        """Yields what is at a place, each time that it changes.

        Args:
            namespace: the service it is for.
            path: names joined by dots; "" for all of that service.
        """
        context.exchange.patient = True
        place = _place(namespace, path)
        async with self._client_for(context.caller).stream("config", "Config.Watch", {"path": place}) as changes:
            async for _ in changes:
                found = await self._get(context, place)
                yield Watched(namespace or NAMESPACE, self._set(found["value"] if found["found"] else None))

    async def _get(self, context: Context, place: str) -> Any:
        return await self._ask(context, "Get", {"path": place, "reveal": True})

    async def _ask(self, context: Context, verb: str, wish: dict[str, Any]) -> Any:
        return await self._client_for(context.caller).call("config", f"Config.{verb}", wish)

    def _set(self, value: Any) -> ChangeSet:
        data = encode_json(value)
        checksum = hashlib.sha256(data).hexdigest()
        return ChangeSet(data.decode(), checksum, FORMAT, "micro", int(self._clock.now()))


def _place(namespace: str, path: str) -> str:
    whole = f"{name_of(namespace or NAMESPACE)}.{path.replace('/', '.')}"
    return whole.strip(".")


def _asked(change: Change | None) -> tuple[str, Any]:
    if change is None or change.changeSet is None:
        raise BadRequest("change: a place and a changeSet are expected")
    if change.changeSet.format not in ("", FORMAT):
        raise BadRequest(f"change.changeSet.format: {FORMAT} is taken, got {change.changeSet.format[:40]!r}")
    return _place(change.namespace, change.path), decode_json(change.changeSet.data.encode())


def config_service(client_for: ClientFor, clock: Clock) -> Service:
    """Returns the service; `client_for` gives a client with a caller's rights."""
    endpoints = ConfigControl(client_for, clock)
    service = Service(NAME, description="The node's settings, for go-micro's config over RPC.", platform=True)
    service.add("Config.Create", endpoints.create)
    service.add("Config.Update", endpoints.update, idempotent=True)
    service.add("Config.Delete", endpoints.delete, idempotent=True)
    service.add("Config.Read", endpoints.read, idempotent=True)
    service.add("Config.List", endpoints.list, idempotent=True)
    service.add("Config.Watch", endpoints.watch, idempotent=True)
    return service
