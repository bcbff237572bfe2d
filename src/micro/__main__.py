"""The command `micro`, also as `python -m micro`: what may be stopped with Ctrl-C before anything of it is loaded."""

from __future__ import annotations

import sys

__all__ = ["main"]

INTERRUPTED = 130
"""What a shell reports of a program that Ctrl-C stopped; `micro.doors.cli.ending` has it too, and is not loaded yet."""


def main() -> None:
    """Loads the command, runs it with the words it was started with, and ends the process."""
    try:
        from micro.doors.cli.main import main as begin

        begin()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
