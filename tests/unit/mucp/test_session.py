"""What a session says, and what it refuses to say."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from micro.errors import BadRequest, LocalProtocolError, NotFound, TooLarge
from micro.mucp import headers as header_codec
from micro.mucp.batch import SINGLE_BYTES_MAX, pack
from micro.mucp.event import Hello, Opened
from micro.mucp.limits import (
    ACKNOWLEDGED_MAX,
    BATCH_EVENTS_MAX,
    BLOCKS_MAX,
    DEFINED_BYTES_MAX,
    FRAME_COST_BYTES,
    HELLO_BYTES_MAX,
    MESSAGE_BYTES_MIN,
    NUMBER_MAX,
    WINDOW_BYTES,
)
from micro.mucp.message import Form, open_prefix
from micro.mucp.session import Session
from tests.unit.mucp import wire
from tests.unit.mucp.wire import SUBSCRIBE, frame, greeted, joined, names, said

CALLED = open_prefix(Form.CALL, 0, 0)
STREAMED = open_prefix(Form.STREAM, 0, 0)


def test_a_call_is_one_frame() -> None:
    """The prefix and the body follow the number."""
    session = greeted(dialed=True)
    number = session.call("me", open_prefix(Form.CALL, 3, 30_000), b"body")

    assert said(session) == [(wire.OPEN, number, bytes.fromhex("01 0003 00007530 0000") + b"body")]


@pytest.mark.parametrize(("dialed", "expected"), [(True, [1, 3, 5]), (False, [2, 4, 6])])
def test_the_two_sides_never_take_the_same_number(expected: list[int], *, dialed: bool) -> None:
    """Who dialled counts in odd numbers, the other in even ones."""
    session = greeted(dialed=dialed)

    assert [session.call(None, CALLED, b"") for _ in range(3)] == expected


@pytest.mark.parametrize("dialed", [True, False])
def test_numbers_begin_again_at_the_end(*, dialed: bool) -> None:
    """After the last number comes the first, and those still open are left out."""
    session = greeted(dialed=dialed)
    first = session.call("old", CALLED, b"")
    stream = session.open(Form.STREAM, STREAMED, b"", "old")
    session._next = NUMBER_MAX - 2 if dialed else NUMBER_MAX - 1
    found = [session.call("new", CALLED, b"") for _ in range(4)]

    assert found[0] in (NUMBER_MAX - 2, NUMBER_MAX - 1)
    assert all(number % 2 == first % 2 and 0 < number <= NUMBER_MAX for number in found)
    assert len({first, stream.number, *found}) == 6
    assert session.calls[first] == "old"


def test_headers_are_said_once() -> None:
    """The second time a number stands for them."""
    session = greeted(dialed=True)
    first = session.begin(Form.CALL, {"micro-service": "a"}, 5)
    second = session.begin(Form.STREAM, {"Micro-Service": "a"}, 7)

    assert [(kind, number) for kind, number, _ in said(session)] == [(wire.DEFINE, 0)]
    assert (first, second) == (open_prefix(Form.CALL, 0, 5), open_prefix(Form.STREAM, 0, 7))


def test_a_full_table_costs_bytes_and_nothing_else() -> None:
    """Headers for which there is no room are said in full, and arrive all the same."""
    one, other = wire.pair()
    for number in range(BLOCKS_MAX + 5):
        one.tell(one.begin(Form.PUBLISH, {"A": str(number)}, 0), b"")
    _, heard = wire.exchange(one, other)

    found = [event for event in heard if isinstance(event, Opened)]
    assert [{**event.block.headers, **(event.extra or {})}["A"] for event in found] == [
        str(n) for n in range(BLOCKS_MAX + 5)
    ]
    assert found[-1].block.number == found[-2].block.number
    assert not other.broken


def test_large_headers_never_break_the_peers_limit() -> None:
    """A table that is full in bytes is full."""
    one, other = wire.pair()
    large = {f"A{number}": "x" * 4000 for number in range(4)}
    for number in range(DEFINED_BYTES_MAX // 16_000 + 20):
        one.tell(one.begin(Form.PUBLISH, {**large, "N": str(number)}, 0), b"")
    _, heard = wire.exchange(one, other)

    assert set(names(heard)) == {"Opened"}
    assert not other.broken


def test_own_headers_win_over_those_of_the_block() -> None:
    """When the table is full nothing is said twice, and the exchange's own word counts."""
    one, other = wire.pair()
    for number in range(BLOCKS_MAX):
        one.refer({"A": str(number)})
    own = header_codec.encode({"a": "own", "C": "3"})
    one.tell(one.begin(Form.PUBLISH, {"A": "block", "B": "2"}, 0, own), b"x")
    _, heard = wire.exchange(one, other)

    (opened,) = heard
    assert isinstance(opened, Opened)
    assert (opened.extra, opened.body) == ({"A": "own", "B": "2", "C": "3"}, b"x")


