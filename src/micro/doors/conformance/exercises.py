"""What a client is told to do, and what its node does meanwhile; each returns what the client must have seen."""

from __future__ import annotations

import json
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from micro.doors.conformance.check import Check, expect
from micro.doors.conformance.peer import Open, Peer
from micro.doors.conformance.wire import COST_BYTES, WINDOW_BYTES, Form, Kind, frame, headers

__all__ = ["EXERCISES", "Exercise"]

TOPIC: Final = "kit"
MESSAGES, MESSAGE_BYTES = 8, 100_000


@dataclass(frozen=True)
class Exercise(Check):
    """A check of a client.

    Attributes:
        task: what it is told.
    """

    task: dict[str, Any] = field(default_factory=dict)


def _call(endpoint: str, **more: Any) -> dict[str, Any]:
    return {"do": "call", "service": "kit", "endpoint": endpoint, "value": {"n": 1}, "seconds": 30, **more}


async def _asked(peer: Peer, endpoint: str, form: Form = Form.CALL) -> Open:
    came = await peer.opened()
    expect(came.form == form, f"an OPEN of form {came.form}, {int(form)} was wanted")
    expect(came.exchange % 2 == 1, f"exchange {came.exchange}; whoever made the link takes odd numbers")
    if form in (Form.CALL, Form.STREAM):
        named = came.headers.get("micro-service"), came.headers.get("micro-endpoint")
        expect(named == ("kit", endpoint), f"service and endpoint {named}")
    return came


