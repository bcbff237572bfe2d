"""The listening sockets of the door, and uvicorn behind them, in the loop that runs already."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import uvicorn

from micro.doors.api.guard import GuardedHttp, Rules
from micro.doors.api.hosts import Hosts
from micro.doors.api.limits import Limits
from micro.doors.api.sockets import CONNECTION_KEY
from micro.doors.api.vestibule import Context, Vestibule
from micro.errors import EngineError

__all__ = ["Application", "Listener", "bound"]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BACKLOG_CONNECTIONS = 512
PORT_TRIES_MAX = 8
"""A free port of one family may be taken in the other; so many are tried."""

NEVER_SECONDS = 366 * 86_400
"""The guard keeps the clocks of connections, so uvicorn's own must not ring."""

_LOOPBACK = {"127.0.0.1": "::1", "localhost": "::1", "::1": "127.0.0.1"}
"""Both families of loopback are listened on: `localhost` may mean either."""


def bound(host: str, port: int, setting: str = "api_host") -> list[socket.socket]:
    """Returns bound sockets: on `port` where it is free, else on any free port; all on the same.

    Raises:
        EngineError: the host cannot be listened on.
    """
    try:
        return _bound_on(host, port)
    except OSError as error:
        if port == 0 or error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise EngineError(f"cannot listen on {host} port {port}: {error}; see the setting {setting}") from error
    try:
        return _bound_on(host, 0)
    except OSError as error:
        raise EngineError(f"cannot listen on {host} at all: {error}; see the setting {setting}") from error


def _bound_on(host: str, port: int) -> list[socket.socket]:
    for tries_left in reversed(range(PORT_TRIES_MAX)):
        first = _socket("127.0.0.1" if host == "localhost" else host, port)
        other = _LOOPBACK.get(host)
        if other is None:
            return [first]
        try:
            return [first, _socket(other, first.getsockname()[1])]
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                return [first]  # this machine has one family only
            first.close()
            if port or not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def _socket(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    found = socket.socket(family, kind)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind(address)
        found.setblocking(False)  # noqa: FBT003 - the standard library takes it so
    except OSError:
        found.close()
        raise
    return found


class Listener:
    """The running HTTP server of a door."""

    def __init__(self, application: Application, limits: Limits) -> None:
        self._limits = limits
        self.rules = Rules(limits, Hosts(0))
        self._shaking: dict[asyncio.Task[None], str] = {}
        self._vestibules: list[Vestibule] = []
        self._sockets: list[socket.socket] = []
        self._server = uvicorn.Server(self._config(application))

    def _config(self, application: Application) -> uvicorn.Config:
        limits = self._limits
        return uvicorn.Config(
            application,
            http=cast("type[Any]", partial(GuardedHttp, rules=self.rules)),
            ws=cast("type[Any]", _web_socket),
            ws_max_size=limits.message_bytes_max,
            ws_ping_interval=limits.ping_seconds,
            ws_ping_timeout=limits.ping_seconds,
            ws_per_message_deflate=False,  # a message is as large as it looks
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            proxy_headers=False,  # who asks is who connected
            server_header=False,
            date_header=False,  # the guard sets it, without waking up every second
            timeout_keep_alive=NEVER_SECONDS,
            timeout_graceful_shutdown=limits.stop_seconds,
            backlog=BACKLOG_CONNECTIONS,
        )

    async def start(self, host: str, port: int, names: tuple[str, ...]) -> int:
        """Listens, and returns the port.

        Raises:
            EngineError: the host cannot be listened on.
        """
        self._sockets = bound(host, port)
        actual = int(self._sockets[0].getsockname()[1])
        own = () if host in ("", "0.0.0.0", "::") else (f"[{host}]:{actual}" if ":" in host else f"{host}:{actual}",)  # noqa: S104
        await self.begin(Hosts(actual, (*own, *names)))
        for each in self._sockets:
            await self.listen(each)
        return actual

    async def begin(self, hosts: Hosts) -> None:
        """Gets ready to listen under these names."""
        self.rules.hosts = hosts
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[])  # not serve(): it takes the signals, and ticks

    async def listen(self, found: socket.socket) -> asyncio.Server:
        """Listens on a bound socket; what is returned closes it earlier than the rest."""
        server = await asyncio.get_running_loop().create_server(
            self._connection, sock=found, backlog=BACKLOG_CONNECTIONS
        )
        self._server.servers.append(server)
        return server

    def secure(self, found: socket.socket, context: Context) -> Vestibule:
        """Listens on a bound socket over TLS; what is returned closes it earlier than the rest."""
        vestibule = Vestibule(found, self._connection, context, self._limits, self._shaking)
        self._vestibules = [*(each for each in self._vestibules if not each.closed), vestibule]
        return vestibule

    async def admit(self, accepted: socket.socket, context: ssl.SSLContext, caller: str) -> None:
        """Takes a connection that came another way than to a socket of this door, and speaks TLS on it.

        Args:
            accepted: this end of it.
            context: what the handshake is done with.
            caller: who is at the other end: it stands in the place of an address, and must be none.

        Raises:
            OSError: no TLS was spoken, or it was too slow, or is gone.
        """

        def introduced() -> asyncio.Protocol:
            connection = cast(GuardedHttp, self._connection())
            connection.caller = caller
            return connection

        await asyncio.get_running_loop().connect_accepted_socket(
            introduced,
            accepted,
            ssl=context,
            ssl_handshake_timeout=self._limits.handshake_seconds,
            ssl_shutdown_timeout=self._limits.linger_seconds,
        )

    def _connection(self) -> asyncio.Protocol:
        config, state = self._server.config, self._server.lifespan.state
        kind = cast("Callable[..., asyncio.Protocol]", config.http_protocol_class)
        return kind(config=config, server_state=self._server.server_state, app_state=state, _loop=None)

    async def stop(self) -> None:
        """Takes no more connections, lets requests under way finish for a while, then ends all."""
        for vestibule in self._vestibules:
            vestibule.close()
        if self._server.started:
            await self._server.shutdown(sockets=self._sockets)
            for connection in list(self._server.server_state.connections):  # uvicorn leaves them to whoever is there
                connection.transport.abort()
            await asyncio.sleep(0)
        self.rules.places.close()


def _web_socket(**settings: Any) -> Any:
    """Returns a WebSocket's protocol; a node that never has one does not load it."""
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    class Upgraded(WebSocketsSansIOProtocol):
        """Tells the application its connection, so that it can drop a client that does not read."""

        def handle_connect(self, event: Any) -> None:
            super().handle_connect(event)
            if hasattr(self, "scope"):  # else the handshake was wrong
                cast("Scope", self.scope)[CONNECTION_KEY] = self.transport

    return Upgraded(**settings)
