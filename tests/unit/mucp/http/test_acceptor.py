"""The side that is asked: what each message means, and what is written back."""

from __future__ import annotations

import json

import pytest

from micro.errors import Fault, NotFound
from micro.mucp.http.acceptor import CALLS_MAX, STREAMS_MAX, Acceptor, Broken, Called, Closed, Event, Item, Opened
from micro.mucp.http.reader import Message, MessageReader
from micro.mucp.message import Form


def post(body: bytes = b"{}", *, target: str = "/", **headers: str) -> bytes:
    """Returns a request for `Say.Hello` of `greeter`, unless other headers are given."""
    said = {"Host": "a", "Content-Type": "application/json", "Micro-Service": "greeter", "Micro-Endpoint": "Say.Hello"}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items() if value)
    return f"POST {target} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def one(acceptor: Acceptor, data: bytes) -> Event:
    (event,) = acceptor.receive(data)
    return event


def called(acceptor: Acceptor, data: bytes) -> Called:
    event = one(acceptor, data)
    assert isinstance(event, Called)
    return event


def written(acceptor: Acceptor) -> list[tuple[dict[str, str], bytes]]:
    """Returns the answers that were written, headers and body."""
    reader = MessageReader(requests=False)
    found = reader.receive(acceptor.output())
    assert reader.fault is None
    return [(_headers(message), message.body) for message in found]


def _headers(message: Message) -> dict[str, str]:
    found = {name.decode(): value.decode() for name, value in message.pairs}
    return found | ({"Micro-Id": message.id.decode()} if message.id else {})


def refused(data: bytes) -> Fault:
    """Returns the fault with which a message is answered that nobody is told of."""
    acceptor = Acceptor()
    assert acceptor.receive(data) == []
    ((headers, _),) = written(acceptor)
    return Fault.parse(headers["Micro-Error"])


def test_a_call_is_told_and_answered() -> None:
    """Its headers, deadline and body come out; the answer has its type and number, and nothing else of it."""
    acceptor = Acceptor()
    exchange = called(acceptor, post(b'{"a":1}', Micro_Id="7", Timeout="5000000000", X_Test="1")).exchange
    assert (exchange.head.service, exchange.endpoint, exchange.id) == ("greeter", "Say.Hello", "7")
    assert exchange.head.timeout_milliseconds == 5_000
    assert exchange.head.passed == {"X-Test": "1"}
    assert exchange.wrapped is not None
    assert exchange.wrapped.body == b'{"a":1}'
    acceptor.answer(exchange, b'{"b":2}')
    expected = {"Content-Length": "7", "Content-Type": "application/json", "Micro-Id": "7"}
    assert written(acceptor) == [(expected, b'{"b":2}')]


def test_answers_keep_the_order_of_calls() -> None:
    """Any program that speaks HTTP takes the first answer for that of its first request."""
    acceptor = Acceptor()
    first, second = acceptor.receive(post(Micro_Id="1") + post(Micro_Id="2"))
    assert isinstance(first, Called)
    assert isinstance(second, Called)
    acceptor.answer(second.exchange, b"2")
    assert written(acceptor) == []
    acceptor.answer(first.exchange, b"1")
    assert [body for _, body in written(acceptor)] == [b"1", b"2"]


def test_many_calls_at_once_hold_the_reading() -> None:
    """A caller that reads nothing cannot fill the memory with calls."""
    acceptor = Acceptor()
    events = acceptor.receive(post() * CALLS_MAX)
    assert acceptor.is_full
    assert isinstance(events[0], Called)
    acceptor.answer(events[0].exchange, b"")
    assert not acceptor.is_full


def test_many_requests_may_begin_and_end_within_heads() -> None:
    """Bytes that begin in one head and end in another one are no long head."""
    data = post() * 400
    acceptor = Acceptor()
    events = [*acceptor.receive(data[:40]), *acceptor.receive(data[40:-40]), *acceptor.receive(data[-40:])]
    assert len(events) == 400
    assert all(isinstance(event, Called) for event in events)


