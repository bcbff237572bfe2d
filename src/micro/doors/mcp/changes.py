"""Tells clients that the list of tools is another: newer ones on the stream they opened for it, older by session."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from mcp.server.connection import Connection
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.types import NotificationParams

from micro.doors.mcp.asking import Context
from micro.errors import MicroError
from micro.mucp.codec import decode_json
from micro.service.raw import RawClient

__all__ = ["Changes"]

LISTENERS_MAX: Final = 256
SETTLE_SECONDS: Final = 0.2
"""Changes within so long are told as one: a service that starts changes several times."""

TELL_SECONDS: Final = 5.0
"""A client that does not read is not waited for any longer."""

AGAIN_SECONDS: Final = 1.0

log = logging.getLogger("micro.mcp")


class Changes:
    """Watches the registry, and tells whoever listens."""

    def __init__(self) -> None:
        self._bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self._bus, max_subscriptions=LISTENERS_MAX)
        self._older: dict[int, Connection] = {}
        self._known: dict[str, tuple[str, str]] = {}
        self._stirred = asyncio.Event()

    async def greet(self, context: Context, asked: NotificationParams | None) -> None:
        """Takes note of a client of before 2026-07-28 whose session begins."""
        connection = _connection_of(context)
        self._older[id(connection)] = connection
        connection.exit_stack.callback(self._older.pop, id(connection), None)

    async def watch(self, client: RawClient) -> None:
        """Watches the registry, and tells of changes, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell())
            while True:
                try:
                    await self._follow(client)
                except MicroError as error:
                    log.debug("the registry is watched again: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self, client: RawClient) -> None:
        stream = await client.stream_raw("registry", "Registry.Watch", b"{}")
        async with stream:
            await stream.end()
            seen: dict[str, tuple[str, str]] = {}
            is_ready = False
            async for body in stream.messages():
                line = decode_json(body)
                if line["kind"] == "resync":
                    seen, is_ready = {}, False
                elif line["kind"] == "ready":
                    is_ready = True
                elif "instance" in line:
                    _note(seen, line)
                if is_ready and seen != self._known:
                    self._known = dict(seen)
                    self._stirred.set()

    async def _tell(self) -> None:
        told: frozenset[tuple[str, str]] | None = None
        while True:
            await self._stirred.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            self._stirred.clear()
            tools = frozenset(self._known.values())
            if told is not None and tools != told:
                await self._bus.publish(ToolsListChanged())
                for connection in list(self._older.values()):
                    await _tell(connection)
            told = tools

    def close(self) -> None:
        """Ends the streams of whoever listens."""
        self.listen.close()


def _note(seen: dict[str, tuple[str, str]], line: dict[str, Any]) -> None:
    instance = line["instance"]
    key = f"{instance.get('nid')}/{instance.get('id')}/{instance.get('service')}"
    if line["kind"] == "removed":
        seen.pop(key, None)
    else:
        before = seen.get(key, ("", ""))[1]
        seen[key] = (str(instance.get("service")), str(line.get("hash", before)))


async def _tell(connection: Connection) -> None:
    try:
        async with asyncio.timeout(TELL_SECONDS):
            await connection.send_tool_list_changed()
    except TimeoutError:
        log.debug("a client does not read that there are other tools")


def _connection_of(context: Context) -> Connection:
    """Returns a client's connection, which the SDK shows to nobody: a contract test fails first when it moves."""
    found = context.session._connection
    assert isinstance(found, Connection)
    return found