def test_headers_that_do_not_fit_are_a_fault() -> None:
    """Too many headers are the caller's mistake, and the link goes on."""
    session = greeted(dialed=True)
    with pytest.raises(BadRequest, match="at most 64"):
        session.begin(Form.CALL, {f"A{number}": "" for number in range(65)}, 0)

    assert said(session) == []


CALLS: list[Callable[[Session, bytes], object]] = [
    lambda session, body: session.call("me", CALLED, body),
    lambda session, body: session.tell(CALLED, body),
    lambda session, body: session.open(Form.STREAM, STREAMED, body, "me"),
    lambda session, body: session.reply(1, body),
    lambda session, body: session.send(session.exchanges[3], body),
]


@pytest.mark.parametrize("say", CALLS)
def test_nobody_gets_more_than_he_takes(say: Callable[[Session, bytes], object]) -> None:
    """A body over the peer's limit is refused here, and nothing of it is sent."""
    session = greeted(message_bytes=100_000)
    session.receive(wire.opening(1))
    joined(session, 3)
    state = (dict(session.calls), set(session.serving), dict(session.exchanges), session.exchanges[3].send_window)
    with pytest.raises(TooLarge, match="100,001 bytes is larger than 100,000 bytes"):
        say(session, bytes(100_001))

    assert said(session) == []
    assert (session.calls, session.serving, session.exchanges, session.exchanges[3].send_window) == state
    say(session, bytes(100_000))
    assert len(said(session)) == 1


def test_little_is_said_before_the_hello() -> None:
    """Until the peer's limit is known, only what everybody takes is sent."""
    session = Session(dialed=True)
    with pytest.raises(TooLarge, match=f"larger than {MESSAGE_BYTES_MIN:,} bytes"):
        session.call("me", CALLED, bytes(MESSAGE_BYTES_MIN + 1))

    session.call("me", CALLED, bytes(MESSAGE_BYTES_MIN))
    session.receive(wire.hello(message_bytes=50_000))
    session.call("me", CALLED, bytes(50_000))


def test_an_own_hello_has_a_limit() -> None:
    """A HELLO that no peer would read is a bug of ours."""
    with pytest.raises(LocalProtocolError, match=str(HELLO_BYTES_MAX)):
        Session(dialed=True, hello=Hello([], ticket="x" * HELLO_BYTES_MAX))


def test_an_answer_is_given_once() -> None:
    """A second answer, or one to a call that was withdrawn, is dropped."""
    session = greeted()
    session.receive(wire.opening(1) + wire.opening(3) + frame(wire.CANCEL, 3))
    session.note(1, {"a": "1"})
    session.reply(1, b"x")
    session.reply(1, b"y")
    session.note(1, {"a": "1"})
    session.fail(1, NotFound("z"))
    session.reply(3, b"late")

    assert said(session) == [(wire.HEADERS, 1, b"\x01A\x00\x011"), (wire.END, 1, b"x")]


@pytest.mark.parametrize(("refused", "kind"), [(False, wire.ERROR), (True, wire.REFUSED)])
def test_a_fault_ends_a_call_or_a_stream(kind: int, *, refused: bool) -> None:
    """The fault travels as JSON, once."""
    session = greeted()
    session.receive(wire.opening(1))
    exchange = joined(session, 3)
    for number in (1, 3, 1, 3, 99):
        session.fail(number, NotFound("no", id="a.b"), refused=refused)

    found = said(session)
    assert [(kind, number) for kind, number, _ in found] == [(kind, 1), (kind, 3)]
    assert json.loads(found[0][2]) == {"id": "a.b", "code": 404, "detail": "no", "status": "Not Found"}
    assert (exchange.self_ended, exchange.peer_ended) == (True, True)


