"""The supervisor of one guest that Landlock confines: gives up its own rights, starts the guest, and ends as it ends.

It is run as a program of its own, with the number of an open file that holds the guest's policy and then the guest's
command as its arguments.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Any

__all__ = ["main"]

PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
CAPABILITIES_MAX = 64
CAPABILITY_VERSION = 0x20080522
EXIT_FAILED = 125
SIGNALLED = 128


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _give_up_rights() -> None:
    """Drops all capabilities for good: what root starts would keep them in a sandbox that makes no users."""
    library = ctypes.CDLL(None, use_errno=True)
    for capability in range(CAPABILITIES_MAX):
        library.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header, data = _Header(CAPABILITY_VERSION, 0), (_Data * 2)()
    if library.capset(ctypes.byref(header), ctypes.byref(data)):
        raise OSError(ctypes.get_errno(), "cannot give up capabilities")


def main(arguments: list[str]) -> int:
    """Runs the guest and returns its exit code, 128 and more for a signal."""
    import sandlock

    number, *command = arguments
    with os.fdopen(int(number), "rb") as file:
        options: dict[str, Any] = json.load(file)
    _give_up_rights()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what leaves its session is still found below us
    result = sandlock.Sandbox(**options).popen(command).wait()
    if result.signal > 0:
        return SIGNALLED + int(result.signal)
    return int(result.exit_code) if result.exit_code >= 0 else SIGNALLED + signal.SIGKILL  # for what it used


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, RuntimeError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_FAILED)
