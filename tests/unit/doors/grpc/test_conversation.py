"""A connection to a gRPC server, with h2's other half as the server, and with bytes that no server should send."""

from __future__ import annotations

from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error

from micro.doors.grpc import conversation
from micro.doors.grpc.conversation import Conversation, Course, Status

HEADERS = (("content-type", "application/grpc+json"),)
GRPC = [(":status", "200"), ("content-type", "application/grpc+json")]
MEGABYTE = 1_000_000


def framed(message: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


class Pair:
    """A conversation and its server."""

    def __init__(self) -> None:
        self.talk = Conversation("here:1")
        self.server = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.server.initiate_connection()
        self.seen: list[Any] = []
        self.changes = 0
        self.step()

    def step(self, pieces: int = 0) -> None:
        """Carries bytes both ways until there are none; the answers in pieces of so many bytes."""
        while True:
            asked, answered = self.talk.take(), self.server.data_to_send()
            if not asked and not answered:
                return
            self.seen += self.server.receive_data(asked) if asked else []
            size = pieces or len(answered) or 1
            for start in range(0, len(answered), size):
                self.talk.receive(answered[start : start + size])

    def open(self) -> Course:
        course = self.talk.open(HEADERS, "/a.B/C", self._changed)
        self.step()
        return course

    def _changed(self) -> None:
        self.changes += 1

    def heard(self) -> bytes:
        """Returns what the server heard, and lets more come."""
        found = b""
        for event in self.seen:
            if isinstance(event, DataReceived):
                found += event.data
                self.server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.seen = [event for event in self.seen if not isinstance(event, DataReceived)]
        return found

    def has_seen(self, kind: type) -> bool:
        return any(isinstance(event, kind) for event in self.seen)


def over(code: int, sentence: str = "") -> list[tuple[str, str]]:
    return [("grpc-status", str(code)), ("grpc-message", sentence)]


@pytest.mark.parametrize("pieces", [0, 1, 7])
def test_a_call_is_answered(pieces: int) -> None:
    """However the bytes are cut."""
    pair = Pair()
    course = pair.open()
    pair.talk.say(course, b'{"name":"Ann"}', last=True)
    pair.step()
    assert pair.heard() == framed(b'{"name":"Ann"}')
    assert dict(next(event for event in pair.seen if isinstance(event, RequestReceived)).headers)["content-type"] == (
        "application/grpc+json"
    )
    pair.server.send_headers(1, GRPC)
    pair.server.send_data(1, framed(b"one") + framed(b""))
    pair.server.send_headers(1, over(0), end_stream=True)
    pair.step(pieces)
    assert (list(course.messages), course.status) == ([b"one", b""], Status(0))
    assert pair.talk.is_idle


def test_an_error_has_a_sentence_and_details() -> None:
    """The one with escapes, the other in base64 without its end; what is no base64 says nothing."""
    for details, found in (("AQIDBA", b"\x01\x02\x03\x04"), ("A", b"")):
        pair = Pair()
        course = pair.open()
        trailers = [*GRPC, *over(9, "a %C3%A9"), ("grpc-status-details-bin", details)]
        pair.server.send_headers(1, trailers, end_stream=True)
        pair.step()
        assert course.status == Status(9, "a é", found)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([(":status", "404"), ("content-type", "text/plain")], 12),
        ([(":status", "503")], 14),
        ([(":status", "200"), ("content-type", "text/html")], 2),
        ([(":status", "200")], 2),
        ([*GRPC, ("grpc-status", "x")], 2),
        ([*GRPC, ("grpc-status", "12345")], 2),
        (GRPC, 13),
    ],
)
def test_what_is_no_answer_of_grpc_has_a_code(headers: list[tuple[str, str]], code: int) -> None:
    """As gRPC maps it."""
    pair = Pair()
    course = pair.open()
    pair.server.send_headers(1, headers, end_stream=True)
    pair.step()
    assert course.status is not None
    assert course.status.code == code


