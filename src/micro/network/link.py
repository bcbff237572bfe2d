"""The link: a session on a pipe; the one place where bytes meet the protocol.

It adds to the pure session only what needs a loop: when to write, waiting while the pipe is full, the `Watch` for dead
peers and passed deadlines, and telling whoever owns an exchange what happened to it.

What is said is written at the end of a turn of the loop, so that much of it shares a write. Only where the peer was
last heard saying one thing, and the one call or the last answer is all there is to say, nothing would be shared: then
it is written at once, which saves a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from micro.errors import Fault, InternalError, LinkClosed, TooManyRequests, Unauthorized, Unavailable
from micro.mucp import event as happened
from micro.mucp.event import Delivered, Event, Hello, Opened, Published, Received, Replied
from micro.mucp.exchange import Exchange
from micro.mucp.limits import LOCAL, Limits, Liveness
from micro.mucp.session import Session
from micro.network.owner import Owner, is_told, tell_failure
from micro.network.serving import Serving
from micro.network.transport.transport import Pipe
from micro.network.vigil import CALL_TIMEOUT_SECONDS
from micro.network.watch import Watch

__all__ = ["CALL_TIMEOUT_SECONDS", "Link", "Owner", "Serving"]

CLOSE_SECONDS_MAX = 10.0
"""How long a peer may take to read what was left when the link was closed."""

FLUSH_PIECES = 96
"""So much is said before it is written in the middle of a turn, so that both sides work at the same time."""
WRITE_AT_ONCE_BYTES = 4_096
"""More than this in its buffer uvloop writes at once; what the socket does not take makes the link `full`."""

_Future = asyncio.Future


class Link(asyncio.BufferedProtocol):
    """One side of a link over a `Pipe` or an asyncio transport.

    Attributes:
        session: the protocol's state.
        serving: whoever serves what the peer opens.
        facts: what is known about the peer: its node id, its rights. Set by who made the link.
        door: where it came in, for who made the link.
        path: says how bytes travel now, `direct ip:port` or `relayed url`, where who made the link knows.
        closed: None while it lives, then the reason of its end.
        refusal: the fault with which the peer refused the link, because of who we said we are; else None.
        watch: looks whether the peer lives, and for calls past their deadline.
        future: returns a future to own a call with.
    """

    def __init__(
        self,
        serving: Serving,
        *,
        dialed: bool,
        limits: Limits | None = None,
        liveness: Liveness = LOCAL,
        hello: Hello | None = None,
    ) -> None:
        self.session = Session(dialed=dialed, limits=limits, hello=hello)
        self.get_buffer = self.session.buffer  # type: ignore[method-assign,assignment] # one call less for each read
        self.serving = serving
        self.facts: Any = None
        self.door: Any = None
        self.path: Any = None
        self.closed: str | None = None
        self.refusal: Unauthorized | None = None
        self._loop = asyncio.get_running_loop()
        self.future: Callable[[], asyncio.Future[Any]] = self._loop.create_future
        self._pipe: Pipe | None = None
        self._scheduled = self._paused = False
        self._waiting: list[asyncio.Future[None]] = []
        self._greeting: asyncio.Future[Hello] = self._loop.create_future()
        self._greeting.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.watch = Watch(self, liveness)
        self._is_quiet = True  # one thing at a time was heard last
        self._linger: asyncio.TimerHandle | None = None
        self._reason = ""

    # -- the pipe's side --------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._pipe = transport
        transport.set_write_buffer_limits(high=WRITE_AT_ONCE_BYTES)
        self.watch.begin()
        self.flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.session.buffer(sizehint)

    def buffer_updated(self, nbytes: int) -> None:
        self.watch.heard = self._scheduled = True  # whatever is said meanwhile is written below
        session = self.session
        events = session.received(nbytes)
        if events:
            self._is_quiet = len(events) == 1
            self._handle(events)
        if session.output:
            self.flush()
        else:
            self._scheduled = False

    def data_received(self, data: bytes) -> None:
        """Takes bytes from a pipe that has memory of its own."""
        self.watch.heard = self._scheduled = True
        events = self.session.receive(data)
        if events:
            self._is_quiet = len(events) == 1
            self._handle(events)
        self.flush()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._linger is not None:
            self._linger.cancel()
        self._end(self._reason or (f"the connection broke: {exc}" if exc else "the connection was closed"))

    # -- events -----------------------------------------------------------------------------------------------------

    def _handle(self, events: list[Event]) -> None:
        """Tells everybody what happened; where the link ends meanwhile nothing is begun, and the rest still told."""
        serving, session = self.serving, self.session
        for event in events:
            try:
                if type(event) is Replied:
                    owner = event.owner
                    if isinstance(owner, _Future):
                        if not owner.done():
                            event.owner = None  # else the two hold each other: events are not collected
                            owner.set_result(event)
                    else:
                        owner.replied(event.body, event.headers)
                elif type(event) is Opened:
                    if self._paused and self.overloaded:
                        self.fail(event.number, TooManyRequests("read your answers first"), refused=True)
                    elif self.closed is None:
                        serving.opened(self, event)
                        if len(session.output) > FLUSH_PIECES:
                            self.flush()
                            self._scheduled = True  # the end of this turn writes what follows
                elif type(event) is Received:
                    if event.exchange.owner is not None:  # else it was refused while this was on its way
                        event.exchange.owner.received(event.body)
                elif type(event) is Delivered and event.exchange.owner is not None:
                    event.exchange.owner.delivered(event)
                else:
                    self._handle_rare(event)
            except Exception as error:  # noqa: BLE001 - a bug behind one exchange must not hurt the others
                self._complain(error)
                if type(event) is Opened:
                    self.fail(event.number, InternalError("this exchange failed here; the log tells more"))

    def _handle_rare(self, event: Event) -> None:
        match event:
            case _ if is_told(event):
                pass
            case happened.Broken():
                self.close(event.reason)
            case _ if self.closed is not None:
                pass
            case Published():
                self.serving.published(self, event)
            case happened.Cancelled():
                self.serving.withdrawn(self, event.number)
            case happened.GoneAway():
                self._reason = self._reason or f"the other side went away: {event.reason}"
                if event.code == Unauthorized.code:
                    self.refusal = Unauthorized(event.reason)
                self.serving.going(self, event.reason)
            case happened.Greeted():
                self._greet(event.hello)

    def _complain(self, error: Exception) -> None:
        message = f"{type(self.serving).__name__} or the owner of an exchange failed"
        self._loop.call_exception_handler({"message": message, "exception": error, "protocol": self})

    def _greet(self, hello: Hello) -> None:
        try:
            self.serving.greeted(self, hello)
        except Fault as fault:
            self.session.go_away(fault.detail, code=fault.code)
            self.close(fault.detail)
            return
        if not self._greeting.done():
            self._greeting.set_result(hello)

    # -- the owner's side -------------------------------------------------------------------------------------------

    async def greeted(self) -> Hello:
        """Waits for the peer's HELLO.

        Raises:
            LinkClosed: the link ended first; the message says why.
        """
        return await asyncio.shield(self._greeting)

    @property
    def full(self) -> bool:
        """Whether the pipe has more to write than it likes; `await drained()` before sending more."""
        return self._paused

    async def drained(self) -> None:
        """Waits until the pipe takes more, or is gone."""
        while self._paused and self.closed is None:
            future: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append(future)
            await future

    def once_drained(self, told: Callable[[], None]) -> None:
        """Has somebody told once, when the pipe takes more or is gone; for who cannot wait."""
        future: asyncio.Future[None] = self._loop.create_future()
        future.add_done_callback(lambda done: told())
        self._waiting.append(future)

    def schedule(self) -> None:
        """Has what the session has to say written at the end of this turn of the loop, or now where it is much."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)
        elif len(self.session.output) > FLUSH_PIECES:
            self.flush()

    def flush(self) -> None:
        """Writes what the session has to say."""
        self._scheduled = False
        session = self.session
        if session.gathering is not None:
            session.seal()
        output = session.output
        pipe = self._pipe
        if not output or pipe is None or pipe.is_closing():
            return
        session.output = []
        if session.bulky and len(output) > 1:  # the last for `write`: asyncio before 3.13.2 forgets to pause otherwise
            pipe.writelines(output[:-1])
            del output[:-1]
        session.bulky = False
        pipe.write(b"".join(output))
        if self._paused and pipe.get_write_buffer_size() > 2 * session.limits.output_bytes:
            self._reason = "the peer does not read what it asked for"
            pipe.abort()

    @property
    def overloaded(self) -> bool:
        """Whether so much waits to be written that new exchanges of the peer are to be refused."""
        pipe, limit = self._pipe, self.session.limits.output_bytes
        return self._paused and pipe is not None and pipe.get_write_buffer_size() > limit

    def call(self, owner: Any, prefix: bytes, body: bytes) -> int:
        """Opens a call and returns its number; see `Session.call`. Its deadline is `CALL_TIMEOUT_SECONDS`.

        Raises:
            LinkClosed: the link is gone; nothing was sent.
        """
        if self.closed is not None:
            raise LinkClosed(self.closed)
        session = self.session
        number = session.call(owner, prefix, body)
        if not self._scheduled:
            if self._is_quiet and len(session.calls) == 1:
                self.flush()
            else:
                self._scheduled = True
                self._loop.call_soon(self.flush)
        elif len(session.output) > FLUSH_PIECES:
            self.flush()
        return number

    def tell(self, prefix: bytes, body: bytes) -> None:
        """Opens an exchange that wants no answer."""
        if self.closed is not None:
            raise LinkClosed(self.closed)
        self.session.tell(prefix, body)
        self.schedule()

    def publish(self, block: int, body: bytes) -> None:
        """Publishes an event that wants no answer; see `Session.publish`, and `tell` for what is raised."""
        if self.closed is not None:
            raise LinkClosed(self.closed)
        self.session.publish(block, body)
        self.schedule()

    def open(self, form: int, prefix: bytes, body: bytes, owner: Owner) -> Exchange:
        """Opens a stream or subscription.

        Raises:
            LinkClosed: the link is gone; nothing was sent.
        """
        if self.closed is not None:
            raise LinkClosed(self.closed)
        exchange = self.session.open(form, prefix, body, owner)
        self.schedule()
        return exchange

    def expire(self, number: int, seconds: float) -> asyncio.TimerHandle:
        """Gives a call a deadline of its own; cancel the handle when the answer came."""
        return self.watch.expire(number, seconds)

    def cancel(self, number: int) -> None:
        """Withdraws from an exchange."""
        if self.closed is None:
            self.watch.forget(number)
            self.session.cancel(number)
            self.schedule()

    def done(self, number: int) -> None:
        """Forgets a deadline of its own after the answer."""
        self.watch.forget(number)

    def reply(self, number: int, body: bytes) -> None:
        """Answers a call of the peer."""
        session = self.session
        session.reply(number, body)
        if not self._scheduled:
            if self._is_quiet and not session.serving:
                self.flush()
            else:
                self._scheduled = True
                self._loop.call_soon(self.flush)

    def fail(self, number: int, fault: Fault, *, refused: bool = False) -> None:
        """Ends an exchange of the peer with a fault."""
        self.session.fail(number, fault, refused=refused)
        self.schedule()

    def dismiss(self, fault: Fault, *, calls: bool = True) -> None:
        """Takes nothing more of the peer, and ends what it has open with a fault; without `calls`, its calls go on."""
        session = self.session
        for exchange in [each for each in session.exchanges.values() if not each.local]:
            session.fail(exchange.number, fault)
            if exchange.owner is not None:
                exchange.owner.cancelled()
        for number in list(session.serving) if calls else ():
            session.fail(number, fault)
        session.go_away(fault.detail, code=fault.code)
        self.schedule()

    def close(self, reason: str) -> None:
        """Writes what is left and ends the link."""
        self._reason = self._reason or reason
        self.flush()
        if self._pipe is not None and self._linger is None:
            self._pipe.close()
            self._linger = self._loop.call_later(CLOSE_SECONDS_MAX, self._pipe.abort)
        self._end(reason)

    def abort(self, reason: str) -> None:
        """Ends the link at once."""
        self._reason = self._reason or reason
        if self._pipe is not None:
            self._pipe.abort()
        self._end(reason)

    def _end(self, reason: str) -> None:
        if self.closed is not None:
            return
        self.closed = reason
        self.watch.end()
        if not self._greeting.done():
            self._greeting.set_exception(LinkClosed(reason))
        unknown = f"outcome unknown: the link ended before the answer ({reason})"
        for owner, is_unsaid in self.session.lose():
            fault = Unavailable(f"nothing was sent: the link ended ({reason})" if is_unsaid else unknown)
            try:
                tell_failure(owner, fault, refused=is_unsaid)
            except Exception as error:  # noqa: BLE001 - everybody is told
                self._complain(error)
        self.resume_writing()
        self.serving.lost(self, reason)
