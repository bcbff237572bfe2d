"""A guest that tries what no guest may do, and says how far it came.

It is run as a program of its own, inside the sandbox that is to be tested, with nothing but the standard library: its
argument is what to try, its output the names of what it was refused. The node that started it knows the truth of each.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["ATTEMPTS"]

KEYCTL = {"x86_64": 250, "aarch64": 219}
PROCESS_KEYRING = -2
NEW_USER_NAMESPACE = 0x10000000
PR_GET_NO_NEW_PRIVS = 39
SECONDS_MAX = 1.0


def _files(secret: str) -> bool:
    """Reads a file of the node's home."""
    return not _works(lambda: Path(secret).read_bytes())


def _writing(source: str) -> bool:
    """Writes into its source, or takes something away."""
    inside = Path(source)
    return not _works(lambda: (inside / "written").write_bytes(b"x")) and not _works((inside / "trial").unlink)


def _processes(known: str) -> bool:
    """Sees the node's process, which is told by its number and by when it began."""
    number, began = known.split()
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19] != began
    except OSError:
        return True


def _sockets(path: str) -> bool:
    """Talks to a Unix socket that is not its own."""

    def talk() -> None:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as own:
            own.settimeout(SECONDS_MAX)
            own.connect(path)

    return not _works(talk)


def _network(port: str) -> bool:
    """Talks to a port of this machine, or sends a datagram."""

    def connect() -> None:
        socket.create_connection(("127.0.0.1", int(port)), SECONDS_MAX).close()

    def send() -> None:
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as own:
            own.sendto(b"x", ("192.0.2.1", 9))

    return not _works(connect) and not _works(send)


def _rights(_: str) -> bool:
    """Gets new rights: by a program with a user of its own, or as root of a new namespace."""
    library = ctypes.CDLL(None, use_errno=True)
    held = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    if int(held.split()[1], 16) or library.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1:
        return False
    return bool(library.unshare(NEW_USER_NAMESPACE))


def _machine(_: str) -> bool:
    """Changes a setting of the kernel, or the mode of a device, into what it is already."""

    def change() -> None:
        os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))

    return not _works(change) and not _works(lambda: Path("/dev/null").chmod(0o666))


def _calls(_: str) -> bool:
    """Makes a call that the filter of system calls refuses."""
    library = ctypes.CDLL(None, use_errno=True)
    number = KEYCTL.get(os.uname().machine)
    return (
        number is not None
        and library.syscall(number, 0, PROCESS_KEYRING, 1) < 0
        and ctypes.get_errno()
        in {
            errno.EPERM,
            errno.ENOSYS,
        }
    )


def _forks(most: str) -> bool:
    """Has more processes at a time than it may."""
    started: list[int] = []
    try:
        for _ in range(int(most) + 1):
            child = os.fork()
            if not child:
                signal.pause()
                os._exit(0)
            started.append(child)
    except OSError:
        return True
    finally:
        for child in started:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return False


def _descriptors(most: str) -> bool:
    """Opens more files, or writes a larger one, than it may."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] <= int(most)


def _memory(most: str) -> bool:
    """Uses more memory than it may; whoever is killed for it was refused, too."""
    try:
        bytearray(2 * int(most))[:: resource.getpagesize()] = b"x" * (2 * int(most) // resource.getpagesize())
    except (MemoryError, ValueError):
        return True
    return False


ATTEMPTS: dict[str, Callable[[str], bool]] = {
    "files": _files,
    "source": _writing,
    "processes": _processes,
    "sockets": _sockets,
    "network": _network,
    "rights": _rights,
    "machine": _machine,
    "calls": _calls,
    "forks": _forks,
    "open files": _descriptors,
    "memory": _memory,
}
"""What is tried, by what is at stake; each returns whether it was refused."""


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _refused(tried: dict[str, str]) -> Iterator[str]:
    for name, argument in tried.items():
        if ATTEMPTS[name](argument):
            yield name


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(_refused(json.loads(sys.argv[1])))))
