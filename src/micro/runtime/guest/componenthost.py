"""The functions of the interface `host` of `micro:service`, as code of the host, with the shapes of their values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from micro.mucp.headers import Headers
from micro.runtime.guest.abi import TEXT_BYTES_MAX, read_key
from micro.runtime.guest.host import Host
from micro.runtime.guest.values import BOOL, BYTES, MESSAGE, TEXT, TEXTS, U8, U32, Option, Result, Shape

__all__ = ["FUNCTIONS"]


def _message(lifted: Any) -> tuple[Headers, bytes]:
    header, body = lifted
    return Headers(header), body


def _key(text: str) -> str:
    return read_key(text.encode())


async def _call(host: Host, request: Any) -> bytes:
    return await host.call(*_message(request))


async def _publish(host: Host, event: Any) -> str:
    return await host.publish(*_message(event))


async def _config(host: Host, path: str) -> str | None:
    found = await host.config(_key(path))
    return None if found is None else found.decode()


def _log(host: Host, level: int, line: str) -> None:
    host.log(level, line[:TEXT_BYTES_MAX])


async def _store_read(host: Host, key: str) -> bytes | None:
    return await host.store_read(_key(key))


async def _store_write(host: Host, key: str, value: bytes, expiry_seconds: int) -> None:
    await host.store_write(_key(key), value, expiry_seconds)


async def _store_delete(host: Host, key: str) -> bool:
    return await host.store_delete(_key(key))


async def _store_list(host: Host, prefix: str, limit: int) -> list[str]:
    return await host.store_list(_key(prefix), limit)


async def _sleep(host: Host, milliseconds: int) -> None:
    await asyncio.sleep(milliseconds / 1000)


async def _stream_open(host: Host, request: Any) -> int:
    return await host.stream_open(*_message(request))


async def _stream_send(host: Host, number: int, body: bytes) -> None:
    await host.stream_send(number, body)


async def _stream_receive(host: Host, number: int) -> bytes | None:
    return await host.stream_receive(number)


async def _stream_end(host: Host, number: int) -> None:
    await host.stream_end(number)


async def _stream_close(host: Host, number: int) -> None:
    await host.stream_close(number)


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Shape, ...], Result | None]] = {
    "call": (_call, (MESSAGE,), Result(BYTES)),
    "publish": (_publish, (MESSAGE,), Result(TEXT)),
    "log": (_log, (U8, TEXT), None),
    "config": (_config, (TEXT,), Result(Option(TEXT))),
    "store-read": (_store_read, (TEXT,), Result(Option(BYTES))),
    "store-write": (_store_write, (TEXT, BYTES, U32), Result(None)),
    "store-delete": (_store_delete, (TEXT,), Result(BOOL)),
    "store-list": (_store_list, (TEXT, U32), Result(TEXTS)),
    "sleep": (_sleep, (U32,), None),
    "stream-open": (_stream_open, (MESSAGE,), Result(U32)),
    "stream-send": (_stream_send, (U32, BYTES), Result(None)),
    "stream-receive": (_stream_receive, (U32,), Result(Option(BYTES))),
    "stream-end": (_stream_end, (U32,), Result(None)),
    "stream-close": (_stream_close, (U32,), Result(None)),
}
"""The functions of the interface `host`: what does the work, what it takes, what it comes to."""
