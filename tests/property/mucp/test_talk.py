"""Two sessions that talk at random: neither breaks the other, every call ends once, and no byte of credit is lost."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from micro.errors import NotFound
from micro.mucp.event import (
    Broken,
    Cancelled,
    Delivered,
    Ended,
    Event,
    Failed,
    Opened,
    Received,
    Refused,
    Replied,
)
from micro.mucp.exchange import Exchange
from micro.mucp.limits import WINDOW_BYTES, Limits
from micro.mucp.message import Form
from micro.mucp.session import Session

SIDES = st.sampled_from(["one", "other"])
SIZES = st.one_of(st.integers(0, 50), st.integers(0, 150_000))
OTHER = {"one": "other", "other": "one"}


class Side:
    """One session, the bytes on their way to it, and what its owner knows."""

    def __init__(self, *, dialed: bool) -> None:
        self.session = Session(dialed=dialed, limits=Limits(exchanges=8, input_bytes=300_000))
        self.coming = b""
        self.heard: list[Event] = []
        self.asked: list[str] = []
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
                case Failed() | Refused():
                    if event.exchange is None:
                        self.end(event.owner)
                case Received():
                    self.unread.append((event.exchange, len(event.body)))
                case Delivered():
                    self.unread.append((event.exchange, event.size))
                case Cancelled() | Ended() | _:
                    pass

    def end(self, owner: str) -> None:
        """Takes note that a call ended."""
        self.ends[owner] = self.ends.get(owner, 0) + 1


class Talk(RuleBasedStateMachine):
    """Both sides say what they like, whenever they like; bytes arrive late and in pieces."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.sides = {"one": Side(dialed=True), "other": Side(dialed=False)}
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"call {self.count}"

    def some(self, side: str, form: Form, *, sending: bool) -> list[Exchange]:
        found = [each for each in self.sides[side].streams if each.form == form]
        return [each for each in found if not each.self_ended and (each.send_window > 0 or not sending)]

    # -- what can be said ---------------------------------------------------------------------------------------------

    @rule(target=calls, side=SIDES, size=SIZES, header=st.integers(0, 3))
    def call(self, side: str, size: int, header: int) -> tuple[str, int, str]:
        here = self.sides[side]
        owner = self.name()
        here.asked.append(owner)
        prefix = here.session.begin(Form.CALL, {"N": str(header)}, 1000)
        if here.session.peer is None:
            size = min(size, 30_000)
        return side, here.session.call(owner, prefix, bytes(size)), owner

    @rule(call=consumes(calls))
    def withdraw(self, call: tuple[str, int, str]) -> None:
        side, number, owner = call
        here = self.sides[side]
        if here.session.calls.get(number) == owner:
            here.end(here.session.cancel(number))

    @rule(side=SIDES, size=SIZES)
    def tell(self, side: str, size: int) -> None:
        session = self.sides[side].session
        session.tell(session.begin(Form.PUBLISH, {"Micro-Topic": "t"}, 0), bytes(min(size, 30_000)))

    @rule(side=SIDES, form=st.sampled_from([Form.STREAM, Form.SUBSCRIBE]))
    def open(self, side: str, form: Form) -> None:
        here = self.sides[side]
        prefix = here.session.begin(form, {"F": form.name}, 0)
        here.streams.append(here.session.open(form, prefix, b"", self.name()))

    @rule(side=SIDES, which=st.integers(0, 50), size=SIZES, way=st.sampled_from(["reply", "fail", "refuse", "note"]))
    def answer(self, side: str, which: int, size: int, way: str) -> None:
        here = self.sides[side]
        if not here.serving:
            return
        number = here.serving[which % len(here.serving)]
        if way == "note":
            here.session.note(number, {"X": "1"})
            return
        here.serving.remove(number)
        if way == "reply":
            here.session.reply(number, bytes(size))
        else:
            here.session.fail(number, NotFound("no"), refused=way == "refuse")

    @rule(side=SIDES, which=st.integers(0, 50), size=SIZES)
    def send(self, side: str, which: int, size: int) -> None:
        found = self.some(side, Form.STREAM, sending=True)
        if found:
            size = size if self.sides[side].session.peer else 0
            self.sides[side].session.send(found[which % len(found)], bytes(size))

    @rule(side=SIDES, which=st.integers(0, 50), size=SIZES)
    def deliver(self, side: str, which: int, size: int) -> None:
        found = [each for each in self.some(side, Form.SUBSCRIBE, sending=True) if not each.local]
        if found:
            session = self.sides[side].session
            block, _ = session.refer({"Micro-Topic": "t"})
            session.deliver(found[which % len(found)], block, 1, bytes(size))

    @rule(side=SIDES, which=st.integers(0, 50), again=st.booleans())
    def acknowledge(self, side: str, which: int, *, again: bool) -> None:
        found = [each for each in self.some(side, Form.SUBSCRIBE, sending=False) if each.local]
        if found:
            session = self.sides[side].session
            exchange = found[which % len(found)]
            if again:
                session.want_again(exchange, 1, 10)
            else:
                session.acknowledge(exchange, [1, 2])

    @rule(side=SIDES, which=st.integers(0, 50), way=st.sampled_from(["end", "cancel", "fail", "note"]))
    def speak(self, side: str, which: int, way: str) -> None:
        here = self.sides[side]
        if not here.streams:
            return
        exchange = here.streams[which % len(here.streams)]
        if here.session.exchanges.get(exchange.number) is not exchange:
            return
        if way == "end":
            if exchange.form == Form.STREAM or not exchange.local:
                here.session.end(exchange)
        elif way == "cancel":
            here.session.cancel(exchange.number)
        elif way == "fail":
            here.session.fail(exchange.number, NotFound("no"), refused=True)
        elif not exchange.self_ended:
            here.session.note(exchange.number, {"X": "1"})

    @rule(side=SIDES, count=st.integers(1, 20))
    def consume(self, side: str, count: int) -> None:
        here = self.sides[side]
        taken, here.unread = here.unread[:count], here.unread[count:]
        for exchange, size in taken:
            here.session.consumed(exchange, size)

    @rule(side=SIDES)
    def ping(self, side: str) -> None:
        self.sides[side].session.ping()

    @precondition(lambda self: self.count > 30)
    @rule(side=SIDES)
    def go_away(self, side: str) -> None:
        self.sides[side].session.go_away("restarting")

    # -- how it travels -----------------------------------------------------------------------------------------------

    @rule(side=SIDES, count=st.one_of(st.integers(1, 40), st.integers(1, 400_000)))
    def travel(self, side: str, count: int) -> None:
        here, there = self.sides[side], self.sides[OTHER[side]]
        here.coming += b"".join(there.session.output)
        there.session.output = []
        here.hear(count)

    def settle(self) -> None:
        """Lets everything arrive."""
        while any(side.session.output or side.coming for side in self.sides.values()):
            for side in self.sides:
                self.travel(side, 10_000_000)

    @invariant()
    def nobody_is_broken(self) -> None:
        """Two that keep the rules never end their link, and windows never exceed their size."""
        for side in self.sides.values():
            assert not any(isinstance(event, Broken) for event in side.heard), side.heard
            for exchange in side.session.exchanges.values():
                assert exchange.send_window <= WINDOW_BYTES
                assert exchange.receive_window <= WINDOW_BYTES
            assert all(count == 1 for count in side.ends.values()), side.ends

    def teardown(self) -> None:
        """Once all has arrived both sides agree on exchanges and credit; in the end each call has ended once."""
        self.settle()
        one, other = self.sides["one"].session, self.sides["other"].session
        assert set(one.exchanges) == set(other.exchanges)
        for number, exchange in one.exchanges.items():
            far = other.exchanges[number]
            assert exchange.send_window == far.receive_window
            assert exchange.receive_window == far.send_window
            assert (exchange.self_ended, exchange.peer_ended) == (far.peer_ended, far.self_ended)
        for near, far in ((one, other), (other, one)):
            assert set(near.calls) == far.serving
            assert near._joined == sum(not exchange.local for exchange in near.exchanges.values())
        for side in self.sides.values():
            for owner, _ in side.session.lose():
                if owner in side.asked:
                    side.end(owner)
            assert side.ends == dict.fromkeys(side.asked, 1)
        self.nobody_is_broken()


Talk.TestCase.__doc__ = "Two sessions that keep the rules never break each other, and end every call once."
TestTalk: Any = Talk.TestCase
