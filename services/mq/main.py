"""Keeps queues of messages: pushed by one, taken by another, and gone when he says that he is done."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from micro import Context, Service, errors

QUEUES_MAX = 100
"""Queues of one caller."""

MESSAGES_MAX = 10_000
"""Messages of one queue, and as many dead ones."""

HELD_MAX = 1000
"""Messages of one queue that are taken or delayed at once."""

DELAYED_MAX = 500
"""No more can be delayed where so many are held, so that delayed ones never keep others from being taken."""

MESSAGE_BYTES_MAX = 256 * 1024
PAGE_MAX = 100
ATTEMPTS_MAX = 100
LEASE_SECONDS_MAX = 12 * 3600.0
DELAY_SECONDS_MAX = 30 * 86_400.0
WAIT_SECONDS_MAX = 30.0
LOOK_SECONDS = 1.0
"""So often one who waits looks for messages whose lease has ended; a new one wakes him at once."""

# A message is one record, so that every change of it is one write; its key is the queue and its id. That it is taken
# or delayed is a record beside it which expires by itself: no crash can keep a message from coming back.
MESSAGES, LEASES, DEAD, QUEUES = "messages", "leases", "dead", "queues"
QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
ID = re.compile(r"[0-9a-f]{24}")

service = Service(
    "mq",
    version="1.0.0",
    description="Keeps queues of messages: push, take, acknowledge; what is not done comes back. Each caller's own.",
    metadata={"tags": "queue, messages, work, jobs, storage"},
    store="caller",
)


@dataclass
class Message:
    """A message that was taken.

    Attributes:
        id: its name; ids of later messages sort behind.
        message: what was pushed.
        attempt: 1 for the first time that it was taken.
        receipt: to acknowledge it with; each time it is taken has another.
        pushed: when it was pushed, in ISO 8601.
    """

    id: str
    message: Any
    attempt: int
    receipt: str
    pushed: str


@dataclass
class Status:
    """How a queue is.

    Attributes:
        ready: messages that can be taken now.
        held: messages that are taken and not acknowledged, or delayed.
        dead: messages that were taken as often as they may and never acknowledged.
    """

    ready: int
    held: int
    dead: int


@dataclass
class _Kept:
    """A message as the store has it."""

    message: Any
    attempts_max: int
    pushed: str
    attempt: int = 0
    receipt: str = ""


Place = tuple[str, str, str]
_changing: WeakValueDictionary[Place, asyncio.Lock] = WeakValueDictionary()
"""One change of a queue at a time, or two who take at once would take the same."""

_bells: WeakValueDictionary[Place, asyncio.Event] = WeakValueDictionary()
"""Rung when something is pushed, for those who wait."""


@service.endpoint(examples=[{"queue": "mail", "message": {"to": "ann"}}])
async def push(context: Context, queue: str, message: Any, delay_seconds: float = 0.0, attempts_max: int = 5) -> str:
    """Put a message at the end of a queue; the first one makes the queue.

    Wishes:
        send a message to the queue mail
        enqueue hello in the queue mail

    Args:
        queue: its name: letters, digits, dots and dashes, at most 60.
        message: any JSON, at most 256 KiB.
        delay_seconds: after how long it may first be taken.
        attempts_max: how often it may be taken before it is dead, 1 to 100.

    Returns:
        The message's id, once it is on disk.
    """
    _check("delay_seconds", delay_seconds, 0, DELAY_SECONDS_MAX)
    _check("attempts_max", attempts_max, 1, ATTEMPTS_MAX)
    data = _encoded(_Kept(message, attempts_max, datetime.now(UTC).isoformat(timespec="milliseconds")))
    async with _lock(context, queue):
        if await context.store.read(queue, table=QUEUES) is None:
            if await context.store.list(limit=1, offset=QUEUES_MAX - 1, table=QUEUES):
                raise errors.TooManyRequests(f"you have {QUEUES_MAX} queues, the most that are kept; drop one first")
            await context.store.write(queue, b"", table=QUEUES, keys_max=QUEUES_MAX)
        if await context.store.list(f"{queue}/", limit=1, offset=MESSAGES_MAX - 1, table=MESSAGES):
            raise errors.TooManyRequests(f"{queue} has {MESSAGES_MAX} messages, the most it keeps; take some first")
        key = f"{queue}/{_new_id()}"
        if delay_seconds:
            if await context.store.list(f"{queue}/", limit=1, offset=DELAYED_MAX - 1, table=LEASES):
                raise errors.TooManyRequests(f"{DELAYED_MAX} messages of {queue} are held; push it without a delay")
            await context.store.write(key, b"", delay_seconds, table=LEASES)
        await context.store.write(key, data, table=MESSAGES, keys_max=MESSAGES_MAX, prefix=f"{queue}/")
    _ring(context, queue)
    return key.rpartition("/")[2]


@service.endpoint(examples=[{"queue": "mail"}, {"queue": "mail", "limit": 10, "wait_seconds": 20}])
async def take(
    context: Context, queue: str, limit: int = 1, lease_seconds: float = 30.0, wait_seconds: float = 0.0
) -> list[Message]:
    """Take the oldest messages. Nobody else gets them for a while; acknowledge them meanwhile, or they come back.

    Wishes:
        fetch the next message from the queue mail
        what is to be done next in the queue mail

    Args:
        queue: its name.
        limit: how many at most, up to 100.
        lease_seconds: for how long they are yours, 1 to 43200.
        wait_seconds: how long to wait for one where there is none, up to 30.

    Returns:
        The messages, none where there are none.
    """
    _check("limit", limit, 1, PAGE_MAX)
    _check("lease_seconds", lease_seconds, 1, LEASE_SECONDS_MAX)
    _check("wait_seconds", wait_seconds, 0, WAIT_SECONDS_MAX)
    bell = _bells.setdefault((context.caller.nid, context.caller.service, queue), asyncio.Event())
    end = time.monotonic() + wait_seconds
    while True:
        bell.clear()
        async with _lock(context, queue):
            taken = await _take(context, queue, limit, lease_seconds)
        left = end - time.monotonic()
        if taken or left <= 0:
            return taken
        with contextlib.suppress(TimeoutError):  # then it looks again for what came back
            await asyncio.wait_for(bell.wait(), min(left, LOOK_SECONDS))


@service.endpoint(idempotent=True, examples=[{"queue": "mail", "id": "0" * 24, "receipt": "5b1c9a7e0d3f4a62"}])
async def acknowledge(context: Context, queue: str, id: str, receipt: str) -> bool:
    """Say that you are done with a message: it is deleted.

    Wishes:
        I am done with this message

    Args:
        queue: its name.
        id: the message's id.
        receipt: what came with it when you took it.

    Returns:
        Whether it was still there.
    """
    async with _lock(context, queue):
        if await _read(context, queue, id, receipt) is None:
            return False
        await context.store.delete(f"{queue}/{id}", table=MESSAGES)
        await context.store.delete(f"{queue}/{id}", table=LEASES)
        return True


@service.endpoint(idempotent=True, examples=[{"queue": "mail", "id": "0" * 24, "receipt": "5b1c9a7e0d3f4a62"}])
async def release(context: Context, queue: str, id: str, receipt: str, delay_seconds: float = 0.0) -> bool:
    """Give a message back, or keep it for longer: it may be taken again after the delay, and not before.

    Wishes:
        give the message back to the queue

    Args:
        queue: its name.
        id: the message's id.
        receipt: what came with it when you took it.
        delay_seconds: after how long others may take it; 0 is at once.

    Returns:
        Whether it was still there.
    """
    _check("delay_seconds", delay_seconds, 0, DELAY_SECONDS_MAX)
    async with _lock(context, queue):
        if await _read(context, queue, id, receipt) is None:
            return False
        if delay_seconds:
            await context.store.write(f"{queue}/{id}", b"", delay_seconds, table=LEASES)
        else:
            await context.store.delete(f"{queue}/{id}", table=LEASES)
    _ring(context, queue)
    return True


@service.endpoint(idempotent=True, examples=[{"queue": "mail"}])
async def status(context: Context, queue: str) -> Status:
    """Tell how many messages a queue has.

    Wishes:
        how many messages are waiting in the queue mail
        is there something in the queue mail

    Args:
        queue: its name.
    """
    async with _lock(context, queue):
        messages, buried = [await _count(context, queue, table) for table in (MESSAGES, DEAD)]
        held = len(await context.store.list(f"{queue}/", limit=HELD_MAX, table=LEASES))
    return Status(max(0, messages - held), held, buried)


@service.endpoint(idempotent=True, examples=[{"queue": "mail"}])
async def dead(context: Context, queue: str, limit: int = 20) -> list[Message]:
    """Show messages that were taken as often as they may and never acknowledged, the oldest first.

    Wishes:
        which messages failed too often

    Args:
        queue: its name.
        limit: how many at most, up to 100.
    """
    _check("limit", limit, 1, PAGE_MAX)
    async with _lock(context, queue):
        return [_shown(key, kept) async for key, kept in _dead(context, queue, limit)]


@service.endpoint(idempotent=True, examples=[{"queue": "mail"}])
async def revive(context: Context, queue: str, limit: int = 100) -> int:
    """Put dead messages back into their queue, as if nobody had taken them, the oldest first.

    Wishes:
        try the dead messages again

    Args:
        queue: its name.
        limit: how many at most, up to 100.

    Returns:
        How many.
    """
    _check("limit", limit, 1, PAGE_MAX)
    count = 0  # it may be more than the queue should have: better than to lose one
    async with _lock(context, queue):
        async for key, kept in _dead(context, queue, limit):
            # Written before it is deleted: whatever happens in between, it is somewhere.
            again = _Kept(kept.message, kept.attempts_max, kept.pushed)
            await context.store.write(key, _encoded(again), table=MESSAGES)
            count += await context.store.delete(key, table=DEAD)
    _ring(context, queue)
    return count


@service.endpoint(idempotent=True, examples=[{}])
async def queues(context: Context) -> list[str]:
    """List the names of the queues there are.

    Wishes:
        list all queues
    """
    return await context.store.list(limit=QUEUES_MAX, table=QUEUES)


@service.endpoint(idempotent=True, examples=[{"queue": "mail"}])
async def drop(context: Context, queue: str) -> bool:
    """Drop a queue with all its messages, dead ones too.

    Wishes:
        delete the queue mail

    Args:
        queue: its name.

    Returns:
        Whether it was there.
    """
    async with _lock(context, queue):
        for table in (MESSAGES, DEAD, LEASES):
            while keys := await context.store.list(f"{queue}/", limit=PAGE_MAX, table=table):
                await asyncio.gather(*(context.store.delete(key, table=table) for key in keys))
        return await context.store.delete(queue, table=QUEUES)


async def _take(context: Context, queue: str, limit: int, lease_seconds: float) -> list[Message]:
    """Takes the first messages that nobody holds; those that were taken too often are buried on the way."""
    held = set(await context.store.list(f"{queue}/", limit=HELD_MAX, table=LEASES))
    if len(held) >= HELD_MAX:
        raise errors.TooManyRequests(f"{HELD_MAX} messages of {queue} are held, the most; acknowledge some first")
    limit = min(limit, HELD_MAX - len(held))
    taken: list[Message] = []
    passed = 0
    while len(taken) < limit:
        wanted = min(limit + len(held), HELD_MAX)
        keys = await context.store.list(f"{queue}/", limit=wanted, offset=passed, table=MESSAGES)
        if not keys:
            break
        passed += len(keys)
        for key in [key for key in keys if key not in held]:
            message = await _claim(context, key, lease_seconds) if len(taken) < limit else None
            taken += [message] if isinstance(message, Message) else []
            passed -= message is True
    return taken


async def _claim(context: Context, key: str, lease_seconds: float) -> Message | bool:
    """Takes one message, or tells whether it was buried; of two generations that want it one gets its lease."""
    with contextlib.suppress(errors.Conflict):
        await context.store.write(key, b"", lease_seconds, table=LEASES, if_version=0)
        entry = await context.store.entry(key, table=MESSAGES)
        kept = None if entry is None else msgspec.json.decode(entry.value, type=_Kept)
        if entry is None or kept is None or kept.attempt >= kept.attempts_max:
            buried = kept is not None and await _bury(context, key, kept)
            await context.store.delete(key, table=LEASES)
            return buried
        kept.attempt, kept.receipt = kept.attempt + 1, secrets.token_hex(8)
        await context.store.write(key, _encoded(kept), table=MESSAGES, if_version=entry.version)
        return _shown(key, kept)
    return False  # another one holds it, or acknowledged it late


async def _dead(context: Context, queue: str, limit: int) -> AsyncIterator[tuple[str, _Kept]]:
    for key in await context.store.list(f"{queue}/", limit=limit, table=DEAD):
        if data := await context.store.read(key, table=DEAD):
            yield key, msgspec.json.decode(data, type=_Kept)


async def _bury(context: Context, key: str, kept: _Kept) -> bool:
    """Moves a message to the dead ones, of which the oldest gives way where they are too many."""
    queue = key.partition("/")[0]
    if await context.store.list(f"{queue}/", limit=1, offset=MESSAGES_MAX - 1, table=DEAD):
        oldest = await context.store.list(f"{queue}/", limit=1, table=DEAD)
        await context.store.delete(oldest[0], table=DEAD)
    await context.store.write(key, msgspec.json.encode(kept), table=DEAD)
    return await context.store.delete(key, table=MESSAGES)


async def _count(context: Context, queue: str, table: str) -> int:
    """Counts keys by halves: whether there is a key at an offset costs next to nothing, and all values a lot."""
    least, most = 0, MESSAGES_MAX
    while least < most:
        middle = (least + most) // 2
        there = await context.store.list(f"{queue}/", limit=1, offset=middle, table=table)
        least, most = (middle + 1, most) if there else (least, middle)
    return least


async def _read(context: Context, queue: str, id: str, receipt: str) -> _Kept | None:
    """Returns a message that its taker speaks of, None where it is gone.

    Raises:
        Conflict: somebody else took it meanwhile.
    """
    data = await context.store.read(f"{queue}/{id}", table=MESSAGES) if ID.fullmatch(id) else None
    kept = None if data is None else msgspec.json.decode(data, type=_Kept)
    if kept is not None and not secrets.compare_digest(kept.receipt.encode(), receipt.encode("utf-8", "replace")):
        raise errors.Conflict("receipt: the message was taken again since, or never by you; take with a longer lease")
    return kept


def _encoded(kept: _Kept) -> bytes:
    data = msgspec.json.encode(kept)
    if len(data) > MESSAGE_BYTES_MAX:
        raise errors.TooLarge(f"message: {len(data):,} bytes exceed the limit of {MESSAGE_BYTES_MAX:,}; split it")
    return data


def _shown(key: str, kept: _Kept) -> Message:
    return Message(key.rpartition("/")[2], kept.message, kept.attempt, kept.receipt, kept.pushed)


def _ring(context: Context, queue: str) -> None:
    if bell := _bells.get((context.caller.nid, context.caller.service, queue)):
        bell.set()


def _lock(context: Context, queue: str) -> asyncio.Lock:
    if not QUEUE.fullmatch(queue):
        raise errors.BadRequest(f"queue: expected 1 to 60 letters, digits, dots and dashes, got {queue[:80]!r}")
    return _changing.setdefault((context.caller.nid, context.caller.service, queue), asyncio.Lock())


def _check(name: str, number: float, least: float, most: float) -> None:
    if not least <= number <= most:
        raise errors.BadRequest(f"{name}: expected {least:g} to {most:g}, got {number:g}")


def _new_id() -> str:
    """Returns an id that sorts behind all earlier ones: 64 bits of nanoseconds, then 32 of chance."""
    return f"{time.time_ns():016x}{secrets.token_hex(4)}"


if __name__ == "__main__":
    service.run()
