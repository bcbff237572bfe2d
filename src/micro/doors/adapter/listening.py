"""Finds out on which ports a program listens, from what the system tells of its processes.

Programs of strangers often listen where they like instead of where `PORT` says. In a network namespace of its own a
program can, and is found there.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["listening_ports"]

LISTEN = "0A"
"""How the system's table spells the state of a socket that listens."""

PROCESSES_MAX = 1_000


def listening_ports(session: int, proc: Path = Path("/proc")) -> list[int]:
    """Returns the TCP ports on which the processes of a session listen, lowest first; none where nobody can tell."""
    sockets = _sockets(session, proc)
    ports = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if len(columns) > 9 and columns[3] == LISTEN and columns[9] in sockets:
                ports.add(int(columns[1].rpartition(":")[2], 16))
    return sorted(ports)


def _sockets(session: int, proc: Path) -> set[str]:
    """Returns the numbers of the sockets that a session's processes hold open."""
    found = set()
    for process in [name for name in os.listdir(proc) if name.isdigit()][:PROCESSES_MAX] if proc.is_dir() else []:
        try:
            columns = (proc / process / "stat").read_text().rpartition(")")[2].split()
            if int(columns[3]) != session:
                continue
            for number in os.listdir(proc / process / "fd"):
                target = str((proc / process / "fd" / number).readlink())
                if target.startswith("socket:["):
                    found.add(target[8:-1])
        except (OSError, IndexError, ValueError):
            continue  # it has ended, or is not ours to look into
    return found
