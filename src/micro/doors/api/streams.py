"""Streams over plain HTTP: as server-sent events, or as one JSON text a line."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Protocol

from micro.doors.api.content import LINES, Said
from micro.doors.api.refusal import SAFE_HEADERS
from micro.doors.api.request import Request
from micro.errors import Fault, MicroError, Unavailable
from micro.mucp.codec import BYTES
from micro.service.stream import RawStream

__all__ = ["EVENTS", "Events", "Lines", "Sink", "pour", "wants_events"]

EVENTS = "text/event-stream"
OPEN_SECONDS = 0.25
"""How long the head of an answer waits for a first message: a stream that fails at once has a status of its own."""

BEAT_SECONDS = 15.0
"""How often a silent stream of events gives a sign of life, so that nobody between takes it for dead."""


def wants_events(request: Request) -> bool:
    """Returns whether the answer is to be server-sent events."""
    accepted = request.headers.get(b"accept", b"")
    if b"text/event-stream" in accepted:
        return True
    return request.method == "GET" and not (b"ndjson" in accepted or b"octet-stream" in accepted)


class Sink(Protocol):
    """What a stream is poured into."""

    async def open(self) -> None:
        """Begins the answer."""

    async def item(self, body: bytes) -> None:
        """Sends a message, waiting while the client does not read."""

    async def close(self, fault: Fault | None) -> None:
        """Ends the answer, and says why."""


class Lines:
    """One message a line, the last `{"fault": ...}` where the stream failed; bytes follow each other as they are."""

    def __init__(self, request: Request, *, raw: bool) -> None:
        self._request = request
        self._raw = raw

    async def open(self) -> None:
        kind = BYTES if self._raw else LINES
        await self._request.begin(200, [(b"content-type", kind.encode()), *SAFE_HEADERS])

    async def item(self, body: bytes) -> None:
        await self._request.more(body if self._raw else body.replace(b"\n", b" ") + b"\n")

    async def close(self, fault: Fault | None) -> None:
        last = b"" if fault is None or self._raw else b'{"fault":%s}\n' % fault.to_json().encode()
        await self._request.more(last, last=True)


class Events:
    """Server-sent events: `data` is a message, `event: end` the end, `event: fault` the end by a fault.

    A message of bytes is sent in base64, as `event: bytes`.
    """

    def __init__(self, request: Request, *, raw: bool) -> None:
        self._request = request
        self._raw = raw
        self._quiet = True
        self._beating: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self._request.begin(200, [(b"content-type", EVENTS.encode()), *SAFE_HEADERS])
        self._beating = asyncio.get_running_loop().create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if self._quiet:
                await self._request.more(b":\n\n")
            self._quiet = True

    async def item(self, body: bytes) -> None:
        if self._raw:
            await self.event("bytes", base64.b64encode(body))
        else:
            await self.event("", body)

    async def event(self, name: str, data: bytes, *, id: str = "") -> None:
        """Sends one event; `id` is what a client that comes back says it saw last."""
        self._quiet = False
        lines = [b"event: " + name.encode()] if name else []
        lines += [b"id: " + id.encode()] if id else []
        lines += [b"data: " + line for line in data.split(b"\n")]
        await self._request.more(b"\n".join((*lines, b"", b"")))

    async def close(self, fault: Fault | None) -> None:
        self.stop()
        if fault is None:
            await self.event("end", b"{}")
        else:
            await self.event("fault", fault.to_json().encode())
        await self._request.more(b"", last=True)

    def stop(self) -> None:
        """Gives no more signs of life."""
        if self._beating is not None:
            self._beating.cancel()


async def pour(stream: RawStream, said: Said, sink: Sink, *, takes_stream: bool) -> Fault | None:
    """Sends what comes on a stream into a sink, and what was said besides into the stream.

    Returns the fault that ended it after the answer had begun.

    Raises:
        Fault: it failed before anything was answered.
    """
    feeding = asyncio.get_running_loop().create_task(_feed(stream, said)) if takes_stream else None
    if feeding is None:
        await stream.end()
    messages = stream.messages()
    try:
        first = asyncio.ensure_future(anext(messages, None))
        try:
            await asyncio.wait([first], timeout=OPEN_SECONDS)
            if first.done():
                first.result()
        except asyncio.CancelledError:
            first.cancel()
            raise
        await sink.open()
        fault = await _send(first, messages, sink)
        await sink.close(fault)
        return fault
    finally:
        if feeding is not None:
            feeding.cancel()
        if isinstance(sink, Events):
            sink.stop()


async def _send(first: asyncio.Future[bytes | None], messages: AsyncIterator[bytes], sink: Sink) -> Fault | None:
    try:
        body = await first
        if body is None:
            return None
        await sink.item(body)
        async for body in messages:
            await sink.item(body)
        return None
    except Fault as fault:
        return fault


async def _feed(stream: RawStream, said: Said) -> None:
    try:
        for item in said.items:
            await stream.send(item)
        await stream.end()
    except MicroError:
        pass  # the stream is over, and whoever reads it learns why


def stopping() -> Fault:
    """Returns what streams end with when the door closes."""
    return Unavailable("the node is stopping; connect again later", id="api")
