"""A go-micro service that is spoken for: the node calls it like any service, and it is asked as go-micro asks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from micro.doors.mucp.outbound import Outbound, Pool
from micro.errors import BadRequest, Cancelled, Fault, InternalError, Unavailable
from micro.mucp import headers as names
from micro.mucp.codec import JSON
from micro.mucp.event import Hello, Opened, Published
from micro.mucp.exchange import Exchange
from micro.mucp.http.asker import Answered, Event, Failed, Said, State
from micro.mucp.message import Form
from micro.network.link import Link, Owner

__all__ = ["Spoken"]

TASKS_MAX = 1_024
LAST_SECONDS = 5.0
"""A server that says nothing for so long after the caller's end says nothing more: those before 4.11 never say so."""

_OURS = ("Micro-", "Content-Type")


class Spoken:
    """Serves a link of the node by asking a go-micro server.

    Args:
        service: how the service calls itself, which may be no name that the node takes.
        host, port: the server's address.
        on_lost: told when the link ends.
    """

    def __init__(self, service: str, host: str, port: int, on_lost: Callable[[Spoken], None]) -> None:
        self._service = service
        self._pool = Pool(host, port)
        self._on_lost = on_lost
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._strays: set[asyncio.Task[None]] = set()

    # -- what the link tells ----------------------------------------------------------------------------------------

    def greeted(self, link: Link, hello: Hello) -> None:
        """The node is known."""

    def published(self, link: Link, event: Published) -> None:
        """Events are for the broker."""

    def going(self, link: Link, reason: str) -> None:
        """The link ends soon."""

    def lost(self, link: Link, reason: str) -> None:
        for task in (*self._tasks.values(), *self._strays):
            task.cancel()
        self._pool.close()
        self._on_lost(self)

    def withdrawn(self, link: Link, number: int) -> None:
        task = self._tasks.pop(number, None)
        if task is not None:
            task.cancel()

    def opened(self, link: Link, event: Opened) -> None:
        if event.form not in (Form.CALL, Form.STREAM) or len(self._tasks) >= TASKS_MAX:
            link.fail(event.number, BadRequest("this service is called and streamed, nothing else"), refused=True)
            return
        loop = asyncio.get_running_loop()
        if event.exchange is None:
            task = self._tasks[event.number] = loop.create_task(self._call(link, event))
            task.add_done_callback(lambda done: self._tasks.pop(event.number, None))
        else:
            flow = event.exchange.owner = Course(link, event.exchange)  # it keeps what comes before the server is there
            task = loop.create_task(self._stream(link, event, flow))
            self._strays.add(task)
            task.add_done_callback(self._strays.discard)

    async def _reach(self, link: Link, number: int, content_type: str, *, fresh: bool = False) -> Outbound | None:
        """Returns a connection, None where there is none and the node was told; a server that is gone ends the link."""
        try:
            return await self._pool.take(content_type, fresh=fresh)
        except Fault as fault:
            link.fail(number, fault, refused=True)
        except OSError as error:
            link.fail(number, Unavailable(f"the go-micro service does not answer: {error}"), refused=True)
            link.close("the go-micro service does not answer")
        return None

    # -- calls ------------------------------------------------------------------------------------------------------

    async def _call(self, link: Link, event: Opened) -> None:
        endpoint, content_type, passed = _asked(event)
        connection = await self._reach(link, event.number, content_type)
        if connection is None:
            return
        answer: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        connection.on_event = lambda heard: None if answer.done() else answer.set_result(heard)
        try:
            milliseconds = event.timeout_milliseconds
            connection.say(
                connection.asker.call(
                    self._service, endpoint, event.body, timeout_milliseconds=milliseconds, headers=passed
                )
            )
            heard = await answer
        except Fault as fault:
            self._pool.drop(connection)
            link.fail(event.number, fault)
        except asyncio.CancelledError:
            self._pool.drop(connection)  # what is still answered there must not be taken for the next answer
            raise
        else:
            self._pool.give_back(content_type, connection)
            self._tasks.pop(event.number, None)
            if isinstance(heard, Answered):
                link.reply(event.number, heard.body)
            else:
                link.fail(event.number, heard.fault if isinstance(heard, Failed) else InternalError("a stream came"))

    # -- streams ----------------------------------------------------------------------------------------------------

    async def _stream(self, link: Link, event: Opened, flow: Course) -> None:
        endpoint, content_type, passed = _asked(event)
        connection = await self._reach(link, event.number, content_type, fresh=True)
        if connection is None:
            return
        if flow.is_over:
            self._pool.drop(connection)
            return
        flow.begin(connection, connection.asker.open(self._service, endpoint, event.body, passed), event.body)
        flow.on_over = lambda: self._pool.drop(connection)


