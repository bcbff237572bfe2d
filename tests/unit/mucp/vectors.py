"""The test vectors that the conformance kit holds, made from what stands here by hand and what the code makes of it.

`python -m tests.unit.mucp.vectors --write` writes them again; a test compares.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from micro.errors import Fault
from micro.mucp import envelope
from micro.mucp.batch import Batch
from micro.mucp.event import Block, Event, Hello
from micro.mucp.exchange import Exchange
from micro.mucp.message import Form
from micro.mucp.session import Session
from tests.unit.mucp import wire

FOLDER = Path(__file__).parents[3] / "src" / "micro" / "doors" / "conformance" / "vectors"
GREETER = (("Micro-Service", "greeter"), ("Micro-Endpoint", "Say.Hello"), ("Content-Type", "application/json"))
CLOCK = (("Micro-Service", "clock"), ("Micro-Endpoint", "Clock.Ticks"))
TOPIC = (("Micro-Topic", "notes"), ("Micro-Queue", "archive"))
DELIVERED = (("Micro-Topic", "notes"), ("Content-Type", "application/json"), ("Micro-Caller", "bnode/notes"))
SAY_HELLO = b'{"versions":[1],"agent":"example/1","message_bytes":1048576,"exchanges":256}'
MISSING = b'{"id":"greeter.Say.Hello","code":404,"detail":"no greeting for \'x\'","status":"Not Found"}'
BUSY = b'{"id":"","code":429,"detail":"256 exchanges are open","status":"Too Many Requests"}'
LEAVING = b'{"id":"","code":503,"detail":"restarting","status":"Service Unavailable"}'
BODY = b'{"name":"Ann"}'
ANSWER = b'{"result":"Hello Ann"}'

FRAMES: list[tuple[str, bytes]] = [
    ("HELLO", wire.frame(wire.HELLO, 0, SAY_HELLO)),
    ("DEFINE", wire.define(0, *GREETER)),
    ("OPEN", wire.opening(1, wire.CALL, BODY, milliseconds=30_000, extra=wire.block(("Micro-Id", "7")))),
    ("DATA", wire.frame(wire.DATA, 3, b'{"n":1}')),
    ("END", wire.frame(wire.END, 1, ANSWER)),
    ("ERROR", wire.frame(wire.ERROR, 1, MISSING)),
    ("REFUSED", wire.frame(wire.REFUSED, 5, BUSY)),
    ("HEADERS", wire.frame(wire.HEADERS, 1, wire.block(("Content-Type", "text/plain")))),
    ("CREDIT", wire.frame(wire.CREDIT, 3, (131_081).to_bytes(4, "big"))),
    ("CANCEL", wire.frame(wire.CANCEL, 1)),
    ("EVENT", wire.event(7, 42, b'{"a":1}', known=2, extra=wire.block(("Micro-Id", "e1")))),
    ("ACK", wire.frame(wire.ACK, 7, (42).to_bytes(8, "big") + (43).to_bytes(8, "big"))),
    ("NACK", wire.frame(wire.NACK, 7, (44).to_bytes(8, "big") + (1500).to_bytes(4, "big"))),
    ("PING", wire.frame(wire.PING, 0, b"\x00\x00\x00\x00\x00\x00\x00\x2a")),
    ("PONG", wire.frame(wire.PONG, 0, b"\x00\x00\x00\x00\x00\x00\x00\x2a")),
    ("GOAWAY", wire.frame(wire.GOAWAY, 0, LEAVING)),
    ("EVENTS", wire.events(9, b'{"n":1}', b"", b'{"n":2}', known=3)),
]

HEADERS: list[tuple[str, bytes, dict[str, str] | None]] = [
    ("no headers", b"", {}),
    ("a call's", wire.block(*GREETER), dict(GREETER)),
    ("names in any case", wire.block(("MICRO-id", "7"), ("x-trace-id", "a")), {"Micro-Id": "7", "X-Trace-Id": "a"}),
    ("an empty value, and UTF-8", wire.block(("A", ""), ("B", "é€😀")), {"A": "", "B": "é€😀"}),
    ("cut in the name", b"\x05Mic", None),
    ("cut in the length", b"\x01A\x00", None),
    ("cut in the value", b"\x01A\x00\x05abcd", None),
    ("an empty name", b"\x00\x00\x01x", None),
    ("a space in the name", b"\x03a b\x00\x00", None),
    ("the same name twice, in two cases", wire.block(("A", "1"), ("a", "2")), None),
    ("a line feed in the value", b"\x01A\x00\x03a\nb", None),
    ("no UTF-8", b"\x01A\x00\x01\xff", None),
    ("half a character", b"\x01A\x00\x03\xed\xa0\x80", None),
    ("a value of 4,097 bytes", wire.block(("A", "x" * 4097)), None),
    ("65 headers", wire.block(*((f"A{number}", "") for number in range(65))), None),
    ("16,385 bytes", wire.block(*((f"A{n}", "x" * 4091) for n in range(4))) + b"\x00", None),
]

ENVELOPES: list[tuple[str, dict[str, str], bytes, bool]] = [
    ("protobuf with a JSON body", dict(GREETER), BODY, False),
    ("protobuf without headers", {}, b"\x00\xff", False),
    ("JSON with a JSON body", dict(GREETER), BODY, True),
    ("JSON with other bytes", {"Micro-Topic": "notes", "Content-Type": "application/octet-stream"}, b"\x00\xff", True),
    ("JSON whose body only says it is JSON", {"Content-Type": "application/json"}, b'1,"header":{}', True),
    ("nothing", {}, b"", False),
]

BAD_ENVELOPES: list[tuple[str, bytes]] = [
    ("JSON cut short", b'{"header":{"A":"1"}'),
    ("JSON with space before it", b' {"header":{}}'),
    ("JSON with an unknown field", b'{"header":{},"extra":1}'),
    ("JSON with two bodies", b'{"body":1,"body64":"AA=="}'),
    ("JSON with bad base64", b'{"body64":"A"}'),
    ("a header twice, in two cases", b'{"header":{"A":"1","a":"2"}}'),
    ("protobuf cut short", b"\x0a\x05abc"),
    ("protobuf with an unknown field", b"\x18\x01"),
    ("protobuf with an endless number", b"\x12\xff\xff\xff\xff\xff\x01"),
]


class Side:
    """One side of a conversation: it says what it is told to, and what it hears is written down."""

    def __init__(self, *, dialed: bool) -> None:
        self.session = Session(dialed=dialed, hello=Hello([], agent="dialer" if dialed else "acceptor"))


def greeting(one: Side, other: Side) -> None:
    """Both say HELLO."""


def a_call(one: Side, other: Side) -> None:
    """The dialer defines a header block and calls."""
    prefix = one.session.begin(Form.CALL, dict(GREETER), 30_000)
    one.session.call(one.session.reached, prefix, BODY)


def its_answer(one: Side, other: Side) -> None:
    """The acceptor answers, with a header."""
    other.session.note(1, {"Content-Type": "application/json"})
    other.session.reply(1, ANSWER)


def a_fault(one: Side, other: Side) -> None:
    """A second call, which fails."""
    one.session.call(one.session.reached, one.session.begin(Form.CALL, dict(GREETER), 30_000), b'{"name":"x"}')


def the_fault(one: Side, other: Side) -> None:
    """The acceptor says what went wrong."""
    other.session.fail(3, Fault.parse(MISSING.decode()))


def a_refusal(one: Side, other: Side) -> None:
    """A third call, and an event that wants no answer."""
    one.session.call(one.session.reached, one.session.begin(Form.CALL, dict(GREETER), 30_000), BODY)
    one.session.tell(one.session.begin(Form.PUBLISH, {"Micro-Topic": "notes"}, 0), b"event")


def the_refusal(one: Side, other: Side) -> None:
    """The acceptor refuses: nothing was done, and the call may go elsewhere."""
    other.session.fail(5, Fault.parse(BUSY.decode()), refused=True)


def a_withdrawal(one: Side, other: Side) -> None:
    """A fourth call that is withdrawn at once."""
    number = one.session.call(one.session.reached, one.session.begin(Form.CALL, dict(GREETER), 1_000), BODY)
    one.session.cancel(number)


def a_late_answer(one: Side, other: Side) -> None:
    """The acceptor's answer crosses the withdrawal; the dialer ignores it."""
    other.session.output.append(wire.frame(wire.END, 7, ANSWER))


