"""Where a connection over TLS waits until its handshake is done: only then does it get a guard.

A handshake costs more than anything else a stranger may ask for, and he has no place at the door yet. So those under
way are counted here, in all and by address, and each is given little time.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

from micro.doors.api.limits import Limits
from micro.doors.api.places import group_of

__all__ = ["Context", "Vestibule"]

Context = Callable[[], ssl.SSLContext]
"""Returns what a handshake is done with now: certificates are renewed while the door is open."""

BACKLOG_CONNECTIONS = 512
ACCEPTED_MAX = 64
"""So many connections are accepted in one turn of the loop."""
RESTED_SECONDS = 1.0
"""How long nobody is accepted after the system could give no connection, such as when it has no files left."""

log = logging.getLogger("micro.api")


class Vestibule:
    """Accepts the connections of one socket.

    Args:
        found: a bound socket, which is closed with this.
        make: returns the protocol that goes on, once nobody can listen.
        context: what handshakes are done with.
        limits: how many, and how long.
        shaking: who shakes hands at the whole door, by the address he comes from; shared among its sockets.

    Attributes:
        closed: whether nobody is accepted any more.
    """

    def __init__(
        self,
        found: socket.socket,
        make: Callable[[], asyncio.Protocol],
        context: Context,
        limits: Limits,
        shaking: dict[asyncio.Task[None], str],
    ) -> None:
        self._socket = found
        self._make = make
        self._context = context
        self._limits = limits
        self._shaking = shaking
        self._mine: set[asyncio.Task[None]] = set()
        self._fresh: set[socket.socket] = set()
        self._rest: asyncio.TimerHandle | None = None
        self.closed = False
        self._loop = asyncio.get_running_loop()
        found.listen(BACKLOG_CONNECTIONS)
        self._loop.add_reader(found.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_MAX):
            try:
                accepted, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("no connection can be accepted: %s; trying again soon", error)
                self._loop.remove_reader(self._socket.fileno())
                self._rest = self._loop.call_later(RESTED_SECONDS, self._again)
                return
            self._take(accepted, group_of(address[0]))

    def _again(self) -> None:
        self._rest = None
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def _take(self, accepted: socket.socket, group: str) -> None:
        limits, groups = self._limits, list(self._shaking.values())
        if len(groups) >= limits.handshakes_max or groups.count(group) >= limits.handshakes_address_max:
            accepted.close()
            return
        accepted.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        self._fresh.add(accepted)
        task = self._loop.create_task(self._shake(accepted))
        self._shaking[task] = group
        self._mine.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._shaking.pop(task, None)
        self._mine.discard(task)

    async def _shake(self, accepted: socket.socket) -> None:
        self._fresh.discard(accepted)
        try:
            await self._loop.connect_accepted_socket(
                self._make,
                accepted,
                ssl=self._context(),
                ssl_handshake_timeout=self._limits.handshake_seconds,
                ssl_shutdown_timeout=self._limits.linger_seconds,
            )
        except OSError:
            pass  # it spoke no TLS, was too slow, or went away: its connection has ended with that

    def close(self) -> None:
        """Accepts nobody more, and ends the handshakes under way; connections that have a guard go on."""
        if self.closed:
            return
        self.closed = True
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        for task in list(self._mine):
            task.cancel()
        for accepted in self._fresh:  # their tasks will never begin
            accepted.close()
