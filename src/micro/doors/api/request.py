"""A request as the door's rooms see it, and an answer, on top of ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from micro.doors.api.refusal import SAFE_HEADERS, Refused, headers_of
from micro.errors import Cancelled, Fault

__all__ = ["GUARD_KEY", "Answer", "Receive", "Request", "Scope", "Send", "answer_of"]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

GUARD_KEY = "micro.guard"
"""Where a scope has the guard of its connection, which is told whose work to stop when the client goes away."""

JSON_HEADER = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is whole.

    Attributes:
        status: the HTTP status.
        body: its bytes.
        content_type: what they are.
        headers: more headers, names in lower case; one of `SAFE_HEADERS` is replaced.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def answer_of(error: Fault | Refused) -> Answer:
    """Returns the answer that carries a fault."""
    fault, more = (error.fault, error.headers) if isinstance(error, Refused) else (error, {})
    return Answer(fault.code, fault.to_json().encode(), headers={**headers_of(fault), **more})


class Request:
    """One request, or the beginning of a WebSocket.

    Attributes:
        method: in capitals; `GET` for a WebSocket.
        path: as it was sent, still with its `%` escapes.
        query: what stands behind the `?`.
        headers: the last value of each header, by its name in lower case.
        receive, send: ASGI's.
    """

    __slots__ = ("__dict__", "headers", "method", "path", "query", "receive", "scope", "send", "started")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.method: str = scope.get("method", "GET")
        self.path: str = scope["raw_path"].decode("ascii")
        self.query: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.started = False

    def header(self, name: str) -> str | None:
        """Returns a header's value, or None; `name` is in lower case."""
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("utf-8", "replace")

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path, without escapes; an empty last one does not count."""
        parts = self.path.strip("/").split("/") if self.path.strip("/") else []
        return tuple(unquote(part) for part in parts)

    @property
    def address(self) -> str:
        """The address that the connection comes from."""
        client = self.scope.get("client")
        return client[0] if client else ""

    async def body(self) -> bytes:
        """Returns the whole body; the guard has bounded it.

        Raises:
            Cancelled: the client went away.
        """
        parts: list[bytes] = []
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise Cancelled("the client went away before its request was whole")
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def stop_with_client(self) -> None:
        """Has the work of this task cancelled when the client goes away."""
        guard = self.scope.get(GUARD_KEY)
        if guard is not None:
            guard.task = asyncio.current_task()

    async def begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Sends the head of an answer."""
        self.started = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def more(self, body: bytes, *, last: bool = False) -> None:
        """Sends a part of an answer's body."""
        await self.send({"type": "http.response.body", "body": body, "more_body": not last})

    async def answer(self, answer: Answer) -> None:
        """Sends a whole answer."""
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", b"%d" % len(answer.body)),
        ]
        if answer.headers:
            own = {name.encode(): value.encode() for name, value in answer.headers.items()}
            headers += own.items()
            headers += [(name, value) for name, value in SAFE_HEADERS if name not in own]
        else:
            headers += SAFE_HEADERS
        await self.begin(answer.status, headers)
        await self.more(answer.body, last=True)