def a_stream(one: Side, other: Side) -> None:
    """The dialer opens a stream and sends two messages, the second one large."""
    exchange = one.session.open(Form.STREAM, one.session.begin(Form.STREAM, dict(CLOCK), 0), b"{}", "stream")
    one.session.send(exchange, b'{"n":1}')
    one.session.send(exchange, bytes(140_000))


def its_credit(one: Side, other: Side) -> None:
    """The acceptor has consumed both messages, gives credit back, sends a message and ends its side."""
    exchange = other.session.exchanges[1]
    other.session.consumed(exchange, 7)
    other.session.consumed(exchange, 140_000)
    other.session.send(exchange, b'{"n":2}')


def half_an_end(one: Side, other: Side) -> None:
    """The dialer sends no more."""
    one.session.end(one.session.exchanges[1])


def the_end(one: Side, other: Side) -> None:
    """The acceptor sends one more message, and its END is the end of the stream."""
    other.session.send(other.session.exchanges[1], b"")
    other.session.end(other.session.exchanges[1])


def a_subscription(one: Side, other: Side) -> None:
    """The dialer subscribes with a queue."""
    one.session.open(Form.SUBSCRIBE, one.session.begin(Form.SUBSCRIBE, dict(TOPIC), 0), b"", "subscription")


