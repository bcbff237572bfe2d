"""The side that asks: calls and streams into bytes, and answers out of them.

Pure.

Theory. A server of go-micro before 4 numbers its answers, one from 4.10 on mixes up two calls that are under way on one
connection, and all of them repeat what the first request of the connection said. So one call is under way on a
connection at a time, or one stream, and an answer belongs to it, whatever it says its number is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from micro.errors import BadRequest, Fault, InternalError, LocalProtocolError, TooLarge, Unavailable
from micro.mucp import headers as names
from micro.mucp.codec import JSON, PROTOBUF, normal
from micro.mucp.http.head import EOS, METHOD, NANOSECONDS, read_answer
from micro.mucp.http.reader import Message, MessageReader
from micro.mucp.http.wrapping import unwrap_answer, wrap_request
from micro.mucp.http.writing import request

__all__ = ["Answered", "Asker", "Ended", "Failed", "Said"]

TEXT = "text/plain"
ID = "mucp/http"
"""Where a fault arose that no server told of."""

OK = 200


class Answered(NamedTuple):
    """The call that was under way is answered."""

    body: bytes


class Said(NamedTuple):
    """The server says a message of the stream."""

    body: bytes


class Failed(NamedTuple):
    """The call or the stream ended with a fault."""

    fault: Fault


class Ended(NamedTuple):
    """The stream ended well."""


Event = Answered | Said | Failed | Ended


class State(Enum):
    """What is under way."""

    IDLE = "idle"
    CALL = "call"
    STREAM = "stream"
    OVER = "over"


class Asker:
    """One connection, as the side that asks.

    Attributes:
        state: what is under way; `OVER` where the connection is good for nothing more.
    """

    def __init__(self, host: str, *, content_type: str = JSON) -> None:
        """Begins.

        Args:
            host: the server's address, `host:port`.
            content_type: of all that is said here, with its wrapping: `application/json-rpc` speaks JSON-RPC.
        """
        self.state = State.IDLE
        self._host = host
        self._content_type = content_type
        self._reader = MessageReader(requests=False)
        self._headers: dict[str, str] = {}
        self._number = -1
        self._endpoint = ""
        self._is_last = self._has_ended = False

    # -- what is asked ----------------------------------------------------------------------------------------------

    def call(
        self,
        service: str,
        endpoint: str,
        body: bytes,
        *,
        timeout_milliseconds: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Returns the bytes of a call.

        Raises:
            BadRequest: a header cannot be spelled.
        """
        self._begin(State.CALL, service, endpoint, headers)
        if timeout_milliseconds:
            self._headers["Timeout"] = str(timeout_milliseconds * NANOSECONDS)
        return self._spelled(body)

    def open(self, service: str, endpoint: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """Returns the bytes that open a stream; a go-micro server throws their body away.

        Raises:
            BadRequest: a header cannot be spelled.
        """
        self._begin(State.STREAM, service, endpoint, headers)
        self._headers[names.STREAM] = str(self._number)
        return self._spelled(body)

    def item(self, body: bytes) -> bytes:
        """Returns the bytes of a message of the stream."""
        if self.state is not State.STREAM:
            raise LocalProtocolError("no stream is under way here")
        return self._spelled(body)

    def end(self, fault: Fault | None = None) -> bytes:
        """Returns the bytes by which the stream ends from this side.

        go-micro has no half of an end: a server whose handler ends after it answers nothing. One of 4.11 that reads
        `Connection: close` ends the connection once its handler has ended, so that tells it.
        """
        if self.state is not State.STREAM:
            raise LocalProtocolError("no stream is under way here")
        self._has_ended = fault is None
        error = EOS if fault is None else fault.to_json()
        return request(self._host, {**self._headers, names.ERROR: error, "Connection": "close"}, b"")

    def _begin(self, state: State, service: str, endpoint: str, headers: Mapping[str, str] | None) -> None:
        if self.state is not State.IDLE:
            raise LocalProtocolError("one thing at a time is under way on a connection to go-micro")
        self.state = state
        self._number += 1
        self._endpoint = endpoint
        self._headers = {
            **(headers or {}),
            "Accept": self._content_type,
            names.CONTENT_TYPE: self._content_type,
            names.ENDPOINT: endpoint,
            names.ID: str(self._number),
            METHOD: endpoint,
            names.SERVICE: service,
        }

    def _spelled(self, body: bytes) -> bytes:
        wrapped = wrap_request(self._content_type, self._endpoint, self._number, body)
        return request(self._host, self._headers, wrapped)

    # -- what is answered -------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """Returns what these bytes say."""
        events: list[Event] = []
        for message in self._reader.receive(data):
            if not self._is_asking:  # nobody asked for it
                self.state = State.OVER
                return events
            events.append(self._heard(message))
            self._is_last = self._is_last or message.is_last
        if self._reader.fault is not None:
            if self._is_asking:
                events.append(Failed(_unread(self._reader.fault)))
            self.state = State.OVER
        elif self._is_last and not self._is_asking:
            self.state = State.OVER
        return events

    @property
    def _is_asking(self) -> bool:
        return self.state in (State.CALL, State.STREAM)

    def lost(self) -> list[Event]:
        """Returns what the end of the connection means for what is under way."""
        was_asking, self.state = self._is_asking, State.OVER
        if not was_asking:
            return []
        if self._has_ended and not self._reader.is_reading:
            return [Ended()]
        return [Failed(Unavailable("outcome unknown: the connection ended before the answer", id=ID))]

    def _heard(self, message: Message) -> Event:
        try:
            body = self._understood(message)
        except Fault as fault:
            self.state = State.IDLE if fault.id != ID else State.OVER
            return Failed(fault)
        if body is None:
            self.state = State.IDLE
            return Ended()
        if self.state is State.STREAM:
            return Said(body)
        self.state = State.IDLE
        return Answered(body)

    def _understood(self, message: Message) -> bytes | None:
        """Returns the body of an answer, None for the end of a stream."""
        try:
            head = read_answer(int(message.line), message.pairs)
        except BadRequest as wrong:
            raise Unavailable(f"outcome unknown: the answer cannot be read: {wrong.detail}", id=ID) from None
        if head.status != OK:
            told = message.body[:200].decode("utf-8", "replace").strip()
            raise Fault.make(head.status if 400 <= head.status <= 599 else 500, f"{head.status}: {told}")
        if head.error == EOS and self.state is State.STREAM:
            return None
        if head.error:
            raise Fault.parse(head.error)
        if normal(head.content_type) == TEXT and not self._is_ours(message.body):
            raise InternalError(message.body[:2000].decode("utf-8", "replace"))
        return unwrap_answer(self._content_type, message.body)

    def _is_ours(self, body: bytes) -> bool:
        """Says whether what is declared as text is an answer all the same, as from go-micro's proxy.

        A go-micro server complains about a content type in plain text, and nowhere else.
        """
        kind = normal(self._content_type)
        return kind == PROTOBUF or (kind == JSON and body.lstrip()[:1] in (b"{", b"[", b'"'))


def _unread(fault: Fault) -> Fault:
    """Returns what is told of an answer that was not read; one that is too large would be so again."""
    if isinstance(fault, TooLarge):
        return TooLarge(f"the answer: {fault.detail}; next: have it sent in parts, as messages of a stream", id=ID)
    return Unavailable(f"outcome unknown: {fault.detail}", id=ID)