def test_what_waits_is_counted() -> None:
    """Answers behind a slow call, and bodies until they are answered: so the side that writes can bound both."""
    acceptor = Acceptor()
    first, second = acceptor.receive(post(b"[1]") + post(b"[12]"))
    assert isinstance(first, Called)
    assert isinstance(second, Called)
    assert (acceptor.asked_bytes, acceptor.waiting_bytes) == (7, 0)
    acceptor.answer(second.exchange, bytes(1_000))
    assert acceptor.output() == b""
    assert acceptor.asked_bytes == 3
    assert acceptor.waiting_bytes > 1_000
    acceptor.fail(first.exchange, NotFound("gone"))
    waiting = acceptor.waiting_bytes
    assert len(acceptor.output()) == waiting
    assert (acceptor.asked_bytes, acceptor.waiting_bytes) == (0, 0)


def test_an_id_that_every_message_repeats_is_short() -> None:
    """That of JSON-RPC may be any value, and would multiply what a stream of short messages writes."""
    said = b'{"params":[{}],"method":"Say.Hello","id":"%s"}'
    fault = refused(post(said % (b"x" * 255), Content_Type="application/json-rpc"))
    assert (fault.code, fault.detail) == (400, "JSON-RPC: an id has at most 256 bytes, got 257")
    assert called(Acceptor(), post(said % (b"x" * 254), Content_Type="application/json-rpc"))


@pytest.mark.parametrize(
    ("kind", "sent", "inside", "answer", "outside"),
    [
        ("application/json", b"{}", b"{}", b'{"a":1}', b'{"a":1}'),
        ("application/json; charset=utf-8", b"{}", b"{}", b"[]", b"[]"),
        ("application/protobuf", b"\x0a\x01a", b"\x0a\x01a", b"\x08\x01", b"\x08\x01"),
        ("application/octet-stream", b"{}", b"{}", b"x", b"x"),
        ("", b"{}", b"{}", b"x", b"x"),
        ("application/x-www-form-urlencoded", b'{"curl":1}', b'{"curl":1}', b"x", b"x"),
        ("application/grpc+proto", b"\0\0\0\0\x01a", b"a", b"bc", b"\0\0\0\0\x02bc"),
        ("application/grpc+json", b"\0\0\0\0\x02{}", b"{}", b"[]", b"\0\0\0\0\x02[]"),
        (
            "application/json-rpc",
            b'{"params":[{"a":1}],"id":"9","method":"Say.Hello"}\n',
            b'{"a":1}',
            b'{"b":2}\n',
            b'{"id":"9","result":{"b":2},"error":null}',
        ),
        (
            "application/proto-rpc",
            bytes.fromhex("00000014 0a09 5361792e48656c6c6f 11 0700000000000000 00000006 0a044a6f686e"),
            b"\x0a\x04John",
            b"ok",
            bytes.fromhex("00000014 0a09 5361792e48656c6c6f 11 0700000000000000 00000002 6f6b"),
        ),
    ],
)
def test_every_content_type_is_unwrapped(kind: str, sent: bytes, inside: bytes, answer: bytes, outside: bytes) -> None:
    """The service sees the body alone, and the caller gets the answer wrapped as it asked."""
    acceptor = Acceptor()
    exchange = called(acceptor, post(sent, Content_Type=kind)).exchange
    assert exchange.wrapped is not None
    assert exchange.wrapped.body == inside
    acceptor.answer(exchange, answer)
    ((_, body),) = written(acceptor)
    assert body == outside


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("application/json-rpc", b"[]"),
        ("application/proto-rpc", b"\0\0\0\x09abc"),
        ("application/proto-rpc", b"\0\0\0\0\0\0\0\0x"),
        ("application/proto-rpc", b"\0\0\0\x02\x0a\x09\0\0\0\0"),
        ("application/grpc", b"\x01\0\0\0\0"),
        ("application/grpc", b"\0\0\0\0\x09a"),
        ("application/x-thrift", b"{}"),
    ],
)
def test_a_wrapping_that_is_none_is_a_bad_request(kind: str, sent: bytes) -> None:
    """The caller is told in `Micro-Error`, with status 200, and may go on."""
    assert refused(post(sent, Content_Type=kind)).code == 400


