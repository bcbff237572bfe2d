"""What a node and a worker for guests say to each other: one stream for each instance, with messages in JSON.

Pure.
"""

from __future__ import annotations

import msgspec

__all__ = ["ENDPOINT", "PREPARE", "READY", "SERVICE", "Asked", "Launching", "Told"]

SERVICE = "guests"
ENDPOINT = "Guests.Host"
PREPARE = "Guests.Prepare"
READY = b"ready"
"""The line by which a worker says that it can be dialled."""


class Launching(msgspec.Struct, frozen=True):
    """What to host: the path of an artefact, and the variables that a process would get."""

    artefact: str
    environment: dict[str, str]


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an instance tells: a line it wrote, or at last its exit code."""

    stream: str = ""
    line: str = ""
    exit_code: int | None = None


class Asked(msgspec.Struct, frozen=True):
    """What the node asks of an instance: to stop in order."""

    stop: bool = True
