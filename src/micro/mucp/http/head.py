"""What the headers of a message mean: of a request and of an answer, in go-micro's spelling of every age.

Pure.

A name may stand as `Micro-X` or, from before go-micro 1.0, as `X-Micro-X`; where both stand the first counts. `Timeout`
is in nanoseconds. Nothing of a request is said again in its answer but the numbers it is known by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from micro.errors import BadRequest, Fault
from micro.mucp import headers as names
from micro.mucp.headers import canonical, checked
from micro.mucp.http.reader import Pairs
from micro.mucp.http.travelling import OURS, travels
from micro.mucp.http.wrapping import Kind, kind_of
from micro.mucp.message import Form

__all__ = ["EOS", "AnswerHead", "Heads", "RequestHead", "read_answer", "read_posted", "read_request"]

EOS = "EOS"
"""What `Micro-Error` says at the end of a stream that did not fail."""

HEADS_MAX = 1_024
NANOSECONDS = 1_000_000
TIMEOUT_MILLISECONDS_MAX = 2**32 - 1
TIMEOUT_DIGITS_MAX = 20
METHOD = "Micro-Method"
LEGACY = "X-"

_ONCE = frozenset(("Host", "Origin", "Authorization", "Content-Type", "Sec-Fetch-Site", "Timeout"))
_SAID = frozenset(("Authorization", "Content-Type"))
"""What of that an event says by itself where it is posted, since a broker of go-micro sends nothing beside it."""

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")


class RequestHead:
    """What a request is; many requests with equal headers share one.

    Attributes:
        form: call, stream or publish.
        service, endpoint: who is asked for what.
        topic: of an event.
        stream: the stream that the message belongs to, "" where it belongs to none.
        error: what `Micro-Error` says; at the end of a stream `EOS`.
        content_type: as it was declared, "" where it was not.
        timeout_milliseconds: how long the caller waits; 0 where it does not say.
        is_forwarded: whether a proxy says that it speaks for somebody else.
        is_legacy: whether its names are from before go-micro 1.0.
        is_posted: whether it is an event that came from go-micro's HTTP broker.
        host, origin, site, authorization: what a door looks at.
        plain: what its body is in, where nothing is around it and that was declared; else "".
        answer_lines: the lines of its answers that are the same each time, None where it takes a closer look.
        passed: the headers that travel on to whoever serves it.
        fault: why it cannot be served, None where it can.
        kept: whatever a door remembers of such requests.
    """

    __slots__ = (
        "answer_lines",
        "authorization",
        "content_type",
        "endpoint",
        "error",
        "fault",
        "form",
        "host",
        "id",
        "is_forwarded",
        "is_legacy",
        "is_posted",
        "kept",
        "origin",
        "passed",
        "plain",
        "service",
        "site",
        "stream",
        "timeout_milliseconds",
        "topic",
    )

    def __init__(self, found: Mapping[str, str]) -> None:
        def micro(name: str) -> str:
            return found.get(name) or found.get(LEGACY + name, "")

        self.kept: Any = None
        self.is_posted = False
        self.plain = ""
        self.answer_lines: bytes | None = None
        self.fault: Fault | None = None
        self.host, self.origin = found.get("Host", ""), found.get("Origin")
        self.site, self.authorization = found.get("Sec-Fetch-Site"), found.get("Authorization", "")
        self.service = micro(names.SERVICE)
        self.endpoint = micro(names.ENDPOINT) or micro(METHOD)
        self.topic, self.stream, self.error = micro(names.TOPIC), micro(names.STREAM), micro(names.ERROR)
        self.id = micro(names.ID)
        self.content_type = found.get(names.CONTENT_TYPE, "")
        self.is_legacy = any(name.startswith("X-Micro-") for name in found) and names.SERVICE not in found
        self.is_forwarded = any(name in found for name in _FORWARDED)
        self.form = Form.PUBLISH if self.topic else Form.STREAM if self.stream else Form.CALL
        self.timeout_milliseconds = 0
        self.passed = {name: value for name, value in found.items() if travels(name)}
        try:
            self.timeout_milliseconds = _milliseconds(found.get("Timeout", ""))
            kind, inner = kind_of(self.content_type)
        except BadRequest as wrong:
            self.fault = wrong
            return
        if kind is Kind.PLAIN and inner and not self.is_legacy:
            self.plain = inner
            if self.form is not Form.STREAM:
                self.answer_lines = f"{names.CONTENT_TYPE}: {self.content_type}\r\n".encode()


class AnswerHead:
    """What an answer is.

    Attributes:
        status: of HTTP; anything but 200 is a failure of the carrier.
        error: what `Micro-Error` says, "" where nothing failed.
        content_type: as it was declared.
        stream: the stream it belongs to; go-micro's servers repeat what the first request of the connection said.
    """

    __slots__ = ("content_type", "error", "status", "stream")

    def __init__(self, status: int, found: Mapping[str, str]) -> None:
        self.status = status
        self.error = found.get(names.ERROR) or found.get(LEGACY + names.ERROR, "")
        self.content_type = found.get(names.CONTENT_TYPE, "")
        self.stream = found.get(names.STREAM) or found.get(LEGACY + names.STREAM, "")


class Heads:
    """Remembers what headers meant: nearly all requests of a program have the same ones, but for their id."""

    def __init__(self) -> None:
        self._known: dict[Pairs, RequestHead] = {}

    def request(self, pairs: Pairs) -> RequestHead:
        """Returns what these headers mean; see `read_request` for what is raised."""
        found = self._known.get(pairs)
        if found is None:
            found = read_request(pairs)
            if len(self._known) >= HEADS_MAX:
                self._known.clear()
            if not found.stream:
                self._known[pairs] = found
        return found


def read_request(pairs: Pairs) -> RequestHead:
    """Returns what the headers of a request mean.

    Raises:
        BadRequest: a header cannot be read in one way only, so nothing after it on this pipe can be trusted.
    """
    found = _named(pairs)
    if "Host" not in found:
        raise BadRequest("Host: every request names the host it is for")
    return RequestHead(found)


def read_posted(pairs: Pairs, headers: Mapping[str, str]) -> RequestHead:
    """Returns what an event means that was posted: the request says who asks, and the message everything else.

    Raises:
        BadRequest: a header of the request cannot be read in one way only.
    """
    found = {name: value for name, value in _named(pairs).items() if name in OURS or name in _FORWARDED}
    found.pop("Content-Type", None)  # it is that of the message, not of what is in it
    said = {name: value for name, value in headers.items() if name not in OURS or name in _SAID}
    said.pop(names.STREAM, None)
    head = RequestHead({**found, **said})
    head.is_posted = True
    return head


def read_answer(status: int, pairs: Pairs) -> AnswerHead:
    """Returns what the headers of an answer mean.

    Raises:
        BadRequest: a header cannot be read.
    """
    return AnswerHead(status, _named(pairs))


def _named(pairs: Pairs) -> dict[str, str]:
    """Returns headers by name; one that stands twice counts once, where that cannot matter."""
    found: dict[str, str] = {}
    for raw, value in pairs:
        try:
            name = canonical(raw.decode("ascii"))
            text = checked(value.decode().strip(" \t"))
        except ValueError as error:
            raise BadRequest(f"headers: {error}") from None
        if name in found:
            if name in _ONCE or name.startswith(("Micro-", "X-Micro-")):
                raise BadRequest(f"{name}: stands twice; which one counts would be a guess")
            continue
        found[name] = text
    return found


def _milliseconds(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > TIMEOUT_DIGITS_MAX:
        raise BadRequest(f"Timeout: expected nanoseconds, got {text[:40]!a}")
    return min(-(-int(text) // NANOSECONDS), TIMEOUT_MILLISECONDS_MAX)