def its_events(one: Side, other: Side) -> None:
    """Headers say that it is in force; two events follow."""
    other.session.note(1, {"Micro-Topic": "notes"})
    block, _ = other.session.refer(dict(DELIVERED))
    for sequence in (41, 42):
        extra = wire.block(("Micro-Id", f"e{sequence}"), ("Micro-Timestamp", "1700000000.000000"))
        other.session.deliver(other.session.exchanges[1], block, sequence, extra + b'{"a":1}', len(extra))


def the_acknowledgements(one: Side, other: Side) -> None:
    """One event is done with, the other one wanted again after 1.5 s; then the subscriber leaves."""
    exchange = one.session.exchanges[1]
    one.session.acknowledge(exchange, [41])
    one.session.want_again(exchange, 42, 1500)
    one.session.cancel(1)


def a_listener(one: Side, other: Side) -> None:
    """The dialer subscribes without a queue."""
    one.session.open(Form.SUBSCRIBE, one.session.begin(Form.SUBSCRIBE, dict(TOPIC[:1]), 0), b"", "subscription")


def events_together(one: Side, other: Side) -> None:
    """It is in force; three events follow that nobody keeps, in one frame."""
    other.session.note(1, {"Micro-Topic": "notes"})
    block, _ = other.session.refer(dict(DELIVERED))
    for body in (b'{"n":1}', b"", b'{"n":2}'):
        other.session.deliver(other.session.exchanges[1], block, 0, body)


def publishing_together(one: Side, other: Side) -> None:
    """The dialer publishes two events that want no answer, in one frame, and a large one in an OPEN."""
    block, _ = one.session.refer({"Micro-Topic": "notes", "Content-Type": "application/json"})
    for body in (b'{"n":3}', b'{"n":4}', bytes(32_768)):
        one.session.publish(block, body)


def a_ping(one: Side, other: Side) -> None:
    """The dialer asks for a sign of life."""
    one.session.ping()


def a_goodbye(one: Side, other: Side) -> None:
    """The acceptor is going away: what is open goes on, what is new is refused."""
    other.session.go_away("restarting")


def too_late(one: Side, other: Side) -> None:
    """The dialer did not wait, and calls all the same."""
    one.session.call(one.session.reached, one.session.begin(Form.CALL, dict(GREETER), 30_000), BODY)


Step = Callable[[Side, Side], None]
CONVERSATIONS: list[tuple[str, list[Step]]] = [
    ("calls", [greeting, a_call, its_answer, a_fault, the_fault, a_refusal, the_refusal, a_withdrawal, a_late_answer]),
    ("a stream", [greeting, a_stream, its_credit, half_an_end, the_end]),
    ("a subscription", [greeting, a_subscription, its_events, the_acknowledgements]),
    ("events together", [greeting, a_listener, events_together, publishing_together]),
    ("life and death", [greeting, a_ping, a_goodbye, too_late]),
]

