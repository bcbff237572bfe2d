"""Asks one gRPC server, over a connection that is made when it is needed.

grpcio is not asked with: it says `application/grpc` whatever the messages are, and go-micro 2 tells JSON from protobuf
by the rest of that name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from h2.exceptions import H2Error

from micro.doors.grpc.conversation import OK, Conversation, Course, Status

__all__ = ["Broken", "Channel"]

DIAL_SECONDS: Final = 5.0
UNSENT_BYTES_MAX: Final = 16_777_216
"""A server for which so much waits in this process reads nothing, or has more said to it than is asked."""

_KEEPALIVE: Final = (("TCP_KEEPIDLE", 300), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3))
"""A server that is gone without a word is noticed by the system, in seconds and tries."""


class Broken(Exception):
    """A call ended otherwise than well."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.sentence)
        self.status = status


class Channel:
    """What asks one server.

    Args:
        host, port: the server's address.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self.place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._line: _Line | None = None
        self._dialling = asyncio.Lock()

    async def reach(self) -> _Line:
        """Returns a connection that takes a call, a new one where there is none.

        Raises:
            OSError: there is none to be had; nothing was sent.
        """
        line = self._line
        if line is None or not line.is_open:
            async with self._dialling:
                line = self._line
                if line is None or not line.is_open:
                    line = self._line = await self._dial()
        return line

    async def _dial(self) -> _Line:
        loop = asyncio.get_running_loop()
        line = _Line(self.place)
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                await loop.create_connection(lambda: line, self._host, self._port)
                await line.ready()
        except TimeoutError:
            line.close()
            raise ConnectionAbortedError(f"{self.place} took longer than {DIAL_SECONDS:g} s") from None
        return line

    async def call(self, path: str, message: bytes, headers: list[tuple[str, str]]) -> bytes:
        """Says one message, and returns the one that is answered.

        Raises:
            Broken: there is none.
            OSError: the server cannot be reached.
        """
        line = await self.reach()
        with line.course(path, headers) as (course, changed):
            line.talk.say(course, message, last=True)
            line.write()
            while course.status is None:
                await _next(changed)
            if course.status.code != OK:
                raise Broken(course.status)
            if len(course.messages) != 1:
                raise Broken(Status(13, f"a call has one answer, got {len(course.messages)}"))
            return course.messages.popleft()

    async def stream(
        self, path: str, requests: AsyncIterator[bytes], headers: list[tuple[str, str]]
    ) -> AsyncGenerator[bytes, None]:
        """Says what comes, each once the server took what came before, and yields what is answered.

        Raises:
            Broken: the server ended it so.
            OSError: the server cannot be reached.
        """
        line = await self.reach()
        with line.course(path, headers) as (course, changed):
            feeding = asyncio.get_running_loop().create_task(_feed(line, course, requests))
            try:
                while course.status is None or course.messages:
                    while course.messages:
                        message = course.messages.popleft()
                        yield message
                        line.talk.consumed(course, message)
                        line.write()
                    if course.status is None:
                        await _next(changed)
            finally:
                feeding.cancel()
            if course.status.code != OK:
                raise Broken(course.status)

    def close(self) -> None:
        """Ends the connection."""
        if self._line is not None:
            self._line.close()


async def _next(changed: asyncio.Event) -> None:
    changed.clear()
    await changed.wait()


async def _feed(line: _Line, course: Course, requests: AsyncIterator[bytes]) -> None:
    async for message in requests:
        line.talk.say(course, message)
        line.write()
        while course.unsent and course.status is None:
            await line.room()
    line.talk.end(course)
    line.write()


class _Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, place: str) -> None:
        self.talk = Conversation(place)
        self._place = place
        self._transport: Any = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._room = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Says whether it takes another call, now or when others have ended."""
        return self._transport is not None and not self._transport.is_closing() and not self.talk.is_leaving

    async def ready(self) -> None:
        """Waits until the server has said that it speaks HTTP/2."""
        await self._ready

    async def room(self) -> None:
        """Waits until something has changed of what may be said."""
        self._room.clear()
        await self._room.wait()

    @contextmanager
    def course(self, path: str, headers: list[tuple[str, str]]) -> Iterator[tuple[Course, asyncio.Event]]:
        """Begins a call, and gives it up at the end where it has not ended by itself."""
        changed = asyncio.Event()

        def tell() -> None:
            changed.set()
            self._room.set()

        if not self.talk.has_room:
            raise Broken(Status(8, f"{self._place} takes no more calls at a time", is_unasked=True))
        try:
            course = self.talk.open(headers, path, tell)
        except H2Error as error:
            self.talk.is_leaving = True  # for instance all numbers of calls are used up; the next call has another line
            raise Broken(Status(14, f"the call could not be begun: {error}", is_unasked=True)) from error
        try:
            yield course, changed
        finally:
            self.talk.leave(course)
            self.write()
            if self.talk.is_leaving and self.talk.is_idle:
                self.close()

    def write(self) -> None:
        """Writes what is to be written."""
        data = self.talk.take()
        if data and self._transport is not None:
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
                self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # -- what the transport tells -----------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        place = transport.get_extra_info("socket")
        place.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                place.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self.write()

    def data_received(self, data: bytes) -> None:
        try:
            self.talk.receive(data)
        except H2Error as error:
            self._end(f"{self._place} does not speak HTTP/2 as it should: {error}")
            self.write()
            self.close()
            return
        if self.talk.is_ready and not self._ready.done():
            self._ready.set_result(None)
        self.write()
        self._room.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(f"the connection to {self._place} ended")

    def _end(self, why: str) -> None:
        self.talk.lost(why)
        if not self._ready.done():
            self._ready.set_exception(ConnectionResetError(why))
            self._ready.exception()
        self._room.set()

    def pause_writing(self) -> None:
        self.talk.is_blocked = True

    def resume_writing(self) -> None:
        self.talk.is_blocked = False
        self.talk.flush()
        self.write()
        self._room.set()
