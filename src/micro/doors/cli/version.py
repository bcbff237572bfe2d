"""The command `micro version`."""

from __future__ import annotations

import platform

from micro.doors.cli.options import command
from micro.doors.cli.session import Session
from micro.version import VERSION

__all__ = ["version"]


@command("version", example="micro version --output json", node=False)
def version(session: Session) -> None:
    """Print the version."""
    if session.shape() == "json":
        session.show({"micro": VERSION, "python": platform.python_version(), "system": platform.platform()})
    else:
        session.show(f"micro {VERSION}")