def test_json_rpc_names_the_endpoint_itself() -> None:
    """Programs from before go-micro 1.0 say it nowhere else."""
    sent = b'{"params":[{}],"id":3,"method":"Say.Hello"}'
    acceptor = Acceptor()
    legacy = post(sent, Content_Type="application/json-rpc", Micro_Endpoint="", Micro_Service="", X_Micro_Service="g")
    exchange = called(acceptor, legacy).exchange
    assert (exchange.head.service, exchange.endpoint) == ("g", "Say.Hello")
    acceptor.fail(exchange, NotFound("nobody"))
    ((headers, body),) = written(acceptor)
    assert headers["Micro-Error"] == headers["X-Micro-Error"]
    assert json.loads(body) == {"id": 3, "result": None, "error": headers["Micro-Error"]}


def test_older_names_are_understood() -> None:
    """`X-Micro-*` counts where `Micro-*` is missing, and gets its number back under both names."""
    acceptor = Acceptor()
    older = post(Micro_Service="", Micro_Endpoint="", X_Micro_Service="g", X_Micro_Method="A.B", X_Micro_Id="4")
    exchange = called(acceptor, older).exchange
    assert (exchange.head.service, exchange.endpoint, exchange.id) == ("g", "A.B", "4")
    acceptor.answer(exchange, b"")
    ((headers, _),) = written(acceptor)
    assert (headers["Micro-Id"], headers["X-Micro-Id"]) == ("4", "4")


@pytest.mark.parametrize("spelling", ["Micro_Id", "Micro_ID", "micro_id"])
def test_every_spelling_of_an_id_is_one(spelling: str) -> None:
    """Generations from 4.10 on write `Micro-ID` where nothing spells it anew."""
    assert called(Acceptor(), post(**{spelling: "9"})).exchange.id == "9"


def test_what_names_no_endpoint_is_answered() -> None:
    """The words are go-micro's own, so that whoever looks for them finds help."""
    assert refused(post(Micro_Endpoint="Bad")).detail == "rpc: service/endpoint request ill-formed: Bad"
    assert refused(post(Micro_Endpoint="a.b.c")).code == 400
    assert refused(post(Micro_Service="")).code == 400
    assert refused(post(Timeout="soon")).code == 400
    assert refused(post(target="/api")).code == 404


def test_an_event_is_told() -> None:
    """`Micro-Topic` makes an event of a message, also on the port of calls."""
    acceptor = Acceptor()
    exchange = called(acceptor, post(b"x", Micro_Topic="notes", target="/?id=a")).exchange
    assert (exchange.head.form, exchange.head.topic) == (Form.PUBLISH, "notes")
    acceptor.answer(exchange, b"")
    assert written(acceptor)[0][1] == b""


