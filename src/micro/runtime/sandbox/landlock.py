"""`Sandbox` by Landlock and seccomp, through sandlock: for machines that forbid user namespaces.

It needs no rights and makes nothing new: the guest sees the machine's files as they are, and the kernel refuses what is
not in its policy. Each guest has a supervisor of its own, `landlocked`, which looks at some of its system calls.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from micro.errors import EngineError
from micro.ports import Handed
from micro.runtime.sandbox import landlocked
from micro.runtime.sandbox.sandbox import Policy, Wrapped

__all__ = ["Landlock", "is_landlock_here"]

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/proc")
SYSTEM_FILES = (
    *("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"),
    *("/etc/mime.types", "/etc/nsswitch.conf", "/etc/ssl", "/etc/pki/tls/certs", "/etc/ca-certificates"),
    *("/dev/urandom", "/dev/random", "/dev/zero"),
)
DEVICES = ("/dev/null", "/dev/full")
NETWORK_FILES = ("/etc/hosts", "/etc/resolv.conf", "/etc/services", "/etc/host.conf", "/etc/gai.conf")
SECRETS = ("kcore", "kmsg", "keys", "kpageflags", "kpagecount", "kpagecgroup", "slabinfo", "mtrr", "sysrq-trigger")
"""Files of `/proc` that tell of the machine, or command it."""

MODES = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr"),
    *("removexattr", "lremovexattr", "fremovexattr"),
)
"""Calls of which Landlock knows nothing: by them a guest could open the files of its user to everybody."""

EVERYWHERE = ("tcp://*:*", "udp://*:*")


class Landlock:
    """Confines with sandlock.

    Args:
        interpreter: the Python that has sandlock, for the supervisor.
        hidden: folders that no guest sees.
    """

    name = "sandlock"
    confines = True
    hands_sockets = False

    def __init__(self, interpreter: Path, hidden: Sequence[Path]) -> None:
        self._interpreter = interpreter
        self._hidden = tuple(hidden)

    def wrap(
        self, command: Sequence[str], directory: Path, environment: Mapping[str, str], policy: Policy, *, counted: bool
    ) -> Wrapped:
        files = (*SYSTEM, *SYSTEM_FILES, *(NETWORK_FILES if policy.network else ()))
        readable = [str(path) for path in (*files, directory, *policy.readable) if os.path.exists(path)]
        if "/" in command[0]:
            readable.append(command[0])
        writable = [str(path) for path in (*DEVICES, *policy.writable, *policy.sockets)]
        variables = dict(environment)
        if policy.private is not None:
            writable.append(str(policy.private))
            variables |= {"HOME": str(policy.private), "TMPDIR": str(policy.private)}
        self._check([*readable, *writable])
        options = {
            "fs_readable": readable,
            "fs_writable": writable,
            "fs_denied": [f"/proc/{name}" for name in SECRETS if os.path.exists(f"/proc/{name}")],
            "extra_deny_syscalls": list(MODES),
            "cwd": str(directory),
            "clean_env": True,
            "env": variables,
            "net_allow": list(EVERYWHERE) if policy.network else [],
            "max_processes": policy.bounds.processes,
            "max_memory": policy.bounds.memory_bytes,
            "max_open_files": policy.bounds.open_files,
            "no_coredump": True,
        }
        handed: dict[str, Handed] = {"@policy": json.dumps(options).encode()}
        words = (str(self._interpreter), "-I", landlocked.__file__, "@policy")
        return Wrapped((*words, *command), {"HOME": "/", "PATH": "/usr/bin:/bin"}, handed, proxies=1)

    def _check(self, shown: Sequence[str]) -> None:
        """Raises `EngineError` where a folder that is shown holds one that is hidden: Landlock has no exceptions."""
        for path in shown:
            for hidden in self._hidden:
                if hidden.is_relative_to(path):
                    raise EngineError(
                        f"{path} holds the node's home, and sandlock cannot keep that from a guest: "
                        "run a folder beside it, or choose another home with MICRO_HOME"
                    )


def is_landlock_here() -> bool:
    """Whether sandlock is installed, and the kernel has the Landlock that it needs."""
    if importlib.util.find_spec("sandlock") is None:
        return False
    import sandlock

    return bool(sandlock.landlock_abi_version() >= sandlock.min_landlock_abi())
