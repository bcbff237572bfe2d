"""The trace of a world: everything that was delivered, in order, so that two runs can be compared to the byte."""

from __future__ import annotations

from collections import deque
from hashlib import blake2b

__all__ = ["Trace"]

LINES_KEPT = 400
SHOWN_BYTES = 24


class Trace:
    """A hash of all that happened, and the last of it in words.

    Attributes:
        lines: the last things that happened, for people.
        entries: how many there were.
    """

    def __init__(self) -> None:
        self.lines: deque[tuple[float, str, bytes]] = deque(maxlen=LINES_KEPT)
        self.entries = 0
        self._hash = blake2b(digest_size=16)

    def add(self, when: float, what: str, data: bytes = b"") -> None:
        """Takes note of something."""
        self.entries += 1
        self._hash.update(f"{when!r} {what} {len(data)} ".encode())
        self._hash.update(data)
        self.lines.append((when, what, data))

    @property
    def digest(self) -> str:
        """The hash of everything so far."""
        return self._hash.hexdigest()

    def tail(self, count: int = 40) -> str:
        """Returns the last lines, as text."""
        shown = list(self.lines)[-count:]
        return "\n".join(f"{when:12.6f} {what} {data[:SHOWN_BYTES].hex(' ')}".rstrip() for when, what, data in shown)
