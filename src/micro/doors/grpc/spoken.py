"""A service behind a gRPC server that is spoken for: the node calls it like any service, and it is asked by gRPC.

Messages pass as they are: protobuf, or JSON where the server is go-micro 2's, which tells the two apart by what the
request says of its type. To any other server all is protobuf, and it would read JSON as such.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Final, NamedTuple

from micro.doors.grpc.channel import Broken, Channel
from micro.doors.grpc.flow import Flow
from micro.doors.grpc.status import fault_of
from micro.errors import BadRequest, Fault, NotFound, TooLarge, TooManyRequests, Unavailable
from micro.mucp import headers as names
from micro.mucp.codec import JSON, PROTOBUF, content_type_of
from micro.mucp.event import Hello, Opened, Published
from micro.mucp.message import Form
from micro.network.link import Link
from micro.service.registry.mdns import Found

__all__ = ["GrpcSpoken"]

EXCHANGES_MAX: Final = 256
"""Calls and streams under way at one server."""

MESSAGE_BYTES_MAX: Final = 4_194_304
METADATA_MAX: Final = 32
VALUE_CHARACTERS_MAX: Final = 1_024
TIMEOUT_MILLISECONDS_MAX: Final = 99_999_999
"""gRPC says a time in eight digits."""

OF_GO_MICRO: Final = ("server", "grpc")
"""What go-micro 2 registers of its gRPC server."""

_TYPES: Final = ("application/grpc", "application/grpc+json")
_NOTHING: Final = (b"", b"{}")
"""Of protobuf, and of JSON."""

_ENDPOINT = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,63})\.([A-Za-z][A-Za-z0-9_]{0,63})")
_KEY = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_OURS = ("micro-", "content-", "grpc-", "x-content-type")
_HOPS = frozenset(("connection", "host", "te", "timeout", "transfer-encoding", "upgrade", "user-agent"))


class Wanted(NamedTuple):
    """What is asked of a server.

    Attributes:
        path: of the method.
        headers: its type, how long it may take, and what travels with it.
        nothing: the message that has no fields.
    """

    path: str
    headers: list[tuple[str, str]]
    nothing: bytes


class GrpcSpoken:
    """Serves a link of the node by asking a gRPC server.

    Args:
        found: the server: how the service calls itself, which is the package in the paths of its methods, where it is,
            and what is said of it.
        on_lost: told when the link ends.
    """

    def __init__(self, found: Found, on_lost: Callable[[GrpcSpoken], None]) -> None:
        self._service = found.service
        self._channel = Channel(found.address, found.port)
        self._takes_json = found.metadata.get(OF_GO_MICRO[0]) == OF_GO_MICRO[1]
        self._on_lost = on_lost
        self._tasks: dict[int, asyncio.Task[None]] = {}

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
        self._channel.close()
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
            busy = f"{EXCHANGES_MAX} calls are under way at {self._channel.place}; try again in a moment"
            link.fail(event.number, TooManyRequests(busy), refused=True)
            return
        try:
            wanted = self._wanted(event)
        except Fault as fault:
            link.fail(event.number, fault, refused=True)
            return
        flow = None if event.exchange is None else Flow(link, event.exchange, event.body, wanted.nothing)
        task = asyncio.get_running_loop().create_task(self._ask(link, event, wanted, flow))
        if event.exchange is not None and flow is not None:
            event.exchange.owner, flow.on_over = flow, task.cancel
        self._tasks[event.number] = task
        task.add_done_callback(lambda done: self._tasks.pop(event.number, None))

    async def _ask(self, link: Link, event: Opened, wanted: Wanted, flow: Flow | None) -> None:
        """Asks for a call or a stream, and tells the node with what fault it ended, if any."""
        try:
            if flow is None:
                await self._call(link, event, wanted)
            else:
                async with aclosing(self._channel.stream(wanted.path, flow.requests(), wanted.headers)) as messages:
                    await flow.carry(messages)
        except OSError as error:
            link.fail(event.number, Unavailable(f"the gRPC server does not answer: {error}"), refused=True)
            link.close("the gRPC server does not answer")
        except Broken as broken:
            status = broken.status
            fault = fault_of(status.code, status.sentence, status.details)
            link.fail(event.number, fault, refused=status.is_unasked)

    async def _call(self, link: Link, event: Opened, wanted: Wanted) -> None:
        body = await self._channel.call(wanted.path, event.body or wanted.nothing, wanted.headers)
        self._tasks.pop(event.number, None)
        link.reply(event.number, body)

    def _wanted(self, event: Opened) -> Wanted:
        """Returns what is asked, as gRPC spells it.

        Raises:
            Fault: it cannot be asked for by gRPC.
        """
        said: dict[str, str] = {**event.block.headers, **(event.extra or {})}
        endpoint = said.get(names.ENDPOINT, "")
        found = _ENDPOINT.fullmatch(endpoint)
        if found is None:
            raise NotFound(f"no such endpoint: {endpoint[:80]!a}", id=self._service)
        if len(event.body) > MESSAGE_BYTES_MAX:
            raise TooLarge(f"a message has at most {MESSAGE_BYTES_MAX} bytes, got {len(event.body)}", id=endpoint)
        is_json = content_type_of(said.get(names.CONTENT_TYPE), event.body) == JSON
        if is_json and not self._takes_json:
            raise BadRequest(f"this service is asked by gRPC, in protobuf: send {PROTOBUF}, not {JSON}", id=endpoint)
        headers = [("content-type", _TYPES[is_json]), ("user-agent", "micro")]
        if is_json:
            headers.append(("x-content-type", JSON))  # by which go-micro chooses what it answers with
        if event.timeout_milliseconds:
            headers.append(("grpc-timeout", f"{min(event.timeout_milliseconds, TIMEOUT_MILLISECONDS_MAX)}m"))
        path = f"/{self._service}.{found[1]}/{found[2]}"
        return Wanted(path, [*headers, *_metadata(said)], _NOTHING[is_json])


def _metadata(said: Mapping[str, str]) -> list[tuple[str, str]]:
    found = []
    for name, value in said.items():
        key, text = name.lower(), str(value)
        if key.startswith(_OURS) or key in _HOPS or key.endswith("-bin") or not _KEY.fullmatch(key):
            continue
        if len(text) <= VALUE_CHARACTERS_MAX and text.isascii() and text.isprintable():
            found.append((key, text))
    return found[:METADATA_MAX]
