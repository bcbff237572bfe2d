"""Cuts a stream of bytes into lines of text that are never longer than allowed.

Pure.
"""

from __future__ import annotations

__all__ = ["LineSplitter"]


class LineSplitter:
    """One stream's state: the line that has begun and not ended."""

    def __init__(self, line_bytes_max: int = 8192) -> None:
        """Of a line, `line_bytes_max` bytes are kept, and a mark says how much was cut."""
        self._line_bytes_max = line_bytes_max
        self._held = bytearray()
        self._cut = 0

    def feed(self, data: bytes) -> list[str]:
        """Returns the lines that `data` ends, without their ends."""
        lines: list[str] = []
        *ended, begun = data.split(b"\n")
        for part in ended:
            self._hold(part)
            lines.append(self._take())
        self._hold(begun)
        return lines

    def end(self) -> list[str]:
        """Returns the line that the stream's end leaves unfinished, if there is one."""
        return [self._take()] if self._held or self._cut else []

    def _hold(self, part: bytes) -> None:
        room = self._line_bytes_max - len(self._held)
        self._held += part[:room]
        self._cut += max(0, len(part) - room)

    def _take(self) -> str:
        text = self._held.decode("utf-8", "replace").rstrip("\r")
        if self._cut:
            text += f" […{self._cut} bytes cut]"
        self._held.clear()
        self._cut = 0
        return text
