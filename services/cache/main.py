"""Keeps values for a while: each under a key, until it expires; and counts."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from micro import Context, Service, errors

KEY_BYTES_MAX = 256
VALUE_BYTES_MAX = 256 * 1024
EXPIRY_SECONDS_MAX = 366 * 86_400.0
COUNT_MAX = 2**53
"""Beyond it a reader of JSON may lose the last digits."""

PAGE_MAX = 1000
TOGETHER = 32
"""So many keys are deleted at once."""

TABLE = "values"

service = Service(
    "cache",
    version="1.0.0",
    description="Keeps values for a while, each under a key, and counts; each caller's own.",
    metadata={"tags": "cache, storage, expiry, counter, rate limit"},
    store="caller",
)


@dataclass
class Entry:
    """What was found under a key.

    Attributes:
        found: whether there is a value; a missing one is no error.
        value: the value, null where there is none.
        expires_in_seconds: how long it stays; 0 where it stays until it is deleted.
    """

    found: bool
    value: Any = None
    expires_in_seconds: float = 0.0


@dataclass
class _Kept:
    """A value as the store has it; `expires` is in seconds since 1970, 0 for never."""

    value: Any
    expires: float = 0.0


_changing: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()
"""One change of a value at a time, or two who count at once would count as one."""


@service.endpoint("Cache.Set", idempotent=True, examples=[{"key": "greeting", "value": "hello", "expiry_seconds": 60}])
async def set_value(context: Context, key: str, value: Any, expiry_seconds: float = 0.0) -> bool:
    """Keep a value under a key, instead of what was there.

    Wishes:
        store 42 under the key answer
        keep this value for ten minutes

    Args:
        key: its name, 1 to 256 bytes, such as `user/7/name`.
        value: any JSON, at most 256 KiB.
        expiry_seconds: after how long it is forgotten; 0 keeps it until it is deleted.

    Returns:
        True, once it is on disk.
    """
    _check_key(key)
    _check_expiry(expiry_seconds)
    async with _lock(context, key):
        await _write(context, key, _Kept(value, now() + expiry_seconds if expiry_seconds else 0.0))
    return True


@service.endpoint(idempotent=True, examples=[{"key": "greeting"}])
async def get(context: Context, key: str) -> Entry:
    """Get the value of a key.

    Wishes:
        what is the value of the key answer
        look up greeting in the cache

    Args:
        key: its name.
    """
    kept = await _read(context, key)
    if kept is None:
        return Entry(found=False)
    return Entry(found=True, value=kept.value, expires_in_seconds=round(_left(kept), 3))


@service.endpoint(examples=[{"key": "visits"}, {"key": "calls/ann", "expiry_seconds": 60}])
async def increment(context: Context, key: str, by: int = 1, expiry_seconds: float = 0.0) -> int:
    """Add to a counter. The first time makes it; from then on it expires when it was to expire.

    Wishes:
        count one up on the counter logins
        raise the counter by 3

    With `expiry_seconds` it counts what happens in a window of time, for instance to bound how often somebody may try.

    Args:
        key: the counter's name.
        by: how much to add; less than 0 takes away.
        expiry_seconds: after how long a new counter is forgotten; 0 keeps it until it is deleted.

    Returns:
        The new count.
    """
    _check_key(key)
    _check_expiry(expiry_seconds)
    async with _lock(context, key):
        kept = await _read(context, key) or _Kept(0, now() + expiry_seconds if expiry_seconds else 0.0)
        if not isinstance(kept.value, int) or isinstance(kept.value, bool):
            raise errors.Conflict(f"{key} holds something that is no whole number; delete it, or take another key")
        if abs(kept.value + by) > COUNT_MAX:
            raise errors.BadRequest(f"by: {key} would be beyond {COUNT_MAX}, the most that is counted")
        kept.value += by
        await _write(context, key, kept)
        return int(kept.value)


@service.endpoint(idempotent=True, examples=[{"key": "greeting"}])
async def delete(context: Context, key: str) -> bool:
    """Forget a key.

    Wishes:
        remove answer from the cache

    Args:
        key: its name.

    Returns:
        Whether it was there.
    """
    _check_key(key)
    async with _lock(context, key):
        return await context.store.delete(key, table=TABLE)


@service.endpoint(idempotent=True, examples=[{}, {"prefix": "user/", "limit": 10}])
async def keys(context: Context, prefix: str = "", limit: int = 100, offset: int = 0) -> list[str]:
    """List keys in order.

    Wishes:
        which keys are in the cache

    Args:
        prefix: only those that begin so.
        limit: how many at most, up to 1000.
        offset: how many to leave out at the beginning.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise errors.BadRequest(f"limit: expected 1 to {PAGE_MAX}, got {limit}")
    found: list[str] = []
    # A page of the store ends early where values are large.
    while len(found) < limit and (
        some := await context.store.list(prefix, limit - len(found), offset + len(found), table=TABLE)
    ):
        found += some
    return found


@service.endpoint(idempotent=True, examples=[{"prefix": "user/7/"}])
async def clear(context: Context, prefix: str) -> int:
    """Forget all keys that begin in the same way.

    Wishes:
        empty the cache for everything below user/

    Args:
        prefix: how they begin; empty forgets everything you have here.

    Returns:
        How many they were.
    """
    count = 0
    while some := await context.store.list(prefix, PAGE_MAX, table=TABLE):
        for at in range(0, len(some), TOGETHER):
            deleted = await asyncio.gather(
                *(context.store.delete(key, table=TABLE) for key in some[at : at + TOGETHER])
            )
            count += sum(deleted)
    return count


def now() -> float:
    """Returns the seconds since 1970."""
    return time.time()


def _lock(context: Context, key: str) -> asyncio.Lock:
    caller = context.caller
    return _changing.setdefault((caller.nid, caller.service, key), asyncio.Lock())


def _left(kept: _Kept) -> float:
    return max(0.0, kept.expires - now()) if kept.expires else 0.0


async def _read(context: Context, key: str) -> _Kept | None:
    _check_key(key)
    data = await context.store.read(key, table=TABLE)
    return None if data is None else msgspec.json.decode(data, type=_Kept)


async def _write(context: Context, key: str, kept: _Kept) -> None:
    data = msgspec.json.encode(kept)
    if len(data) > VALUE_BYTES_MAX:
        raise errors.TooLarge(f"value: {len(data):,} bytes exceed the limit of {VALUE_BYTES_MAX:,}; split it")
    if not kept.expires:
        await context.store.write(key, data, table=TABLE)
    elif left := _left(kept):
        await context.store.write(key, data, left, table=TABLE)


def _check_key(key: str) -> None:
    length = len(key.encode("utf-8", "surrogatepass"))
    if not 0 < length <= KEY_BYTES_MAX:
        raise errors.BadRequest(f"key: expected 1 to {KEY_BYTES_MAX} bytes, got {length}")


def _check_expiry(seconds: float) -> None:
    if not 0 <= seconds <= EXPIRY_SECONDS_MAX:
        raise errors.BadRequest(f"expiry_seconds: expected 0 to {EXPIRY_SECONDS_MAX:,.0f}, a year, got {seconds:g}")


if __name__ == "__main__":
    service.run()
