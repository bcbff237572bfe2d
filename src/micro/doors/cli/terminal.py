"""What is on the other side of the standard streams: its width, its colours, and a sign that something is under way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from micro.doors.cli.output import clean

if TYPE_CHECKING:
    import asyncio

__all__ = ["SIGN", "Unread", "colorful", "note", "paint", "say", "say_bytes", "spinning", "width"]

SPIN_AFTER_SECONDS = 1.0
SPIN_EVERY_SECONDS = 0.1
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
CLEAR_LINE = "\r\x1b[K"
STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def colorful(stream: IO[str]) -> bool:
    """Returns whether colours are wanted there: on a terminal, unless NO_COLOR or TERM says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str, stream: IO[str]) -> str:
    """Returns the text in a style where colours are wanted, else as it is."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if text and colorful(stream) else text


def width() -> int | None:
    """Returns how many characters a line of the standard output has, or None where it is no terminal."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


class Unread(Exception):
    """Whoever read our output has enough of it."""


def say(text: str) -> None:
    """Writes a result to the standard output, at once.

    Raises:
        Unread: nobody reads it any more.
    """
    SIGN.wipe()
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise Unread from None


def say_bytes(data: bytes) -> None:
    """Writes a result in bytes; a terminal gets text only."""
    if sys.stdout.isatty():
        try:
            say(clean(data.decode()))
        except UnicodeDecodeError:
            note(f"{len(data)} bytes that are no text; write them to a file: … > FILE")
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise Unread from None


def note(text: str) -> None:
    """Writes what is no result to the standard error, in place of a sign of life that may stand there."""
    SIGN.wipe()
    print(text, file=sys.stderr, flush=True)


class Sign:
    """The sign of life that may stand on the terminal's line; there is one terminal, so there is one sign."""

    def __init__(self) -> None:
        self._shown = False

    def show(self, text: str) -> None:
        """Writes it in place of the one before."""
        sys.stderr.write(f"{CLEAR_LINE}{text}")
        sys.stderr.flush()
        self._shown = True

    def wipe(self) -> None:
        """Takes it away, so that something else can be written."""
        if self._shown:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()
            self._shown = False


SIGN = Sign()


@contextmanager
def spinning(loop: asyncio.AbstractEventLoop, text: str) -> Iterator[None]:
    """Shows, after a second and on a terminal only, that something is still under way."""
    if not text or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    handle: asyncio.TimerHandle | None = None
    started = loop.time()

    def turn() -> None:
        nonlocal handle
        seconds = loop.time() - started
        SIGN.show(f"{FRAMES[int(seconds / SPIN_EVERY_SECONDS) % len(FRAMES)]} {text} {seconds:.0f} s")
        handle = loop.call_later(SPIN_EVERY_SECONDS, turn)

    handle = loop.call_later(SPIN_AFTER_SECONDS, turn)
    try:
        yield
    finally:
        handle.cancel()
        SIGN.wipe()