GREETED_BOTH = wire.frame(wire.HELLO, 0, SAY_HELLO.replace(b"[1]", b"[1,2]")) + wire.define(0)
GREETED = wire.frame(wire.HELLO, 0, SAY_HELLO) + wire.define(0)
SPENT = GREETED + wire.opening(1, wire.STREAM) + wire.frame(wire.DATA, 1, bytes(262_144))
ONE = b"\x00\x00\x00\x01"
REFUSED: list[tuple[str, bytes, bytes]] = [
    ("the first frame is no HELLO", b"", wire.frame(wire.PING, 0, bytes(8))),
    ("the HELLO stands on an exchange", b"", wire.frame(wire.HELLO, 1, SAY_HELLO)),
    ("the HELLO is no JSON", b"", wire.frame(wire.HELLO, 0, b"hello")),
    ("the HELLO has no version in common", b"", wire.frame(wire.HELLO, 0, b'{"versions":[3,4]}')),
    (
        "the HELLO takes messages of less than 32,768 bytes",
        b"",
        wire.frame(wire.HELLO, 0, b'{"versions":[1],"message_bytes":1024}'),
    ),
    (
        "the HELLO has more than 4,096 bytes",
        b"",
        wire.frame(wire.HELLO, 0, b'{"versions":[1],"agent":"' + b"x" * 4096 + b'"}'),
    ),
    ("a second HELLO", GREETED, wire.frame(wire.HELLO, 0, SAY_HELLO)),
    ("a kind that no version has", GREETED_BOTH, wire.frame(17, 0)),
    ("EVENTS to a side that speaks version 1", GREETED, wire.events(0, b"x")),
    ("EVENTS without events", GREETED_BOTH, wire.events(0)),
    ("EVENTS cut short in their lengths", GREETED_BOTH, wire.frame(wire.EVENTS, 0, bytes.fromhex("0000000200"))),
    ("EVENTS whose lengths are too long", GREETED_BOTH, wire.frame(wire.EVENTS, 0, bytes.fromhex("00000001000278"))),
    (
        "EVENTS whose lengths are too short",
        GREETED_BOTH,
        wire.frame(wire.EVENTS, 0, bytes.fromhex("0000000100017878")),
    ),
    ("EVENTS with 1,025 events", GREETED_BOTH, wire.events(0, *[b""] * 1_025)),
    ("EVENTS of 32,769 bytes", GREETED_BOTH, wire.events(0, bytes(32_763))),
    ("EVENTS with a header block that was never defined", GREETED_BOTH, wire.events(0, b"x", known=9)),
    ("EVENTS from a subscriber", GREETED_BOTH + wire.opening(1, wire.SUBSCRIBE), wire.events(1, b"x")),
    ("a frame larger than this side takes", GREETED, (2**31).to_bytes(4, "big") + b"\x03\x00\x00\x00\x01"),
    ("header block 1024", GREETED, wire.define(1024)),
    ("a header block that cannot be read", GREETED, wire.frame(wire.DEFINE, 1, b"\x05Mic")),
    ("an OPEN cut short", GREETED, wire.frame(wire.OPEN, 1, bytes(8))),
    ("an OPEN with a header block that was never defined", GREETED, wire.opening(1, known=9)),
    ("an OPEN of form 5", GREETED, wire.opening(1, 5)),
    ("a call without a number", GREETED, wire.opening(0, wire.CALL)),
    ("an OPEN with a number of the other side", GREETED, wire.opening(2)),
    ("an OPEN with a number that is in use", GREETED + wire.opening(1), wire.opening(1)),
    ("extra headers longer than the frame", GREETED, wire.frame(wire.OPEN, 1, bytes.fromhex("010000000000000005"))),
    ("DATA on a call", GREETED + wire.opening(1), wire.frame(wire.DATA, 1)),
    ("DATA on exchange 0", GREETED, wire.frame(wire.DATA, 0)),
    ("a caller ends its own call", GREETED + wire.opening(1), wire.frame(wire.END, 1)),
    ("an END with a payload on a stream", GREETED + wire.opening(1, wire.STREAM), wire.frame(wire.END, 1, b"x")),
    ("a second END", GREETED + wire.opening(1, wire.STREAM) + wire.frame(wire.END, 1), wire.frame(wire.END, 1)),
    ("DATA after END", GREETED + wire.opening(1, wire.STREAM) + wire.frame(wire.END, 1), wire.frame(wire.DATA, 1)),
    (
        "DATA without credit",
        GREETED + wire.opening(1, wire.STREAM) + wire.frame(wire.DATA, 1, bytes(262_144)),
        wire.frame(wire.DATA, 1),
    ),
    ("the opener of a stream refuses it", GREETED + wire.opening(1, wire.STREAM), wire.frame(wire.REFUSED, 1, BUSY)),
    ("a subscriber sends END", GREETED + wire.opening(1, wire.SUBSCRIBE), wire.frame(wire.END, 1)),
    ("an EVENT from a subscriber", GREETED + wire.opening(1, wire.SUBSCRIBE), wire.event(1)),
    ("an ACK on a stream", GREETED + wire.opening(1, wire.STREAM), wire.frame(wire.ACK, 1, bytes(8))),
    ("an ACK without a sequence", GREETED + wire.opening(1, wire.SUBSCRIBE), wire.frame(wire.ACK, 1)),
    (
        "credit beyond the window",
        GREETED + wire.opening(1, wire.STREAM),
        wire.frame(wire.CREDIT, 1, b"\x00\x00\x00\x01"),
    ),
    ("a CANCEL with a payload", GREETED + wire.opening(1), wire.frame(wire.CANCEL, 1, b"x")),
    ("a PING of seven bytes", GREETED, wire.frame(wire.PING, 0, bytes(7))),
    ("a PING on an exchange", GREETED, wire.frame(wire.PING, 1, bytes(8))),
]


