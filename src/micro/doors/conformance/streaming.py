"""What an implementation does with streams, and with their credit."""

from __future__ import annotations

import struct
from typing import Final

from micro.doors.conformance.bench import Bench
from micro.doors.conformance.check import Check, expect
from micro.doors.conformance.peer import fault_of
from micro.doors.conformance.wire import COST_BYTES, WINDOW_BYTES, Kind

__all__ = ["STREAMING"]

OVERDRAWN_BYTES: Final = 500_000


def _credit(count: int) -> bytes:
    return struct.pack(">I", count)


async def goes_both_ways(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.stream()
    for message in (b'{"n":1}', b"", b"\0\xff"):
        await sides.asking.say(Kind.DATA, number, message)
        there = await sides.serving.take(Kind.DATA, exchange=came.exchange)
        await sides.serving.say(Kind.DATA, came.exchange, there.payload)
        back = await sides.asking.take(Kind.DATA, exchange=number)
        expect(back.payload == message, f"{back.payload!r}, {message!r} was sent")


async def ends_by_halves(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.stream()
    await sides.asking.say(Kind.END, number)
    await sides.serving.take(Kind.END, exchange=came.exchange)
    await sides.serving.say(Kind.DATA, came.exchange, b"still")
    data = await sides.asking.take(Kind.DATA, Kind.END, exchange=number)
    expect(data.kind == Kind.DATA, "the stream was over once its opener had sent END")
    await sides.serving.say(Kind.END, came.exchange)
    await sides.asking.take(Kind.END, exchange=number)
    await sides.asking.alive()


async def ends_with_the_answerer(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.stream()
    await sides.serving.say(Kind.END, came.exchange)
    await sides.asking.take(Kind.END, exchange=number)
    await sides.asking.say(Kind.DATA, number, b"late")
    await sides.asking.say(Kind.END, number)
    await sides.asking.alive()


async def passes_faults(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.stream()
    await sides.serving.say(Kind.DATA, came.exchange, b"first")
    await sides.serving.fail(Kind.ERROR, came.exchange, 409, "it broke")
    await sides.asking.take(Kind.DATA, exchange=number)
    error = await sides.asking.take(Kind.ERROR, Kind.END, exchange=number)
    expect(error.kind == Kind.ERROR and fault_of(error.payload)["code"] == 409, f"{Kind(error.kind).name}")


async def withdraws(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.stream()
    await sides.asking.say(Kind.CANCEL, number)
    await sides.serving.take(Kind.CANCEL, exchange=came.exchange)
    await sides.serving.say(Kind.DATA, came.exchange, b"late")
    await sides.serving.alive()


async def gives_credit(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.stream()
    message = bytes(WINDOW_BYTES // 2 - COST_BYTES)
    for _ in range(2):  # the window is spent to its last byte
        await sides.asking.say(Kind.DATA, number, message)
        await sides.serving.take(Kind.DATA, exchange=came.exchange)
    await sides.asking.alive()
    early = sides.asking.credit[number]
    expect(early == 0, f"CREDIT of {early} before the service had given any")
    await sides.serving.say(Kind.CREDIT, came.exchange, _credit(WINDOW_BYTES))
    await sides.asking.credited(number, WINDOW_BYTES)
    await sides.asking.alive()
    given = sides.asking.credit[number]
    expect(given == WINDOW_BYTES, f"CREDIT of {given}; the service gave {WINDOW_BYTES}")
    await sides.asking.say(Kind.DATA, number, message)
    await sides.serving.take(Kind.DATA, exchange=came.exchange)


async def lets_a_window_be_overdrawn(bench: Bench) -> None:
    sides = await bench.sides()
    number, came = await sides.stream()
    await sides.serving.say(Kind.DATA, came.exchange, bytes(OVERDRAWN_BYTES))
    data = await sides.asking.take(Kind.DATA, Kind.ERROR, exchange=number)
    expect(data.kind == Kind.DATA and len(data.payload) == OVERDRAWN_BYTES, f"{Kind(data.kind).name}")


STREAMING = (
    Check("stream", "a-stream", "messages go in both directions, in order and as they are", goes_both_ways),
    Check("half-end", "a-stream", "the answerer may send after the opener's END", ends_by_halves),
    Check(
        "answerer-ends", "a-stream", "the answerer's END is the end; what crosses it is ignored", ends_with_the_answerer
    ),
    Check("stream-fault", "a-stream", "an ERROR comes after the messages that were sent before it", passes_faults),
    Check("stream-cancel", "a-stream", "a CANCEL arrives; messages that cross it are ignored", withdraws),
    Check("credit", "credit", "a node passes credit on, no more and no less than was given", gives_credit),
    Check("overdraft", "credit", "one message may overdraw a window that is positive", lets_a_window_be_overdrawn),
)
