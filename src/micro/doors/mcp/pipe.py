"""MCP over a pipe: for clients that start `micro mcp` themselves and speak to it by its standard input and output."""

from __future__ import annotations

import asyncio
from typing import Any

from mcp.server.stdio import stdio_server

from micro.doors.mcp.changes import Changes
from micro.doors.mcp.reach import Reach
from micro.doors.mcp.server import server_of
from micro.errors import Forbidden, NotFound, Unauthorized
from micro.service.raw import RawClient

__all__ = ["serve_pipe"]


async def serve_pipe(client: RawClient, pins: tuple[str, ...] | None) -> None:
    """Serves until the client closes the pipe.

    Args:
        client: of the node, with the rights of whoever typed the command.
        pins: services whose endpoints are tools of their own.
    """
    asker = _Asker(client)
    reach = Reach(client, pins, unverified=asker.unverified, confirm=asker.confirm)
    changes = Changes()
    server = server_of(lambda context: reach, changes)
    watching = asyncio.get_running_loop().create_task(changes.watch(client))
    try:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


class _Asker:
    """Asks the node about names that nobody vouches for."""

    def __init__(self, client: RawClient) -> None:
        self._reach = Reach(client)

    async def unverified(self, name: str) -> tuple[str, ...]:
        found = await self._asked("Network.Meet", name)
        return tuple(found.get("nodes", ())) if found.get("unverified") else ()

    async def confirm(self, name: str) -> None:
        await self._reach.ask("network", "Network.Pin", {"name": name})

    async def _asked(self, endpoint: str, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = await self._reach.ask("network", endpoint, {"name": name})
        except (NotFound, Forbidden, Unauthorized):  # without a network; or for its owner alone, who vouches for names
            return {}
        return found
