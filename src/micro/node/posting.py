"""The real `micro.ports.Post`: one request over HTTP or HTTPS, in a thread, so that the loop never waits."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from micro.errors import Unavailable

__all__ = ["post"]

STATUS_REDIRECT: Final = range(300, 400)


async def post(
    url: str, body: bytes, headers: Mapping[str, str], *, bytes_max: int, seconds_max: float
) -> tuple[int, bytes]:
    """Returns the status and the body of the answer; see `micro.ports.Post`."""
    connection: http.client.HTTPConnection | None = None
    try:
        connection = _connection(url, seconds_max)
        async with asyncio.timeout(seconds_max):
            return await asyncio.to_thread(_post, connection, url, body, dict(headers), bytes_max)
    except (OSError, http.client.HTTPException, ValueError) as error:
        place = urlsplit(url).netloc.rpartition("@")[2]
        raise Unavailable(f"{place} does not answer: {str(error) or type(error).__name__}") from error
    finally:
        held: socket.socket | None = connection.sock if connection is not None else None
        if held is not None:  # nobody waits any more, and the thread must not either
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)


def _connection(url: str, seconds_max: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=seconds_max, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=seconds_max)


def _post(
    connection: http.client.HTTPConnection, url: str, body: bytes, headers: dict[str, str], bytes_max: int
) -> tuple[int, bytes]:
    parts = urlsplit(url)
    try:
        connection.request("POST", f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers)
        with connection.getresponse() as answer:
            found = answer.read(bytes_max + 1)
            if len(found) > bytes_max:
                raise ValueError(f"it answers more than {bytes_max} bytes")
            if answer.status in STATUS_REDIRECT:
                raise ValueError(f"it sends us elsewhere ({answer.status}); name that place in the setting")
            return answer.status, found
    finally:
        connection.close()
