"""What a service under test must do, as its node sees it: it comes and registers, is called, and told events."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Final

from micro.doors.conformance import peer
from micro.doors.conformance.check import Check, Differs, Skipped, expect
from micro.doors.conformance.hosting import MESSAGE_BYTES, SERVICE, Host, Line
from micro.doors.conformance.peer import called, fault_of
from micro.doors.conformance.wire import COST_BYTES, WINDOW_BYTES, Form, Kind, frame, headers, opening

__all__ = ["ARRIVING", "SERVING", "TOPIC"]

TOPIC: Final = "kit"
ENDPOINTS: Final = ("Echo", "Fail", "Wait", "Seen", "Chat", "Count", "Sum", "Publish")
AT_ONCE: Final = 20
LOOK_SECONDS: Final = 0.05
LONG_SECONDS: Final = 60
MESSAGES, TEXT_CHARACTERS = 8, 100_000
LARGE_CHARACTERS: Final = MESSAGE_BYTES + 1_000
LARGE_REQUEST_BYTES_MAX: Final = 1_048_576
EXCHANGES_TRIED_MAX: Final = 10_000
SEQUENCE: Final = 2**53 + 1
"""More than a number in JavaScript says exactly."""


async def _within(work: Awaitable[Any], what: str) -> Any:
    try:
        async with asyncio.timeout(peer.WAIT_SECONDS):
            return await work
    except TimeoutError:
        raise Differs(f"{what} within {peer.WAIT_SECONDS:g} s") from None


# -- how it comes ------------------------------------------------------------------------------------------------------


async def greets(host: Host) -> None:
    line = host.lines[0]
    await line.greeted()
    expect(line.first == Kind.HELLO, f"the first frame was {line.first}")
    versions = line.said.get("versions")
    expect(isinstance(versions, list) and 1 in versions, f"versions {versions}")
    shown = line.said.get("token", "")
    expect(not host.token or shown == host.token, "another token than that of MICRO_TOKEN" if shown else "no token")


async def registers(host: Host) -> None:
    registration = await _within(asyncio.shield(host.registered), "no Registry.Register")
    asked = registration.asked
    expect(asked.form == Form.CALL, f"an OPEN of form {asked.form}")
    expect(asked.exchange % 2 == 1, f"exchange {asked.exchange}; whoever made the link takes odd numbers")
    wish = json.loads(asked.body)
    expect(isinstance(wish.get("instance"), str) and wish["instance"] != "", f"instance {wish.get('instance')!r}")
    description = wish["description"]
    expect(description["name"] == SERVICE, f"the name {description['name']!r}; the kit calls {SERVICE!r}")
    known = {each["name"]: each.get("kind", "call") for each in description["endpoints"]}
    missing = [name for name in ENDPOINTS if f"Kit.{name}" not in known]
    expect(not missing, f"no {', '.join(missing)} among its endpoints, {', '.join(known)}")
    streams = {name for name, kind in known.items() if kind == "stream"}
    expect({"Kit.Chat", "Kit.Count", "Kit.Sum"} <= streams, f"as streams only {', '.join(sorted(streams)) or 'none'}")
    await registration.line.alive()


# -- calls -------------------------------------------------------------------------------------------------------------


async def answers(host: Host) -> None:
    value = {"text": "Grüße", "list": [1, None, True]}
    found = await host.line.result("Kit.Echo", {"value": value})
    expect(found == {"value": value}, f"{found}")


async def hears_in_pieces(host: Host) -> None:
    line = host.line
    block, number = await line.define(called(SERVICE, "Kit.Echo")), line.number()
    for byte in frame(Kind.PING, 0, bytes(8)) + opening(number, Form.CALL, block, b'{"value":1}'):
        await line.send(bytes([byte]))
    await line.take(Kind.PONG)
    came = await line.answer(number)
    expect(came.kind == Kind.END and json.loads(came.payload) == {"value": 1}, f"{came.payload[:200]!r}")


async def at_once(host: Host) -> None:
    line = host.line
    before = (await line.result("Kit.Seen", {}))["withdrawn"]
    slow = await line.ask("Kit.Wait", {"seconds": LONG_SECONDS})
    numbers = [await line.ask("Kit.Echo", {"value": number}) for number in range(AT_ONCE)]
    for value, number in enumerate(numbers):
        came = await line.answer(number)
        expect(json.loads(came.payload) == {"value": value}, f"call {value} was answered with {came.payload[:200]!r}")
    expect(not line.waiting(slow), f"what waits {LONG_SECONDS} s was answered before what need not wait")
    await line.say(Kind.CANCEL, slow)
    await _settled(line, before + 1)


async def reads_extra_headers(host: Host) -> None:
    line = host.line
    said = called(SERVICE, "Kit.Fail")
    extra = {"micro-ENDPOINT": "Kit.Echo", "X-Unknown": "1"}
    came = await line.answer(await line.open(Form.CALL, said, b'{"value":2}', extra=extra))
    expect(came.kind == Kind.END and json.loads(came.payload) == {"value": 2}, f"{came.payload[:200]!r}")


async def reads_blocks_anew(host: Host) -> None:
    line, block = host.line, 1_000
    for endpoint in ("Kit.Fail", "Kit.Echo"):
        await line.say(Kind.DEFINE, block, headers(called(SERVICE, endpoint)))
    number = line.number()
    await line.send(opening(number, Form.CALL, block, b'{"value":3}'))
    came = await line.answer(number)
    expect(came.kind == Kind.END and json.loads(came.payload) == {"value": 3}, f"{came.payload[:200]!r}")


async def fails(host: Host) -> None:
    line = host.line
    came = await line.answer(await line.ask("Kit.Fail", {"code": 409, "detail": "it is there already"}))
    expect(came.kind == Kind.ERROR, f"{Kind(came.kind).name}; its handler has run")
    found = fault_of(came.payload)
    expect((found["code"], found["detail"]) == (409, "it is there already"), f"{found}")


async def refuses_the_unknown(host: Host) -> None:
    line = host.line
    came = await line.answer(await line.ask("Kit.Nothing", {}))
    expect(came.kind == Kind.REFUSED, f"{Kind(came.kind).name}; nothing was done")
    expect(fault_of(came.payload)["code"] == 404, f"{fault_of(came.payload)}")


async def is_well(host: Host) -> None:
    line = host.line
    came = await line.answer(await line.ask("Debug.Health", {}))
    if came.kind == Kind.END:
        expect(json.loads(came.payload).get("status") == "ok", f"{came.payload[:200]!r}")
    else:
        expect(fault_of(came.payload)["code"] == 404, f"{fault_of(came.payload)}")


async def hears_withdrawals(host: Host) -> None:
    line = host.line
    before = (await line.result("Kit.Seen", {}))["withdrawn"]
    number = await line.ask("Kit.Wait", {"seconds": LONG_SECONDS})
    await line.alive()
    await line.say(Kind.CANCEL, number)
    await _withdrawn(line, before + 1)
    late = [Kind(each.kind).name for each in line.waiting(number)]
    expect(not late, f"{', '.join(late)} after CANCEL")


async def _withdrawn(line: Line, wanted: int) -> None:
    seen = await _settled(line, wanted)
    expect(seen == wanted, f"{seen} withdrawn, not {wanted}: it goes on for nobody")


async def _settled(line: Line, wanted: int) -> int:
    """Waits until so many were withdrawn, for as long as that may take, and returns how many were."""
    for _ in range(int(peer.WAIT_SECONDS / LOOK_SECONDS)):
        if (await line.result("Kit.Seen", {}))["withdrawn"] >= wanted:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return int((await line.result("Kit.Seen", {}))["withdrawn"])


async def bounds_answers(host: Host) -> None:
    line = host.line
    if int(line.said.get("message_bytes", 1_048_576)) < LARGE_CHARACTERS + 100:
        raise Skipped("its HELLO takes no request that is larger than what the kit takes as an answer")
    came = await line.answer(await line.ask("Kit.Echo", {"value": "x" * LARGE_CHARACTERS}))
    expect(came.kind == Kind.ERROR, f"{Kind(came.kind).name} of {len(came.payload)} bytes; {MESSAGE_BYTES} are taken")
    expect(fault_of(came.payload)["code"] == 413, f"{fault_of(came.payload)}")
    await line.alive()


async def takes_large_requests(host: Host) -> None:
    line = host.line
    size = int(line.said.get("message_bytes", 1_048_576))
    request = {"code": 409, "detail": "x" * (min(size, LARGE_REQUEST_BYTES_MAX) - 100)}
    came = await line.answer(await line.ask("Kit.Fail", request))
    expect(fault_of(came.payload)["code"] == 409, f"{fault_of(came.payload)}; its HELLO takes {size} bytes")


async def bounds_exchanges(host: Host) -> None:
    line = host.line
    most = int(line.said.get("exchanges", 256))
    if most > EXCHANGES_TRIED_MAX:
        raise Skipped(f"its HELLO takes {most} exchanges at once, and at most {EXCHANGES_TRIED_MAX} are tried")
    before = (await line.result("Kit.Seen", {}))["withdrawn"]
    numbers = [await line.ask("Kit.Wait", {"seconds": LONG_SECONDS}) for _ in range(most)]
    came = await line.answer(await line.ask("Kit.Echo", {"value": 1}))
    for number in numbers:
        await line.say(Kind.CANCEL, number)
    expect(came.kind == Kind.REFUSED and fault_of(came.payload)["code"] == 429, f"{came.payload[:200]!r}")
    await _settled(line, before + most)


# -- streams -----------------------------------------------------------------------------------------------------------


def _text(text: str) -> bytes:
    return json.dumps({"text": text}).encode()


async def chats(host: Host) -> None:
    line = host.line
    number = await line.ask("Kit.Chat", {}, form=Form.STREAM)
    for text in ("a", "b"):
        await line.say(Kind.DATA, number, _text(text))
        came = await line.take(Kind.DATA, Kind.END, Kind.ERROR, Kind.REFUSED, exchange=number)
        expect(came.kind == Kind.DATA, f"{Kind(came.kind).name} {came.payload[:200]!r}")
        expect(json.loads(came.payload) == {"text": text}, f"{came.payload[:200]!r}")
    await line.say(Kind.END, number)
    await line.take(Kind.END, exchange=number)


async def heeds_credit(host: Host) -> None:
    line = host.line
    number = await line.ask("Kit.Count", {"count": MESSAGES, "size": TEXT_CHARACTERS}, form=Form.STREAM)
    window, owed = WINDOW_BYTES, 0
    for _ in range(MESSAGES):
        if window <= 0:
            await line.alive()
            early = [each for each in line.waiting(number) if each.kind == Kind.DATA]
            expect(not early, f"{len(early)} messages came without credit")
            await line.say(Kind.CREDIT, number, struct.pack(">I", owed))
            window, owed = window + owed, 0
        data = await line.take(Kind.DATA, exchange=number)
        window, owed = window - len(data.payload) - COST_BYTES, owed + len(data.payload) + COST_BYTES
    await line.take(Kind.END, exchange=number)


async def gives_credit(host: Host) -> None:
    line = host.line
    number = await line.ask("Kit.Sum", {}, form=Form.STREAM)
    message, sent = _text("x" * TEXT_CHARACTERS), 0
    for _ in range(MESSAGES):
        await line.credited(number, sent - WINDOW_BYTES + 1)
        await line.say(Kind.DATA, number, message)
        sent += len(message) + COST_BYTES
    await line.say(Kind.END, number)
    came = await line.take(Kind.DATA, exchange=number)
    expect(json.loads(came.payload) == {"characters": MESSAGES * TEXT_CHARACTERS}, f"{came.payload[:200]!r}")
    await line.take(Kind.END, exchange=number)
    expect(line.credit[number] <= sent, f"CREDIT of {line.credit[number]}, and {sent} were sent")


async def stops_streams(host: Host) -> None:
    line = host.line
    before = (await line.result("Kit.Seen", {}))["withdrawn"]
    number = await line.ask("Kit.Count", {"count": 1_000_000, "size": 1_000}, form=Form.STREAM)
    await line.take(Kind.DATA, exchange=number)
    await line.say(Kind.CANCEL, number)
    await _withdrawn(line, before + 1)


async def survives_broken_streams(host: Host) -> None:
    line = host.line
    number = await line.ask("Kit.Sum", {}, form=Form.STREAM)
    await line.say(Kind.DATA, number, _text("first"))
    await line.fail(Kind.ERROR, number, 409, "it broke")
    await line.alive()
    expect((await line.result("Kit.Echo", {"value": 4})) == {"value": 4}, "no answer after that")


# -- events ------------------------------------------------------------------------------------------------------------


async def subscribes(host: Host) -> None:
    line, asked = await _within(host.subscriptions.get(), "no subscription")
    named = asked.headers.get("micro-topic"), asked.headers.get("micro-queue")
    expect(named == (TOPIC, "kit"), f"topic and queue {named}")
    block = await line.define({"Micro-Topic": TOPIC, "Content-Type": "application/json"})
    for number in (0, 2):
        body = json.dumps(number).encode()
        await line.say(Kind.EVENT, asked.exchange, struct.pack(">HQH", block, SEQUENCE + number, 0) + body)
    done: list[int] = []
    while len(done) < 2:
        came = await line.take(Kind.ACK, Kind.NACK, exchange=asked.exchange)
        expect(came.kind == Kind.ACK, f"NACK {came.payload.hex()}")
        done += struct.unpack(f">{len(came.payload) // 8}Q", came.payload)
    expect(sorted(done) == [SEQUENCE, SEQUENCE + 2], f"ACK of {done}")
    heard = (await host.line.result("Kit.Seen", {}))["heard"]
    expect(heard == [0, 2], f"it says that it heard {heard}")


async def publishes(host: Host) -> None:
    line = host.line
    number = await line.ask("Kit.Publish", {"topic": "kits", "id": "one", "value": {"n": 1}})
    other, came = await _within(host.published.get(), "no publish")
    named = came.headers.get("micro-topic"), came.headers.get("micro-id")
    expect(named == ("kits", "one"), f"topic and id {named}")
    expect(json.loads(came.body) == {"n": 1}, f"the body {came.body[:200]!r}")
    expect(came.exchange % 2 == 1, f"exchange {came.exchange}; 0 is not answered, and whoever dialled takes odd ones")
    await line.alive()
    expect(not line.waiting(number), "it answered before its event was on disk")
    await other.say(Kind.END, came.exchange)
    expect((await line.answer(number)).kind == Kind.END, "a fault, and the event was taken")


async def goes_away(host: Host) -> None:
    line = host.line
    number = await line.ask("Kit.Wait", {"seconds": 0.5})
    await line.say(Kind.GOAWAY, 0, b'{"id":"","code":503,"detail":"the node is stopping","status":""}')
    expect((await line.answer(number)).kind == Kind.END, "a call that was under way was not answered")


def _check(name: str, section: str, expected: str, run: Callable[[Host], Awaitable[None]]) -> Check:
    return Check(f"service-{name}", section, expected, run)


ARRIVING: tuple[Check, ...] = (
    _check("greets", "hello", "HELLO comes first, offers version 1, and shows the token", greets),
    _check("registers", "being-a-service", "Registry.Register with an instance and a description", registers),
)
SERVING: tuple[Check, ...] = (
    _check("answers", "a-call", "a call is answered with END", answers),
    _check("pieces", "carriers", "what comes byte by byte is read, with a PING in it", hears_in_pieces),
    _check("at-once", "exchanges", "a slow call holds up no other", at_once),
    _check("extra-headers", "define", "an extra header counts, in any case", reads_extra_headers),
    _check("blocks-anew", "define", "a block may be defined again", reads_blocks_anew),
    _check("fault", "error", "what a handler fails with is an ERROR with its code and detail", fails),
    _check("unknown", "being-a-service", "an endpoint that is not there is REFUSED with 404", refuses_the_unknown),
    _check("health", "being-a-service", "Debug.Health is ok, or 404", is_well),
    _check("withdrawn", "cancel", "after CANCEL the handler ends, and nothing is said", hears_withdrawals),
    _check("large-answer", "a-call", "an answer above the opener's message_bytes is ERROR 413", bounds_answers),
    _check("large-request", "hello", "a body of as many bytes as its HELLO takes is taken", takes_large_requests),
    _check("too-many", "hello", "more exchanges than its HELLO takes are REFUSED with 429", bounds_exchanges),
    _check("chat", "a-stream", "messages go both ways as they come, and both sides END", chats),
    _check("heeds-credit", "credit", "no message is sent without credit", heeds_credit),
    _check("gives-credit", "credit", "what was taken up is given back, and no more", gives_credit),
    _check("stream-withdrawn", "a-stream", "after CANCEL a stream's handler ends", stops_streams),
    _check(
        "broken-stream", "a-stream", "an ERROR of the opener ends its stream, and no other", survives_broken_streams
    ),
    _check("subscribes", "ack", "events are handled, and their sequences of 64 bits acknowledged", subscribes),
    _check("publishes", "publish-and-subscribe", "a durable publish is done with at its END", publishes),
    _check("goaway", "goaway", "what is under way is answered after GOAWAY", goes_away),
)
