"""Where programs that speak MCP come in: `/mcp`, loaded when the first one knocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from micro.doors.api.access import OWNER
from micro.doors.api.call import Asking
from micro.doors.api.content import Said
from micro.doors.api.form import read_urlencoded
from micro.doors.api.refusal import SAFE_HEADERS, Refused
from micro.doors.api.request import Request
from micro.doors.api.target import Target
from micro.errors import BadRequest, Fault, NotFound
from micro.network.owner import Owner
from micro.service.client import Client
from micro.service.schema.secrets import has_secrets
from micro.trust.policy import Caller

if TYPE_CHECKING:
    from micro.doors.mcp.door import McpDoor
    from micro.doors.mcp.reach import Reach
    from micro.doors.mcp.tool import Given, Tool

__all__ = ["Knowing", "MachineDoor", "target_of_tool"]

PINS_MAX: Final = 64
METHODS: Final = ("POST", "GET", "DELETE")


@dataclass(frozen=True)
class Knowing:
    """What the node knows besides, for doors that ask on somebody's behalf.

    Attributes:
        client_for: returns a client with a caller's rights.
        may: says whether a caller may use an endpoint of a service.
        unverified: returns the strangers that offer a name which nobody vouches for yet.
        confirm: takes such a name for what it means now.
    """

    client_for: Callable[[Caller], Client]
    may: Callable[[Caller, str, str], bool]
    unverified: Callable[[str], Awaitable[tuple[str, ...]]]
    confirm: Callable[[str], Awaitable[object]]


class MachineDoor:
    """The room of `/mcp`.

    Args:
        asking: tells who asks, and ends what is open with the door.
        knowing: what the node knows.
    """

    def __init__(self, asking: Asking, knowing: Knowing) -> None:
        self._asking = asking
        self._knowing = knowing
        self._loading: asyncio.Task[McpDoor] | None = None

    async def mcp(self, request: Request) -> None:
        """Answers a request of MCP.

        Raises:
            Fault: it cannot be answered here; the detail says why.
        """
        if request.method not in METHODS:
            raise Refused(405, "method: MCP is spoken by POST, GET and DELETE", headers={"allow": ", ".join(METHODS)})
        caller = self._asking.caller(request)
        pins = _pins(request.query)
        door = await self._door()
        reach = self._reach(caller, pins)
        task = asyncio.current_task()
        assert task is not None
        ending = _Ending(task)
        try:
            with self._asking.ending(ending, request):
                await door.answer(request.scope, request.receive, _safe(request), reach, f"{caller.kind} {caller}")
        except asyncio.CancelledError:
            if ending.fault is None:
                raise
            task.uncancel()
            if not request.started:
                raise ending.fault from None

    async def _door(self) -> McpDoor:
        if self._loading is None or (self._loading.done() and self._loading.exception() is not None):
            self._loading = asyncio.get_running_loop().create_task(self._load())
        return await asyncio.shield(self._loading)

    async def _load(self) -> McpDoor:
        try:
            kind = await asyncio.to_thread(_import_door)  # it takes a second, and the loop has other things to do
        except ImportError as error:
            raise NotFound(f"this node speaks no MCP ({error}); install micro-network[mcp]", id="api") from error
        door = kind(self._knowing.client_for(OWNER))
        await door.start()
        return door

    def _reach(self, caller: Caller, pins: tuple[str, ...] | None) -> Reach:
        from micro.doors.mcp.reach import Reach

        knowing = self._knowing

        async def confirm(name: str) -> None:
            await knowing.confirm(name)

        def noting(tool: Tool, given: Given) -> AbstractContextManager[object]:
            return self._asking.noting(caller, target_of_tool(tool), Said(given.content_type, given.body), door="mcp")

        return Reach(
            knowing.client_for(caller),
            pins,
            lambda service, endpoint: knowing.may(caller, service, endpoint),
            knowing.unverified,
            confirm if caller.unlimited else None,
            noting,
        )

    async def stop(self) -> None:
        """Ends all sessions."""
        if self._loading is not None and self._loading.done() and self._loading.exception() is None:
            await self._loading.result().stop()


def target_of_tool(tool: Tool) -> Target:
    """Returns what a tool asks, with the schema by which its secrets are kept out of the record."""
    return Target(
        tool.service,
        tool.endpoint,
        stream=tool.stream,
        parameters=tool.parameters,
        has_secrets=has_secrets(tool.parameters),
    )


def _import_door() -> type[McpDoor]:
    from micro.doors.mcp.door import McpDoor

    return McpDoor


class _Ending(Owner):
    """Has the work on a request end when the door closes, or when what it showed expires."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self.fault: Fault | None = None

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self.fault = fault
        self._task.cancel()


def _pins(query: bytes) -> tuple[str, ...] | None:
    """Returns the services of `?pin=`, which may be said often, or several times between commas; None without it."""
    found: dict[str, None] = {}
    for name, value in read_urlencoded(query):
        if name != "pin" or not isinstance(value, str):
            raise BadRequest(f"query: only pin is known, such as /mcp?pin=greeter, got {name[:40]!r}", id="api")
        found |= dict.fromkeys(word.strip() for word in value.split(",") if word.strip())
    if len(found) > PINS_MAX:
        raise BadRequest(f"pin: at most {PINS_MAX} services are shown as tools of their own", id="api")
    return tuple(found) if found else None


def _safe(request: Request) -> Callable[[Mapping[str, Any]], Awaitable[None]]:
    """Returns what sends an answer with the headers that all answers of the door have."""

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            request.started = True
            headers = list(message.get("headers", ()))
            known = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in SAFE_HEADERS if name not in known]
            message = {**message, "headers": headers}
        await request.send(dict(message))

    return send
