"""What an implementation does with events: publishing, listening, queues."""

from __future__ import annotations

import struct
from typing import Final

from micro.doors.conformance.bench import Bench
from micro.doors.conformance.check import Check, Skipped, expect
from micro.doors.conformance.peer import JSON, Peer, fault_of
from micro.doors.conformance.wire import Form, Kind

__all__ = ["EVENTING"]

BODY: Final = b'{"n":1}'
Event = tuple[int, dict[str, str], bytes]


async def _publish(peer: Peer, topic: str, body: bytes, id: str = "") -> None:
    said = {"Micro-Topic": topic, "Content-Type": JSON}
    number = await peer.open(Form.PUBLISH, said, body, extra={"Micro-Id": id} if id else None)
    end = await peer.take(Kind.END, Kind.ERROR, Kind.REFUSED, exchange=number)
    if end.kind != Kind.END:
        _refused(fault_of(end.payload), is_refusal=end.kind == Kind.REFUSED)
    expect(end.payload == b"", f"the answer {end.payload!r}, it is empty")


def _refused(fault: dict[str, object], *, is_refusal: bool) -> None:
    if is_refusal and fault["code"] == 404:
        raise Skipped(f"no events are kept here: {fault['detail']}")
    if fault["code"] in (401, 403):
        raise Skipped(f"events are refused here: {fault['detail']}; show a token")
    expect(holds=False, seen=f"{fault}")


async def _subscribe(peer: Peer, topic: str, queue: str = "") -> int:
    said = {"Micro-Topic": topic, "Micro-Queue": queue} if queue else {"Micro-Topic": topic}
    number = await peer.open(Form.SUBSCRIBE, said)
    came = await peer.take(Kind.HEADERS, Kind.EVENT, Kind.EVENTS, Kind.ERROR, Kind.REFUSED, exchange=number)
    if came.kind in (Kind.ERROR, Kind.REFUSED):
        _refused(fault_of(came.payload), is_refusal=came.kind == Kind.REFUSED)
    expect(came.kind == Kind.HEADERS, f"{Kind(came.kind).name} before HEADERS said that it is in force")
    return number


async def _event(peer: Peer, number: int) -> Event:
    came = await peer.take(Kind.EVENT, Kind.EVENTS, exchange=number)
    if came.kind == Kind.EVENT:
        return peer.event(came.payload)
    found = peer.events(came.payload)
    expect(len(found) == 1, f"{len(found)} events, one was published")
    return found[0]


def _ack(sequence: int) -> bytes:
    return struct.pack(">Q", sequence)


async def is_on_disk(bench: Bench) -> None:
    peer, topic = await bench.peer(), bench.new_name()
    await _publish(peer, topic, BODY)


async def listens(bench: Bench) -> None:
    peer, topic = await bench.peer(), bench.new_name()
    number = await _subscribe(peer, topic)
    await _publish(peer, topic, BODY)
    _, headers, body = await _event(peer, number)
    expect(body == BODY, f"the body {body!r}")
    expect(headers.get("micro-topic") == topic, f"Micro-Topic: {headers.get('micro-topic')}")
    expect(headers.get("content-type") == JSON, f"Content-Type: {headers.get('content-type')}")
    expect(bool(headers.get("micro-caller")), "no Micro-Caller")


async def tells_without_an_answer(bench: Bench) -> None:
    peer, topic = await bench.peer(versions=[1]), bench.new_name()
    number = await _subscribe(peer, topic)
    block = await peer.define({"Micro-Topic": topic})
    await peer.send(b"\0\0\0\x0e\x02\0\0\0\0" + struct.pack(">BHIH", Form.PUBLISH, block, 0, 0) + b"quiet")
    came = await peer.take(Kind.EVENT, Kind.EVENTS, exchange=number)
    expect(came.kind == Kind.EVENT, "EVENTS to a side that speaks version 1")
    expect(peer.event(came.payload)[2] == b"quiet", f"the body {peer.event(came.payload)[2]!r}")


