"""Two sessions that talk at random: neither breaks the other, every call ends once, and no byte of credit is lost."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from micro.errors import NotFound
from micro.mucp.batch import pack
from micro.mucp.event import Delivered, Event, Failed, Opened, Received, Refused, Replied, Spread
from micro.mucp.exchange import OVERDRAFT_FREE_BYTES, Exchange
from micro.mucp.limits import FRAME_COST_BYTES, WINDOW_BYTES, Limits
from micro.mucp.message import Form
from micro.mucp.session import Session
from tests.conftest import Campaign
from tests.unit.mucp import wire

SHARE = 300
FULL = 20_000
STEPS = 250
INPUT_BYTES = 300_000


class Side:
    """One session, the bytes on their way to it, and what its owner knows."""

    def __init__(self, *, dialed: bool) -> None:
        self.session = Session(dialed=dialed, limits=Limits(exchanges=12, input_bytes=INPUT_BYTES))
        self.coming = b""
        self.heard: list[Event] = []
        self.calls: list[tuple[int, str]] = []
        self.ends: dict[str, int] = {}
        self.serving: list[int] = []
        self.streams: list[Exchange] = []
        self.unread: list[tuple[Exchange, int]] = []

    def hear(self, count: int) -> None:
        """Takes some of the bytes that came."""
        data, self.coming = self.coming[:count], self.coming[count:]
        for event in self.session.receive(data):
            self.heard.append(event)
            match event:
                case Opened(exchange=None) if event.number:
                    self.serving.append(event.number)
                case Opened(exchange=exchange) if exchange is not None:
                    self.streams.append(exchange)
                case Replied():
                    self.end(event.owner)
                case Failed(exchange=None) | Refused(exchange=None):
                    self.end(event.owner)
                case Received():
                    self.unread.append((event.exchange, len(event.body)))
                case Delivered() | Spread():
                    self.unread.append((event.exchange, event.size))

    def end(self, owner: str) -> None:
        """Takes note that a call ended."""
        self.ends[owner] += 1

    def open_streams(self, form: Form) -> list[Exchange]:
        """Returns streams on which this side may still speak."""
        self.streams = [each for each in self.streams if self.session.exchanges.get(each.number) is each]
        return [each for each in self.streams if each.form == form and not each.self_ended]


class Talk:
    """Both sides say what they like, whenever they like; bytes arrive late, in pieces. The same seed, the same talk."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.one, self.other = Side(dialed=True), Side(dialed=False)
        self.count = 0
        says: dict[Callable[[Side], None], int] = {
            self.call: 6, self.withdraw: 1, self.tell: 1, self.open: 3, self.answer: 6, self.send: 6, self.deliver: 3,
            self.spread: 5, self.publish: 3,
            self.acknowledge: 2, self.speak: 2, self.consume: 5, self.ping: 1, self.travel: 14,
        }  # fmt: skip
        self.says, self.weights = list(says), list(says.values())

    def size(self) -> int:
        return self.chance.choice((0, 1, 20, 20, 300, 20_000, 33_000, 90_000))

    def prefix(self, side: Side, form: Form) -> bytes:
        headers = {"N": str(self.chance.randrange(4)), "Micro-Topic": "t"}
        extra = b"\x01X\x00\x011" if self.chance.random() < 0.2 else b""
        return side.session.begin(form, headers, 1000, extra)

    # -- what can be said ---------------------------------------------------------------------------------------------

    def call(self, side: Side) -> None:
        self.count += 1
        owner, size = f"call {self.count}", self.size()
        side.ends[owner] = 0
        number = side.session.call(owner, self.prefix(side, Form.CALL), bytes(size if side.session.peer else 0))
        side.calls.append((number, owner))

    def withdraw(self, side: Side) -> None:
        if side.calls:
            number, owner = side.calls.pop(self.chance.randrange(len(side.calls)))
            if side.session.calls.get(number) == owner:
                side.end(side.session.cancel(number))

    def tell(self, side: Side) -> None:
        side.session.tell(self.prefix(side, Form.PUBLISH), bytes(min(self.size(), 30_000)))

    def open(self, side: Side) -> None:
        form = self.chance.choice((Form.STREAM, Form.STREAM, Form.SUBSCRIBE))
        side.streams.append(side.session.open(form, self.prefix(side, form), b"", "stream"))

    def answer(self, side: Side) -> None:
        if not side.serving:
            return
        number = self.chance.choice(side.serving)
        way = self.chance.randrange(5)
        if way == 0:
            side.session.note(number, {"X": "1"})
            return
        side.serving.remove(number)
        if way < 4:
            side.session.reply(number, bytes(self.size()))
        else:
            side.session.fail(number, NotFound("no"), refused=self.chance.random() < 0.5)

    def send(self, side: Side) -> None:
        found = [each for each in side.open_streams(Form.STREAM) if each.send_window > 0]
        if found:
            size = self.size() if side.session.peer else 0
            side.session.send(self.chance.choice(found), bytes(size))

    def deliver(self, side: Side) -> None:
        found = [each for each in side.open_streams(Form.SUBSCRIBE) if not each.local and each.send_window > 0]
        if found:
            block, _ = side.session.refer({"Micro-Topic": "t"})
            side.session.deliver(self.chance.choice(found), block, 1, bytes(self.size()))

    def spread(self, side: Side) -> None:
        """Delivers events that nobody acknowledges, one by one or as they came together."""
        found = [each for each in side.open_streams(Form.SUBSCRIBE) if not each.local and each.send_window > 0]
        if not found:
            return
        exchange, (block, _) = self.chance.choice(found), side.session.refer({"Micro-Topic": "t"})
        if side.session.version > 1 and self.chance.random() < 0.5:
            side.session.spread(exchange, block, pack([bytes(self.chance.choice((0, 9, 5_000))) for _ in range(3)]))
        else:
            side.session.deliver(exchange, block, 0, bytes(self.size()))

    def publish(self, side: Side) -> None:
        block, _ = side.session.refer({"Micro-Topic": self.chance.choice("tu")})
        for _ in range(self.chance.randrange(1, 4)):
            side.session.publish(block, bytes(min(self.size(), 30_000)))

    def acknowledge(self, side: Side) -> None:
        found = [each for each in side.open_streams(Form.SUBSCRIBE) if each.local]
        if found:
            side.session.acknowledge(self.chance.choice(found), [1, 2])
            side.session.want_again(self.chance.choice(found), 3, 10)

    def speak(self, side: Side) -> None:
        """Ends, withdraws, fails or heads a stream or subscription."""
        found = [*side.open_streams(Form.STREAM), *side.open_streams(Form.SUBSCRIBE)]
        if not found:
            return
        exchange, way = self.chance.choice(found), self.chance.randrange(6)
        if way < 3 and (exchange.form == Form.STREAM or not exchange.local):
            side.session.end(exchange)
        elif way == 3:
            side.session.cancel(exchange.number)
        elif way == 4:
            side.session.fail(exchange.number, NotFound("no"), refused=True)
        else:
            side.session.note(exchange.number, {"X": "1"})

    def consume(self, side: Side) -> None:
        count = self.chance.randrange(1, 5)
        taken, side.unread = side.unread[:count], side.unread[count:]
        for exchange, size in taken:
            side.session.consumed(exchange, size)

    def ping(self, side: Side) -> None:
        side.session.ping()

    # -- how it travels -----------------------------------------------------------------------------------------------

    def travel(self, side: Side) -> None:
        self.carry(side, self.chance.choice((1, 8, 9, 50, 1_000, 40_000, 10_000_000)))

    def carry(self, side: Side, count: int) -> None:
        far = self.other if side is self.one else self.one
        side.coming += wire.spoken(far.session)
        side.hear(count)

    def settle(self) -> None:
        """Lets everything arrive."""
        while any(side.session.output or side.coming for side in (self.one, self.other)):
            for side in (self.one, self.other):
                self.carry(side, 10_000_000)

    def go_on(self) -> None:
        """Takes a few hundred steps; now and then one side goes away before the end."""
        for step in range(STEPS):
            (say,) = self.chance.choices(self.says, self.weights)
            side = self.chance.choice((self.one, self.other))
            say(side)
            self.check(side)
            if step == STEPS // 2 and self.chance.random() < 0.3:
                side.session.go_away("restarting")

    def check(self, side: Side) -> None:
        """Nobody is broken, and no window exceeds its size."""
        assert not side.session.broken, side.heard[-1]
        assert all(count <= 1 for count in side.ends.values())
        assert side.session._large_bytes <= INPUT_BYTES
        for exchange in side.session.exchanges.values():
            assert exchange.send_window <= WINDOW_BYTES
            assert exchange.receive_window <= WINDOW_BYTES
            assert exchange.receive_window + exchange.overdraft >= -OVERDRAFT_FREE_BYTES
            assert not exchange.overdraft or exchange.receive_window <= 0

    def check_books(self) -> None:
        """Once all has arrived both sides agree on what is open, and no byte of credit is lost or made."""
        one, other = self.one.session, self.other.session
        assert set(one.exchanges) == set(other.exchanges)
        for near, far in ((one, other), (other, one)):
            assert set(near.calls) == far.serving
            assert near._joined == sum(not each.local for each in near.exchanges.values())
            overdrawn = [each.overdraft for each in near.exchanges.values()]
            assert near._large_bytes == sum(near._large.values()) + sum(overdrawn)
            assert set(near._large) <= near.serving | set(near.exchanges)
            assert set(near._reply_headers) <= set(near.calls)
            for number, each in near.exchanges.items():
                assert each.send_window == far.exchanges[number].receive_window
                assert (each.self_ended, each.peer_ended) == (
                    far.exchanges[number].peer_ended,
                    far.exchanges[number].self_ended,
                )
        for side in (self.one, self.other):
            for each in side.session.exchanges.values():
                unread = sum(size + FRAME_COST_BYTES for exchange, size in side.unread if exchange is each)
                assert WINDOW_BYTES - each.receive_window == each.consumed + unread

    def finish(self) -> None:
        """The pipe breaks: every call has ended once."""
        for side in (self.one, self.other):
            for owner, _ in side.session.lose():
                if owner in side.ends:
                    side.end(owner)
            assert set(side.ends.values()) <= {1}, side.ends


def test_two_that_keep_the_rules_never_break_each_other(campaign: Campaign) -> None:
    """Whatever two sessions say to each other: no link breaks, calls end once, and credit is neither lost nor made."""
    heard: dict[str, int] = {}
    count = campaign("random talks of two sessions", share=SHARE, full=FULL)
    for seed in range(count):
        talk = Talk(seed)
        try:
            talk.go_on()
            talk.settle()
            talk.check(talk.one)
            talk.check(talk.other)
            talk.check_books()
            talk.finish()
        except AssertionError as error:
            pytest.fail(f"talk {seed}: {error}")
        for event in (*talk.one.heard, *talk.other.heard):
            heard[type(event).__name__] = heard.get(type(event).__name__, 0) + 1
    missing = {kind.__name__ for kind in Event.__subclasses__()} - set(heard) - {"Broken"}
    assert not missing, "these were never said, so nothing is shown about them"
    assert min(heard.values()) > count // 10, heard