def _asked(event: Opened) -> tuple[str, str, Mapping[str, str]]:
    said: dict[str, str] = {**event.block.headers, **(event.extra or {})}
    passed = {name: value for name, value in said.items() if not name.startswith(_OURS)}
    return said.get(names.ENDPOINT, ""), said.get(names.CONTENT_TYPE, JSON), passed


class Course(Owner):
    """A stream between a link and a go-micro server."""

    __slots__ = (
        "_connection",
        "_exchange",
        "_has_ended",
        "_is_last",
        "_is_waiting",
        "_last",
        "_link",
        "_owed",
        "_timer",
        "_unsaid",
        "is_over",
        "on_over",
    )

    def __init__(self, link: Link, exchange: Exchange) -> None:
        self._link = link
        self._exchange = exchange
        self._connection: Outbound | None = None
        self._unsaid: deque[bytes] = deque()
        self._owed: deque[bytes] = deque()
        self._has_ended = self._is_last = self._is_waiting = self.is_over = False
        self._last: Fault | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.on_over: Callable[[], None] = lambda: None

    def begin(self, connection: Outbound, opening: bytes, parameters: bytes) -> None:
        """Opens it there; the parameters are said again, since go-micro throws away what opens a stream."""
        self._connection = connection
        connection.on_event, connection.on_drained = self._heard, self._push
        connection.say(opening)
        if parameters.strip() not in (b"", b"{}"):
            connection.say(connection.asker.item(parameters))
        self._push()

    # -- from the node ----------------------------------------------------------------------------------------------

    def received(self, body: bytes) -> None:
        self._unsaid.append(body)
        self._push()

    def _push(self) -> None:
        connection = self._connection
        if connection is None or self.is_over:
            return
        while self._unsaid and not connection.is_full:
            body = self._unsaid.popleft()
            connection.say(connection.asker.item(body))
            self._link.session.consumed(self._exchange, len(body))
        if not self._unsaid and self._has_ended and connection.asker.state is State.STREAM:
            self._has_ended = False
            connection.say(connection.asker.end())
            self._await_last()
        self._link.schedule()

    def ended(self) -> None:
        self._has_ended = True
        self._push()

    def cancelled(self) -> None:
        connection = self._connection
        if connection is not None and connection.asker.state is State.STREAM:
            connection.say(connection.asker.end(Cancelled("the caller withdrew")))
        self._end()

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self.cancelled()

    def credited(self, count: int) -> None:
        self._pass_on()

    # -- from the server --------------------------------------------------------------------------------------------

    def _await_last(self) -> None:
        """Waits for what the server still says after the caller's end, anew with each message."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(LAST_SECONDS, self._quiet)

    def _quiet(self) -> None:
        if self._owed:  # it may have more to say, and is not read
            self._await_last()
        else:
            self._is_last = True
            self._pass_on()

    def _heard(self, event: Event) -> None:
        if self.is_over:
            return
        if self._timer is not None:
            self._await_last()
        if isinstance(event, Said):
            self._owed.append(event.body)
        elif isinstance(event, Failed):
            self._last = event.fault
        else:
            self._is_last = True
        self._pass_on()

    def _pass_on(self) -> None:
        """Passes on what the server said, as far as there is credit; what it says meanwhile is not read."""
        link, exchange = self._link, self._exchange
        if self.is_over or link.closed is not None:
            return
        while self._owed and exchange.send_window > 0 and not link.full:
            link.session.send(exchange, self._owed.popleft())
        if self._owed and link.full and not self._is_waiting:
            self._is_waiting = True
            link.once_drained(self._drained)
        if not self._owed and self._last is not None:
            link.fail(exchange.number, self._last)
            self._end()
        elif not self._owed and self._is_last:
            link.session.end(exchange)
            self._end()
        elif self._connection is not None:
            self._connection.hold(held=bool(self._owed))
        link.schedule()

    def _drained(self) -> None:
        self._is_waiting = False
        self._pass_on()

    def _end(self) -> None:
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self.on_over()
