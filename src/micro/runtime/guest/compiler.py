"""Compiles one artefact, in a process of its own: what a stranger wrote is read by a compiler that can touch nothing.

It is run as a program: the artefact is its input, the compiled code its output; where that is refused, its errors say
why.
"""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from micro.errors import EngineError
from micro.ports import Clock, Entropy
from micro.runtime.guest.compiled import ARTEFACT_BYTES_MAX, EXIT_REFUSED
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.machine import Machine

__all__ = ["compile_input"]


def compile_input(grant: str, clock: Clock, entropy: Entropy) -> int:
    """Compiles what stands on the standard input, and returns the exit code.

    Args:
        grant: what a guest may use, in JSON: what asks for more is refused already now.
    """
    artefact = sys.stdin.buffer.read(ARTEFACT_BYTES_MAX + 1)
    try:
        said = msgspec.json.decode(grant, type=Grant)
        compiled = asyncio.run(Machine(clock, entropy).compile(artefact, said))
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_REFUSED
    left = memoryview(compiled)
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]
    return 0
