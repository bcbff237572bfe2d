"""The side that asks: one thing at a time, and every way in which a server may answer."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest, Fault, LocalProtocolError
from micro.mucp.http.acceptor import Acceptor, Called, Closed, Item, Opened
from micro.mucp.http.asker import Answered, Asker, Ended, Event, Failed, Said, State


def answer(body: bytes = b"{}", *lines: str, status: str = "200 OK") -> bytes:
    head = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def asked(data: bytes, *, content_type: str = "application/json") -> list[Event]:
    """Returns what an answer means to a call."""
    asker = Asker("a:1", content_type=content_type)
    asker.call("s", "A.B", b"{}")
    return asker.receive(data)


def fault_of(data: bytes, *, content_type: str = "application/json") -> Fault:
    (failed,) = asked(data, content_type=content_type)
    assert isinstance(failed, Failed)
    return failed.fault


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json-rpc", "application/proto-rpc", "application/grpc", "application/grpc+json"],
)
def test_our_two_sides_understand_each_other(kind: str) -> None:
    """A call in any wrapping comes back as it was answered."""
    asker, acceptor = Asker("a:1", content_type=kind), Acceptor()
    (event,) = acceptor.receive(asker.call("s", "A.B", b'{"a":1}', timeout_milliseconds=1_500))
    assert isinstance(event, Called)
    assert event.exchange.wrapped is not None
    assert event.exchange.wrapped.body == b'{"a":1}'
    assert event.exchange.head.timeout_milliseconds == 1_500
    acceptor.answer(event.exchange, b'{"b":2}')
    assert asker.receive(acceptor.output()) == [Answered(b'{"b":2}')]
    assert asker.state is State.IDLE


@pytest.mark.parametrize("kind", ["application/json", "application/json-rpc", "application/grpc"])
def test_our_two_sides_stream(kind: str) -> None:
    """Items go both ways in any wrapping, and both ends are told."""
    asker, acceptor = Asker("a:1", content_type=kind), Acceptor()
    (opened,) = acceptor.receive(asker.open("s", "A.B", b"{}"))
    assert isinstance(opened, Opened)
    stream = opened.exchange
    assert acceptor.receive(asker.item(b"[1]")) == [Item(stream, b"[1]")]
    acceptor.item(stream, b"[2]")
    assert asker.receive(acceptor.output()) == [Said(b"[2]")]
    assert acceptor.receive(asker.end()) == [Closed(stream, None)]
    acceptor.end(stream)
    assert asker.receive(acceptor.output()) == [Ended()]


def test_one_thing_at_a_time() -> None:
    """go-micro from 4.10 on answers only one of two calls on a connection."""
    asker = Asker("a:1")
    asker.call("s", "A.B", b"{}")
    with pytest.raises(LocalProtocolError, match="one thing at a time"):
        asker.call("s", "A.B", b"{}")


@pytest.mark.parametrize("lines", [("Micro-Error: EOF",), ("X-Micro-Error: EOF",)])
def test_an_error_counts_before_the_body(lines: tuple[str, ...]) -> None:
    """Also under its older name."""
    assert fault_of(answer(b"{}", *lines)).detail == "EOF"


def test_a_failure_of_the_carrier_is_a_fault() -> None:
    """Any status but 200 is, with what the server wrote."""
    fault = fault_of(answer(b"no such thing", status="404 Not Found"))
    assert (fault.code, fault.detail) == (404, "404: no such thing")
    assert fault_of(answer(b"", status="302 Found")).code == 500


def test_a_complaint_in_plain_text_is_a_fault() -> None:
    """So a go-micro server says that it does not speak a content type; its proxy calls everything text."""
    assert (
        fault_of(answer(b"Unsupported Content-Type", "Content-Type: text/plain")).detail == "Unsupported Content-Type"
    )
    text = "Content-Type: text/plain; charset=utf-8"
    assert asked(answer(b'{"a":1}', text)) == [Answered(b'{"a":1}')]
    assert asked(answer(b"\x08\x01", text), content_type="application/protobuf") == [Answered(b"\x08\x01")]


def test_an_error_of_json_rpc_is_a_fault() -> None:
    """A text as it is, and anything else as JSON."""
    rpc = "application/json-rpc"
    assert fault_of(answer(b'{"id":1,"result":null,"error":"no"}'), content_type=rpc).detail == "no"
    assert fault_of(answer(b'{"id":1,"result":null,"error":{"code":404,"detail":"x"}}'), content_type=rpc).code == 404
    assert fault_of(answer(b"nonsense"), content_type=rpc).code == 400


def test_an_end_before_the_answer_is_unknown() -> None:
    """Nobody knows whether it was done."""
    asker = Asker("a:1")
    asker.call("s", "A.B", b"{}")
    asker.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
    (failed,) = asker.lost()
    assert isinstance(failed, Failed)
    assert failed.fault.detail.startswith("outcome unknown")
    assert asker.lost() == []


def test_an_answer_that_is_too_large_is_told_so() -> None:
    """It was served, and would be as large again: 503 would have it asked for once more."""
    asker = Asker("a:1")
    asker.call("s", "A.B", b"{}")
    (failed,) = asker.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n")
    assert isinstance(failed, Failed)
    assert (failed.fault.code, failed.fault.detail[:12]) == (413, "the answer: ")


def test_a_stream_has_ended_when_the_server_closes_after_our_end() -> None:
    """A server of go-micro 4.11 tells in no other way that its handler has ended, and does where it is asked to."""
    asker = Asker("a:1")
    asker.open("s", "A.B", b"{}")
    assert b"\r\nConnection: close\r\n" in asker.end()
    assert asker.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") == [Said(b"{}")]
    assert asker.lost() == [Ended()]


@pytest.mark.parametrize("fault", [None, Fault.make(408, "too late")])
def test_a_stream_that_breaks_off_has_not_ended(fault: Fault | None) -> None:
    """In the midst of a message, or where it was not to end well."""
    asker = Asker("a:1")
    asker.open("s", "A.B", b"{}")
    asker.end(fault)
    asker.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{" if fault is None else b"")
    (failed,) = asker.lost()
    assert isinstance(failed, Failed)


def test_an_answer_that_nobody_asked_for_ends_all() -> None:
    """It would be taken for that of the next call."""
    asker = Asker("a:1")
    asker.call("s", "A.B", b"{}")
    assert asker.receive(answer() + answer()) == [Answered(b"{}")]
    assert asker.state is State.OVER


def test_a_server_that_closes_is_not_asked_again() -> None:
    """`Connection: close` holds after the answer."""
    asker = Asker("a:1")
    asker.call("s", "A.B", b"{}")
    assert asker.receive(answer(b"{}", "Connection: close")) == [Answered(b"{}")]
    assert asker.state is State.OVER


def test_a_header_cannot_end_its_line() -> None:
    """What a caller passes on is checked before it is spelled."""
    with pytest.raises(BadRequest):
        Asker("a:1").call("s", "A.B", b"{}", headers={"X-A": "b\r\nMicro-Service: admin"})
    with pytest.raises(BadRequest):
        Asker("a:1").call("s\r\nX: y", "A.B", b"{}")