async def calls(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Echo")
    expect(json.loads(came.body) == {"n": 1}, f"the body {came.body!r}")
    expect(0 < came.milliseconds <= 30_000, f"{came.milliseconds} ms; 30 s were to be waited")
    expect(came.headers.get("content-type", "").startswith("application/json"), f"{came.headers}")
    await peer.alive()
    await peer.say(Kind.END, came.exchange, b'{"result":"seen"}')
    return {"result": "seen"}


async def hears_in_pieces(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Echo")
    noted = frame(Kind.HEADERS, came.exchange, headers({"Content-Type": "application/json", "X-Unknown": "1"}))
    for byte in noted + frame(Kind.PING, 0, bytes(8)) + frame(Kind.END, came.exchange, b'{"result":1}'):
        await peer.send(bytes([byte]))
    await peer.take(Kind.PONG)
    return {"result": 1}


async def hears_faults(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Fail")
    await peer.fail(Kind.ERROR, came.exchange, 409, "it is there already")
    return {"code": 409, "refused": False}


async def hears_refusals(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Fail")
    await peer.fail(Kind.REFUSED, came.exchange, 429, "later")
    return {"code": 429, "refused": True}


async def reads_capital_keys(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Fail")
    await peer.say(Kind.ERROR, came.exchange, b'{"Id":"kit","Code":403,"Detail":"no","Status":"Forbidden"}')
    return {"code": 403, "refused": False}


async def reads_plain_faults(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Fail")
    await peer.say(Kind.ERROR, came.exchange, b"it broke")
    return {"code": 500, "refused": False}


async def gives_up(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Slow")
    expect(0 < came.milliseconds <= 300, f"{came.milliseconds} ms; 0.3 s were to be waited")
    await peer.take(Kind.CANCEL, exchange=came.exchange)
    await peer.say(Kind.END, came.exchange, b'{"result":"late"}')
    await peer.fail(Kind.ERROR, came.exchange, 500, "later still")
    await peer.alive()
    return {"code": 408, "refused": False}


async def streams(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Stream", Form.STREAM)
    expect(json.loads(came.body) == {"n": 1}, f"the parameters {came.body!r}")
    for wanted in ("a", "b"):
        data = await peer.take(Kind.DATA, Kind.END, exchange=came.exchange)
        expect(
            data.kind == Kind.DATA and json.loads(data.payload) == wanted, f"{Kind(data.kind).name} {data.payload!r}"
        )
        await peer.say(Kind.DATA, came.exchange, json.dumps(f"*{wanted}").encode())
    await peer.take(Kind.END, exchange=came.exchange)
    await peer.say(Kind.DATA, came.exchange, b'"still"')
    await peer.say(Kind.END, came.exchange)
    return ["*a", "*b", "still"]


async def heeds_credit(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Stream", Form.STREAM)
    window, owed = WINDOW_BYTES, 0
    for _ in range(MESSAGES):
        if window <= 0:
            await peer.alive()
            early = [each for each in peer.waiting(came.exchange) if each.kind == Kind.DATA]
            expect(not early, f"{len(early)} messages came without credit")
            await peer.say(Kind.CREDIT, came.exchange, struct.pack(">I", owed))
            window, owed = window + owed, 0
        data = await peer.take(Kind.DATA, exchange=came.exchange)
        window, owed = window - len(data.payload) - COST_BYTES, owed + len(data.payload) + COST_BYTES
    await peer.take(Kind.END, exchange=came.exchange)
    await peer.say(Kind.END, came.exchange)
    return []


async def gives_credit(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Stream", Form.STREAM)
    message, sent = json.dumps("x" * MESSAGE_BYTES).encode(), 0
    for _ in range(MESSAGES):
        await peer.credited(came.exchange, sent - WINDOW_BYTES + 1)
        await peer.say(Kind.DATA, came.exchange, message)
        sent += len(message) + COST_BYTES
    await peer.alive()
    given = peer.credit[came.exchange]
    expect(given <= sent, f"CREDIT of {given}, and {sent} were sent")
    await peer.say(Kind.END, came.exchange)
    return ["x" * MESSAGE_BYTES] * MESSAGES


async def hears_broken_streams(peer: Peer) -> Any:
    came = await _asked(peer, "Kit.Stream", Form.STREAM)
    await peer.say(Kind.DATA, came.exchange, b'"first"')
    await peer.fail(Kind.ERROR, came.exchange, 409, "it broke")
    return {"code": 409, "refused": False}


async def publishes(peer: Peer) -> Any:
    came = await _asked(peer, "", Form.PUBLISH)
    expect(came.headers.get("micro-topic") == TOPIC, f"Micro-Topic: {came.headers.get('micro-topic')}")
    expect(came.headers.get("micro-id") == "one", f"Micro-Id: {came.headers.get('micro-id')}")
    expect(json.loads(came.body) == {"n": 1}, f"the body {came.body!r}")
    await peer.say(Kind.END, came.exchange)
    return None


def _event(number: int, block: int, sequence: int, body: bytes, **extra: str) -> bytes:
    more = headers({name.replace("_", "-"): value for name, value in extra.items()})
    return frame(Kind.EVENT, number, struct.pack(">HQH", block, sequence, len(more)) + more + body)


async def acknowledges(peer: Peer) -> Any:
    came = await _asked(peer, "", Form.SUBSCRIBE)
    named = came.headers.get("micro-topic"), came.headers.get("micro-queue")
    expect(named == (TOPIC, "billing"), f"topic and queue {named}")
    await peer.say(Kind.HEADERS, came.exchange, headers({"Micro-Topic": TOPIC}))
    block = await peer.define({"Micro-Topic": TOPIC, "Content-Type": "application/json"})
    large = 2**53 + 1  # more than a number in JavaScript says exactly
    for sequence in (large, large + 2):
        await peer.send(_event(came.exchange, block, sequence, b"%d" % (sequence % 10), Micro_Id=str(sequence)))
    done = await peer.take(Kind.ACK, exchange=came.exchange)
    expect(done.payload == struct.pack(">Q", large), f"ACK of {done.payload.hex()}")
    again = await peer.take(Kind.NACK, exchange=came.exchange)
    expect(
        again.payload[:8] == struct.pack(">Q", large + 2) and len(again.payload) == 12, f"NACK {again.payload.hex()}"
    )
    await peer.take(Kind.CANCEL, exchange=came.exchange)
    return [large % 10, (large + 2) % 10]


async def listens(peer: Peer) -> Any:
    came = await _asked(peer, "", Form.SUBSCRIBE)
    expect("micro-queue" not in came.headers, f"a queue: {came.headers.get('micro-queue')}")
    await peer.say(Kind.HEADERS, came.exchange, headers({"Micro-Topic": TOPIC}))
    block = await peer.define({"Micro-Topic": TOPIC, "Content-Type": "application/json"})
    if 2 in peer.said.get("versions", []):
        bodies = (b"1", b"2")
        lengths = struct.pack(">HHHH", block, len(bodies), *map(len, bodies))
        await peer.say(Kind.EVENTS, came.exchange, lengths + b"".join(bodies))
    else:
        await peer.send(_event(came.exchange, block, 0, b"1") + _event(came.exchange, block, 0, b"2"))
    await peer.send(_event(came.exchange, block, 0, b"3"))
    await peer.take(Kind.CANCEL, exchange=came.exchange)
    return [1, 2, 3]


def _exercise(
    name: str, section: str, expected: str, task: dict[str, Any], play: Callable[[Peer], Awaitable[Any]]
) -> Exercise:
    return Exercise(f"client-{name}", section, expected, play, task)


_STREAM: Final = {"do": "stream", "service": "kit", "endpoint": "Kit.Stream", "value": {"n": 1}, "send": []}
_SUBSCRIBE: Final = {"do": "subscribe", "topic": TOPIC}

EXERCISES: tuple[Exercise, ...] = (
    _exercise("calls", "a-call", "an OPEN with service, endpoint, type, body and time", _call("Kit.Echo"), calls),
    _exercise(
        "pieces", "carriers", "an answer is read byte by byte, with a PING in it", _call("Kit.Echo"), hears_in_pieces
    ),
    _exercise("fault", "error", "an ERROR is a fault", _call("Kit.Fail"), hears_faults),
    _exercise("refusal", "refused", "a REFUSED says that nothing was done", _call("Kit.Fail"), hears_refusals),
    _exercise("capitals", "faults", "a fault's keys are read in either case", _call("Kit.Fail"), reads_capital_keys),
    _exercise(
        "plain-fault", "faults", "text that is no object is the detail of a 500", _call("Kit.Fail"), reads_plain_faults
    ),
    _exercise(
        "gives-up",
        "deadlines",
        "CANCEL when the time is over; a late answer is ignored",
        _call("Kit.Slow", seconds=0.3),
        gives_up,
    ),
    _exercise(
        "stream",
        "a-stream",
        "messages both ways, then END, then what still comes",
        {**_STREAM, "send": ["a", "b"]},
        streams,
    ),
    _exercise(
        "heeds-credit",
        "credit",
        "no message is sent without credit",
        {**_STREAM, "count": MESSAGES, "size": MESSAGE_BYTES},
        heeds_credit,
    ),
    _exercise("gives-credit", "credit", "what was taken up is given back, and no more", dict(_STREAM), gives_credit),
    _exercise("broken-stream", "a-stream", "an ERROR ends a stream", dict(_STREAM), hears_broken_streams),
    _exercise(
        "publish",
        "publish-and-subscribe",
        "an OPEN with topic and id",
        {"do": "publish", "topic": TOPIC, "value": {"n": 1}, "id": "one"},
        publishes,
    ),
    _exercise(
        "acknowledges",
        "ack",
        "ACK and NACK name sequences of 64 bits; CANCEL leaves",
        {**_SUBSCRIBE, "queue": "billing", "then": ["ack", "nack"]},
        acknowledges,
    ),
    _exercise(
        "listens",
        "events",
        "events alone and together, as its HELLO offers",
        {**_SUBSCRIBE, "then": ["take"] * 3},
        listens,
    ),
)
