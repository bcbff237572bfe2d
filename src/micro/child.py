"""Starts a child process that has limits of its own and dies with us, and tells when it ends.

In a process with threads nothing may run between fork and exec but system calls: at that moment another thread may have
held a lock, of the memory allocator or of Python, and in the child nobody is left to let go of it (fork(2), POSIX).
So nothing of Python runs there: no `preexec_fn`, and no process of uvloop, which runs Python's own hooks in the child
even without one. What has to happen in the child happens in programs: `setpriv` asks for the signal, a shell enters the
groups and sets the limits, and then becomes the command. It is one process all the way, with one number.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from micro.ports import Limits

__all__ = ["Child", "launch", "led"]

SHELL = "/bin/sh"

OWN_VARIABLES = ("PWD", "OLDPWD", "SHLVL", "LC_CTYPE")
"""What a shell, or Python, adds to the environment of what it becomes."""

ASKS_FOR_SIGNAL = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
"""What `setpriv --pdeathsig KILL` does, where that is not installed: PR_SET_PDEATHSIG of prctl(2), SIGKILL."""

PROBE_SECONDS_MAX = 10.0

UNITS: dict[str, tuple[int, int]] = {
    "v": (resource.RLIMIT_AS, 1024),
    "d": (resource.RLIMIT_DATA, 1024),
    "f": (resource.RLIMIT_FSIZE, 512),
    "t": (resource.RLIMIT_CPU, 1),
    "n": (resource.RLIMIT_NOFILE, 1),
    "c": (resource.RLIMIT_CORE, 512),
}
"""Letter of `ulimit` in the shell -> the limit, and the bytes (seconds, files) in its unit: POSIX for `f`, and what
dash, bash as `sh` and BusyBox agree on for the others."""


class Child:
    """A child process, watched by the running loop: without its signal handlers, so on any loop."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[int] = self._loop.create_future()
        try:
            watched = os.pidfd_open(process.pid)
        except (AttributeError, OSError):  # no Linux, or an old one, or no number left for one more file
            threading.Thread(target=self._wait, name=f"wait for {process.pid}", daemon=True).start()
        else:
            self._loop.add_reader(watched, self._ended, watched)

    @property
    def pid(self) -> int:
        """The operating system's number of it."""
        return self._process.pid

    async def wait(self) -> int:
        """Waits for the end and returns the exit code, negative for a signal."""
        return await asyncio.shield(self._end)

    def _ended(self, watched: int) -> None:
        self._loop.remove_reader(watched)
        os.close(watched)
        self._tell(self._process.wait())

    def _wait(self) -> None:
        code = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody asks any more
            self._loop.call_soon_threadsafe(self._tell, code)

    def _tell(self, code: int) -> None:
        if not self._end.done():
            self._end.set_result(code)


def launch(
    command: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    limits: Limits,
    files: tuple[int, int, int],
    handed: Sequence[int],
) -> Child:
    """Starts `command` as the leader of a new session, with `files` as its input, output and errors.

    Raises:
        OSError, ValueError, subprocess.SubprocessError: it cannot be started.
    """
    _find(command[0], directory, environment)
    given, output, errors = files
    process = subprocess.Popen(  # noqa: S603 - to run what it is told is what it is for
        led(command, limits=limits, environment=environment),
        cwd=directory,
        env=dict(environment),
        stdin=given,
        stdout=output,
        stderr=errors,
        start_new_session=True,
        pass_fds=tuple(handed),
    )
    return Child(process)


def led(command: Sequence[str], *, limits: Limits, environment: Mapping[str, str]) -> list[str]:
    """Returns the words that prepare a process for `command` and become it."""
    lines = []
    if sys.platform == "linux":  # the signal comes only for an end after it was asked for
        lines.append(f'[ "$PPID" = {os.getpid()} ] || exit 1')
    lines += ['echo 0 >"$1" || exit 126; shift'] * len(limits.groups)  # 0 is whoever writes
    lines += [f"ulimit -{letter} {count} || exit 126" for letter, count in _counts(limits)]
    if added := [name for name in OWN_VARIABLES if name not in environment]:
        lines.append("unset " + " ".join(added))
    doors = [f"{group}/cgroup.procs" for group in limits.groups]
    return [*_signalled(), SHELL, "-c", "\n".join([*lines, 'exec "$@"']), SHELL, *doors, *command]


def _counts(limits: Limits) -> list[tuple[str, int]]:
    """Returns the letters of `ulimit` with what to set: limits in whole units, rounded down but not to nothing."""
    asked = {
        "v": limits.memory_bytes,
        "d": limits.data_bytes,
        "f": limits.file_bytes,
        "t": limits.processor_seconds,
        "n": limits.open_files,
        "c": None if limits.dumps else 0,
    }
    counts = []
    for letter, value in asked.items():
        if value is not None:
            kind, unit = UNITS[letter]
            counts.append((letter, _within(kind, value) // unit or min(value, 1)))
    return counts


def _within(kind: int, value: int) -> int:
    """Returns a limit, or the one that we have ourselves where that is lower: nobody may raise it."""
    ours = resource.getrlimit(kind)[1]
    return value if ours == resource.RLIM_INFINITY else min(value, ours)


@functools.cache
def _signalled() -> tuple[str, ...]:
    """Returns the words that have the kernel end a process with the one that started it; none where no kernel does."""
    if sys.platform != "linux":
        return ()
    if found := shutil.which("setpriv"):
        words = (found, "--pdeathsig", "KILL", "--")
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # BusyBox has one that does not know the option
            done = subprocess.run(  # noqa: S603 - a program of the system, with fixed words
                [*words, SHELL, "-c", ":"], capture_output=True, timeout=PROBE_SECONDS_MAX, check=False
            )
            if done.returncode == 0:
                return words
    return (sys.executable, "-I", "-S", "-c", ASKS_FOR_SIGNAL)


def _find(program: str, directory: Path, environment: Mapping[str, str]) -> None:
    """Raises what the kernel would say of a program that cannot run: the shell would say it to the reader."""
    path = environment.get("PATH", os.defpath)
    inside = os.sep in program
    if (shutil.which(directory / program) if inside else shutil.which(program, path=path)) is None:
        there = inside and (directory / program).exists()
        raise PermissionError(f"{program} may not be run") if there else FileNotFoundError(f"{program} is not there")