def test_an_opener_that_fails_does_not_refuse() -> None:
    """Only the answerer can promise that nothing was done."""
    session = greeted(dialed=True)
    exchange = session.open(Form.STREAM, STREAMED, b"", "me")
    said(session)
    session.fail(exchange.number, NotFound("no"), refused=True)

    assert [kind for kind, _, _ in said(session)] == [wire.ERROR]


@pytest.mark.parametrize("detail", ["😀" * 5000, "\x00" * 5000, "x" * 5000])
def test_a_long_fault_arrives_as_one(detail: str) -> None:
    """However a detail is spelled on the wire, the fault is still read as one."""
    one, other = wire.pair()
    number = one.call("me", one.begin(Form.CALL, {}, 0), b"")
    wire.exchange(one, other)
    other.fail(number, NotFound(detail, id="é" * 20_000))
    (failed,), _ = wire.exchange(one, other)

    assert names([failed]) == ["Failed"]
    assert (failed.fault.code, failed.fault.detail[:1]) == (404, detail[:1])


def test_a_stream_is_sent_and_ended() -> None:
    """Messages cost of the window; after END there are none."""
    session = greeted(dialed=True)
    exchange = session.open(Form.STREAM, STREAMED, b"in", "me")
    session.send(exchange, b"ab")
    session.end(exchange)
    session.end(exchange)

    assert [(kind, payload[-2:]) for kind, _, payload in said(session)] == [
        (wire.OPEN, b"in"),
        (wire.DATA, b"ab"),
        (wire.END, b""),
    ]
    assert exchange.send_window == WINDOW_BYTES - 2 - FRAME_COST_BYTES
    with pytest.raises(LocalProtocolError):
        session.send(exchange, b"more")


def test_nothing_is_sent_without_credit() -> None:
    """Whoever asks to send with an empty window has not waited: a bug of ours."""
    session = greeted()
    exchange = joined(session)
    session.send(exchange, bytes(WINDOW_BYTES))
    with pytest.raises(LocalProtocolError, match="no credit"):
        session.send(exchange, b"")


def over_by_peer(session: Session) -> None:
    session.receive(frame(wire.ERROR, 1, wire.fault()))


def over_by_end(session: Session) -> None:
    session.receive(frame(wire.END, 1))


def over_by_us(session: Session) -> None:
    session.cancel(1)


def over_by_loss(session: Session) -> None:
    session.lose()


@pytest.mark.parametrize("over", [over_by_peer, over_by_end, over_by_us, over_by_loss])
def test_nothing_is_said_about_what_is_over(over: Callable[[Session], None]) -> None:
    """After the end of a stream its owner's late words go nowhere."""
    session = greeted(dialed=True)
    exchange = session.open(Form.STREAM, STREAMED, b"", "me")
    session.receive(frame(wire.DATA, 1, bytes(200_000)))
    over(session)
    said(session)
    session.consumed(exchange, 200_000)
    session.end(exchange)
    session.note(1, {"a": "1"})
    session.fail(1, NotFound("x"))
    session.cancel(1)
    session.grant(exchange, 10)
    session.acknowledge(exchange, [1])
    session.want_again(exchange, 1, 0)
    with pytest.raises(LocalProtocolError):
        session.send(exchange, b"x")

    assert said(session) == []


def test_credit_goes_to_the_exchange_that_earned_it() -> None:
    """A number that is used again does not inherit what was owed to the one before."""
    session = greeted()
    old = joined(session)
    session.receive(frame(wire.DATA, 1, bytes(200_000)) + frame(wire.CANCEL, 1))
    joined(session)
    session.consumed(old, 200_000)
    session.grant(old, 5)
    session.end(old)

    assert said(session) == []


def test_what_is_consumed_is_given_back() -> None:
    """Credit goes out in steps, with the cost of the frames."""
    session = greeted()
    exchange = joined(session)
    session.receive(frame(wire.DATA, 1, bytes(100_000)) + frame(wire.DATA, 1, bytes(100_000)))
    session.consumed(exchange, 100_000)
    assert said(session) == []
    session.consumed(exchange, 100_000)

    due = 200_000 + 2 * FRAME_COST_BYTES
    assert said(session) == [(wire.CREDIT, 1, due.to_bytes(4, "big"))]
    assert exchange.receive_window == WINDOW_BYTES


