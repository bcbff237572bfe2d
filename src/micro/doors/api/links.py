"""Links over WebSockets, for browsers and for whoever has no socket of the node's: `/mucp`.

What stands in binary messages is the bytes of a link, one after the other; where a message ends means nothing. Who is
there says the request, as to every other path, or the `token` of the HELLO, since a page cannot send a header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from micro.doors.api.access import ANONYMOUS, Doorkeeper, is_local
from micro.doors.api.request import Request
from micro.doors.api.sockets import WebSocket
from micro.errors import LinkClosed, TooManyRequests, Unauthorized
from micro.network.link import Link
from micro.network.transport.pipe import BufferedPipe
from micro.trust.policy import Caller

__all__ = ["LINKS_MAX", "Admit", "LinkDoor", "MakeLink", "WebSocketPipe"]

Admit = Callable[[str], tuple[Caller, float]]
"""Returns whose the token of a HELLO is, "" for none, and for how many seconds that is good; raises a `Fault`."""

MakeLink = Callable[[Admit], Link]
"""Makes the node's side of a link, which asks once who is there."""

LINKS_MAX: Final = 64
"""So many links over WebSockets a node has at once; on each many exchanges may be open."""

PARTING_SECONDS: Final = 2.0
"""How long a client may take to let the end of its WebSocket be written; then the connection is dropped."""

UNSUPPORTED: Final = 1003
"""RFC 6455, section 7.4.1: a kind of message that is not taken."""

NORMAL: Final = 1000


class WebSocketPipe(BufferedPipe):
    """The bytes of a link, in the binary messages of an accepted WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(loop, {"peername": socket.request.address})
        self._socket = socket
        self._sendable, self._readable = asyncio.Event(), asyncio.Event()
        self._over: asyncio.Future[None] = loop.create_future()
        self._code = NORMAL

    async def carry(self) -> None:
        """Carries bytes both ways until the pipe ends."""
        tasks = [self._loop.create_task(work()) for work in (self._read, self._write)]
        for task in tasks:
            task.add_done_callback(lambda task: self._end(None))
        try:
            await self._over
        finally:
            for task in tasks:
                task.cancel()
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, Exception):
                raise done
        try:
            async with asyncio.timeout(PARTING_SECONDS):
                await self._socket.end(self._code)
        except TimeoutError:
            self._socket.drop()

    async def _read(self) -> None:
        while True:
            await self._readable.wait()
            data = await self._socket.next_binary()
            if data is None:
                self._code = NORMAL if self._socket.gone else UNSUPPORTED
                self._end(None if self._socket.gone else LinkClosed("a link is said in binary messages, not in text"))
                return
            self._received(data)

    async def _write(self) -> None:
        while True:
            await self._sendable.wait()
            while self._waiting:
                data = self._take()
                await self._socket.send_bytes(data)
                self._taken(len(data))
            self._sendable.clear()
            if self._closing:
                self._end(None)
                return

    def pause_reading(self) -> None:
        super().pause_reading()
        if not self._closing:
            self._readable.clear()

    def _send_soon(self) -> None:
        self._sendable.set()
        if self._closing:
            self._readable.set()  # what still comes is dropped, so that the client can finish

    def _read_soon(self) -> None:
        self._readable.set()

    def _drop(self) -> None:
        if not self._over.done():
            self._over.set_result(None)


class LinkDoor:
    """Has whoever may ask this door speak to the node as programs with a socket of it do.

    Args:
        doorkeeper: tells who asks.
        make_link: makes the node's side of a link.
    """

    def __init__(self, doorkeeper: Doorkeeper, make_link: MakeLink) -> None:
        self._doorkeeper = doorkeeper
        self._make_link = make_link
        self._links: dict[Link, asyncio.Future[None]] = {}
        self._count = 0  # of these, and of those that are about to be

    async def carry(self, socket: WebSocket) -> None:
        """Accepts a WebSocket, and carries a link over it to its end.

        Raises:
            Fault: the request shows a token that is wrong, or there is no room; nothing was accepted.
        """
        if self._count >= LINKS_MAX:
            raise TooManyRequests(f"{LINKS_MAX} links over WebSockets are open; close some", id="api")
        request = socket.request
        if b"authorization" in request.headers:
            self._doorkeeper.caller(request)
        self._count += 1
        try:
            await socket.accept()
            await self._carry(socket, self._make_link(lambda token: self._admit(request, token)))
        finally:
            self._count -= 1

    async def _carry(self, socket: WebSocket, link: Link) -> None:
        ended = self._links[link] = asyncio.get_running_loop().create_future()
        try:
            pipe = WebSocketPipe(socket)
            pipe.start(link)
            await pipe.carry()
        finally:
            link.abort("the WebSocket is gone")
            del self._links[link]
            ended.set_result(None)

    def _admit(self, request: Request, token: str) -> tuple[Caller, float]:
        """Returns who is there, and for how long: by the token of the HELLO, else by the request."""
        keeper = self._doorkeeper
        shown = b"Bearer " + token.encode() if token else request.headers.get(b"authorization")
        if shown is not None:
            caller = keeper.bearer(shown, request.address)
            return caller, keeper.left(shown, caller)
        if is_local(request):
            return ANONYMOUS, float("inf")
        raise Unauthorized("who asks from another machine sends a token: as `token` of the HELLO", id="api")

    async def stop(self, seconds: float) -> None:
        """Ends all links, and waits, at most so long, until their clients are told."""
        ended = list(self._links.values())
        for link in list(self._links):
            link.session.go_away("the node is stopping")
            link.close("the node is stopping")
        if ended:
            await asyncio.wait(ended, timeout=seconds)
