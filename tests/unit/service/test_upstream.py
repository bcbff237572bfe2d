"""A subscription at another node: what it passes on, and what it does not believe."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from micro.errors import Fault, Forbidden
from micro.mucp import headers as names
from micro.mucp.batch import pack
from micro.mucp.headers import encode
from micro.mucp.limits import WINDOW_BYTES
from micro.network.link import Link
from micro.service.broker.broker import StoredEvent
from micro.service.broker.directory import LogPlace
from micro.service.subscriber import OURS
from micro.service.upstream import Upstream
from tests.unit.network.clockwork import Desk, Diary, linked, run, settle

FAR = "b5uafar"
ITSELF = LogPlace(FAR, FAR)


class Sink:
    """A subscriber here, with room for so many events."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.topic = "orders"
        self.room = room
        self.got: list[tuple[int, StoredEvent]] = []
        self.missed: list[int] = []
        self.faults: list[Fault] = []
        self.joins = 0

    def take(self, upstream: Upstream, sequence: int, event: StoredEvent) -> bool:
        if not self.room:
            return False
        self.room -= 1
        self.got.append((sequence, event))
        return True

    def dropped(self, count: int) -> None:
        self.missed.append(count)

    def joined(self, upstream: Upstream) -> None:
        self.joins += 1

    def parted(self, upstream: Upstream, fault: Fault) -> None:
        self.faults.append(fault)


class Log:
    """The log's node: tells whatever it is asked to."""

    def __init__(self, link: Link, desk: Desk) -> None:
        self.link = link
        (event,) = desk.heard
        assert event.exchange is not None
        self.exchange, self.asked = event.exchange, dict(event.block.headers)

    def tell(self, said: Mapping[str, str], extra: Mapping[str, str], body: bytes, sequence: int = 1) -> None:
        block, more = self.link.session.refer(said)
        head = more + encode(extra)
        self.link.session.deliver(self.exchange, block, sequence, head + body, len(head))
        self.link.schedule()


async def subscribed(sink: Sink, queue: str | None = "work", place: LogPlace = ITSELF) -> tuple[Upstream, Log, Diary]:
    """Returns an upstream, the log's node at its other end, and what that hears."""
    near, far, _, desk = await linked()
    diary = desk.owner = Diary()
    upstream = Upstream(sink, near, place, queue, OURS)
    await settle()
    return upstream, Log(far, desk), diary


SAID = {names.TOPIC: "orders", names.CALLER: f"{FAR}/shop", "X-Colour": "red", names.CONTENT_TYPE: "text/plain"}


def test_events_are_passed_on_as_they_were_published() -> None:
    """With all that the log's node says of them, and their numbers there."""

    async def scenario() -> None:
        sink = Sink()
        _, log, _ = await subscribed(sink)
        assert log.asked == {names.TOPIC: "orders", names.QUEUE: "work"}
        log.tell(SAID, {names.ID: "a", names.TIMESTAMP: "1700000000.5", names.ATTEMPT: "3"}, b"one", 7)
        log.tell(SAID, {names.ID: "b", names.TIMESTAMP: "1700000001.0"}, b"two", 8)
        await settle()
        (first, event), (second, other) = sink.got
        assert (first, second) == (7, 8)
        assert (event.id, event.topic, event.publisher) == ("a", "orders", f"{FAR}/shop")
        assert (event.body, event.time, event.attempt) == (b"one", 1700000000.5, 3)
        assert dict(event.headers) == {"X-Colour": "red", names.CONTENT_TYPE: "text/plain"}
        assert (other.id, other.attempt) == ("b", 1)

    run(scenario())


def test_events_that_nobody_keeps_are_passed_on_together() -> None:
    """They have nothing to acknowledge."""

    async def scenario() -> None:
        sink = Sink()
        _, log, _ = await subscribed(sink, None)
        assert log.asked == {names.TOPIC: "orders"}
        block, _ = log.link.session.refer(SAID)
        log.link.session.spread(log.exchange, block, pack([b"one", b"two", b"three"]))
        log.link.session.note(log.exchange.number, {names.DROPPED: "5"})
        log.link.schedule()
        await settle()
        assert [(sequence, event.body) for sequence, event in sink.got] == [(0, b"one"), (0, b"two"), (0, b"three")]
        assert sink.missed == [5]

    run(scenario())