def plain(event: Event) -> dict[str, Any]:
    """Returns an event as JSON; bodies in hex, long ones by their length."""
    found: dict[str, Any] = {"event": type(event).__name__}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name == "owner" and isinstance(value, int):
            name = "number"
        elif name in ("owner", "hello", "size") or value is None:
            continue
        if isinstance(value, Exchange):
            value = value.number
        elif isinstance(value, Block):
            name, value = "headers", dict(value.headers)
        elif isinstance(value, Fault):
            value = value.to_dict()
        elif isinstance(value, Batch):
            name, value = "bodies", [body.hex() for body in value.bodies()]
        elif isinstance(value, bytes):
            name, value = ("body", value.hex()) if len(value) < 1000 else ("body_bytes", len(value))
        found[name] = value
    return found


def packed(data: bytes) -> Any:
    """Returns bytes in hex; a long run of zeros as `{"zeros": count}` between pieces of hex."""
    parts: list[Any] = []
    while data:
        stripped = data.lstrip(b"\0")
        zeros = len(data) - len(stripped)
        if zeros >= 1000:
            parts.append({"zeros": zeros})
            data = stripped
            continue
        place = data.find(bytes(1000))
        piece = data if place < 0 else data[:place]
        parts.append(piece.hex())
        data = data[len(piece) :]
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts


def unpacked(said: Any) -> bytes:
    """Returns the bytes that `packed` wrote."""
    parts = [said] if isinstance(said, str) else said
    return b"".join(bytes.fromhex(part) if isinstance(part, str) else bytes(part["zeros"]) for part in parts)


def frames() -> list[dict[str, Any]]:
    found = []
    for name, data in FRAMES:
        ((kind, number, payload),) = wire.frames(data)
        found.append({"name": name, "kind": kind, "exchange": number, "payload": payload.hex(), "hex": data.hex()})
    return found


def headers() -> list[dict[str, Any]]:
    return [{"name": name, "hex": data.hex(), "headers": found} for name, data, found in HEADERS]


def envelopes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, content, body, as_json in ENVELOPES:
        blob = envelope.encode(content, body, as_json=as_json)
        found.append({"name": name, "headers": content, "body": body.hex(), "hex": blob.hex()})
    return found + [{"name": name, "refused": True, "hex": blob.hex()} for name, blob in BAD_ENVELOPES]


def _crossing(speaker: Side, listener: Side, name: str) -> dict[str, Any] | None:
    data = wire.spoken(speaker.session)
    if not data:
        return None
    return {"from": name, "hex": packed(data), "heard": [plain(event) for event in listener.session.receive(data)]}


def conversation(steps: list[Step]) -> list[dict[str, Any]]:
    """Returns what crosses in both directions at each step, and what the side that hears it makes of it."""
    one, other = Side(dialed=True), Side(dialed=False)
    found = []
    for step in steps:
        step(one, other)
        crossed = []
        while one.session.output or other.session.output:
            both = [_crossing(one, other, "dialer"), _crossing(other, one, "acceptor")]
            crossed += [each for each in both if each is not None]
        found.append({"what": (step.__doc__ or "").strip(), "crossed": crossed})
    return found


def conversations() -> list[dict[str, Any]]:
    return [{"name": name, "steps": conversation(steps)} for name, steps in CONVERSATIONS]


def refused() -> list[dict[str, Any]]:
    return [{"rule": rule, "before": packed(before), "hex": packed(wrong)} for rule, before, wrong in REFUSED]


FILES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "frames.json": frames,
    "headers.json": headers,
    "envelopes.json": envelopes,
    "conversations.json": conversations,
    "refused.json": refused,
}


def text(name: str) -> str:
    """Returns what a file of vectors is to say."""
    return json.dumps(FILES[name](), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes all files again."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (FOLDER / name).write_text(text(name))
        print(f"wrote {FOLDER / name}")


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    main()
