"""The listening sockets for programs that say MUCP over HTTP."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from micro.doors.api.access import Doorkeeper
from micro.doors.api.call import Note
from micro.doors.api.directory import Describe, Directory, ListServices
from micro.doors.api.hosts import Hosts
from micro.doors.api.limits import Limits
from micro.doors.api.listener import bound
from micro.doors.mucp.access import Access
from micro.doors.mucp.connection import Connection
from micro.doors.mucp.inside import Inside
from micro.errors import Unavailable
from micro.service.client import Client
from micro.trust.policy import Caller

__all__ = ["MucpDoor"]

BACKLOG_CONNECTIONS = 512
LOOK_SECONDS = 0.02
LIMITS = Limits(linger_bytes_max=67_108_864)
"""A go-micro program writes a whole request before it reads why it was refused, so much of one is read and dropped."""

EVERY_HOST = ("", "0.0.0.0", "::")  # noqa: S104 - to be asked by others is a setting


class MucpDoor:
    """Serves a node's services to go-micro programs.

    Args:
        client_for: returns a client with a caller's rights.
        describe: returns a service's description by its name, or None.
        list_services: returns a summary of each service.
        token: the secret that makes a request the owner's.
        user: returns the user who shows another token; raises `Unauthorized` where it is none.
        seconds_left: returns for how long such a token is good.
        hosts: more names under which the door may be asked, as `name` or `name:port`.
        limits: how much a client may take of it.
        note: takes note of calls and streams that have ended.
        nid: the node.
        trusts: whether programs of this machine publish as the owner without a token.

    Attributes:
        port: where it listens, 0 where it does not yet.
    """

    def __init__(
        self,
        *,
        client_for: Callable[[Caller], Client],
        describe: Describe,
        list_services: ListServices,
        token: str,
        user: Callable[[str], Caller],
        seconds_left: Callable[[str], float] = lambda token: math.inf,
        hosts: tuple[str, ...] = (),
        limits: Limits | None = None,
        note: Note = lambda noted: None,
        nid: str = "",
        trusts: bool = False,
    ) -> None:
        self._access = Access(Doorkeeper(token, user, seconds_left))
        self._hosts = hosts
        directory = Directory(describe, list_services)
        self._inside = Inside(self._access, client_for, directory, limits or LIMITS, note, nid=nid, trusts=trusts)
        self._servers: list[asyncio.Server] = []
        self.port = 0

    async def start(self, host: str, port: int) -> int:
        """Listens on `port`, or on any free one where that is taken or 0, and returns which.

        Raises:
            EngineError: the host cannot be listened on.
        """
        sockets = bound(host, port, setting="mucp_host")
        actual = self.port = int(sockets[0].getsockname()[1])
        own = () if host in EVERY_HOST else (f"[{host}]:{actual}" if ":" in host else f"{host}:{actual}",)
        self._access.hosts = Hosts(actual, (*own, *self._hosts))
        loop = asyncio.get_running_loop()
        for each in sockets:
            self._servers.append(
                await loop.create_server(lambda: Connection(self._inside), sock=each, backlog=BACKLOG_CONNECTIONS)
            )
        return actual

    async def stop(self) -> None:
        """Ends streams with a fault, lets calls under way finish for a while, and closes."""
        for server in self._servers:
            server.close()
        places = self._inside.places
        fault = Unavailable("the node is stopping; connect again later", id="mucp")
        for guest in places.guests():
            if isinstance(guest, Connection):
                guest.stopping(fault)
        try:
            async with asyncio.timeout(self._inside.limits.stop_seconds):
                while any(not guest.gone for guest in places.guests()):  # noqa: ASYNC110 - they end in many places
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            pass  # whoever does not answer or read is not waited for
        places.close()
