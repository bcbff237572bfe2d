"""Runs all tests as two halves side by side: those that compute, and those that wait for processes and wires.

The tests that compute give way (`nice`), so that no wait of the other half ends late because of them. What they print
comes first, for most of them are over soon; then what the other half printed in the meantime, and what it still prints.
A folder that is not listed here belongs to the half that waits, so that none is forgotten.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Final

COMPUTING: Final = ("tests/tidy", "tests/typing", "tests/unit", "tests/property", "tests/fuzz", "tests/world")
"""Folders of tests that keep one core busy and wait for next to nothing."""

LOOK_SECONDS: Final = 0.2
READ_BYTES: Final = 1_048_576
END_SECONDS: Final = 30.0
"""How long an interrupted half may tidy up."""


def main(options: Sequence[str]) -> int:
    """Runs both halves with the same options of pytest, and returns the exit status: 0 where both passed."""
    pytest = [sys.executable, "-m", "pytest", *options]
    others = [f"--ignore={folder}" for folder in COMPUTING]
    with tempfile.TemporaryFile() as printed:
        waiting = subprocess.Popen([*pytest, *others], stdout=printed, stderr=subprocess.STDOUT)
        try:
            # Without the cache, which both would write to.
            computing = ["nice", "-n", "19", *pytest, "-p", "no:cacheprovider", *COMPUTING]
            computed = subprocess.run(computing, check=False).returncode
            waited = follow(printed.fileno(), waiting)
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                waiting.wait(END_SECONDS)
            waiting.kill()
            waiting.wait()
    for half, status in (("compute", computed), ("wait", waited)):
        print(f"The tests that {half} {'passed' if status == 0 else f'FAILED: pytest ended with {status}'}.")
    return computed or waited


def follow(printed: int, process: subprocess.Popen[bytes]) -> int:
    """Prints a file from its beginning for as long as the process writes to it, and returns its exit status."""
    position = 0
    while True:
        status = process.poll()  # before the last look, so that nothing is missed
        while piece := os.pread(printed, READ_BYTES, position):  # the process owns the file's own position
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            position += len(piece)
        if status is not None:
            return status
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
