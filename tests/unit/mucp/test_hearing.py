"""What a session hears: every rule that a peer can break, and what is merely ignored."""

from __future__ import annotations

import json

import pytest

from micro.errors import NotFound, TooManyRequests, Unavailable
from micro.mucp import event as events
from micro.mucp.event import Broken, Failed, GoneAway, Greeted, Opened, Refused, Replied
from micro.mucp.limits import (
    ACKNOWLEDGED_MAX,
    BLOCKS_MAX,
    BULKY_BYTES,
    DEFINED_BYTES_MAX,
    EXTRA_FRAME_BYTES,
    HELLO_BYTES_MAX,
    WINDOW_BYTES,
    Limits,
)
from micro.mucp.message import Form, open_prefix
from micro.mucp.session import Session
from tests.unit.mucp import wire
from tests.unit.mucp.wire import CALL, PUBLISH, STREAM, SUBSCRIBE, frame, greeted, joined, names, opening, said

CALLED = open_prefix(Form.CALL, 0, 0)


def test_the_first_words_are_a_hello() -> None:
    """A session speaks first, and says what it accepts."""
    (kind, number, payload), *more = said(Session(dialed=True))

    assert (kind, number, more) == (wire.HELLO, 0, [])
    assert json.loads(payload)["versions"] == [1, 2]
    assert json.loads(payload)["message_bytes"] == 4_194_304


def test_a_hello_is_reported() -> None:
    """Who the peer says it is comes out as it went in."""
    (heard,) = Session(dialed=True).receive(wire.hello(service="greeter", instance="i1", token="t", ticket="micro1x"))

    assert isinstance(heard, Greeted)
    assert (heard.hello.service, heard.hello.instance, heard.hello.token, heard.hello.ticket) == (
        "greeter",
        "i1",
        "t",
        "micro1x",
    )


