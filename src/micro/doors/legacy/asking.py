"""Calls through the tunnel: one question and one answer on a session, with the headers of MUCP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from micro.doors.legacy.tunnel import Event, Heard
from micro.errors import BadRequest, Fault, InternalError, TooLarge, TooManyRequests, Unavailable
from micro.mucp import headers as names
from micro.mucp.headers import canonical, checked
from micro.mucp.http.head import METHOD, NANOSECONDS, RequestHead
from micro.mucp.http.wrapping import Wrapped, unwrap_answer, unwrap_request, wrap_answer, wrap_fault
from micro.mucp.message import Form

__all__ = ["Answers", "Asked", "asked_of", "question"]

ANSWERS_MAX: Final = 128
BODY_BYTES_MAX: Final = 4_194_304
SECONDS_MAX: Final = 300.0
SECONDS: Final = 30.0
"""For how long a call may take whose caller does not say."""


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
    """The calls of others that are under way.

    Args:
        answer: answers one.
        say: says something on a session.
    """

    def __init__(
        self,
        answer: Callable[[Asked], Awaitable[bytes]],
        say: Callable[[str, Mapping[str, str], bytes], None],
    ) -> None:
        self._answer = answer
        self._say = say
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, session: str, headers: Mapping[str, str], body: bytes) -> None:
        """Answers what was asked on a session; one thing at a time is."""
        if session in self._tasks:
            return
        if len(self._tasks) >= ANSWERS_MAX:
            busy = TooManyRequests(f"{ANSWERS_MAX} calls are under way here; try again in a moment", id="legacy")
            self._say(session, {names.ERROR: busy.to_json(), names.ID: headers.get(names.ID, "")}, b"")
            return
        task = self._tasks[session] = asyncio.get_running_loop().create_task(self._serve(session, headers, body))
        task.add_done_callback(lambda done: self._over(session, done))

    def _over(self, session: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(session) is task:
            del self._tasks[session]

    async def _serve(self, session: str, headers: Mapping[str, str], body: bytes) -> None:
        wrapped: Wrapped | None = None
        said = {name: headers[name] for name in (names.ID, names.CONTENT_TYPE) if name in headers}
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
            answer = wrap_answer(declared, wrapped, await self._answer(asked))
        except Fault as fault:
            fault.id = fault.id or "legacy"
            self._say(session, {**said, names.ERROR: fault.to_json()}, wrap_fault(declared, wrapped, fault))
        else:
            self._say(session, said, answer)

    def withdraw(self, session: str) -> None:
        """Stops work that nobody waits for."""
        task = self._tasks.pop(session, None)
        if task is not None:
            task.cancel()

    def stop(self) -> None:
        """Stops all."""
        for session in list(self._tasks):
            self.withdraw(session)


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
    if head.form is not Form.CALL:
        raise BadRequest("through a go-micro v2 network this node is called; it takes no streams and no events there")
    if not head.service or not head.endpoint.count(".") == 1:
        raise BadRequest("a call names a service and an endpoint, in Micro-Service and Micro-Endpoint")
    return head