def test_a_large_message_waits_for_room() -> None:
    """And goes on as the server takes it; then the call is ended."""
    pair = Pair()
    course = pair.open()
    pair.talk.say(course, bytes(MEGABYTE), last=True)
    pair.step()
    assert len(course.unsent) == MEGABYTE + 5 - 65_535
    heard = 0
    while course.unsent:
        heard += len(pair.heard())
        pair.step()
    assert heard + len(pair.heard()) == MEGABYTE + 5
    assert pair.has_seen(StreamEnded)


def test_who_does_not_read_holds_back_the_server() -> None:
    """After so much as may be held; all of it comes once it is read."""
    pair = Pair()
    course = pair.open()
    pair.server.send_headers(1, GRPC)
    sent = 0
    while pair.server.local_flow_control_window(1) >= 10_005:
        pair.server.send_data(1, framed(bytes(10_000)))
        pair.step()
        sent += 1
    assert sent < 20
    assert len(course.messages) == sent
    while course.messages:
        pair.talk.consumed(course, course.messages.popleft())
    pair.step()
    assert pair.server.local_flow_control_window(1) >= 10_005


def test_calls_that_are_left_give_back_their_room() -> None:
    """Or the connection would come to a stand after many of them."""
    pair = Pair()
    for number in range(1, 1_001, 2):
        course = pair.open()
        pair.server.send_headers(number, GRPC)
        while pair.server.local_flow_control_window(number) >= 10_005:
            pair.server.send_data(number, framed(bytes(10_000)))
            pair.step()
        pair.talk.leave(course)
        pair.step()
    assert pair.has_seen(StreamReset)
    assert pair.talk.is_idle
    assert pair.server.outbound_flow_control_window > conversation.CONNECTION_WINDOW // 3


@pytest.mark.parametrize("data", [framed(b"abc", flag=1), framed(b"")[:1] + b"\xff\xff\xff\xff"])
def test_a_message_that_is_compressed_or_too_large_ends_the_call(data: bytes) -> None:
    """Before it is kept."""
    pair = Pair()
    course = pair.open()
    pair.server.send_headers(1, GRPC)
    pair.server.send_data(1, data)
    pair.step()
    assert course.status is not None
    assert course.status.code == 8
    assert pair.has_seen(StreamReset)


def test_a_server_that_stops_finishes_what_is_under_way() -> None:
    """And what it did not begin is said to be so."""
    pair = Pair()
    first, second = pair.open(), pair.open()
    goaway = bytes([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    pair.talk.receive(goaway)
    assert pair.talk.is_leaving
    assert second.status is not None
    assert (second.status.code, second.status.is_unasked) == (14, True)
    pair.server.send_headers(1, GRPC)
    pair.server.send_data(1, framed(b"done"))
    pair.server.send_headers(1, over(0), end_stream=True)
    pair.step()
    assert (list(first.messages), first.status) == ([b"done"], Status(0))


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
        bytes([0, 0, 1, 1, 4, 0, 0, 0, 1, 0xFF]),
        bytes([0, 0, 3, 4, 0, 0, 0, 0, 0, 1, 2, 3]),
    ],
)
def test_what_is_no_http2_ends_the_connection(data: bytes) -> None:
    """At once; whoever waits is told that the outcome is unknown."""
    pair = Pair()
    course = pair.open()
    with pytest.raises(H2Error):
        pair.talk.receive(data)
    pair.talk.lost("it spoke otherwise")
    assert course.status == Status(14, "outcome unknown: it spoke otherwise")


def test_a_refused_call_was_not_done() -> None:
    """So that it is asked for elsewhere."""
    pair = Pair()
    course = pair.open()
    pair.server.reset_stream(1, 7)
    pair.step()
    assert course.status is not None
    assert (course.status.code, course.status.is_unasked) == (14, True)
