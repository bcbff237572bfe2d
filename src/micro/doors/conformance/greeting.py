"""What a link does by itself: greeting, frames, headers, rules that are broken, and its end."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Final

from micro.doors.conformance import vectors
from micro.doors.conformance.bench import Bench
from micro.doors.conformance.check import Check, expect
from micro.doors.conformance.peer import BEAT, called, fault_of
from micro.doors.conformance.wire import Form, Frame, Kind, frame, headers, split

__all__ = ["GREETING", "vector_checks"]

HELLO_MESSAGE_BYTES_MIN: Final = 32_768
LATE_NUMBERS: Final = (4_000_000_001, 4_000_000_002)
"""Of the dialer and of the acceptor: nobody opened these."""


async def greets(bench: Bench) -> None:
    peer = await bench.peer()
    said = peer.said
    versions = said.get("versions")
    expect(isinstance(versions, list) and 1 in versions, f"versions {versions}; 1 is what this kit speaks")
    size = said.get("message_bytes", 1_048_576)
    expect(isinstance(size, int) and size >= HELLO_MESSAGE_BYTES_MIN, f"message_bytes {size}")
    expect(len(json.dumps(said)) <= 4096, "more than 4,096 bytes")
    await peer.alive()


async def greets_unasked(bench: Bench) -> None:
    peer = await bench.silent()
    await peer.greeted()


async def ignores_unknown_fields(bench: Bench) -> None:
    peer = await bench.peer(colour="green", nested={"a": [1]})
    await peer.alive()


async def speaks_the_highest_version(bench: Bench) -> None:
    peer = await bench.peer(versions=[1, 60_000])
    await peer.alive()


async def takes_any_chunks(bench: Bench) -> None:
    peer = await bench.silent()
    hello = json.dumps({"versions": [1], "token": bench.token}).encode()
    for byte in frame(Kind.HELLO, 0, hello) + frame(Kind.PING, 0, BEAT):
        await peer.send(bytes([byte]))
    pong = await peer.take(Kind.PONG, exchange=0)
    expect(pong.payload == BEAT, f"a PONG with {pong.payload.hex()}, asked with {BEAT.hex()}")


async def ends_without_hello(bench: Bench) -> None:
    peer = await bench.silent()
    await peer.ended()


async def names_the_rule(bench: Bench) -> None:
    peer = await bench.peer()
    await peer.say(Kind.PING, 1, BEAT)
    fault = await peer.ended()
    expect(fault is not None and fault["code"] == 400 and bool(fault["detail"]), f"a GOAWAY with {fault}")


async def ignores_what_is_over(bench: Bench) -> None:
    peer = await bench.peer()
    for number in LATE_NUMBERS:
        for kind in (Kind.DATA, Kind.END, Kind.CANCEL):
            await peer.say(kind, number)
        await peer.fail(Kind.ERROR, number, 500, "late")
        await peer.say(Kind.CREDIT, number, b"\0\0\0\x01")
        await peer.say(Kind.ACK, number, bytes(8))
        await peer.say(Kind.HEADERS, number)
    await peer.alive()


async def refuses_unknown_services(bench: Bench) -> None:
    peer = await bench.peer()
    number = await peer.open(Form.CALL, called(bench.new_name(), "Kit.Call"), b"{}")
    came = await peer.take(Kind.END, Kind.ERROR, Kind.REFUSED, exchange=number)
    fault = fault_of(came.payload) if came.kind != Kind.END else {}
    expect(came.kind == Kind.REFUSED and fault.get("code") == 404, f"{Kind(came.kind).name} {fault}")


async def answers_by_any_block(bench: Bench) -> None:
    peer = await bench.peer()
    first = await peer.open(Form.CALL, called(bench.new_name(), "Kit.Call"), b"{}")
    second = await peer.open(Form.CALL, {}, b"{}", extra=called(bench.new_name(), "Kit.Call"))
    for number in (first, second):
        came = await peer.take(Kind.REFUSED, exchange=number)
        expect(fault_of(came.payload)["code"] == 404, f"{fault_of(came.payload)}")


async def goes_on_after_goaway(bench: Bench) -> None:
    peer = await bench.peer()
    number = await peer.open(Form.CALL, called(bench.new_name(), "Kit.Call"), b"{}")
    await peer.fail(Kind.GOAWAY, 0, 503, "no more from here")
    await peer.take(Kind.REFUSED, exchange=number)


GREETING = (
    Check("greets", "hello", "a HELLO of at most 4,096 bytes that offers version 1; then PING is answered", greets),
    Check("greets-unasked", "hello", "HELLO is said at once, without waiting for the other side's", greets_unasked),
    Check("unknown-fields", "versions", "fields of the HELLO that nobody knows are ignored", ignores_unknown_fields),
    Check("highest-version", "versions", "the highest version that both have is spoken", speaks_the_highest_version),
    Check("any-chunks", "carriers", "where a read ends means nothing: a byte at a time will do", takes_any_chunks),
    Check("no-hello", "hello", "a link without a HELLO ends after five seconds", ends_without_hello),
    Check("names-the-rule", "the-end", "a broken rule is named in a GOAWAY of code 400; the link ends", names_the_rule),
    Check("late-frames", "what-may-be-said-when", "frames about what is over are ignored", ignores_what_is_over),
    Check("unknown-service", "refused", "a service that is not there: REFUSED with 404", refuses_unknown_services),
    Check("extra-headers", "define", "headers count the same in a block and as extra ones", answers_by_any_block),
    Check("their-goaway", "the-end", "after the other side's GOAWAY what is open goes on", goes_on_after_goaway),
)


def _refusing(before: bytes, wrong: bytes) -> Callable[[Bench], Awaitable[None]]:
    async def run(bench: Bench) -> None:
        right = split(bytearray(before), len(before))
        has_opened = any(each.kind == Kind.OPEN for each in right)
        service = (await bench.sides()).service if has_opened else ""
        peer = await bench.silent()
        await peer.send(b"".join(_suited(each, bench, service) for each in right) + wrong)
        await peer.ended()

    return run


def _suited(each: Frame, bench: Bench, service: str) -> bytes:
    """Returns what stands before a mistake, so that what it opens is there and stays open: else the mistake is none."""
    payload = each.payload
    if each.kind == Kind.HELLO and bench.token:
        payload = json.dumps(json.loads(payload) | {"token": bench.token}).encode()
    elif each.kind == Kind.DEFINE and service:
        payload = headers(called(service, "Kit.Stream", Micro_Topic=bench.new_name()))
    return frame(each.kind, each.exchange, payload)


def _reading(block: bytes, *, good: bool) -> Callable[[Bench], Awaitable[None]]:
    async def run(bench: Bench) -> None:
        peer = await bench.peer()
        await peer.say(Kind.DEFINE, 7, block)
        if not good:
            await peer.ended()
            return
        await peer.alive()

    return run


def vector_checks() -> tuple[Check, ...]:
    """Returns a check for each vector of headers, and for each of what must be refused."""
    found = [
        Check(
            f"headers: {vector['name']}",
            "headers",
            "they are taken" if vector["headers"] is not None else "they are refused, and the link ends",
            _reading(bytes.fromhex(vector["hex"]), good=vector["headers"] is not None),
        )
        for vector in vectors.load("headers")
    ]
    found += [
        Check(
            f"refused: {vector['rule']}",
            "what-may-be-said-when" if vector["before"] else "hello",
            "it ends the link",
            _refusing(vectors.unpacked(vector["before"]), vectors.unpacked(vector["hex"])),
        )
        for vector in vectors.load("refused")
    ]
    return tuple(found)
