"""MCP over HTTP: the SDK's session manager behind our own guard, asked for whoever the door says is there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from micro.doors.mcp.asking import Context
from micro.doors.mcp.changes import Changes
from micro.doors.mcp.reach import Reach
from micro.doors.mcp.server import server_of
from micro.errors import TooManyRequests, Unavailable
from micro.service.raw import RawClient

__all__ = ["McpDoor"]

SESSIONS_MAX: Final = 256
"""Clients of before 2026-07-28, each of which has a session here."""

SESSIONS_OF_ONE_MAX: Final = 64
"""Of them one caller has so many, so that nobody takes all places of others."""

SESSION_IDLE_SECONDS: Final = 1_800.0
BODY_BYTES_MAX: Final = 4 * 1_048_576
STOP_SECONDS: Final = 2.0

SESSION_HEADER: Final = b"mcp-session-id"
VERSION_HEADER: Final = b"mcp-protocol-version"

REACH: Final = "micro.reach"
"""Where a request's scope says what whoever sent it can reach."""


class McpDoor:
    """Answers requests.

    Args:
        watcher: a client that may watch the registry.
    """

    def __init__(self, watcher: RawClient) -> None:
        self._watcher = watcher
        self._changes = Changes()
        self._manager = StreamableHTTPSessionManager(
            server_of(_reach_of, self._changes),
            max_sessions=SESSIONS_MAX,
            session_idle_timeout=SESSION_IDLE_SECONDS,
            max_request_body_size=BODY_BYTES_MAX,
        )
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to serve."""
        started = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(started))
        await started.wait()

    async def _run(self, started: asyncio.Event) -> None:
        watching = asyncio.get_running_loop().create_task(self._changes.watch(self._watcher))
        try:
            async with self._manager.run():
                started.set()
                await self._stopping.wait()
                self._changes.close()
                await asyncio.sleep(0)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def stop(self) -> None:
        """Ends all sessions and streams."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=STOP_SECONDS)

    async def answer(self, scope: Mapping[str, Any], receive: Any, send: Any, reach: Reach, caller: str) -> None:
        """Answers one request.

        Args:
            scope, receive, send: ASGI's.
            reach: what whoever asks can reach.
            caller: who that is; a session answers the one alone who began it.

        Raises:
            Unavailable: the door is closing.
            TooManyRequests: the caller has too many sessions.
        """
        if self._task is None or self._task.done():
            raise Unavailable("the door for MCP is closing; connect again later", id="api")
        if _may_begin(scope) and self._sessions(caller) >= SESSIONS_OF_ONE_MAX:
            raise TooManyRequests(f"{SESSIONS_OF_ONE_MAX} sessions of MCP are open for you; end one, or wait", id="api")
        user = AuthenticatedUser(AccessToken(token="", client_id=caller, scopes=[]))
        await self._manager.handle_request({**scope, "user": user, REACH: reach}, receive, send)

    def _sessions(self, caller: str) -> int:
        """Returns how many sessions a caller has, of which the SDK keeps the list to itself."""
        return sum(1 for owner in self._manager._session_owners.values() if owner["client_id"] == caller)


def _may_begin(scope: Mapping[str, Any]) -> bool:
    """Says whether a request may begin a session: it is in none, and not of the newer kind, which has none."""
    headers = dict(scope["headers"])
    version = headers.get(VERSION_HEADER, b"").decode("latin-1")
    return SESSION_HEADER not in headers and version not in MODERN_PROTOCOL_VERSIONS


def _reach_of(context: Context) -> Reach:
    found = context.request.scope[REACH] if context.request is not None else None
    assert isinstance(found, Reach)
    return found