def test_an_event_has_these_bytes() -> None:
    """Block, sequence, length of the extra headers, extra headers, body; all of it costs."""
    session = greeted()
    exchange = joined(session, form=SUBSCRIBE)
    extra = header_codec.encode({"A": "1"})
    session.deliver(exchange, 2, 9, extra + b"body", len(extra))

    assert said(session) == [(wire.EVENT, 1, bytes.fromhex("0002 0000000000000009 0005") + extra + b"body")]
    assert exchange.send_window == WINDOW_BYTES - 12 - len(extra) - 4 - FRAME_COST_BYTES


def test_events_that_nobody_keeps_go_together() -> None:
    """To a peer of version 2 they are one frame, which costs its payload and once the cost of a frame."""
    session = greeted(versions=wire.BOTH)
    exchange = joined(session, form=SUBSCRIBE)
    for body in (b"a", b"bb"):
        session.deliver(exchange, 2, 0, body)
    assert exchange.send_window == WINDOW_BYTES - (2 + 2 + 2 * 2 + 3) - FRAME_COST_BYTES
    session.spread(exchange, 2, pack([b"c", b"d"]))

    assert said(session) == wire.frames(wire.events(1, b"a", b"bb", known=2) + wire.events(1, b"c", b"d", known=2))
    assert exchange.send_window == WINDOW_BYTES - (11 + 9) - (10 + 9)


def test_publishing_goes_together() -> None:
    """So do events that want no answer; one that is too large goes alone, and order is kept."""
    session = greeted(dialed=True, versions=wire.BOTH)
    for body in (b"a", b"b", bytes(SINGLE_BYTES_MAX + 1), b"c"):
        session.publish(0, body)

    assert said(session) == wire.frames(
        wire.events(0, b"a", b"b") + wire.opening(0, wire.PUBLISH, bytes(SINGLE_BYTES_MAX + 1)) + wire.events(0, b"c")
    )
    session.publish(0, b"d")
    assert said(session) == wire.frames(wire.events(0, b"d"))


def test_what_stands_between_two_events_stays_between_them() -> None:
    """A frame of another kind ends a batch, and so does another exchange or block."""
    session = greeted(dialed=True, versions=wire.BOTH)
    session.publish(0, b"a")
    session.ping()
    session.publish(0, b"b")
    session.publish(1, b"c")
    session.publish(1, b"d")

    ping = wire.frame(wire.PING, 0, bytes(8))
    assert said(session) == wire.frames(
        wire.events(0, b"a") + ping + wire.events(0, b"b") + wire.events(0, b"c", b"d", known=1)
    )


def test_a_batch_has_room_for_so_much() -> None:
    """What does not fit begins the next one."""
    session = greeted(dialed=True, versions=wire.BOTH)
    for _ in range(BATCH_EVENTS_MAX + 1):
        session.publish(0, b"")

    assert said(session) == wire.frames(wire.events(0, *[b""] * BATCH_EVENTS_MAX) + wire.events(0, b""))


@pytest.mark.parametrize("session", [greeted(dialed=True), Session(dialed=True)], ids=["version 1", "not greeted"])
def test_a_peer_of_version_1_gets_no_batches(session: Session) -> None:
    """Nor does one that has not said what it speaks."""
    said(session)
    session.publish(0, b"a")
    session.publish(0, b"b")
    assert said(session) == wire.frames(wire.opening(0, wire.PUBLISH, b"a") + wire.opening(0, wire.PUBLISH, b"b"))

    keeper = greeted()
    keeper.deliver(joined(keeper, form=SUBSCRIBE), 0, 0, b"a")
    assert said(keeper) == wire.frames(wire.event(1, 0, b"a"))