async def takes_many_at_once(bench: Bench) -> None:
    peer, topic = await bench.peer(), bench.new_name()
    if 2 not in peer.said.get("versions", []):
        raise Skipped("it speaks version 1 alone")
    number = await _subscribe(peer, topic)
    block, bodies = await peer.define({"Micro-Topic": topic}), (b"one", b"", b"three")
    await peer.say(Kind.EVENTS, 0, struct.pack(">HH3H", block, 3, *map(len, bodies)) + b"".join(bodies))
    found: list[bytes] = []
    while len(found) < len(bodies):
        came = await peer.take(Kind.EVENT, Kind.EVENTS, exchange=number)
        if came.kind == Kind.EVENT:
            found.append(peer.event(came.payload)[2])
        else:
            found += [body for _, _, body in peer.events(came.payload)]
    expect(tuple(found) == bodies, f"{found}")


async def keeps_for_a_queue(bench: Bench) -> None:
    peer, topic = await bench.peer(), bench.new_name()
    await _publish(peer, topic, BODY)
    number = await _subscribe(peer, topic, "kit")
    sequence, _, body = await _event(peer, number)
    expect(sequence > 0 and body == BODY, f"sequence {sequence}, body {body!r}")
    await peer.say(Kind.ACK, number, _ack(sequence))
    await peer.alive()


async def takes_an_id_once(bench: Bench) -> None:
    peer, topic = await bench.peer(), bench.new_name()
    number = await _subscribe(peer, topic, "kit")
    for id, body in (("one", b"1"), ("one", b"1"), ("two", b"2")):
        await _publish(peer, topic, body, id)
    found = [await _event(peer, number), await _event(peer, number)]
    ids = sorted(headers.get("micro-id", "") for _, headers, _ in found)
    expect(ids == ["one", "two"], f"the ids {ids}; one, one and two were published")


async def gives_again(bench: Bench) -> None:
    peer, topic = await bench.peer(), bench.new_name()
    number = await _subscribe(peer, topic, "kit")
    await _publish(peer, topic, BODY)
    sequence, first, _ = await _event(peer, number)
    expect("micro-attempt" not in first, f"Micro-Attempt: {first.get('micro-attempt')} on the first delivery")
    await peer.say(Kind.NACK, number, struct.pack(">QI", sequence, 0))
    _, second, body = await _event(peer, number)
    expect(body == BODY and second.get("micro-attempt") == "2", f"Micro-Attempt: {second.get('micro-attempt')}")


async def gives_to_the_next(bench: Bench) -> None:
    peer, topic = await bench.peer(), bench.new_name()
    number = await _subscribe(peer, topic, "kit")
    await _publish(peer, topic, BODY)
    await _event(peer, number)
    await peer.say(Kind.CANCEL, number)
    _, headers, body = await _event(peer, await _subscribe(peer, topic, "kit"))
    expect(body == BODY and headers.get("micro-attempt") == "2", f"Micro-Attempt: {headers.get('micro-attempt')}")


async def refuses_what_cannot_be(bench: Bench) -> None:
    peer = await bench.peer()
    number = await peer.open(Form.SUBSCRIBE, {"Micro-Topic": bench.new_name(), "Micro-Queue": "no queue is called so"})
    came = await peer.take(Kind.HEADERS, Kind.ERROR, Kind.REFUSED, exchange=number)
    expect(came.kind != Kind.HEADERS, "a queue with spaces in its name is in force")


EVENTING = (
    Check("publish", "publish-and-subscribe", "a publish with a number is answered by an empty END", is_on_disk),
    Check("listen", "publish-and-subscribe", "without a queue: events from now on, with their headers", listens),
    Check(
        "quiet-publish",
        "open",
        "a publish with number 0 reaches who listens, and is not answered",
        tells_without_an_answer,
    ),
    Check("events-together", "events", "EVENTS on exchange 0 are what as many publishes would be", takes_many_at_once),
    Check(
        "queue",
        "publish-and-subscribe",
        "a queue gets what was published before, to be acknowledged",
        keeps_for_a_queue,
    ),
    Check("same-id", "publish-and-subscribe", "the same id from the same publisher is one event", takes_an_id_once),
    Check("nack", "publish-and-subscribe", "NACK has the event come again, with Micro-Attempt 2", gives_again),
    Check(
        "next-member",
        "publish-and-subscribe",
        "what a member had when it left comes again at another",
        gives_to_the_next,
    ),
    Check(
        "impossible-queue",
        "publish-and-subscribe",
        "a queue without a possible name is refused at once",
        refuses_what_cannot_be,
    ),
)
