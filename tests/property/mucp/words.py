"""What a peer may say, drawn at random: good frames, bad frames, and frames that are nearly good."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st

from micro.errors import Fault
from micro.mucp.event import Block, Event
from micro.mucp.exchange import Exchange
from micro.mucp.message import Form, open_prefix
from micro.mucp.session import Session
from tests.unit.mucp import wire

NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 2**32 - 1])
BODIES = st.one_of(st.just(b""), st.binary(max_size=40), st.sampled_from([bytes(700), bytes(33_000), bytes(140_000)]))
NAMES = st.from_regex(r"[A-Za-z0-9-]{1,64}", fullmatch=True)
VALUES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[chr(c) for c in (*range(32), 127)]), max_size=60
)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=5)
BLOCKS = st.one_of(
    st.just(b""),
    st.lists(st.tuples(NAMES, VALUES), max_size=4).map(lambda pairs: wire.block(*pairs)),
    st.binary(max_size=12),
)
FAULTS = st.sampled_from([wire.fault(), wire.fault(429, "later"), b"", b"plain", b"\xff", b'{"code":404}'])
FORMS = st.sampled_from([1, 1, 2, 2, 3, 4, 4, 0, 5])


def _open(number: int, form: int, body: bytes, known: int, extra: bytes) -> bytes:
    return wire.opening(number, form, body, known=known, extra=extra)


def _event(number: int, sequence: int, body: bytes, known: int, extra: bytes) -> bytes:
    return wire.event(number, sequence, body, known=known, extra=extra)


def _events(number: int, bodies: list[bytes], known: int) -> bytes:
    return wire.events(number, *bodies, known=known)


class Speech(bytes):
    """Bytes that show their frames, shortened, where a test fails."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes {self[:60]!r}>"


KNOWN = st.sampled_from([0, 0, 0, 1, 2, 9])
EXTRA = st.one_of(st.just(b""), BLOCKS)
FREE = st.sampled_from([0, 0, 0, 1])
CREDITS = st.integers(0, 300_000).map(struct.Struct(">I").pack)
SEQUENCES = st.lists(st.integers(0, 99)).map(lambda numbers: struct.pack(f">{len(numbers)}Q", *numbers))
SEVERAL = st.lists(st.one_of(st.binary(max_size=9), st.just(bytes(700))), max_size=60)
TABLES = st.builds(
    lambda lengths, rest: struct.pack(f">HH{len(lengths)}H", 0, len(lengths), *lengths) + rest,
    st.lists(st.integers(0, 9), max_size=4),
    st.binary(max_size=20),
)
"""What EVENTS carry, with lengths that seldom fit."""
FRAMES = st.one_of(
    st.builds(_open, NUMBERS, FORMS, BODIES, KNOWN, BLOCKS),
    st.builds(_open, NUMBERS, FORMS, BODIES, KNOWN, st.just(b"")),
    st.builds(wire.frame, st.sampled_from([wire.DATA, wire.END, wire.CANCEL]), NUMBERS, BODIES),
    st.builds(wire.frame, st.sampled_from([wire.END, wire.CANCEL]), NUMBERS),
    st.builds(wire.frame, st.sampled_from([wire.ERROR, wire.REFUSED]), NUMBERS, FAULTS),
    st.builds(wire.frame, st.just(wire.GOAWAY), FREE, FAULTS),
    st.builds(wire.frame, st.sampled_from([wire.DEFINE, wire.HEADERS]), NUMBERS, BLOCKS),
    st.builds(wire.frame, st.just(wire.CREDIT), NUMBERS, CREDITS),
    st.builds(wire.frame, st.just(wire.ACK), NUMBERS, SEQUENCES),
    st.builds(wire.frame, st.just(wire.NACK), NUMBERS, st.binary(min_size=12, max_size=12)),
    st.builds(wire.frame, st.sampled_from([wire.PING, wire.PONG]), FREE, st.binary(min_size=8, max_size=8)),
    st.builds(_event, NUMBERS, st.integers(0, 2**64 - 1), BODIES, KNOWN, EXTRA),
    st.builds(_events, NUMBERS, SEVERAL, KNOWN),
    st.builds(wire.frame, st.just(wire.EVENTS), NUMBERS, TABLES),
    st.builds(wire.frame, st.integers(0, 255), NUMBERS, st.binary(max_size=20)),
)
NOISE = st.lists(FRAMES, max_size=25).map(b"".join)


