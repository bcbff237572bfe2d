"""A service behind a gRPC server that is spoken for: the node calls it like any service, and it is asked by gRPC.

Messages pass as they are, in protobuf: grpcio says `application/grpc` and cannot say `application/grpc+json`, so that
endpoints of go-micro 2 which take JSON alone are out of reach.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import grpc

from micro.doors.grpc.flow import Flow
from micro.doors.grpc.status import DETAILS_KEY, fault_of
from micro.errors import BadRequest, Fault, NotFound, TooManyRequests, Unavailable
from micro.mucp import headers as names
from micro.mucp.codec import JSON, PROTOBUF, content_type_of
from micro.mucp.event import Hello, Opened, Published
from micro.mucp.message import Form
from micro.network.link import Link

__all__ = ["GrpcSpoken"]

DIAL_SECONDS: Final = 5.0
EXCHANGES_MAX: Final = 256
"""Calls and streams under way at one server."""

MESSAGE_BYTES_MAX: Final = 4_194_304
METADATA_MAX: Final = 32
VALUE_CHARACTERS_MAX: Final = 1_024
PING_MILLISECONDS: Final = 300_000
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", PING_MILLISECONDS),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),
)
_ENDPOINT = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,63})\.([A-Za-z][A-Za-z0-9_]{0,63})")
_KEY = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_OURS = ("micro-", "content-", "grpc-", "x-content-type")
_HOPS = frozenset(("connection", "host", "te", "timeout", "transfer-encoding", "upgrade", "user-agent"))

Metadata = tuple[tuple[str, str], ...]


class GrpcSpoken:
    """Serves a link of the node by asking a gRPC server.

    Args:
        service: how the service calls itself, which is the package in the paths of its methods.
        host, port: the server's address.
        on_lost: told when the link ends.
    """

    def __init__(self, service: str, host: str, port: int, on_lost: Callable[[GrpcSpoken], None]) -> None:
        self._service = service
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._place = place
        self._channel = grpc.aio.insecure_channel(place, options=_OPTIONS)
        self._on_lost = on_lost
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._closing: asyncio.Task[None] | None = None

    # -- what the link tells ----------------------------------------------------------------------------------------

    def greeted(self, link: Link, hello: Hello) -> None:
        """The node is known."""

    def published(self, link: Link, event: Published) -> None:
        """Events are for the broker."""

    def going(self, link: Link, reason: str) -> None:
        """The link ends soon."""

    def lost(self, link: Link, reason: str) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._closing = asyncio.get_running_loop().create_task(self._channel.close())
        self._on_lost(self)

    def withdrawn(self, link: Link, number: int) -> None:
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()

    def opened(self, link: Link, event: Opened) -> None:
        if event.form not in (Form.CALL, Form.STREAM):
            link.fail(event.number, BadRequest("this service is called and streamed, nothing else"), refused=True)
            return
        if len(self._tasks) >= EXCHANGES_MAX:
            busy = TooManyRequests(f"{EXCHANGES_MAX} calls are under way at {self._place}; try again in a moment")
            link.fail(event.number, busy, refused=True)
            return
        flow = None if event.exchange is None else Flow(link, event.exchange, event.body)
        task = asyncio.get_running_loop().create_task(self._ask(link, event, flow))
        if event.exchange is not None and flow is not None:
            event.exchange.owner, flow.on_over = flow, task.cancel
        self._tasks[event.number] = task
        task.add_done_callback(lambda done: self._tasks.pop(event.number, None))

    async def _ask(self, link: Link, event: Opened, flow: Flow | None) -> None:
        """Asks for a call or a stream, and tells the node with what fault it ended, if any."""
        try:
            path, metadata = self._asked(event)
            await self._reached()
            if flow is None:
                await self._call(link, event, path, metadata)
            else:
                await self._stream(flow, path, metadata)
        except OSError as error:
            link.fail(event.number, Unavailable(f"the gRPC server does not answer: {error}"), refused=True)
            link.close("the gRPC server does not answer")
        except Fault as fault:
            link.fail(event.number, fault)
        except grpc.aio.AioRpcError as error:
            link.fail(event.number, _fault_in(error))

    async def _reached(self) -> None:
        """Waits until there is a connection.

        Raises:
            OSError: there is none; nothing was sent.
        """
        state = self._channel.get_state(try_to_connect=True)
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                while state is not grpc.ChannelConnectivity.READY:
                    await self._channel.wait_for_state_change(state)
                    state = self._channel.get_state(try_to_connect=True)
                    if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                        raise ConnectionRefusedError(f"{self._place} cannot be connected to")
        except TimeoutError:
            raise ConnectionAbortedError(f"{self._place} took longer than {DIAL_SECONDS:g} s") from None

    # -- calls and streams ------------------------------------------------------------------------------------------

    async def _call(self, link: Link, event: Opened, path: str, metadata: Metadata) -> None:
        seconds = event.timeout_milliseconds / 1000 if event.timeout_milliseconds else None
        body = await self._channel.unary_unary(path)(event.body, timeout=seconds, metadata=metadata)
        self._tasks.pop(event.number, None)
        link.reply(event.number, body)

    async def _stream(self, flow: Flow, path: str, metadata: Metadata) -> None:
        call = self._channel.stream_stream(path)(flow.requests(), metadata=metadata)
        try:
            await flow.carry(_messages(call))
        finally:
            call.cancel()

    def _asked(self, event: Opened) -> tuple[str, Metadata]:
        """Returns the path of a method, and what travels with the call.

        Raises:
            Fault: it cannot be asked for by gRPC.
        """
        said: dict[str, str] = {**event.block.headers, **(event.extra or {})}
        endpoint = said.get(names.ENDPOINT, "")
        found = _ENDPOINT.fullmatch(endpoint)
        if found is None:
            raise NotFound(f"no such endpoint: {endpoint[:80]!a}", id=self._service)
        if content_type_of(said.get(names.CONTENT_TYPE), event.body) == JSON:
            raise BadRequest(f"this service is asked by gRPC, in protobuf: send {PROTOBUF}, not {JSON}", id=endpoint)
        return f"/{self._service}.{found[1]}/{found[2]}", _metadata(said)


def _metadata(said: Mapping[str, str]) -> Metadata:
    found = []
    for name, value in said.items():
        key, text = name.lower(), str(value)
        if key.startswith(_OURS) or key in _HOPS or key.endswith("-bin") or not _KEY.fullmatch(key):
            continue
        if len(text) <= VALUE_CHARACTERS_MAX and text.isascii() and text.isprintable():
            found.append((key, text))
    return tuple(found[:METADATA_MAX])


async def _messages(call: Any) -> AsyncIterator[bytes]:
    async for message in call:
        yield message


def _fault_in(error: grpc.aio.AioRpcError) -> Fault:
    details = dict(error.trailing_metadata() or ()).get(DETAILS_KEY, b"")
    return fault_of(error.code().value[0], error.details() or "", details if isinstance(details, bytes) else b"")