@pytest.mark.parametrize(
    "first",
    [
        frame(wire.PING, 0, bytes(8)),
        frame(wire.DEFINE, 0),
        frame(wire.HELLO, 1, b'{"versions":[1]}'),
        frame(wire.HELLO, 0, b""),
        frame(wire.HELLO, 0, b'{"versions":[]}'),
        frame(wire.HELLO, 0, b'{"versions":[0,3,4]}'),
        frame(wire.HELLO, 0, b'{"versions":[1],"agent":"' + b"x" * HELLO_BYTES_MAX + b'"}'),
        frame(wire.HELLO, 0, b'{"versions":[1],"x":' + b"[" * 4000 + b"}"),
        frame(wire.HELLO, 0, b'{"versions":[' + b"9" * 4000 + b"]}"),
        frame(wire.HELLO, 0, b'{"versions":[1],"message_bytes":0}'),
        frame(wire.HELLO, 0, b'{"versions":[1],"message_bytes":-5}'),
        frame(wire.HELLO, 0, b'{"versions":[1],"exchanges":-1}'),
        frame(wire.HELLO, 0, b'{"versions":[1],"agent":"\xff"}'),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_other_first_words_end_it(first: bytes) -> None:
    """A HELLO that cannot be read, or something else entirely, is refused with a reason."""
    session = Session(dialed=False)
    session.output = []

    assert names(session.receive(first)) == ["Broken"]
    assert session.peer is None
    ((kind, number, payload),) = said(session)
    assert (kind, number) == (wire.GOAWAY, 0)
    assert json.loads(payload)["code"] == 400


def test_the_reason_names_the_versions() -> None:
    """Two that have no version in common can say so to their owners."""
    (heard,) = Session(dialed=False).receive(wire.hello(versions=[7, 8]))

    assert isinstance(heard, Broken)
    assert "this side speaks [1, 2], the peer [7, 8]" in heard.reason


@pytest.mark.parametrize("chunk", [1, 1000, 10_000])
def test_little_memory_before_the_hello(chunk: int) -> None:
    """Whoever has not said who he is cannot have more than a HELLO's worth."""
    session = Session(dialed=False)
    data = wire.frame(wire.HELLO, 0, bytes(HELLO_BYTES_MAX + 1))
    heard = [event for start in range(0, len(data), chunk) for event in session.receive(data[start : start + chunk])]

    assert names(heard) == ["Broken"]
    assert f"takes {HELLO_BYTES_MAX}" in heard[0].reason


@pytest.mark.parametrize(
    "wrong",
    [
        wire.hello(),
        frame(16),
        frame(255, 1, b"x"),
        frame(wire.DEFINE, BLOCKS_MAX),
        frame(wire.DEFINE, 1, b"\x05"),
        frame(wire.OPEN, 1, bytes(8)),
        opening(1, known=5),
        opening(1, 0),
        opening(1, 5),
        opening(1, 255),
        opening(0, CALL),
        opening(0, STREAM),
        opening(0, SUBSCRIBE),
        opening(2),
        opening(1) + opening(1),
        opening(1, STREAM) + opening(1, CALL),
        opening(1, extra=b"\x05"),
        opening(1, extra=wire.block(("A", "1"), ("A", "2"))),
        frame(wire.OPEN, 1, bytes.fromhex("01 0000 00000000 0001")),
        frame(wire.PING, 0, bytes(7)),
        frame(wire.PING, 0, bytes(9)),
        frame(wire.PING, 1, bytes(8)),
        frame(wire.PONG, 0, b""),
        frame(wire.PONG, 2, bytes(8)),
        frame(wire.GOAWAY, 2, wire.fault()),
        frame(wire.CREDIT, 1, bytes(3)),
        frame(wire.CANCEL, 1, b"x"),
        frame(wire.ACK, 1, b""),
        frame(wire.ACK, 1, bytes(7)),
        frame(wire.ACK, 1, bytes(8 * (ACKNOWLEDGED_MAX + 1))),
        frame(wire.NACK, 1, bytes(8)),
        frame(wire.DATA, 0, b"x"),
        frame(wire.END, 0),
        frame(wire.CANCEL, 0),
        frame(wire.DATA, 1, bytes(wire.LARGE * 5)),
    ],
)
def test_a_broken_rule_ends_the_link(wrong: bytes) -> None:
    """The peer hears which rule it was, once, and nothing follows."""
    session = greeted()
    heard = session.receive(wrong + opening(5))

    assert names(heard).count("Broken") == 1
    assert isinstance(heard[-1], Broken)
    assert heard[-1].reason.startswith("the peer broke the protocol: ")
    kind, _, payload = said(session)[-1]
    assert (kind, json.loads(payload)["code"]) == (wire.GOAWAY, 400)
    assert session.receive(opening(7)) == []
    assert session.output == []


def test_a_broken_rule_is_named_while_going_away() -> None:
    """A side that said goodbye before still says which rule was broken."""
    session = greeted()
    session.go_away("restarting")
    said(session)
    session.receive(frame(77))

    ((kind, _, payload),) = said(session)
    assert (kind, "kind 77" in json.loads(payload)["detail"]) == (wire.GOAWAY, True)


ON_A_CALL_OF_THE_PEER = [
    frame(wire.DATA, 1, b"x"),
    frame(wire.END, 1, b"x"),
    frame(wire.ERROR, 1, wire.fault()),
    frame(wire.REFUSED, 1, wire.fault()),
    frame(wire.HEADERS, 1),
    frame(wire.CREDIT, 1, bytes(4)),
    wire.event(1),
    frame(wire.ACK, 1, bytes(8)),
    frame(wire.NACK, 1, bytes(12)),
]


@pytest.mark.parametrize("wrong", ON_A_CALL_OF_THE_PEER)
def test_a_caller_may_only_withdraw(wrong: bytes) -> None:
    """Between a call and its answer the caller has nothing to say but CANCEL."""
    assert names(greeted().receive(opening(1) + wrong)) == ["Opened", "Broken"]


@pytest.mark.parametrize(
    "wrong",
    [
        frame(wire.DATA, 1, b"x"),
        frame(wire.CREDIT, 1, bytes(4)),
        frame(wire.CANCEL, 1),
        wire.event(1),
        frame(wire.ACK, 1, bytes(8)),
        frame(wire.NACK, 1, bytes(12)),
    ],
)
def test_an_answerer_may_only_answer(wrong: bytes) -> None:
    """A call of ours is ended by END, ERROR or REFUSED, never left hanging."""
    session = greeted(dialed=True)
    session.call("mine", CALLED, b"")

    assert names(session.receive(wrong)) == ["Broken"]


@pytest.mark.parametrize(
    "wrong",
    [
        frame(wire.END, 1, b"x"),
        frame(wire.END, 1) + frame(wire.END, 1),
        frame(wire.END, 1) + frame(wire.DATA, 1),
        frame(wire.END, 1) + frame(wire.HEADERS, 1),
        frame(wire.REFUSED, 1, wire.fault()),
        frame(wire.CREDIT, 1, b"\x00\x00\x00\x01"),
        wire.event(1),
        frame(wire.ACK, 1, bytes(8)),
        frame(wire.NACK, 1, bytes(12)),
        frame(wire.HEADERS, 1, b"\x05"),
    ],
)
def test_a_stream_has_its_rules(wrong: bytes) -> None:
    """Nothing after END, no credit beyond the window, no events, and only the answerer refuses."""
    heard = greeted().receive(opening(1, STREAM) + wrong)

    assert names(heard)[-1] == "Broken"
    assert names(heard).count("Broken") == 1


@pytest.mark.parametrize(
    "wrong", [frame(wire.DATA, 1), frame(wire.END, 1), frame(wire.CREDIT, 1, b"\x00\x00\x00\x01"), wire.event(1)]
)
def test_a_subscriber_only_acknowledges(wrong: bytes) -> None:
    """A subscriber has no messages, no END and no events to send."""
    assert names(greeted().receive(opening(1, SUBSCRIBE) + wrong)) == ["Opened", "Broken"]


@pytest.mark.parametrize(
    "wrong",
    [
        frame(wire.DATA, 1, b"x"),
        frame(wire.ACK, 1, bytes(8)),
        frame(wire.NACK, 1, bytes(12)),
        wire.event(1, known=9),
        frame(wire.EVENT, 1, bytes(11)),
        wire.event(1, extra=b"\x05"),
    ],
)
def test_a_keeper_only_delivers(wrong: bytes) -> None:
    """The keeper of a topic sends events, headers and the end."""
    session = greeted(dialed=True)
    session.open(Form.SUBSCRIBE, open_prefix(Form.SUBSCRIBE, 0, 0), b"", "me")

    assert names(session.receive(wrong)) == ["Broken"]


EVERYWHERE = [
    frame(wire.DATA, 9, b"x"),
    frame(wire.END, 9),
    frame(wire.END, 9, b"a late answer"),
    frame(wire.ERROR, 9, wire.fault()),
    frame(wire.REFUSED, 9, wire.fault()),
    frame(wire.HEADERS, 9, wire.block(("A", "1"))),
    frame(wire.CREDIT, 9, bytes(4)),
    frame(wire.CREDIT, 9, b"\xff" * 4),
    frame(wire.CANCEL, 9),
    wire.event(9),
    frame(wire.ACK, 9, bytes(8)),
    frame(wire.NACK, 9, bytes(12)),
    frame(wire.PONG, 0, bytes(8)),
]


@pytest.mark.parametrize("late", EVERYWHERE)
@pytest.mark.parametrize("number", [9, 4])
def test_late_words_are_ignored(late: bytes, number: int) -> None:
    """Words about an exchange that is over, or never was, may have crossed its end."""
    session = greeted()
    data = bytearray(late)
    if data[4] != wire.PONG:
        data[8] = number

    assert session.receive(bytes(data)) == []
    assert (session.output, session.broken) == ([], False)


def test_an_open_is_reported() -> None:
    """Form, headers, deadline, own headers and body come out as they went in."""
    session = greeted()
    session.receive(wire.define(7, ("micro-service", "greeter")))
    (heard,) = session.receive(
        opening(3, CALL, b"body", known=7, milliseconds=1500, extra=wire.block(("x-trace", "1")))
    )

    assert isinstance(heard, Opened)
    assert (heard.number, heard.form, heard.timeout_milliseconds, heard.body) == (3, Form.CALL, 1500, b"body")
    assert (heard.block.number, heard.block.headers, heard.extra) == (7, {"Micro-Service": "greeter"}, {"X-Trace": "1"})
    assert (heard.exchange, session.serving) == (None, {3})


@pytest.mark.parametrize("name", ["Micro-Service", "Micro-Endpoint", "Micro-Topic", "Micro-Queue", "Content-Type"])
def test_extra_headers_may_lead(name: str) -> None:
    """It does not matter whether what leads to a service stands in the block or beside it; the extra word counts."""
    session = greeted()
    session.receive(wire.define(3, (name, "block"), ("A", "1")))
    extra = wire.block((name, "extra"), ("Micro-Caller", "owner"), ("Micro-Id", "7"))
    led, plain, other = session.receive(
        opening(1, known=3, extra=extra)
        + opening(3, known=3)
        + opening(5, known=3, extra=wire.block(("Micro-Id", "8")))
    )

    assert isinstance(led, Opened)
    assert isinstance(plain, Opened)
    assert isinstance(other, Opened)
    assert led.block.headers == {name: "extra", "A": "1", "Micro-Caller": "owner"}
    assert led.extra == {name: "extra", "Micro-Caller": "owner", "Micro-Id": "7"}
    assert plain.block.headers == {name: "block", "A": "1"}
    assert other.block is plain.block


def test_whoever_calls_is_known_where_the_table_of_blocks_is_full() -> None:
    """All headers are extra then, and what says who calls counts as it does in a block."""
    session = greeted()
    session.receive(wire.define(3))
    told = {"Micro-Caller": "user", "Micro-Account": "ann", "Micro-Scopes": "ops", "Micro-Token": "laptop"}
    (heard,) = session.receive(opening(1, known=3, extra=wire.block(("Micro-Service", "greeter"), *told.items())))

    assert isinstance(heard, Opened)
    assert heard.block.headers == {"Micro-Service": "greeter", **told}


def test_a_block_may_be_defined_again() -> None:
    """What an exchange was opened with stays; the next one gets the new headers, and a way of its own."""
    session = greeted()
    first, second = session.receive(wire.define(0, ("A", "1")) + opening(1) + wire.define(0, ("A", "2")) + opening(3))

    assert isinstance(first, Opened)
    assert isinstance(second, Opened)
    assert (first.block.headers, second.block.headers) == ({"A": "1"}, {"A": "2"})
    assert first.block is not second.block


def test_blocks_have_room_for_so_many_bytes() -> None:
    """1,024 blocks and a mebibyte together, redefinition freeing what stood there."""
    session = greeted()
    fifteen = wire.block(*((f"A{number}", "x" * 4000) for number in range(4)))
    count = DEFINED_BYTES_MAX // len(fifteen)
    fitting = b"".join(frame(wire.DEFINE, number, fifteen) for number in range(count))

    assert session.receive(fitting + fitting + fitting) == []
    assert names(session.receive(frame(wire.DEFINE, count, fifteen))) == ["Broken"]


@pytest.mark.parametrize("form", [CALL, PUBLISH, STREAM, SUBSCRIBE])
def test_a_number_is_free_again_after_its_end(form: int) -> None:
    """Once an exchange is over its number may be used again."""
    session = greeted()
    for _ in range(3):
        assert names(session.receive(opening(1, form))) == ["Opened"]
        assert names(session.receive(frame(wire.CANCEL, 1))) == ["Cancelled"]


@pytest.mark.parametrize("form", [CALL, PUBLISH, STREAM, SUBSCRIBE])
def test_too_many_at_once_are_refused(form: int) -> None:
    """What is over the limit is refused, so that it can be sent elsewhere; one that ends makes room."""
    session = greeted(limits=Limits(exchanges=3))
    heard = session.receive(b"".join(opening(number, form) for number in (1, 3, 5, 7)))

    assert names(heard) == ["Opened"] * 3
    ((kind, number, payload),) = said(session)
    assert (kind, number, json.loads(payload)["code"]) == (wire.REFUSED, 7, 429)
    session.receive(frame(wire.CANCEL, 3))
    assert names(session.receive(opening(9, form))) == ["Opened"]


def test_own_exchanges_do_not_count_against_the_peer() -> None:
    """However many streams this side opens, the peer keeps its share."""
    session = greeted(limits=Limits(exchanges=2))
    for _ in range(5):
        session.open(Form.STREAM, open_prefix(Form.STREAM, 0, 0), b"", "me")

    assert names(session.receive(opening(1, STREAM) + opening(3) + opening(5))) == ["Opened", "Opened"]


def end_by_peer_cancel(session: Session) -> None:
    session.receive(frame(wire.CANCEL, 1))


def end_by_peer_error(session: Session) -> None:
    session.receive(frame(wire.ERROR, 1, wire.fault()))


def end_by_fail(session: Session) -> None:
    session.fail(1, NotFound("x"))


def end_by_cancel(session: Session) -> None:
    session.cancel(1)


def end_by_both(session: Session) -> None:
    session.receive(frame(wire.END, 1))
    session.end(session.exchanges[1])


@pytest.mark.parametrize("end", [end_by_peer_cancel, end_by_peer_error, end_by_fail, end_by_cancel, end_by_both])
def test_every_end_of_a_stream_makes_room(end: object) -> None:
    """However a stream ends, it no longer counts."""
    assert callable(end)
    session = greeted(limits=Limits(exchanges=1))
    for _ in range(3):
        exchange = joined(session)
        end(session)
        assert (exchange.self_ended, exchange.peer_ended, session.exchanges) == (True, True, {})


def test_large_bodies_have_room_for_so_much() -> None:
    """Bodies of open calls may take so much together; one always passes, and an answer makes room."""
    session = greeted(limits=Limits(message_bytes=400_000, input_bytes=1_000_000))
    body = bytes(390_000)
    heard = session.receive(b"".join(opening(number, CALL, body) for number in (1, 3, 5)))

    assert names(heard) == ["Opened", "Opened"]
    ((kind, number, payload),) = said(session)
    assert (kind, number, json.loads(payload)["code"]) == (wire.REFUSED, 5, 429)
    session.reply(1, b"")
    assert names(session.receive(opening(7, CALL, body))) == ["Opened"]
    assert names(session.receive(opening(9, CALL, bytes(1000)))) == ["Opened"]


def test_one_large_body_always_passes() -> None:
    """A body within the announced limit is not refused for its size alone."""
    session = greeted(limits=Limits(message_bytes=400_000, input_bytes=100_000))

    assert names(session.receive(opening(1, CALL, bytes(400_000)))) == ["Opened"]
    session.receive(frame(wire.CANCEL, 1))
    assert names(session.receive(opening(3, CALL, bytes(400_000)))) == ["Opened"]


def test_streams_overdraw_so_much_together() -> None:
    """What large messages overdraw is bounded for the link: the stream that goes over it ends, the others go on."""
    session = greeted(limits=Limits(message_bytes=400_000, input_bytes=500_000))
    streams = [joined(session, number) for number in (1, 3, 5, 7)]
    heard = session.receive(b"".join(frame(wire.DATA, each.number, bytes(400_000)) for each in streams))

    assert names(heard) == ["Received", "Received", "Received", "Failed"]
    assert isinstance(heard[3], Failed)
    assert (heard[3].exchange, heard[3].fault.code) == (streams[3], 429)
    ((kind, number, payload),) = said(session)
    assert (kind, number, json.loads(payload)["code"]) == (wire.ERROR, 7, 429)
    assert set(session.exchanges) == {1, 3, 5}
    assert session.receive(frame(wire.DATA, 7, b"on its way")) == []


@pytest.mark.parametrize(
    "pay",
    [
        lambda session, exchange: session.consumed(exchange, 400_000),
        lambda session, exchange: session.grant(exchange, 400_009),
        lambda session, exchange: session.receive(frame(wire.CANCEL, exchange.number)),
        lambda session, exchange: session.cancel(exchange.number),
    ],
    ids=["it was taken up", "another link gave credit", "the peer withdrew", "this side withdrew"],
)
def test_what_was_overdrawn_is_paid_back(pay: object) -> None:
    """Then there is room for others."""
    assert callable(pay)
    session = greeted(limits=Limits(message_bytes=400_000, input_bytes=150_000))
    first, second = joined(session, 1), joined(session, 3)
    session.receive(frame(wire.DATA, 1, bytes(400_000)))
    pay(session, first)

    assert names(session.receive(frame(wire.DATA, 3, bytes(400_000)))) == ["Received"]
    assert session.exchanges[3] is second


def test_one_large_message_always_passes() -> None:
    """A message within the announced limit is not refused for its size alone, and ordinary ones are never counted."""
    session = greeted(limits=Limits(message_bytes=4_000_000, input_bytes=100_000))
    for number in range(1, 21, 2):
        joined(session, number)
        for size in (BULKY_BYTES,) * (WINDOW_BYTES // BULKY_BYTES):
            assert names(session.receive(frame(wire.DATA, number, bytes(size)))) == ["Received"]
    joined(session, 21)

    assert names(session.receive(frame(wire.DATA, 21, bytes(4_000_000)))) == ["Received"]


def test_a_subscription_is_bounded_like_a_stream() -> None:
    """Events of a neighbour's topic may overdraw no more."""
    session = greeted(dialed=True, limits=Limits(message_bytes=400_000, input_bytes=200_000))
    numbers = [session.open(Form.SUBSCRIBE, CALLED, b"", None).number for _ in range(2)]
    heard = session.receive(b"".join(wire.event(number, 1, bytes(400_000)) for number in numbers))

    assert names(heard) == ["Delivered", "Failed"]
    assert set(session.exchanges) == {numbers[0]}


def test_nothing_is_opened_while_going_away() -> None:
    """After GOAWAY opens are refused as not done, and what is open goes on."""
    session = greeted()
    exchange = joined(session)
    session.go_away("restarting")
    said(session)

    assert session.receive(opening(3) + opening(0, PUBLISH)) == []
    ((kind, number, payload),) = said(session)
    assert (kind, number, json.loads(payload)["code"]) == (wire.REFUSED, 3, 503)
    assert names(session.receive(frame(wire.DATA, 1, b"x"))) == ["Received"]
    assert session.exchanges == {1: exchange}


def test_what_crosses_a_request_to_go_elsewhere_is_served() -> None:
    """The peer is asked to open nothing new here, and what it had sent by then is done as ever."""
    session = greeted()
    session.send_away("calls are shared out")
    ((kind, number, payload),) = said(session)
    assert (kind, number, json.loads(payload)["detail"]) == (wire.GOAWAY, 0, "calls are shared out")
    assert names(session.receive(opening(3))) == ["Opened"]

    session.go_away("restarting")
    said(session)
    session.send_away("calls are shared out")
    assert said(session) == []


def test_a_wrong_open_is_wrong_at_any_time() -> None:
    """Refusing for want of room is no excuse for not looking."""
    session = greeted(limits=Limits(exchanges=0))

    assert names(session.receive(opening(1, 9))) == ["Broken"]


def test_answers_find_their_owners() -> None:
    """Each of our calls ends with what its answerer says, headers included."""
    session = greeted(dialed=True)
    numbers = [session.call(owner, CALLED, b"") for owner in "abc"]
    heard = session.receive(
        frame(wire.HEADERS, numbers[1], wire.block(("x-cost", "1")))
        + frame(wire.REFUSED, numbers[2], wire.fault(429))
        + frame(wire.END, numbers[1], b"answer")
        + frame(wire.ERROR, numbers[0], wire.fault(404, "no"))
    )

    refused, replied, failed = heard
    assert isinstance(replied, Replied)
    assert (replied.owner, replied.body, replied.headers) == ("b", b"answer", {"X-Cost": "1"})
    assert isinstance(failed, Failed)
    assert (failed.owner, type(failed.fault), failed.fault.detail) == ("a", NotFound, "no")
    assert isinstance(refused, Refused)
    assert (refused.owner, type(refused.fault)) == ("c", TooManyRequests)
    assert session.calls == {}


def test_headers_of_an_answer_are_not_left_over() -> None:
    """Headers of one answer are never taken for those of another, however the first one ended."""
    session = greeted(dialed=True)
    for end in (frame(wire.ERROR, 1, wire.fault()), b""):
        session._next = 1
        session.call("a", CALLED, b"")
        session.receive(frame(wire.HEADERS, 1, wire.block(("A", "1"))) + end)
        session.cancel(1)
    session._next = 1
    session.call("b", CALLED, b"")
    (heard,) = session.receive(frame(wire.END, 1))

    assert isinstance(heard, Replied)
    assert heard.headers is None


@pytest.mark.parametrize(
    "payload", [b"", b"plain words", b"\xff\xfe", b"[]", b'{"code": "x"}', b'{"Code": 404, "DETAIL": 1}']
)
def test_a_fault_in_any_form_is_a_fault(payload: bytes) -> None:
    """What cannot be read as a fault is one all the same."""
    session = greeted(dialed=True)
    session.call("a", CALLED, b"")
    (heard,) = session.receive(frame(wire.ERROR, 1, payload))

    assert isinstance(heard, Failed)
    assert heard.fault.code in (404, 500)


def test_a_failed_stream_knows_its_exchange() -> None:
    """A stream that fails in the breath in which it was opened is still reported to whoever takes it up."""
    session = greeted()
    opened, failed = session.receive(opening(1, STREAM) + frame(wire.ERROR, 1, wire.fault()))

    assert isinstance(opened, Opened)
    assert isinstance(failed, Failed)
    assert failed.exchange is opened.exchange is not None


def test_messages_and_ends_of_a_stream() -> None:
    """Messages come in order, then the end; where we opened it the answerer's END is the end of all."""
    session = greeted(dialed=True)
    exchange = session.open(Form.STREAM, open_prefix(Form.STREAM, 0, 0), b"", "me")
    heard = session.receive(
        frame(wire.HEADERS, 1) + frame(wire.DATA, 1, b"a") + frame(wire.DATA, 1) + frame(wire.END, 1)
    )

    assert names(heard) == ["Noted", "Received", "Received", "Ended"]
    assert session.exchanges == {}
    assert (exchange.self_ended, exchange.peer_ended) == (True, True)


def test_an_opener_that_ended_still_hears() -> None:
    """Where the peer opened a stream its END leaves our half open."""
    session = greeted()
    exchange = joined(session)

    assert names(session.receive(frame(wire.END, 1))) == ["Ended"]
    session.send(exchange, b"x")
    session.end(exchange)
    assert [kind for kind, _, _ in said(session)] == [wire.DATA, wire.END]


def test_events_and_acknowledgements() -> None:
    """Events come with their headers and sequence; acknowledgements go back the same way."""
    session = greeted(dialed=True)
    session.open(Form.SUBSCRIBE, open_prefix(Form.SUBSCRIBE, 0, 0), b"", "me")
    (heard,) = session.receive(wire.event(1, 7, b"x", extra=wire.block(("micro-id", "u"))))

    assert isinstance(heard, events.Delivered)
    assert (heard.sequence, heard.body, heard.extra, heard.size) == (7, b"x", {"Micro-Id": "u"}, 12 + 12 + 1)

    keeper = greeted()
    joined(keeper, form=SUBSCRIBE)
    done, again = keeper.receive(
        frame(wire.ACK, 1, bytes(7) + b"\x01" + bytes(7) + b"\x02")
        + frame(wire.NACK, 1, bytes(7) + b"\x03" + b"\x00\x00\x03\xe8")
    )
    assert isinstance(done, events.Acknowledged)
    assert isinstance(again, events.Acknowledged)
    assert (done.sequences, done.delay_milliseconds) == ([1, 2], None)
    assert (again.sequences, again.delay_milliseconds) == ([3], 1000)


def test_events_together() -> None:
    """Several come at once with the headers of one block, and cost one frame of the window."""
    session = greeted(dialed=True, versions=wire.BOTH)
    exchange = session.open(Form.SUBSCRIBE, open_prefix(Form.SUBSCRIBE, 0, 0), b"", "me")
    (heard,) = session.receive(wire.events(1, b"a", b"", b"bb"))

    assert isinstance(heard, events.Spread)
    assert (heard.exchange, heard.batch.bodies(), heard.size) == (exchange, [b"a", b"", b"bb"], 4 + 6 + 3)
    assert exchange.receive_window == WINDOW_BYTES - 13 - 9


def test_publishing_together() -> None:
    """Several events that want no answer; none where this side is going away."""
    session = greeted(versions=wire.BOTH)
    session.receive(wire.define(3, ("micro-topic", "t")))
    (heard,) = session.receive(wire.events(0, b"a", b"b", known=3))

    assert isinstance(heard, events.Published)
    assert (dict(heard.block.headers), heard.batch.bodies()) == ({"Micro-Topic": "t"}, [b"a", b"b"])
    session.go_away("restarting")
    assert session.receive(wire.events(0, b"c", known=3)) == []


def test_events_together_need_credit() -> None:
    """A keeper that sends on without credit loses its link."""
    session = greeted(dialed=True, versions=wire.BOTH)
    session.open(Form.SUBSCRIBE, open_prefix(Form.SUBSCRIBE, 0, 0), b"", "me")
    many = wire.events(1, bytes(32_000)) * 9

    assert names(session.receive(many)) == [*["Spread"] * 9]
    assert names(session.receive(many)) == ["Broken"]


@pytest.mark.parametrize("versions", [[1], [1, 9]])
def test_version_1_has_no_events_together(versions: list[int]) -> None:
    """Where the peer does not offer version 2, neither side speaks it."""
    (heard,) = greeted(versions=versions).receive(wire.events(0, b"a"))

    assert isinstance(heard, Broken)
    assert "kind 16, which version 1 does not have" in heard.reason


def test_a_ping_is_answered_with_the_same() -> None:
    """Eight bytes go to and fro."""
    session = greeted()
    session.receive(frame(wire.PING, 0, b"12345678"))

    assert said(session) == [(wire.PONG, 0, b"12345678")]


def test_a_goodbye_is_reported() -> None:
    """The peer's reason reaches our owner; open calls go on."""
    session = greeted(dialed=True)
    session.call("a", CALLED, b"")
    (gone,) = session.receive(frame(wire.GOAWAY, 0, wire.fault(401, "restarting")))

    assert isinstance(gone, GoneAway)
    assert (gone.reason, gone.code) == ("restarting", 401)
    assert names(session.receive(frame(wire.END, 1))) == ["Replied"]


def test_withdrawing_is_reported() -> None:
    """A caller's CANCEL names the call, that of a stream its exchange."""
    session = greeted()
    exchange = joined(session)
    session.receive(opening(3))
    call, stream = session.receive(frame(wire.CANCEL, 3) + frame(wire.CANCEL, 1))

    assert isinstance(call, events.Cancelled)
    assert isinstance(stream, events.Cancelled)
    assert (call.number, call.exchange) == (3, None)
    assert (stream.number, stream.exchange) == (1, exchange)


@pytest.mark.parametrize("chunk", [1, 10, 1_000_000])
def test_what_came_before_a_mistake_counts(chunk: int) -> None:
    """Words before a frame that is too large are heard, in whatever chunks they come."""
    session = greeted()
    data = opening(1) + (2**31).to_bytes(4, "big") + bytes(5)
    heard = [event for start in range(0, len(data), chunk) for event in session.receive(data[start : start + chunk])]

    assert names(heard) == ["Opened", "Broken"]


def test_a_message_may_be_as_large_as_announced() -> None:
    """A full body with full headers passes, one byte more does not."""
    limit = 100_000
    fitting = bytes(limit + EXTRA_FRAME_BYTES)
    for size, expected in ((limit, ["Received"]), (limit + EXTRA_FRAME_BYTES, ["Received"])):
        session = greeted(limits=Limits(message_bytes=limit))
        joined(session)
        assert names(session.receive(frame(wire.DATA, 1, fitting[:size]))) == expected
    session = greeted(limits=Limits(message_bytes=limit))
    joined(session)
    over = frame(wire.DATA, 1, bytes(131_073))
    assert names(session.receive(over)) == ["Broken"]


def test_credit_is_heard_up_to_the_window() -> None:
    """Credit raises what may be sent, and overflows nothing."""
    session = greeted()
    exchange = joined(session)
    session.send(exchange, bytes(1000))
    (heard,) = session.receive(frame(wire.CREDIT, 1, (1009).to_bytes(4, "big")))

    assert isinstance(heard, events.Credited)
    assert (heard.count, exchange.send_window) == (1009, WINDOW_BYTES)
    assert names(session.receive(frame(wire.CREDIT, 1, b"\xff" * 4))) == ["Broken"]


def test_unavailable_is_what_going_means() -> None:
    """A refusal while going away is of the class a client takes elsewhere."""
    one, other = wire.pair()
    other.go_away("restarting")
    one.call("a", one.begin(Form.CALL, {"Micro-Service": "x"}, 0), b"")
    heard, _ = wire.exchange(one, other)

    refused = next(each for each in heard if isinstance(each, Refused))
    assert isinstance(refused.fault, Unavailable)
