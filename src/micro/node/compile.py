"""The main of the process that compiles an artefact: `python -m micro.node.compile GRANT`, the grant in JSON."""

from __future__ import annotations

import sys

from micro.runtime.guest.compiler import compile_input
from micro.system import SystemClock, SystemEntropy

if __name__ == "__main__":
    sys.exit(compile_input(sys.argv[1], SystemClock(), SystemEntropy()))
