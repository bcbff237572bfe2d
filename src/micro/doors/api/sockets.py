"""Streams over WebSockets, in both directions: each message is one message of the stream.

         query, or first message: the parameters          a text: JSON       a binary message: bytes as they are
client ────────────────────────────────────────> stream      an empty message: no more comes from the client
       <──────────────────────────────────────── close 1000: the end; 4000 + code: a fault, its detail the reason
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from micro.doors.api.content import Said, read_said
from micro.doors.api.refusal import SAFE_HEADERS, Refused
from micro.doors.api.request import Answer, Receive, Request, Scope, Send, answer_of
from micro.doors.api.target import Target
from micro.errors import BadRequest, Cancelled, Fault, MicroError, Timeout, Unavailable
from micro.mucp.codec import JSON
from micro.network.link import Owner
from micro.service.raw import RawClient
from micro.service.stream import RawStream
from micro.trust.policy import Caller

__all__ = ["CONNECTION_KEY", "WebSocket", "carry", "close_code"]

CONNECTION_KEY = "micro.connection"
"""Where a scope has the connection itself, for a client that does not read."""

NORMAL = 1000
FAULT = 4000
"""Codes from 4000 on are an application's own: 4404 is the fault 404."""

REASON_BYTES_MAX = 123
"""RFC 6455, section 5.5: a control frame has at most 125 bytes, two of them the code."""

OPENING_SECONDS = 30.0
"""How long the first message, which holds the parameters, may take."""


def close_code(fault: Fault) -> int:
    """Returns the code with which a WebSocket closes for a fault."""
    return FAULT + fault.code


class Course(Protocol):
    """What is told of a stream under way: the fault that it ended with, if any."""

    fault: Fault | None


class Ending(Protocol):
    """Who ends streams when the door closes, or a token expires, and has them noted."""

    def ending(self, owner: Owner, request: Request) -> AbstractContextManager[None]:
        """Has a stream end then, for as long as the context is entered."""

    def noting(self, caller: Caller, target: Target, said: Said) -> AbstractContextManager[Course]:
        """Has a stream noted once the context is left."""


class WebSocket:
    """One WebSocket on top of ASGI.

    Attributes:
        request: how it began.
        accepted: whether both sides speak WebSocket by now.
        gone: whether the client has left.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.request = Request(scope, receive, send)
        self.accepted = False
        self.gone = False
        self._receive = receive
        self._send = send

    async def accept(self) -> None:
        """Agrees to speak WebSocket."""
        await self._receive()  # websocket.connect
        self.accepted = True
        await self._say({"type": "websocket.accept", "headers": []})

    async def refuse(self, error: Fault | Refused) -> None:
        """Answers the beginning with a fault over HTTP."""
        answer: Answer = answer_of(error)
        headers = [(b"content-type", answer.content_type.encode()), *SAFE_HEADERS]
        headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await self._say({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
        await self._say({"type": "websocket.http.response.body", "body": answer.body})

    async def next(self) -> bytes | None:
        """Returns the next message, or None when the client has left."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self.gone = True
            return None
        data: bytes | None = message.get("bytes")
        return data if data is not None else str(message["text"]).encode()

    async def next_binary(self) -> bytes | None:
        """Returns the next message where it is a binary one; None for a text, and when the client has left."""
        message = await self._receive()
        self.gone = message["type"] != "websocket.receive"
        data: bytes | None = message.get("bytes")
        return data

    async def send_bytes(self, data: bytes) -> None:
        """Sends a binary message, waiting while the client does not read; nothing happens where it has left."""
        await self._say({"type": "websocket.send", "bytes": data})

    async def send(self, body: bytes, *, text: bool) -> None:
        """Sends a message, waiting while the client does not read.

        Raises:
            Cancelled: the client has left.
        """
        if text:
            await self._say({"type": "websocket.send", "text": body.decode()})
        else:
            await self._say({"type": "websocket.send", "bytes": body})
        if self.gone:
            raise Cancelled("the client went away")

    async def close(self, fault: Fault | None) -> None:
        """Ends it, and says why."""
        code = NORMAL if fault is None else close_code(fault)
        await self.end(code, "" if fault is None else fault.detail)

    async def end(self, code: int, reason: str = "") -> None:
        """Ends it with a code; nothing happens where the client has left."""
        if not self.gone:
            said = reason.encode()[:REASON_BYTES_MAX].decode("utf-8", "ignore")
            await self._say({"type": "websocket.close", "code": code, "reason": said})

    def drop(self) -> None:
        """Ends the connection at once, whatever still waits for the client."""
        self.gone = True
        connection = self.request.scope.get(CONNECTION_KEY)
        if connection is not None:
            connection.abort()

    async def _say(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError:  # uvicorn's word for a client that has left
            self.gone = True


async def opened_with(socket: WebSocket, target: Target) -> Said:
    """Returns what the stream is opened with: the query, else the first message where there is something to say.

    Raises:
        Fault: the parameters are wrong, or did not come.
    """
    request = socket.request
    if request.query or not target.wants_parameters:
        return read_said(target, request.query, None, b"")
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            first = await socket.next()
    except TimeoutError as late:
        raise Timeout(f"no first message with the parameters of {target.endpoint} came") from late
    if first is None:
        raise Cancelled("the client went away")
    return read_said(target, b"", None, first)


async def carry(
    socket: WebSocket,
    target: Target,
    client: RawClient,
    caller: Caller,
    asking: Ending,
    headers: Mapping[str, str] | None,
) -> Fault | None:
    """Carries a stream over an accepted WebSocket to its end; returns the fault that ended it."""
    try:
        said = await opened_with(socket, target)
        with asking.noting(caller, target, said) as course:
            stream = await client.stream_raw(
                target.service, target.endpoint, said.body, content_type=said.content_type, headers=headers
            )
            async with stream:
                with asking.ending(stream, socket.request):
                    text = target.answer_type(said.content_type) == JSON
                    course.fault = ended = await _both_ways(socket, stream, target, text=text)
                    await socket.close(ended)
                    return ended
    except Fault as raised:
        fault = raised
    except MicroError as broken:
        fault = Unavailable(f"the node cannot be reached: {broken}", id="api")
    await socket.close(fault)
    return fault


async def _both_ways(socket: WebSocket, stream: RawStream, target: Target, *, text: bool) -> Fault | None:
    incoming = asyncio.get_running_loop().create_task(_take_in(socket, stream, target))
    try:
        if not target.takes_stream:
            await stream.end()
        async for body in stream.messages():
            await socket.send(body, text=text)
        return None
    except Fault as fault:
        return fault
    finally:
        incoming.cancel()


async def _take_in(socket: WebSocket, stream: RawStream, target: Target) -> None:
    """Reads what the client sends until it leaves; the stream's credit decides how fast."""
    open_ended = target.takes_stream
    while True:
        body = await socket.next()
        if body is None:
            stream.cancel()
            return
        try:
            if not body:
                await stream.end()
                open_ended = False
            elif open_ended:
                await stream.send(body)
            elif not target.takes_stream:
                stream.failed(BadRequest(f"{target.endpoint} takes no messages; it only sends"), refused=False)
        except MicroError:
            open_ended = False  # the stream is over: only the client's leaving is waited for