class Speaker:
    """A peer of a `prepared` session that keeps the rules: it knows what is open and says only what fits."""

    def __init__(self) -> None:
        self.fresh = 2
        self.answers = [1, 3]  # calls of the session that wait
        self.streams = {5: "ours", 9: "ours"}
        self.subscribed = [7]
        self.asked: list[int] = []  # calls of the peer
        self.subscriptions: list[int] = []  # of the peer
        self.windows: dict[int, int] = {5: 262_144, 7: 262_144, 9: 262_144}

    def choices(self) -> list[str]:
        """Returns what may be said now."""
        found = ["open", "open", "define", "ping", "late", "tell", "publish"]
        found += ["answer", "note"] if self.answers else []
        found += ["send", "send", "end", "over"] if self.streams else []
        found += ["event", "event", "events"] if self.subscribed else []
        found += ["withdraw"] if self.asked else []
        found += ["acknowledge", "leave"] if self.subscriptions else []
        return found

    def say(self, draw: Any) -> bytes:
        """Returns one frame."""
        return bytes(getattr(self, "_" + draw(st.sampled_from(self.choices())))(draw))

    def _open(self, draw: Any) -> bytes:
        form, number = draw(st.sampled_from([1, 2, 3, 4])), self.fresh
        self.fresh += 2
        if form == wire.STREAM:
            self.streams[number] = "peer's"
            self.windows[number] = 262_144
        else:
            (self.subscriptions if form == wire.SUBSCRIBE else self.asked).append(number)
        extra = wire.block(*draw(HEADERS).items()) if draw(st.booleans()) else b""
        try:
            return wire.opening(number, form, draw(BODIES), known=draw(st.sampled_from([0, 1, 2])), extra=extra)
        except ValueError:
            return wire.opening(number, form)

    def _define(self, draw: Any) -> bytes:
        return wire.define(draw(st.sampled_from([0, 1, 2, 3, 1023])), ("n", str(draw(st.integers(0, 9)))))

    def _ping(self, draw: Any) -> bytes:
        return wire.frame(draw(st.sampled_from([wire.PING, wire.PONG])), 0, draw(st.binary(min_size=8, max_size=8)))

    def _tell(self, draw: Any) -> bytes:
        return wire.opening(0, wire.PUBLISH, draw(BODIES))

    def _late(self, draw: Any) -> bytes:
        kind = draw(st.sampled_from([wire.DATA, wire.END, wire.ERROR, wire.CANCEL]))
        return wire.frame(kind, 2**32 - 2, b"" if kind == wire.CANCEL else b"x")

    def _answer(self, draw: Any) -> bytes:
        number = draw(st.sampled_from(self.answers))
        self.answers.remove(number)
        return wire.frame(draw(st.sampled_from([wire.END, wire.ERROR, wire.REFUSED])), number, draw(BODIES))

    def _note(self, draw: Any) -> bytes:
        return wire.frame(wire.HEADERS, draw(st.sampled_from(self.answers)), wire.block(("x", "1")))

    def _send(self, draw: Any) -> bytes:
        number, body = draw(st.sampled_from(sorted(self.streams))), draw(BODIES)
        if self.windows[number] <= 0:
            return b""
        self.windows[number] -= len(body) + 9
        return wire.frame(wire.DATA, number, body)

    def _end(self, draw: Any) -> bytes:
        number = draw(st.sampled_from(sorted(self.streams)))
        del self.streams[number]
        return wire.frame(wire.END, number)

    def _over(self, draw: Any) -> bytes:
        number = draw(st.sampled_from(sorted(self.streams)))
        del self.streams[number]
        kind = draw(st.sampled_from([wire.ERROR, wire.CANCEL]))
        return wire.frame(kind, number, b"" if kind == wire.CANCEL else draw(FAULTS))

    def _event(self, draw: Any) -> bytes:
        number, body = draw(st.sampled_from(self.subscribed)), draw(BODIES)
        if self.windows[number] <= 0:
            return b""
        self.windows[number] -= len(body) + 12 + 9
        return wire.event(number, draw(st.integers(0, 2**64 - 1)), body, known=1)

    def _publish(self, draw: Any) -> bytes:
        return wire.events(0, *draw(SEVERAL), b"", known=draw(st.sampled_from([0, 1])))

    def _events(self, draw: Any) -> bytes:
        number = draw(st.sampled_from(self.subscribed))
        if self.windows[number] <= 0:
            return b""
        said = wire.events(number, *draw(SEVERAL), b"last", known=1)
        self.windows[number] -= len(said)
        return said

    def _withdraw(self, draw: Any) -> bytes:
        number = draw(st.sampled_from(self.asked))
        self.asked.remove(number)
        return wire.frame(wire.CANCEL, number)

    def _acknowledge(self, draw: Any) -> bytes:
        number = draw(st.sampled_from(self.subscriptions))
        if draw(st.booleans()):
            return wire.frame(wire.NACK, number, draw(st.binary(min_size=12, max_size=12)))
        return wire.frame(wire.ACK, number, bytes(8 * draw(st.integers(1, 5))))

    def _leave(self, draw: Any) -> bytes:
        number = draw(st.sampled_from(self.subscriptions))
        self.subscriptions.remove(number)
        return wire.frame(wire.CANCEL, number)