def test_a_stream_goes_both_ways() -> None:
    """Items in any number, and an end that go-micro sends as an empty body in chunks."""
    acceptor = Acceptor()
    opened = one(acceptor, post(b'{"n":0}', Micro_Stream="5", Micro_Id="5"))
    assert isinstance(opened, Opened)
    stream = opened.exchange
    acceptor.item(stream, b"1")
    acceptor.item(stream, b"2")
    assert [body for _, body in written(acceptor)] == [b"1", b"2"]
    assert one(acceptor, post(b'{"n":1}', Micro_Stream="5")) == Item(stream, b'{"n":1}')
    end = post(b"", Micro_Stream="5", Micro_Error="EOS").replace(
        b"Content-Length: 0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    assert one(acceptor, end) == Closed(stream, None)
    acceptor.end(stream)
    ((headers, _),) = written(acceptor)
    assert (headers["Micro-Error"], headers["Micro-Stream"]) == ("EOS", "5")
    assert acceptor.is_idle


def test_nothing_is_heard_of_a_stream_that_is_over() -> None:
    """An item that crossed the end opens no new stream."""
    acceptor = Acceptor()
    opened = one(acceptor, post(Micro_Stream="5"))
    assert isinstance(opened, Opened)
    acceptor.fail(opened.exchange, NotFound("no"))
    acceptor.end(opened.exchange)
    ((headers, _),) = written(acceptor)
    assert Fault.parse(headers["Micro-Error"]).code == 404
    assert acceptor.receive(post(Micro_Stream="5") + post(b"", Micro_Stream="6", Micro_Error="EOS")) == []


def test_a_stream_that_failed_there_says_why() -> None:
    """Anything in `Micro-Error` but `EOS` is a fault."""
    acceptor = Acceptor()
    acceptor.receive(post(Micro_Stream="5"))
    closed = one(acceptor, post(b"", Micro_Stream="5", Micro_Error='{"Id":"a","Code":409,"Detail":"b","Status":"c"}'))
    assert isinstance(closed, Closed)
    assert closed.fault is not None
    assert (closed.fault.code, closed.fault.detail) == (409, "b")


def test_streams_of_a_connection_are_bounded() -> None:
    """One too many is refused with 429, the others go on."""
    acceptor = Acceptor()
    for number in range(STREAMS_MAX):
        acceptor.receive(post(Micro_Stream=str(number)))
    assert acceptor.receive(post(Micro_Stream="one more")) == []
    ((headers, _),) = written(acceptor)
    assert Fault.parse(headers["Micro-Error"]).code == 429
    assert len(acceptor.exchanges()) == STREAMS_MAX


def test_a_fault_fits_into_a_header() -> None:
    """A long detail in many bytes is cut, and control characters cannot end the line."""
    acceptor = Acceptor()
    acceptor.fail(called(acceptor, post()).exchange, NotFound("é\r\n\x7f" * 2_000))
    ((headers, _),) = written(acceptor)
    assert len(headers["Micro-Error"]) <= 4_096
    assert Fault.parse(headers["Micro-Error"]).code == 404


def test_whoever_asks_to_close_is_obeyed() -> None:
    """After the answer to a request with `Connection: close` nothing is read."""
    acceptor = Acceptor()
    exchange = called(acceptor, post(Connection="close")).exchange
    assert not acceptor.is_over
    acceptor.answer(exchange, b"")
    assert acceptor.is_over


@pytest.mark.parametrize("goes_on", [b"{}", post(Micro_Stream="5")])
def test_nothing_behind_the_last_message_is_heard(goes_on: bytes) -> None:
    """Whether it comes with it or later: what is under way goes to its end, and the connection with it."""
    for late in (b"", goes_on):
        acceptor = Acceptor()
        opened = one(acceptor, post(Micro_Stream="5", Connection="close") + goes_on)
        assert isinstance(opened, Opened)
        assert acceptor.receive(late) == []
        acceptor.end(opened.exchange)
        assert acceptor.is_over


def test_an_item_may_be_the_last_message() -> None:
    """The connection ends with what was under way by then."""
    acceptor = Acceptor()
    opened = one(acceptor, post(Micro_Stream="5"))
    assert isinstance(opened, Opened)
    call = called(acceptor, post()).exchange
    assert isinstance(one(acceptor, post(Micro_Stream="5", Connection="close")), Item)
    acceptor.end(opened.exchange)
    assert not acceptor.is_over
    acceptor.answer(call, b"{}")
    assert acceptor.is_over


def test_whoever_waits_is_told_to_continue() -> None:
    """curl sends a large body only after `100 Continue`."""
    acceptor = Acceptor()
    head, _, body = post(b"{}", Expect="100-continue").partition(b"\r\n\r\n")
    assert acceptor.receive(head + b"\r\n\r\n") == []
    assert acceptor.output() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert isinstance(one(acceptor, body), Called)
    assert acceptor.output() == b""


def test_a_broken_message_ends_the_connection() -> None:
    """It is answered once, with a status of HTTP, since nobody knows what it was."""
    acceptor = Acceptor()
    event = one(acceptor, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert isinstance(event, Broken)
    assert acceptor.output().startswith(b"HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\n")
    assert acceptor.receive(post()) == []
