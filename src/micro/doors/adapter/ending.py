"""How a program ended, in words.

Pure.
"""

from __future__ import annotations

import signal

__all__ = ["told_end"]

SHELL_SIGNAL = 128
"""What a shell, or a sandbox that speaks like one, adds to the number of the signal that ended a program."""


def told_end(code: int) -> str:
    """Returns how a program ended, as the end of a sentence: by which code, or by which signal (negative codes)."""
    try:
        if code < 0:
            return f"was ended by the signal {signal.Signals(-code).name}"
        if code > SHELL_SIGNAL:
            return (
                f"ended with code {code}, as one does that the signal {signal.Signals(code - SHELL_SIGNAL).name} ends"
            )
    except ValueError:  # no such signal here
        pass
    return f"ended with code {code}"
