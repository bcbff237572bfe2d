"""The host of one exchange: what a guest asks goes through the context that any handler has, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from micro.errors import BadRequest, Cancelled, Conflict, LinkClosed, NoNode, NotFound, TooManyRequests, Unavailable
from micro.mucp import headers as names
from micro.mucp.headers import Headers
from micro.runtime.guest.abi import OURS, check_body, target_of
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import STREAM
from micro.service.context import Context
from micro.service.stream import RawStream

__all__ = ["ContextHost", "DescribingHost", "Log"]

Value = TypeVar("Value")
Log = Callable[[int, str], None]
"""Takes a line of a guest's, with its level."""

KEYS_MAX = 1_000


class DescribingHost:
    """The host of a guest that only says what it is: it takes lines, and gives nothing."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def refused(*given: object) -> None:
            raise Conflict(f"{name} belongs into an exchange: a guest that describes itself asks nothing of its host")

        return refused


class _Open:
    """A stream, and what comes on it."""

    def __init__(self, raw: RawStream) -> None:
        self.raw = raw
        self.messages: AsyncIterator[bytes] = raw.messages()


class ContextHost:
    """`Host` of one exchange.

    Args:
        context: of the exchange.
        log: takes lines.
        grant: what the guest may use.
        stream: the exchange itself, where it is a stream.
    """

    def __init__(self, context: Context, log: Log, grant: Grant, stream: RawStream | None = None) -> None:
        self.log = log
        self._context = context
        self._grant = grant
        self._streams: dict[int, _Open] = {} if stream is None else {STREAM: _Open(stream)}
        self._opened = 0
        self._asked: asyncio.Future[Any] | None = None
        self._given_up = False

    # -- asking -----------------------------------------------------------------------------------------------------

    async def call(self, headers: Headers, body: bytes) -> bytes:
        service, endpoint, content_type, more = target_of(headers)
        work = self._context.client.call_raw(service, endpoint, body, content_type=content_type, headers=more or None)
        return check_body(await self._ask(work))

    async def publish(self, headers: Headers, body: bytes) -> str:
        topic = headers.get(names.TOPIC, "")
        if not topic:
            raise BadRequest(f"an event says its {names.TOPIC}; this one does not")
        more = {name: value for name, value in headers.items() if name not in OURS}
        work = self._context.client.publish_raw(
            topic,
            body,
            content_type=headers.get(names.CONTENT_TYPE, "application/json"),
            id=headers.get(names.ID),
            headers=more or None,
        )
        return await self._ask(work)

    async def config(self, path: str) -> bytes | None:
        absent = object()
        found = await self._ask(self._context.config.get(path, absent))
        return None if found is absent else msgspec.json.encode(found)

    async def store_read(self, key: str) -> bytes | None:
        return await self._ask(self._context.store.read(key))

    async def store_write(self, key: str, value: bytes, expiry_seconds: int) -> None:
        await self._ask(self._context.store.write(key, value, expiry_seconds or None))

    async def store_delete(self, key: str) -> bool:
        return await self._ask(self._context.store.delete(key))

    async def store_list(self, prefix: str, limit: int) -> list[str]:
        return await self._ask(self._context.store.list(prefix, min(limit, KEYS_MAX)))

    async def _ask(self, work: Awaitable[Value]) -> Value:
        """Waits for what the guest asked, as long as somebody waits for the guest."""
        asked: asyncio.Future[Value] = asyncio.ensure_future(work)
        self._asked = asked
        try:
            if self._given_up:
                asked.cancel()
            return await asked
        except asyncio.CancelledError:
            if self._given_up:
                raise Cancelled("nobody waits for this exchange any longer") from None
            asked.cancel()
            raise
        except (LinkClosed, NoNode) as error:
            raise Unavailable(f"outcome unknown: {error}") from error
        finally:
            self._asked = None

    def give_up(self) -> None:
        """Has whatever the guest asks fail from now on: a guest that keeps its state ends the exchange by itself."""
        self._given_up = True
        if self._asked is not None:
            self._asked.cancel()

    # -- streams ----------------------------------------------------------------------------------------------------

    async def stream_open(self, headers: Headers, body: bytes) -> int:
        if len(self._streams) > self._grant.streams:
            raise TooManyRequests(f"an exchange has at most {self._grant.streams} streams open; close one")
        service, endpoint, content_type, more = target_of(headers)
        work = self._context.client.stream_raw(service, endpoint, body, content_type=content_type, headers=more or None)
        stream = await self._ask(work)
        self._opened += 1
        self._streams[self._opened] = _Open(stream)
        return self._opened

    async def stream_send(self, number: int, body: bytes) -> None:
        await self._ask(self._stream(number).raw.send(body))

    async def stream_receive(self, number: int) -> bytes | None:
        return await self._ask(_next(self._stream(number).messages))

    async def stream_end(self, number: int) -> None:
        await self._stream(number).raw.end()

    async def stream_close(self, number: int) -> None:
        if number == STREAM:
            raise BadRequest("the exchange itself ends when its guest returns; stream_end says that no more is sent")
        self._stream(number).raw.cancel()
        del self._streams[number]

    def _stream(self, number: int) -> _Open:
        found = self._streams.get(number)
        if found is None:
            raise NotFound(f"this exchange has no open stream {number}")
        return found

    def close(self) -> None:
        """Withdraws from what the guest left open; the exchange itself is its server's to end."""
        for number, stream in self._streams.items():
            if number != STREAM:
                stream.raw.cancel()
        self._streams.clear()


async def _next(messages: AsyncIterator[bytes]) -> bytes | None:
    return await anext(messages, None)
