"""Where the sockets of a home are: known to a node and to whoever looks for it, without opening anything."""

from __future__ import annotations

import os

__all__ = ["NODE_SOCKET", "run_folder"]

SOCKET_PATH_BYTES_MAX = 100
"""The operating system allows 108 bytes for a socket's path, some allow 104."""

LONGEST_SOCKET = "run/s/" + "x" * 24

NODE_SOCKET = "node.sock"
"""The owner's socket, in the folder of sockets."""


def run_folder(home: str) -> str:
    """Returns where sockets go: below the home, or a private folder with a short name where that is too long."""
    if len(os.fsencode(os.path.join(home, LONGEST_SOCKET))) <= SOCKET_PATH_BYTES_MAX:
        return os.path.join(home, "run")
    import hashlib  # rarely needed, and slow to load
    import tempfile

    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    digest = hashlib.blake2b(os.fsencode(home), digest_size=8).hexdigest()
    return os.path.join(base, f"micro-{os.getuid()}-{digest}")
