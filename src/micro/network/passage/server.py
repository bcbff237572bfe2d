"""The passage of a super node: TCP connections of browsers, each passed on to the node whose name it asks for.

It ends no TLS and has no key for it. Who is meant is read from the first words of a connection, nothing is answered but
an alert where nobody is, and it leads nowhere but to nodes that asked for their own connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter

from micro.errors import EngineError, NotFound
from micro.network.passage.bounds import Bounds
from micro.network.passage.call import Call
from micro.network.passage.greeting import UNKNOWN_NAME, Greeting, NoGreeting, alert
from micro.network.passage.seats import Seat, Seats
from micro.network.transport.admission import origin_of
from micro.ports import Entropy

__all__ = ["Attended", "PassageServer"]

NAME_BYTES = 16
"""A connection is taken by a name that nobody guesses."""

log = logging.getLogger(__name__)


class Attended:
    """The place of one node that asked for its connections: it hears of each that comes.

    Args:
        seat: its seat.
    """

    def __init__(self, seat: Seat[Call]) -> None:
        self.seat = seat
        self._came: dict[Call, None] = {}  # bounded by the connections of a node: what is over is forgotten
        self._news = asyncio.Event()

    def __len__(self) -> int:
        """Returns how many the node has not heard of yet."""
        return len(self._came)

    def tell(self, call: Call) -> None:
        """Takes note of one that came."""
        self._came[call] = None
        self._news.set()

    def forget(self, call: Call) -> None:
        """One is over; the node need not hear of it any more."""
        self._came.pop(call, None)

    async def next(self) -> Call:
        """Waits for the next one."""
        while not self._came:
            self._news.clear()
            await self._news.wait()
        call = next(iter(self._came))
        del self._came[call]
        return call


class PassageServer:
    """Serves from `start` to `stop`.

    Args:
        domain: below which nodes are named.
        entropy: for the names of connections.
        bounds: how much is too much.
    """

    def __init__(self, domain: str, entropy: Entropy, bounds: Bounds | None = None) -> None:
        self.domain = domain
        self.bounds = bounds or Bounds()
        self._entropy = entropy
        self._seats: Seats[Call] = Seats(self.bounds)
        self._places: dict[Seat[Call], Attended] = {}
        self._origins: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: set[Call] = set()
        self._server: asyncio.Server | None = None
        self.passed_bytes = self.refused = self.carried = 0

    async def start(self, host: str, port: int) -> int:
        """Listens, and returns the TCP port.

        Args:
            host: an IP address of this machine, or `0.0.0.0` for all.
            port: 0 takes any free one.

        Raises:
            EngineError: the address cannot be bound.
        """
        try:
            self._server = await asyncio.start_server(self._come, host, port, limit=self.bounds.waiting_bytes_max // 2)
        except OSError as error:
            raise EngineError(
                f"browsers cannot be let in on TCP port {port} of {host}: {error.strerror}; next: choose another "
                "(passage_port), and have your router or firewall lead the port of passage_domain to it"
            ) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Lets nobody in any more, and ends all connections."""
        if self._server is not None:
            self._server.close()
        for call in list(self._calls):
            call.end()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def status(self) -> dict[str, int]:
        """Returns figures: nodes that asked, connections now and in all, bytes passed on, connections refused."""
        return {
            "nodes": len(self._seats),
            "connections": len(self._tasks),
            "carried": self.carried,
            "passed_bytes": self.passed_bytes,
            "refused": self.refused,
        }

    # -- what nodes ask ---------------------------------------------------------------------------------------------

    def attend(self, nid: str) -> Attended:
        """Has a node hear of the connections that are for it, until `leave`.

        Raises:
            Conflict, TooManyRequests: see `Seats.take`.
        """
        seat = self._seats.take(nid, asyncio.get_running_loop().time())
        place = self._places[seat] = Attended(seat)
        return place

    def leave(self, place: Attended) -> None:
        """The node asks no more; connections that it has taken go on."""
        self._seats.leave(place.seat)
        self._places.pop(place.seat, None)
        for call in place.seat.waiting.values():
            call.end()
        place.seat.waiting.clear()

    def take(self, nid: str, name: bytes) -> Call:
        """Returns a connection that waits for a node.

        Raises:
            NotFound: none of that name does.
        """
        call = self._seats.called(nid, name)
        if call is None:
            raise NotFound("no such connection waits for this node; it may be over already")
        return call

    # -- what browsers do -------------------------------------------------------------------------------------------

    def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        origin = origin_of(f"[{address}]:0" if ":" in address else f"{address}:0")
        bounds = self.bounds
        if len(self._tasks) >= bounds.connections_max or self._origins[origin] >= bounds.connections_per_origin_max:
            self.refused += 1
            writer.transport.abort()
            return
        self._origins[origin] += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer, address, origin))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._gone(done, origin))

    def _gone(self, task: asyncio.Task[None], origin: str) -> None:
        self._tasks.discard(task)
        self._origins[origin] -= 1
        if self._origins[origin] <= 0:
            del self._origins[origin]

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, origin: str
    ) -> None:
        try:
            async with asyncio.timeout(self.bounds.greeting_seconds):
                host, first = await self._greeted(reader)
            label, _, domain = host.partition(".")
            now = asyncio.get_running_loop().time()
            seat = self._seats.find(label, origin, now) if domain == self.domain else None
            if seat is None:
                raise NoGreeting(f"nobody is called {host} here now", UNKNOWN_NAME)
            self._seats.enter(seat, origin)
            try:
                await self._pass(seat, address, first, reader, writer)
            finally:
                self._seats.go(seat, origin)
        except NoGreeting as refusal:
            self.refused += 1
            log.debug("a connection from %s is refused: %s", address, refusal)
            if refusal.alert is not None:
                writer.write(alert(refusal.alert))
                writer.close()
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(self.bounds.greeting_seconds):
                        await writer.wait_closed()
        except (OSError, TimeoutError):
            self.refused += 1  # it was too slow, or is gone
        finally:
            writer.transport.abort()

    async def _greeted(self, reader: asyncio.StreamReader) -> tuple[str, bytes]:
        greeting = Greeting()
        while True:
            data = await reader.read(self.bounds.piece_bytes)
            if not data:
                raise NoGreeting("it ended before it named anybody", None)
            host = greeting.hear(data)
            if host is not None:
                return host, bytes(greeting.received)

    async def _pass(
        self,
        seat: Seat[Call],
        address: str,
        first: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        name = self._entropy.random_bytes(NAME_BYTES)
        call = Call(
            name, address, first, reader, writer, allowance=seat.allowance, bounds=self.bounds, passed=self._count
        )
        place = self._places[seat]
        seat.waiting[name] = call
        self._calls.add(call)
        try:
            place.tell(call)
            async with asyncio.timeout(self.bounds.taking_seconds):
                await call.taken.wait()
            self.carried += 1
            await call.over()
            with contextlib.suppress(OSError, TimeoutError):
                writer.close()
                async with asyncio.timeout(self.bounds.stalled_seconds):
                    await writer.wait_closed()
        finally:
            place.forget(call)
            seat.waiting.pop(name, None)
            self._calls.discard(call)

    def _count(self, count: int) -> None:
        self.passed_bytes += count