@st.composite
def _sense(draw: Any) -> bytes:
    speaker = Speaker()
    return b"".join(speaker.say(draw) for _ in range(draw(st.integers(0, 30))))


SENSE = _sense().map(Speech)
"""What a peer of `prepared()` says that keeps the rules."""
SPEECHES = st.tuples(SENSE, st.one_of(st.just(b""), NOISE)).map(b"".join).map(Speech)
"""The same, and then perhaps anything."""


def prepared(*, dialed: bool = True) -> Session:
    """Returns a session that speaks version 2, and has calls, a stream and a subscription of its own open."""
    session = wire.greeted(dialed=dialed, versions=wire.BOTH)
    session.receive(wire.define(1, ("micro-topic", "t")) + wire.define(2, ("a", "1"), ("b", "2")))
    for owner in ("one", "two"):
        session.call(owner, open_prefix(Form.CALL, 0, 0), b"")
    for form in (Form.STREAM, Form.SUBSCRIBE, Form.STREAM):
        session.open(form, open_prefix(form, 0, 0), b"", form.name)
    session.output = []
    return session


def plain(event: Event) -> tuple[Any, ...]:
    """Returns an event as something that can be compared across sessions."""
    return (type(event).__name__, *(_plain(getattr(event, name)) for name in event.__struct_fields__))


def _plain(value: Any) -> Any:
    if isinstance(value, Exchange):
        return ("exchange", value.number, value.form, value.local)
    if isinstance(value, Block):
        return ("block", value.number, dict(value.headers))
    if isinstance(value, Fault):
        return value.to_dict()
    return value


def state(session: Session) -> tuple[Any, ...]:
    """Returns all that a session remembers and that matters later."""
    exchanges = {
        number: (each.form, each.local, each.send_window, each.receive_window, each.self_ended, each.peer_ended)
        for number, each in session.exchanges.items()
    }
    return dict(session.calls), set(session.serving), exchanges, session.going, session.broken, b"".join(session.output)
