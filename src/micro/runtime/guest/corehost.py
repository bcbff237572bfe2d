"""The functions that a core guest imports from `micro`, as code of the host: numbers in, a number out.

A result of 0 or more is the length of what waits to be taken with `take`; a negative one is a fault's code with its
sign turned, and the fault's JSON waits. ABSENT is what has no value.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from micro.errors import BadRequest, Conflict, Fault
from micro.runtime.guest.abi import BODY_BYTES_MAX, MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, read_key, read_message, read_text
from micro.runtime.guest.fiber import Trapped
from micro.runtime.guest.host import Host
from micro.runtime.guest.memory import CoreRun

__all__ = ["ASKED", "MODULE", "TOLD", "outcome"]

MODULE = "micro"
ABSENT = -1
MESSAGE_MAX = MESSAGE_BYTES_MAX


def take(run: CoreRun, pointer: int) -> None:
    """Copies what waits into memory; it waits no more."""
    if run.mailbox is None:
        raise Trapped("it takes what is not there; each message can be taken once")
    mailbox, run.mailbox = run.mailbox, None
    run.write(pointer, mailbox)


def waiting(run: CoreRun) -> int:
    """Returns the length of what waits, -1 for nothing."""
    return ABSENT if run.mailbox is None else len(run.mailbox)


def answer(run: CoreRun, pointer: int, length: int) -> None:
    """Answers the exchange with a body."""
    if run.answer is not None:
        raise Trapped("it answers twice")
    run.answer = run.read(pointer, length, BODY_BYTES_MAX)


def fail(run: CoreRun, code: int, pointer: int, length: int) -> None:
    """Answers the exchange with a fault."""
    if run.answer is not None:
        raise Trapped("it answers twice")
    run.answer = (code, run.read(pointer, length, TEXT_BYTES_MAX))


def log(run: CoreRun, level: int, pointer: int, length: int) -> None:
    """Writes to the service's log; what is too long is cut."""
    if run.host is not None:
        run.host.log(level, read_text(run.read(pointer, min(length, TEXT_BYTES_MAX), TEXT_BYTES_MAX)))


def _host(run: CoreRun) -> Host:
    if run.host is None:
        raise Conflict("nothing can be asked of the host before the first exchange, and after the last")
    return run.host


async def _length(run: CoreRun, work: Awaitable[bytes | None]) -> int:
    found = await work
    return ABSENT if found is None else run.deliver(found)


def call(run: CoreRun, pointer: int, length: int) -> Awaitable[int]:
    return _length(run, _host(run).call(*read_message(run.read(pointer, length, MESSAGE_MAX))))


async def publish(run: CoreRun, pointer: int, length: int) -> int:
    id = await _host(run).publish(*read_message(run.read(pointer, length, MESSAGE_MAX)))
    return run.deliver(id.encode())


def config(run: CoreRun, pointer: int, length: int) -> Awaitable[int]:
    return _length(run, _host(run).config(_key(run, pointer, length)))


async def sleep(run: CoreRun, milliseconds: int) -> int:
    await asyncio.sleep(milliseconds / 1000)
    return 0


def store_read(run: CoreRun, pointer: int, length: int) -> Awaitable[int]:
    return _length(run, _host(run).store_read(_key(run, pointer, length)))


async def store_write(run: CoreRun, key: int, key_length: int, value: int, length: int, expiry: int) -> int:
    kept = run.read(value, length, BODY_BYTES_MAX)
    await _host(run).store_write(_key(run, key, key_length), kept, expiry)
    return 0


async def store_delete(run: CoreRun, pointer: int, length: int) -> int:
    return 0 if await _host(run).store_delete(_key(run, pointer, length)) else ABSENT


async def store_list(run: CoreRun, pointer: int, length: int, limit: int) -> int:
    return run.deliver(msgspec.json.encode(await _host(run).store_list(_key(run, pointer, length), limit)))


def stream_open(run: CoreRun, pointer: int, length: int) -> Awaitable[int]:
    return _host(run).stream_open(*read_message(run.read(pointer, length, MESSAGE_MAX)))


async def stream_send(run: CoreRun, number: int, pointer: int, length: int) -> int:
    await _host(run).stream_send(number, run.read(pointer, length, BODY_BYTES_MAX))
    return 0


async def stream_receive(run: CoreRun, number: int) -> int:
    found = await _host(run).stream_receive(number)
    if found is None:
        return ABSENT
    run.renew()
    return run.deliver(found)


async def stream_end(run: CoreRun, number: int) -> int:
    await _host(run).stream_end(number)
    return 0


async def stream_close(run: CoreRun, number: int) -> int:
    await _host(run).stream_close(number)
    return 0


def _key(run: CoreRun, pointer: int, length: int) -> str:
    return read_key(run.read(pointer, length, TEXT_BYTES_MAX + 1))


TOLD: dict[str, tuple[Callable[..., Any], int, bool]] = {
    "take": (take, 1, False),
    "answer": (answer, 2, False),
    "fail": (fail, 3, False),
    "log": (log, 3, False),
    "waiting": (waiting, 0, True),
}
"""Functions that are done at once: what does the work, how many numbers it takes, whether it returns one."""

ASKED: dict[str, tuple[Callable[..., Any], int]] = {
    "call": (call, 2),
    "publish": (publish, 2),
    "config": (config, 2),
    "sleep": (sleep, 1),
    "store_read": (store_read, 2),
    "store_write": (store_write, 5),
    "store_delete": (store_delete, 2),
    "store_list": (store_list, 3),
    "stream_open": (stream_open, 2),
    "stream_send": (stream_send, 3),
    "stream_receive": (stream_receive, 1),
    "stream_end": (stream_end, 1),
    "stream_close": (stream_close, 1),
}
"""Functions that suspend the guest: what does the work, and how many numbers it takes. All return a number."""


def outcome(run: CoreRun, value: Any) -> int:
    """Returns the number that stands for what a function came to.

    Raises:
        Trapped: it came to the end of the guest.
    """
    if isinstance(value, int):
        return value
    if isinstance(value, Fault):
        run.deliver(value.to_json().encode())
        return -value.code
    if isinstance(value, Trapped):
        raise value
    if isinstance(value, ValueError):  # a key or header that the house refuses before it is sent
        return outcome(run, BadRequest(str(value)))
    raise Trapped(f"its host failed: {type(value).__name__}")
