"""The listening port for programs that speak gRPC, and grpcio behind it, in the loop that runs already."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final

import grpc

from micro.doors.api.access import Doorkeeper
from micro.doors.api.call import Asking, ClientFor, Note
from micro.doors.api.directory import Describe, Directory, ListServices, Unverified, nobody
from micro.doors.grpc.access import Access
from micro.doors.grpc.calling import Calling, metadata_of
from micro.doors.grpc.reflection import PATHS, Reflection
from micro.errors import EngineError, Fault, Unavailable
from micro.trust.policy import Caller

__all__ = ["GrpcDoor"]

MESSAGE_BYTES_MAX: Final = 4_194_304
METADATA_BYTES_MAX: Final = 16_384
CALLS_MAX: Final = 1_024
CALLS_CONNECTION_MAX: Final = 128
CONNECTIONS_MAX: Final = 256
IDLE_MILLISECONDS: Final = 300_000
PING_MILLISECONDS: Final = 20_000
HANDSHAKE_MILLISECONDS: Final = 5_000
STOP_SECONDS: Final = 5.0

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.max_concurrent_streams", CALLS_CONNECTION_MAX),
    ("grpc.max_allowed_incoming_connections", CONNECTIONS_MAX),
    ("grpc.max_connection_idle_ms", IDLE_MILLISECONDS),
    ("grpc.keepalive_time_ms", PING_MILLISECONDS),
    ("grpc.keepalive_timeout_ms", PING_MILLISECONDS),
    ("grpc.server_handshake_timeout_ms", HANDSHAKE_MILLISECONDS),
    ("grpc.so_reuseport", 0),
)
_LOOPBACK: Final = {"127.0.0.1": "::1", "localhost": "::1", "::1": "127.0.0.1"}


class GrpcDoor:
    """Serves a node's services by gRPC.

    Args:
        client_for: returns a client with a caller's rights.
        describe: returns a service's description by its name, or None.
        list_services: returns a summary of each service.
        token: the secret of the node's owner.
        user: returns the user who shows another token; raises `Unauthorized` where it is none.
        seconds_left: returns for how long such a token is good.
        unverified: returns the strangers that offer a name which nobody vouches for yet.
        note: told of each call that has ended.
    """

    def __init__(
        self,
        *,
        client_for: ClientFor,
        describe: Describe,
        list_services: ListServices,
        token: str,
        user: Callable[[str], Caller],
        seconds_left: Callable[[str], float] = lambda token: math.inf,
        unverified: Unverified = nobody,
        note: Note = lambda noted: None,
    ) -> None:
        doorkeeper = Doorkeeper(token, user, seconds_left)
        access, directory = Access(doorkeeper), Directory(describe, list_services, unverified)
        statuses = {status.value[0]: status for status in grpc.StatusCode}
        self._calling = Calling(Asking(doorkeeper, client_for, note), access, directory, statuses.__getitem__)
        self._reflection = Reflection(access, directory)
        self._server: Any = None

    async def start(self, host: str, port: int) -> int:
        """Listens on `port`, or on any free one where that is taken or 0, and returns which.

        Raises:
            EngineError: the host cannot be listened on.
        """
        self._server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
        self._server.add_generic_rpc_handlers((_Handlers(self._handler),))
        actual = self._bound(host, port) or (self._bound(host, 0) if port else 0)
        if not actual:
            raise EngineError(f"cannot listen on {host} at all; see the setting grpc_host")
        if host in _LOOPBACK:
            self._bound(_LOOPBACK[host], actual)  # a machine may have one family only
        await self._server.start()
        return actual

    def _bound(self, host: str, port: int) -> int:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            return int(self._server.add_insecure_port(place))
        except RuntimeError:
            return 0

    def _handler(self, path: str) -> Any:
        if path in PATHS:
            return grpc.stream_stream_rpc_method_handler(self._reflect)
        return grpc.stream_stream_rpc_method_handler(partial(self._call, path))

    async def _call(self, path: str, requests: AsyncIterator[bytes], context: Any) -> None:
        await self._calling.answer(path, requests, context)

    async def _reflect(self, requests: AsyncIterator[bytes], context: Any) -> None:
        try:
            await self._reflection.answer(requests, context)
        except Fault as fault:
            await self._calling.fail(fault, context, metadata_of(context))

    async def stop(self) -> None:
        """Ends streams with a fault, lets calls under way finish for a while, and closes."""
        if self._server is not None:
            self._calling.stop(Unavailable("the node is stopping; connect again later", id="grpc"))
            await self._server.stop(STOP_SECONDS)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Has every path answered by the door."""

    def __init__(self, handler: Callable[[str], Any]) -> None:
        self._handler = handler

    def service(self, handler_call_details: Any) -> Any:
        return self._handler(handler_call_details.method)