def test_events_with_a_sequence_or_headers_of_their_own_go_alone() -> None:
    """A batch has neither."""
    session = greeted(versions=wire.BOTH)
    exchange = joined(session, form=SUBSCRIBE)
    extra = header_codec.encode({"A": "1"})
    session.deliver(exchange, 0, 5, b"a")
    session.deliver(exchange, 0, 0, extra + b"b", len(extra))

    assert said(session) == wire.frames(wire.event(1, 5, b"a") + wire.event(1, 0, b"b", extra=extra))


def test_a_subscription_that_is_over_gets_no_events() -> None:
    """Neither one by one nor together."""
    session = greeted(versions=wire.BOTH)
    exchange = joined(session, form=SUBSCRIBE)
    session.end(exchange)
    said(session)
    session.deliver(exchange, 0, 0, b"a")
    session.spread(exchange, 0, pack([b"a"]))

    assert said(session) == []


def test_a_batch_that_was_never_written_is_no_open() -> None:
    """What is lost with the pipe is still known by its frames."""
    session = greeted(dialed=True, versions=wire.BOTH)
    session.publish(0, b"a")
    session.call("me", open_prefix(Form.CALL, 0, 0), b"")
    session.publish(0, b"b")

    assert session.lose() == [("me", True)]


def test_many_acknowledgements_are_several_frames() -> None:
    """The peer takes so many in one; none at all are no frame."""
    session = greeted(dialed=True)
    exchange = session.open(Form.SUBSCRIBE, open_prefix(Form.SUBSCRIBE, 0, 0), b"", "me")
    said(session)
    session.acknowledge(exchange, [])
    session.acknowledge(exchange, range(ACKNOWLEDGED_MAX * 2 + 1))
    session.want_again(exchange, 7, 1500)

    found = said(session)
    assert [len(payload) // 8 for _, _, payload in found[:3]] == [ACKNOWLEDGED_MAX, ACKNOWLEDGED_MAX, 1]
    assert found[3] == (wire.NACK, 1, bytes.fromhex("0000000000000007 000005dc"))


@pytest.mark.parametrize("form", [Form.CALL, Form.STREAM])
def test_withdrawing_gives_the_owner_back(form: Form) -> None:
    """Whoever waits is handed back, once, and the peer hears of it."""
    session = greeted(dialed=True)
    if form == Form.CALL:
        number = session.call("me", CALLED, b"")
    else:
        number = session.open(form, STREAMED, b"", "me").number
    said(session)

    assert [session.cancel(number), session.cancel(number)] == ["me", None]
    assert said(session) == [(wire.CANCEL, number, b"")]


def test_a_lost_link_tells_every_owner() -> None:
    """All who wait are handed back, and the session is as good as broken."""
    session = greeted(dialed=True)
    session.call("call", CALLED, b"")
    stream = session.open(Form.STREAM, STREAMED, b"", "stream")
    session.receive(wire.opening(2) + wire.opening(4, 2))

    said(session)
    session.call("unsaid", CALLED, b"x")

    assert session.lose() == [("call", False), ("unsaid", True), ("stream", False)]
    assert (session.broken, session.busy, stream.self_ended) == (True, False, True)
    assert session.receive(wire.opening(6)) == []


def test_a_goodbye_is_said_once() -> None:
    """The first reason stands."""
    session = greeted()
    session.go_away("restarting")
    session.go_away("something else")

    ((kind, number, payload),) = said(session)
    assert (kind, number, json.loads(payload)["detail"], json.loads(payload)["code"]) == (
        wire.GOAWAY,
        0,
        "restarting",
        503,
    )


def test_a_ping_has_eight_bytes() -> None:
    """As the peer expects."""
    session = greeted()
    session.ping()

    assert said(session) == [(wire.PING, 0, bytes(8))]


def test_silence_matters_while_anything_is_open() -> None:
    """Calls of either side and streams make a session busy."""
    session = greeted(dialed=True)
    assert not session.busy
    number = session.call("me", CALLED, b"")
    assert session.busy
    session.cancel(number)
    session.receive(wire.opening(2))
    assert session.busy
    session.reply(2, b"")
    exchange = session.open(Form.STREAM, STREAMED, b"", "me")
    assert session.busy
    exchange.patient = True  # a watch may be silent for long
    assert not session.busy
    other = session.open(Form.STREAM, STREAMED, b"", "me")
    assert session.busy
    session.cancel(other.number)
    assert not session.busy
