"""Runs all tests in four parts side by side: those that compute, those that simulate, those of networks, all others.

Tests of networks and of processes wait most of their time, so that one core would idle. Those that compute fill it, and
give way (`nice`), so that no wait of the others ends late because of them; those that simulate wait for nothing real,
and give way to these too. They are two parts because they end last, and each part is one core's. What the first part
prints comes as it is printed, for its tests are the fast ones; then what the others printed in the meantime, and what
they still print. A folder that is listed nowhere belongs to the last part, so that none is forgotten.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

COMPUTING: Final = ("tests/tidy", "tests/typing", "tests/unit")
"""Folders of tests that keep one core busy and wait for next to nothing."""
SIMULATING: Final = ("tests/property", "tests/fuzz", "tests/world")
"""Folders of tests that keep one core busy and wait for nothing."""
NETWORK: Final = ("tests/network",)

LOOK_SECONDS: Final = 0.2
READ_BYTES: Final = 1_048_576
END_SECONDS: Final = 30.0
"""How long a part that is interrupted may tidy up."""


@dataclass(frozen=True, slots=True)
class Part:
    """Tests that run in a process of their own.

    Attributes:
        name: what is said of them at the end.
        where: what pytest is told of files and folders.
        before: what stands before the command.
    """

    name: str
    where: tuple[str, ...]
    before: tuple[str, ...] = ()


PARTS: Final = (
    Part("tests that compute", COMPUTING, ("nice", "-n", "10")),
    Part("tests that simulate", SIMULATING, ("nice", "-n", "19")),
    Part("tests of networks", NETWORK),
    Part("other tests", tuple(f"--ignore={folder}" for folder in COMPUTING + SIMULATING + NETWORK)),
)


def main(options: Sequence[str]) -> int:
    """Runs all parts with the same options of pytest, and returns the exit status: 0 where each passed."""
    with contextlib.ExitStack() as stack:
        running = [(part, *stack.enter_context(started(part, options))) for part in PARTS]
        statuses = [(part, follow(printed, process)) for part, printed, process in running]
    for part, status in statuses:
        print(f"The {part.name} {'passed' if status == 0 else f'FAILED: pytest ended with {status}'}.")
    return max(abs(status) for _, status in statuses)


@contextlib.contextmanager
def started(part: Part, options: Sequence[str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Runs one part, and gives the file that it prints to with its process, which is gone afterwards."""
    # Without pytest's cache, which all would write to.
    command = [*part.before, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, *part.where]
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT)
        try:
            yield printed.fileno(), process
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
            process.kill()
            process.wait()


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
