"""Where bodies come from: typed, from a file after `@`, or from the standard input for `-`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from micro.doors.cli.ending import Usage
from micro.doors.cli.values import parse_json
from micro.errors import TooLarge
from micro.mucp.limits import Limits

__all__ = ["BODY_BYTES_MAX", "json_body", "lines_typed", "read_bytes", "read_named"]

BODY_BYTES_MAX = Limits().message_bytes
"""More than this no message carries, so it is refused before anything is sent."""

LINE_BYTES_MAX = 16 * 1024 * 1024
LINES_WAITING_MAX = 64
READ_BYTES = 65_536


def read_named(name: str) -> bytes:
    """Returns the content of a file, or of the standard input for `-`.

    Raises:
        Usage: there is no such file.
        TooLarge: it is larger than `BODY_BYTES_MAX`.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(BODY_BYTES_MAX + 1)
        else:
            with Path(name).expanduser().open("rb") as file:
                data = file.read(BODY_BYTES_MAX + 1)
    except OSError as error:
        raise Usage(f"{name} cannot be read: {error.strerror or error}") from error
    if len(data) > BODY_BYTES_MAX:
        what = "the standard input" if name == "-" else name
        limit = f"{BODY_BYTES_MAX:,} bytes, which is the most that a message carries"
        raise TooLarge(f"{what} is larger than {limit}; send it in parts", id=what)
    return data


def read_bytes(text: str) -> bytes:
    """Returns the bytes that a word stands for: itself, or what `-` and `@FILE` name."""
    if text == "-":
        return read_named("-")
    return read_named(text[1:]) if text.startswith("@") else text.encode()


def json_body(text: str, *, what: str = "the request") -> bytes:
    """Returns the bytes that a word stands for, checked to be JSON.

    Raises:
        Usage: it is no JSON.
        TooLarge: as `read_named`.
    """
    data = read_bytes(text)
    try:
        parse_json(data.decode())
    except ValueError as error:
        raise Usage(
            f"{what} is given as JSON, '{{…}}', as - for the standard input or as @FILE, and {error}"
        ) from error
    return data


async def lines_typed() -> AsyncIterator[bytes]:
    """Yields the lines of the standard input as they come, without their ends; empty ones are left out.

    A thread reads them, because not every standard input can be waited for. It is left behind when the command ends, so
    it reads without Python's own buffer, whose lock it would hold at the end.
    """
    import threading

    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(LINES_WAITING_MAX)

    def read() -> None:
        try:
            for line in _lines(sys.stdin.fileno()):
                room.acquire()
                loop.call_soon_threadsafe(queue.put_nowait, line)
            loop.call_soon_threadsafe(queue.put_nowait, b"")
        except (RuntimeError, OSError, ValueError):
            return  # the loop has ended, and with it the wish for more

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while line := await queue.get():
        room.release()
        yield line


def _lines(source: int) -> Iterator[bytes]:
    """Yields the lines of a file descriptor that are not empty, the last one with or without its end."""
    rest = b""
    while data := os.read(source, READ_BYTES):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.rstrip(b"\r") for line in lines if line.strip())
        if len(rest) > LINE_BYTES_MAX:
            yield rest  # too long for any service, which says so better
            rest = b""
    if rest.strip():
        yield rest.rstrip(b"\r")
