"""Calls and streams through the tunnel: each is a session, with the headers of MUCP.

A call is one question and one answer. A stream is opened by a message with `Micro-Stream`; those that follow are items,
and one with `Micro-Error` ends it: `EOS`, or a fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Final, NamedTuple

from micro.doors.legacy.backlog import Backlog
from micro.doors.legacy.tunnel import Closed, Event, Heard
from micro.errors import BadRequest, Fault, InternalError, MicroError, TooLarge, TooManyRequests, Unavailable
from micro.mucp import headers as names
from micro.mucp.headers import canonical, checked
from micro.mucp.http.head import EOS, METHOD, NANOSECONDS, RequestHead
from micro.mucp.http.wrapping import Wrapped, unwrap_answer, unwrap_request, wrap_answer, wrap_fault
from micro.mucp.message import Form
from micro.service.stream import RawStream

__all__ = ["Answers", "Asked", "asked_of", "ending", "item_of", "opening", "question"]

ANSWERS_MAX: Final = 128
BODY_BYTES_MAX: Final = 4_194_304
SECONDS_MAX: Final = 300.0
SECONDS: Final = 30.0
"""For how long a call may take whose caller does not say."""

NUMBER: Final = "1"
"""A session has one stream, which needs no other name."""


class Asked(NamedTuple):
    """A call that came through the tunnel.

    Attributes:
        service, endpoint: who is asked for what.
        content_type: of the body.
        headers: those that travel on.
        body: what is asked.
        seconds: how long the caller waits.
    """

    service: str
    endpoint: str
    content_type: str
    headers: dict[str, str]
    body: bytes
    seconds: float


def question(
    service: str, endpoint: str, content_type: str, headers: Mapping[str, str], seconds: float
) -> dict[str, str]:
    """Returns the headers of a call, as a go-micro server reads them."""
    return {
        **headers,
        "Accept": content_type,
        names.CONTENT_TYPE: content_type,
        names.ENDPOINT: endpoint,
        names.ID: "0",
        METHOD: endpoint,
        names.SERVICE: service,
        "Timeout": str(int(seconds * 1_000) * NANOSECONDS),
    }


def opening(service: str, endpoint: str, content_type: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers of each message of a stream, as a go-micro server reads them; it has no deadline."""
    said = question(service, endpoint, content_type, headers, 0)
    del said["Timeout"]
    return {**said, names.ID: NUMBER, names.STREAM: NUMBER}


def ending(said: Mapping[str, str], fault: Fault | None = None) -> dict[str, str]:
    """Returns the headers of the message that ends a stream."""
    return {**said, names.ERROR: EOS if fault is None else fault.to_json()}


def item_of(event: Event, content_type: str) -> bytes | None:
    """Returns the body of an item, None for the end of a stream.

    Raises:
        Fault: it is an error, or the session ended before the stream.
    """
    if isinstance(event, Heard) and event.headers.get(names.ERROR) == EOS:
        return None
    if isinstance(event, Closed):
        raise Unavailable("the session ended before the stream did")
    return asked_of(event, content_type)


def asked_of(event: Event, content_type: str) -> bytes:
    """Returns the body of an answer; what go-micro says of its type is not to be trusted.

    Raises:
        Fault: it is an error, or the session ended without an answer.
    """
    if not isinstance(event, Heard):
        raise Unavailable("outcome unknown: the session ended before the answer")
    error = event.headers.get(names.ERROR)
    if error:
        raise Fault.parse(error)
    if len(event.body) > BODY_BYTES_MAX:
        raise InternalError(f"the answer has more than {BODY_BYTES_MAX} bytes")
    return unwrap_answer(content_type, event.body)