@pytest.mark.parametrize("claim", ["b5uanear/bank", "", "bank", f"{FAR}x/shop"])
def test_a_node_speaks_for_its_own_services_only(claim: str) -> None:
    """Whatever other publisher it names, the event is its own: stores and rules go by that name."""

    async def scenario() -> None:
        sink = Sink()
        _, log, _ = await subscribed(sink)
        log.tell(
            {names.TOPIC: "orders", names.CALLER: claim} if claim else {names.TOPIC: "orders"}, {names.ID: "a"}, b""
        )
        await settle()
        assert [event.publisher for _, event in sink.got] == [FAR]

    run(scenario())


@pytest.mark.parametrize(("claim", "believed"), [(f"{FAR}/shop", f"{FAR}/shop"), ("b5uakeeper/shop", FAR), ("", FAR)])
def test_a_copy_is_asked_for_by_whose_log_it_is(claim: str, believed: str) -> None:
    """And what comes from there is that node's, not that of the one who keeps the copy."""

    async def scenario() -> None:
        sink = Sink()
        _, log, _ = await subscribed(sink, place=LogPlace(FAR, "b5uakeeper"))
        assert log.asked == {names.TOPIC: f"orders@{FAR}", names.QUEUE: "work"}
        log.tell({names.TOPIC: "orders", **({names.CALLER: claim} if claim else {})}, {names.ID: "a"}, b"")
        await settle()
        assert [(event.topic, event.publisher) for _, event in sink.got] == [("orders", believed)]

    run(scenario())


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "1e300", "9" * 4_000, "a day", ""])
def test_numbers_that_make_no_sense_are_not_believed(number: str) -> None:
    """The event comes all the same, without a date and as a first delivery."""

    async def scenario() -> None:
        sink = Sink()
        _, log, _ = await subscribed(sink)
        log.tell(SAID, {names.ID: "a", names.TIMESTAMP: number, names.ATTEMPT: number}, b"")
        log.link.session.note(log.exchange.number, {names.DROPPED: number})
        log.link.schedule()
        await settle()
        assert [(event.time, event.attempt) for _, event in sink.got] == [(0.0, 1)]
        assert sink.missed == []

    run(scenario())


def test_headers_that_come_with_the_event_count() -> None:
    """As they do where a link has no room for another block of headers."""

    async def scenario() -> None:
        sink = Sink()
        _, log, _ = await subscribed(sink)
        log.tell({}, {**SAID, names.ID: "a"}, b"one")
        log.tell(SAID, {names.ID: "b"}, b"two")
        log.tell({}, {names.CALLER: f"{FAR}/other", names.ID: "c"}, b"three")
        await settle()
        assert [(event.publisher, event.headers.get("X-Colour")) for _, event in sink.got] == [
            (f"{FAR}/shop", "red"),
            (f"{FAR}/shop", "red"),
            (f"{FAR}/other", None),
        ]

    run(scenario())


def test_a_subscriber_without_room_holds_up_the_log() -> None:
    """No more comes than the window lets, and the rest follows when there is room."""

    async def scenario() -> None:
        sink = Sink(room=0)
        upstream, log, _ = await subscribed(sink)
        sent = 0
        while log.exchange.send_window > 0:
            sent += 1
            log.tell(SAID, {names.ID: str(sent)}, bytes(10_000), sent)
        await settle()
        assert sent <= WINDOW_BYTES // 10_000 + 1
        assert log.exchange.send_window <= 0
        sink.room = 1_000
        upstream.drain()
        await settle()
        assert [sequence for sequence, _ in sink.got] == list(range(1, sent + 1))
        assert log.exchange.send_window > WINDOW_BYTES // 2

    run(scenario())


def test_acknowledgements_go_to_the_log() -> None:
    """And what is wanted again, and leaving."""

    async def scenario() -> None:
        upstream, log, diary = await subscribed(Sink())
        log.tell(SAID, {names.ID: "a"}, b"", 5)
        log.tell(SAID, {names.ID: "b"}, b"", 6)
        await settle()
        upstream.acknowledge(5)
        upstream.negative(6, 1_500)
        await settle()
        assert [value for word, value in diary.log if word == "acknowledged"] == [([5], None), ([6], 1_500)]
        upstream.close()
        await settle()
        assert diary.log[-1][0] == "cancelled"

    run(scenario())


def test_the_end_of_it_is_told() -> None:
    """Whether the log's node refuses or the link is lost; nothing is said into a link that is gone."""

    async def scenario() -> None:
        sink = Sink()
        _, log, _ = await subscribed(sink)
        log.link.fail(log.exchange.number, Forbidden("not you"))
        await settle()
        assert [type(fault) for fault in sink.faults] == [Forbidden]

        other = Sink()
        upstream, log, _ = await subscribed(other)
        log.link.close("gone")
        await settle()
        assert len(other.faults) == 1
        upstream.acknowledge(1)
        upstream.close()

    run(scenario())
