"""What a node and a worker for guests say to each other: one stream for each instance, with messages in JSON.

Pure.
"""

from __future__ import annotations

import msgspec

__all__ = ["ENDPOINT", "READY", "SERVICE", "Asked", "Launching", "Told"]

SERVICE = "guests"
ENDPOINT = "Guests.Host"
READY = b"ready"
"""The line by which a worker says that it can be dialled."""


class Launching(msgspec.Struct, frozen=True):
    """What to host.

    Attributes:
        compiled: the path of what its artefact was compiled to.
        environment: the variables that a process would get.
        socket: the name of the socket that is handed over for direct callers; without one there are none.
    """

    compiled: str
    environment: dict[str, str]
    socket: str = ""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an instance tells: a line it wrote, or at last its exit code."""

    stream: str = ""
    line: str = ""
    exit_code: int | None = None


class Asked(msgspec.Struct, frozen=True):
    """What the node asks of an instance: to stop in order."""

    stop: bool = True
