"""Asks a relay whether it lives, as iroh's own clients do when they measure it: by HTTP, without a key."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Final
from urllib.parse import urlsplit

__all__ = ["answers"]

PORTS: Final = {"http": 80, "https": 443}

LINE_BYTES_MAX: Final = 1_024
"""So much of an answer is looked at; its first line says all."""

_ALIVE = re.compile(rb"HTTP/1\.[01] 2\d\d ")


async def answers(relay: str, *, timeout_seconds: float) -> bool:
    """Says whether a relay answers in time.

    Args:
        relay: its URL, in its one spelling.
        timeout_seconds: for everything together.
    """
    where = urlsplit(relay)
    assert where.hostname is not None
    port = where.port or PORTS[where.scheme]
    request = f"GET /ping HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n"
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(
                where.hostname, port, ssl=where.scheme == "https", limit=LINE_BYTES_MAX
            )
            writer.write(request.encode())
            return _ALIVE.match(await reader.readline()) is not None
    except (OSError, TimeoutError, ValueError):  # a line that is too long is a ValueError
        return False
    finally:
        if writer is not None:
            with contextlib.suppress(OSError):
                writer.transport.abort()
