"""QR codes: the squares that a phone reads, as rows, and as lines of a terminal.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["square", "terminal_lines"]

QUIET: Final = 2
"""So many light modules are around a code in a terminal, where the screen's edge is far (ISO/IEC 18004 wants 4)."""

_BLOCKS: Final = {"00": "█", "01": "▀", "10": "▄", "11": " "}
"""Two modules, one over the other, of which the dark ones (1) stay as dark as the background."""


def square(text: str) -> list[str]:
    """Returns the QR code of a text: rows of `1`, which is dark, and `0`."""
    import segno

    code = segno.make(text, micro=False, error="m", boost_error=False)
    return ["".join("1" if module else "0" for module in row) for row in code.matrix]


def terminal_lines(rows: Sequence[str], *, colors: bool) -> list[str]:
    """Returns a code for a terminal, two rows in a line; with `colors` it is dark on light on any background."""
    empty = "0" * (len(rows[0]) + 2 * QUIET)
    framed = [empty] * QUIET + ["0" * QUIET + row + "0" * QUIET for row in rows] + [empty] * QUIET
    if len(framed) % 2:
        framed.append(empty)
    pairs = zip(framed[::2], framed[1::2], strict=True)
    lines = ["".join(_BLOCKS[above + below] for above, below in zip(*pair, strict=True)) for pair in pairs]
    return [f"\x1b[97;40m{line}\x1b[0m" if colors else line for line in lines]
