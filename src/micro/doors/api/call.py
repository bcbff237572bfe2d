"""Calls and streams over plain HTTP: from a request to an endpoint, and from its answer to HTTP's."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from micro.doors.api.access import Doorkeeper
from micro.doors.api.content import Said, passed_on, read_said, timeout_of
from micro.doors.api.refusal import Refused
from micro.doors.api.request import Answer, Request
from micro.doors.api.streams import Events, Lines, pour, stopping, wants_events
from micro.doors.api.target import Target
from micro.errors import Cancelled, Fault, InternalError, MicroError, Unauthorized, Unavailable
from micro.mucp.codec import BYTES, JSON
from micro.network.link import Owner
from micro.service.client import Client
from micro.service.media import media_type
from micro.service.registry.instance import bare_name
from micro.trust.policy import Caller, may_call

__all__ = ["Asking", "ClientFor", "Course", "Note", "Noted"]

ClientFor = Callable[[Caller], Client]


class Noted(msgspec.Struct, frozen=True):
    """A call or stream that has ended, for the node's record.

    Attributes:
        caller: who asked.
        target: what.
        said: with what.
        seconds: how long it took.
        fault: what it ended with, None for an answer.
        answer_bytes: how many came back; 0 where nobody counted.
        door: how it was spoken: `http`, `a2a`, `mcp` or `mucp`.
    """

    caller: Caller
    target: Target
    said: Said
    seconds: float
    fault: Fault | None
    answer_bytes: int
    door: str = "http"


@dataclass(slots=True)
class Course:
    """What became of a call or stream, told while it is under way.

    Attributes:
        fault: what it ended with, None for an answer.
        answer_bytes: how many came back.
    """

    fault: Fault | None = None
    answer_bytes: int = 0


Note = Callable[[Noted], None]
IMAGE_POLICY = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


class Asking:
    """Asks services on behalf of whoever asks the door.

    Args:
        doorkeeper: tells who asks.
        client_for: returns a client with that one's rights.
        note: told of each call that has ended.
    """

    def __init__(self, doorkeeper: Doorkeeper, client_for: ClientFor, note: Note = lambda noted: None) -> None:
        self._note = note
        self._doorkeeper = doorkeeper
        self._client_for = client_for
        self._open: set[Owner] = set()
        self._stopping = False
        self._all_ended = asyncio.Event()

    def caller(self, request: Request) -> Caller:
        """Returns who asks.

        Raises:
            Unauthorized: his token is wrong, or he needs one.
        """
        return self._doorkeeper.caller(request)

    def client(self, caller: Caller, target: Target) -> Client:
        """Returns a client with a caller's rights, if the fixed policy allows the endpoint; the node judges the rest.

        Raises:
            Fault: 401 or 403.
        """
        refused = may_call(caller, bare_name(target.service), target.endpoint)
        if refused is not None:
            raise refused
        return self._client_for(caller)

    async def answer(self, request: Request, target: Target, caller: Caller) -> Answer | Fault | None:
        """Answers a request for an endpoint.

        Returns the answer; or, where it was a stream and is sent already, what it ended with.

        Raises:
            Fault: it failed before anything was answered.
            Refused: the door does not take the request.
        """
        if request.method not in target.methods:
            raise _not_by(request.method, target)
        if b"sec-purpose" in request.headers:
            raise Refused(403, "Sec-Purpose: a browser that fetches ahead calls nothing; nobody has asked yet")
        client = self.client(caller, target)
        body = await request.body()
        said = read_said(target, request.query, request.header("content-type"), body)
        with self.noting(caller, target, said) as course:
            if target.stream:
                course.fault = await self._stream(request, target, client, said)
                return course.fault
            answer = await self.call(request, target, client, said)
            course.answer_bytes = len(answer.body)
            return answer

    @contextmanager
    def noting(self, caller: Caller, target: Target, said: Said, *, door: str = "http") -> Iterator[Course]:
        """Has a call or stream noted once it has ended, however it ends."""
        course = Course()
        began = asyncio.get_running_loop().time()
        try:
            yield course
        except BaseException as error:
            course.fault = _fault_of(error)
            raise
        finally:
            seconds = asyncio.get_running_loop().time() - began
            self._note(Noted(caller, target, said, seconds, course.fault, course.answer_bytes, door))

    async def call(self, request: Request, target: Target, client: Client, said: Said) -> Answer:
        """Calls an endpoint."""
        request.stop_with_client()
        answer = await client.call_raw(
            target.service,
            target.endpoint,
            said.body,
            content_type=said.content_type,
            timeout_seconds=timeout_of(request.headers),
            headers=passed_on(request.headers),
        )
        kind = target.answer_type(said.content_type)
        if kind != BYTES:
            return Answer(200, answer, kind)
        kind = media_type(answer)
        return Answer(200, answer, kind, IMAGE_POLICY if kind != BYTES else {})

    async def _stream(self, request: Request, target: Target, client: Client, said: Said) -> Fault | None:
        kind = target.answer_type(said.content_type)
        as_events = wants_events(request)
        if kind not in (JSON, BYTES) and not as_events:
            raise Refused(415, f"a stream in {kind} comes over a WebSocket, or with Accept: text/event-stream")
        sink = (Events if as_events else Lines)(request, raw=kind != JSON)
        request.stop_with_client()
        stream = await client.stream_raw(
            target.service,
            target.endpoint,
            said.body,
            content_type=said.content_type,
            headers=passed_on(request.headers),
        )
        async with stream:
            with self.ending(stream, request):
                return await pour(stream, said, sink, takes_stream=target.takes_stream)

    @contextmanager
    def ending(self, owner: Owner, request: Request) -> Iterator[None]:
        """Has a stream or subscription end, with a fault, when the door closes, or its token or session ends.

        Raises:
            Fault: that is so by now.
        """
        if self._stopping:
            raise stopping()
        seconds, forget = self._doorkeeper.watch(request, lambda: _sign_out(owner))
        ends = _expire if b"authorization" in request.headers else _sign_out
        expiry = asyncio.get_running_loop().call_later(seconds, ends, owner) if math.isfinite(seconds) else None
        self._open.add(owner)
        try:
            yield
        finally:
            forget()
            if expiry is not None:
                expiry.cancel()
            self._left(owner)

    def _left(self, owner: Owner) -> None:
        self._open.discard(owner)
        if self._stopping and not self._open:
            self._all_ended.set()

    async def stop(self, seconds: float) -> None:
        """Ends all streams and subscriptions, and waits, at most so long, until their clients are told."""
        self._stopping = True
        if not self._open:
            return
        for owner in list(self._open):
            owner.failed(stopping(), refused=False)
        try:
            async with asyncio.timeout(seconds):
                await self._all_ended.wait()
        except TimeoutError:
            pass  # a client that does not read is not waited for


def _fault_of(error: BaseException) -> Fault:
    """Returns as what an error is noted: a client that leaves has the work on its request cancelled."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, Refused):
        return error.fault
    if isinstance(error, asyncio.CancelledError | GeneratorExit | OSError):
        return Cancelled("the client went away")
    if isinstance(error, MicroError):
        return Unavailable(f"the node cannot be reached: {error}")
    return InternalError(f"{type(error).__name__} in the door; the node's log tells more")


def _sign_out(owner: Owner) -> None:
    fault = Unauthorized("your session has ended; type `micro web` in a terminal to begin another", id="web")
    owner.failed(fault, refused=False)


def _expire(owner: Owner) -> None:
    owner.failed(Unauthorized("the token has expired; get a new one", id="api"), refused=False)


def _not_by(method: str, target: Target) -> Refused:
    """Returns the refusal of a method; RFC 9110, 9.2: programs repeat a GET, and follow links, unasked."""
    detail = f"method: {target.id} is asked by {' or '.join(target.methods)}"
    if method == "GET":
        detail += "; GET may be repeated, and this endpoint is not declared idempotent"
    return Refused(405, detail, headers={"allow": ", ".join(target.methods)})
