"""What can confine guests on this machine, as the node's owner wants it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from micro.node.config import NodeConfig
from micro.node.home import Home
from micro.runtime.sandbox.bubblewrap import Bubblewrap, bubblewrap_programs
from micro.runtime.sandbox.calls import filter_program
from micro.runtime.sandbox.landlock import Landlock, is_landlock_here
from micro.runtime.sandbox.sandbox import Bounds, Sandbox
from micro.runtime.sandbox.unconfined import Unconfined

__all__ = ["guest_bounds", "system_sandboxes"]


def guest_bounds(config: NodeConfig) -> Bounds:
    """Returns how much each guest may use."""
    return Bounds(
        memory_bytes=config.guest_memory_bytes,
        processes=config.guest_processes,
        processors=config.guest_processors,
        private_bytes=config.guest_private_bytes,
    )


def system_sandboxes(config: NodeConfig, home: Home) -> Sequence[Sandbox]:
    """Returns the sandboxes to try, the best first; blocks."""
    wanted = config.sandbox.lower()
    if wanted == "none":
        return [Unconfined()]
    hidden = (home.path, home.run)
    found: list[Sandbox] = []
    if wanted in {"auto", "bubblewrap"} and sys.platform == "linux":
        calls = filter_program()
        found += [Bubblewrap(program, hidden, calls, root=os.geteuid() == 0) for program in bubblewrap_programs()]
    if wanted in {"auto", "sandlock"} and sys.platform == "linux" and is_landlock_here():
        found.append(Landlock(Path(sys.executable), hidden))
    return found
