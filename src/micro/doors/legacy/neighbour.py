"""One node of a go-micro v2 network to which a link is kept: it is told and asked, and it asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from micro.doors.legacy.asking import Answers, Asked, asked_of, ending, item_of, opening, question
from micro.doors.legacy.backlog import Backlog
from micro.doors.legacy.messages import Peer
from micro.doors.legacy.routes import CONTROL, NETWORK, Routes, Told
from micro.doors.legacy.tunnel import Closed, Event, Heard, Left, Opened, Started, Stranger, Tunnel
from micro.doors.legacy.wire import Wire
from micro.errors import BadRequest, Fault, Timeout, TooManyRequests, Unavailable, reason_of
from micro.ports import Clock, Entropy
from micro.service.stream import RawStream

__all__ = ["NAME", "Answer", "Neighbour", "Open"]

NAME: Final = "go.micro"
"""How a network calls itself where its owner did not name it."""

REDIAL_SECONDS: Final = 5.0
TICK_SECONDS: Final = 0.5
BEAT_SECONDS: Final = 20.0
"""A node that hears nothing on a link takes it for dead after a minute."""

CALLS_MAX: Final = 256
START_SECONDS: Final = 30.0
"""How long a gateway may take to accept a stream."""

LEAVE_SECONDS: Final = 1.0

Answer = Callable[[Asked], Awaitable[bytes]]
"""Answers a call; raises a fault where it fails."""

Open = Callable[[Asked], Awaitable[RawStream]]
"""Opens a stream; raises a fault where it cannot be."""

log = logging.getLogger("micro.legacy")


class Neighbour:
    """Keeps the link, and dials again where it ends.

    Args:
        address: `host:port` of the node.
        token: the secret of the network.
        own: who we are.
        clock, entropy: of the node.
        offered: returns the names of the services that others may call here.
        answer, stream: answers a call of one of them, and opens a stream.
        on_change: told when other services are there than before; each with the channels where it is asked.
    """

    def __init__(
        self,
        address: str,
        token: str,
        own: Peer,
        *,
        clock: Clock,
        entropy: Entropy,
        offered: Callable[[], Iterable[str]],
        answer: Answer,
        stream: Open,
        on_change: Callable[[Mapping[str, list[str]]], None],
    ) -> None:
        self._address = address
        self._token = token
        self._own = own
        self._clock = clock
        self._entropy = entropy
        self._offered = offered
        self._answers = Answers(answer, stream, self._say, self._room)
        self._on_change = on_change
        self._services: dict[str, list[str]] = {}
        self._questions: dict[str, Backlog] = {}
        self._tunnel: Tunnel | None = None
        self._wire: Wire | None = None
        self._routes = Routes(own, NAME)
        self._is_told = False

    # -- the link ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keeps the link until it is cancelled."""
        while True:
            try:
                await self._live()
                why = "the node closed the link"
            except Fault as fault:
                why = fault.detail
            except Exception as error:
                why = reason_of(error)
                log.error("an unforeseen error on the link to the go-micro network", exc_info=error)
            finally:
                self._ended()
            log.info("the go-micro network at %s: %s; dialling again", self._address, why)
            await asyncio.sleep(REDIAL_SECONDS)

    async def _live(self) -> None:
        async with Wire(self._address) as wire:
            tunnel = Tunnel(
                self._entropy.random_bytes(16).hex(),
                self._token,
                open_to=(NETWORK, CONTROL),
                asked_at=self._own.address,
                chance=self._entropy.random_bytes,
            )
            self._wire, self._tunnel, self._routes = wire, tunnel, Routes(self._own, NAME)
            tunnel.connect()
            self._flush()
            loop = asyncio.get_running_loop()
            ticking = loop.create_task(self._ticking(tunnel))
            reading = loop.create_task(self._reading(wire, tunnel))
            try:
                await asyncio.wait((reading, ticking), return_when=asyncio.FIRST_COMPLETED)
                for done in (reading, ticking):
                    if done.done():
                        done.result()
            except asyncio.CancelledError:  # whoever reads is cancelled later, since gRPC ends a call with its reader
                self._tell([self._routes.leave()])
                tunnel.leave()
                self._flush()
                await asyncio.wait((reading,), timeout=LEAVE_SECONDS)  # it ends once the other side has heard it
                raise
            finally:
                for task in (ticking, reading):
                    task.cancel()
                await asyncio.gather(ticking, reading, return_exceptions=True)

    async def _reading(self, wire: Wire, tunnel: Tunnel) -> None:
        async for message in wire.messages():
            event = tunnel.receive(message)
            if isinstance(event, Left):
                return
            if event is not None:
                self._take(event)
            self._flush()

    async def _ticking(self, tunnel: Tunnel) -> None:
        beat = now = self._clock.monotonic()
        while True:
            self._tell(self._routes.tick(now))
            self._tell(self._routes.offer(self._offered(), self._clock.now()))
            if now - beat >= BEAT_SECONDS:
                beat = now
                tunnel.keep_alive()
                tunnel.measure()
            self._flush()
            self._changed()
            await asyncio.sleep(TICK_SECONDS)
            now = self._clock.monotonic()

    def _ended(self) -> None:
        self._wire = self._tunnel = None
        self._routes = Routes(self._own, NAME)
        self._answers.stop()
        for waiting in self._questions.values():
            waiting.put(Closed(""))
        self._changed()

    def _changed(self) -> None:
        found = self._routes.gateways()
        if found != self._services:
            self._services = found
            self._on_change(found)

    def _flush(self) -> None:
        if self._wire is not None and self._tunnel is not None:
            self._wire.say(self._tunnel.output())

    def _tell(self, told: Iterable[Told]) -> None:
        if self._tunnel is not None:
            for each in told:
                self._tunnel.tell(each.channel, each.headers, each.body)

    def _say(self, session: str, headers: Mapping[str, str], body: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.say(session, headers, body)
            self._flush()

    async def _room(self) -> None:
        if self._wire is not None:
            await self._wire.room()

    # -- what is heard ----------------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        match event:
            case Heard(channel, _, headers, body) if channel in (NETWORK, CONTROL):
                self._hear(headers, body)
            case Heard(session=session) | Started(session=session):
                waiting = self._questions.get(session)
                if waiting is not None:
                    waiting.put(event)
                elif isinstance(event, Heard):
                    self._answers.hear(event)
            case Closed(session):
                if session in self._questions:
                    self._questions[session].put(event)
                self._answers.withdraw(session)
            case Opened():
                pass  # what it is for is said next
            case Stranger():
                self._warn()

    def _warn(self) -> None:
        if not self._is_told:
            self._is_told = True
            log.warning(
                "what the go-micro network at %s says cannot be read: is legacy_token its token?", self._address
            )

    def _hear(self, headers: Mapping[str, str], body: bytes) -> None:
        method, meant_for = headers.get("Micro-Method", ""), headers.get("Micro-Peer", "")
        try:
            self._tell(self._routes.hear(method, meant_for, body, self._clock.monotonic()))
        except BadRequest as wrong:
            log.debug("the go-micro network at %s said what is no %s: %s", self._address, method[:40], wrong)
        self._changed()

    # -- what is asked ----------------------------------------------------------------------------------------------

    async def ask(
        self, service: str, endpoint: str, body: bytes, *, content_type: str, headers: Mapping[str, str], seconds: float
    ) -> bytes:
        """Calls a service of the network, at the nearest gateway.

        Raises:
            Fault: it failed; 503 where there is no way to it, 408 after the deadline.
        """
        started = False
        with self._session(service) as (session, waiting):
            try:
                async with asyncio.timeout(seconds):
                    await self._started(service, waiting)
                    started = True
                    self._say(session, question(service, endpoint, content_type, headers, seconds), body)
                    return asked_of(await waiting.get(), content_type)
            except TimeoutError:
                if not started:
                    why = f"the gateway of {service} did not accept the call within {seconds:g} s"
                    raise Unavailable(why) from None
                raise Timeout(f"{service} {endpoint} did not answer within {seconds:g} s") from None

    async def stream(
        self,
        service: str,
        endpoint: str,
        body: bytes,
        requests: AsyncIterator[bytes],
        *,
        content_type: str,
        headers: Mapping[str, str],
    ) -> AsyncGenerator[bytes, None]:
        """Opens a stream of a service of the network with a body, says what comes, and yields what is answered.

        Raises:
            Fault: it failed; 503 where there is no way to it.
        """
        with self._session(service) as (session, waiting):
            try:
                async with asyncio.timeout(START_SECONDS):
                    await self._started(service, waiting)
            except TimeoutError:
                raise Unavailable(f"the gateway of {service} did not accept the stream") from None
            said = opening(service, endpoint, content_type, headers)
            self._say(session, said, body)
            feeding = asyncio.get_running_loop().create_task(self._feed(session, said, requests))
            try:
                while (item := item_of(await waiting.get(), content_type)) is not None:
                    yield item
            finally:
                feeding.cancel()

    async def _feed(self, session: str, said: Mapping[str, str], requests: AsyncIterator[bytes]) -> None:
        async for item in requests:
            await self._room()
            self._say(session, said, item)
        self._say(session, ending(said), b"")

    @contextmanager
    def _session(self, service: str) -> Iterator[tuple[str, Backlog]]:
        """Begins a session at the nearest gateway of a service, and ends it."""
        tunnel, places = self._tunnel, self._services.get(service)
        if tunnel is None or not places:
            raise Unavailable(f"nobody in the go-micro network at {self._address} has {service} now")
        if len(self._questions) >= CALLS_MAX or tunnel.is_full:
            raise TooManyRequests(f"{CALLS_MAX} calls are under way in the go-micro network; try again in a moment")
        session = tunnel.open(places[0])
        waiting = self._questions[session] = Backlog()
        self._flush()
        try:
            yield session, waiting
        finally:
            del self._questions[session]
            tunnel.close(session)
            self._flush()

    async def _started(self, service: str, waiting: Backlog) -> None:
        if not isinstance(await waiting.get(), Started):
            raise Unavailable(f"the gateway of {service} did not accept the call")