class Answers:
    """The calls and streams of others that are under way.

    Args:
        answer: answers a call.
        stream: opens a stream.
        say: says something on a session.
        room: waits until there is room to say more.
    """

    def __init__(
        self,
        answer: Callable[[Asked], Awaitable[bytes]],
        stream: Callable[[Asked], Awaitable[RawStream]],
        say: Callable[[str, Mapping[str, str], bytes], None],
        room: Callable[[], Awaitable[None]],
    ) -> None:
        self._answer = answer
        self._stream = stream
        self._say = say
        self._room = room
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._backlogs: dict[str, Backlog] = {}

    def hear(self, event: Heard) -> None:
        """Answers what was asked on a session; one thing at a time is, and what follows belongs to a stream."""
        session, headers, body = event.session, event.headers, event.body
        if session in self._tasks:
            if session in self._backlogs:
                self._backlogs[session].put(event)
            return
        if len(self._tasks) >= ANSWERS_MAX:
            busy = TooManyRequests(f"{ANSWERS_MAX} calls are under way here; try again in a moment", id="legacy")
            self._say(session, {names.ERROR: busy.to_json(), names.ID: headers.get(names.ID, "")}, b"")
            return
        if headers.get(names.STREAM):
            self._backlogs[session] = Backlog()
        task = self._tasks[session] = asyncio.get_running_loop().create_task(self._serve(session, headers, body))
        task.add_done_callback(lambda done: self._over(session, done))

    def _over(self, session: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(session) is task:
            del self._tasks[session]
            self._backlogs.pop(session, None)

    async def _serve(self, session: str, headers: Mapping[str, str], body: bytes) -> None:
        wrapped: Wrapped | None = None
        said = {name: headers[name] for name in (names.ID, names.STREAM, names.CONTENT_TYPE) if name in headers}
        declared = said.get(names.CONTENT_TYPE, "")
        try:
            head = _head(headers)
            if len(body) > BODY_BYTES_MAX:
                raise TooLarge(f"a call has at most {BODY_BYTES_MAX} bytes, got {len(body)}")
            wrapped = unwrap_request(head.content_type, body)
            milliseconds = head.timeout_milliseconds
            seconds = min(milliseconds / 1_000, SECONDS_MAX) if milliseconds else SECONDS
            content_type, endpoint = wrapped.content_type, head.endpoint or wrapped.endpoint
            asked = Asked(head.service, endpoint, content_type, dict(head.passed), wrapped.body, seconds)
            backlog = self._backlogs.get(session)
            if backlog is not None:
                async with aclosing(self._carried(asked, declared, backlog)) as messages:
                    async for message in messages:
                        await self._room()
                        self._say(session, said, wrap_answer(declared, wrapped, message))
                self._say(session, ending(said), b"")
                return
            answer = wrap_answer(declared, wrapped, await self._answer(asked))
        except Fault as fault:
            fault.id = fault.id or "legacy"
            self._say(session, {**said, names.ERROR: fault.to_json()}, wrap_fault(declared, wrapped, fault))
        else:
            self._say(session, said, answer)

    async def _carried(self, asked: Asked, declared: str, backlog: Backlog) -> AsyncGenerator[bytes, None]:
        """Opens a stream, passes on what its caller says, and yields what is answered."""
        async with await self._stream(asked) as stream:
            feeding = asyncio.get_running_loop().create_task(_feed(stream, declared, backlog))
            try:
                async for message in stream:
                    yield message
            finally:
                feeding.cancel()

    def withdraw(self, session: str) -> None:
        """Stops work that nobody waits for."""
        self._backlogs.pop(session, None)
        task = self._tasks.pop(session, None)
        if task is not None:
            task.cancel()

    def stop(self) -> None:
        """Stops all."""
        for session in list(self._tasks):
            self.withdraw(session)


async def _feed(stream: RawStream, declared: str, backlog: Backlog) -> None:
    """Sends into a stream what its caller says, as fast as that takes it; what cannot be sent ends it."""
    try:
        while (body := item_of(await backlog.get(), "")) is not None:
            await stream.send(unwrap_request(declared, body).body)
        await stream.end()
    except Fault as fault:
        stream.failed(fault, refused=False)
    except MicroError:
        pass  # the stream is over, and whoever reads it learns why


def _head(headers: Mapping[str, str]) -> RequestHead:
    """Returns what the headers of a call mean.

    Raises:
        Fault: they are no call.
    """
    try:
        found = {canonical(name): checked(text.strip(" \t")) for name, text in headers.items()}
    except ValueError as error:
        raise BadRequest(f"headers: {error}") from None
    head = RequestHead(found)
    if head.fault is not None:
        raise head.fault
    if head.form is Form.PUBLISH:
        raise BadRequest("through a go-micro v2 network this node is called and streamed; it takes no events there")
    if not head.service or not head.endpoint.count(".") == 1:
        raise BadRequest("a call names a service and an endpoint, in Micro-Service and Micro-Endpoint")
    return head
