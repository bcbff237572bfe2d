"""A cursor: how far a queue has come in a log.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

__all__ = ["Cursor"]


class Cursor(msgspec.Struct, frozen=True):
    """What is saved of an inbox: all up to `handed_out` are done, but for `unfinished` (sequence, attempts, error).

    `beyond` are done, too, although they come after `handed_out`: the queue went back to before them. It went back
    `rewinds` times; what was done before the last of these says nothing of what is done now.
    """

    handed_out: int
    unfinished: tuple[tuple[int, int, str], ...] = ()
    beyond: tuple[int, ...] = ()
    rewinds: int = 0

    def done_of(self, sequences: Iterable[int]) -> list[int]:
        """Returns those of the events that are done."""
        open_, beyond = {sequence for sequence, _, _ in self.unfinished}, set(self.beyond)
        return [
            sequence
            for sequence in sequences
            if sequence in beyond or (sequence <= self.handed_out and sequence not in open_)
        ]
