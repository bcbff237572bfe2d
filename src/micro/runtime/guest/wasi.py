"""What a core guest may have of WASI preview 1: clocks, chance and a place for its output, but no files or sockets.

Compilers' libraries import more than a guest of ours can use, so all of it is there, and nearly all of it answers that
it is not supported: there is no code here that could open anything. Sleeping suspends the guest, not its worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from micro.ports import Clock, Entropy
from micro.runtime.guest.fiber import Trapped
from micro.runtime.guest.memory import CoreRun

__all__ = ["MODULE", "SIGNATURES", "Wasi"]

MODULE = "wasi_snapshot_preview1"
SUCCESS, BADF, INVAL, NOSYS, NOTSUP = 0, 8, 28, 52, 58
OUTPUT, ERRORS = 1, 2
OUTPUT_BYTES_MAX = 4_194_304
WRITE_BYTES_MAX = 65_536
"""What is written at once, as a write may do less than it was asked to."""

PARTS_MAX = 1_024
CHANCE_BYTES_MAX = 65_536
SLEEP_SECONDS_MAX = 3_600.0
SUBSCRIPTION_BYTES, EVENT_BYTES = 48, 32
CHARACTER_DEVICE = 2

SIGNATURES = {
    "args_get": "ii",
    "args_sizes_get": "ii",
    "environ_get": "ii",
    "environ_sizes_get": "ii",
    "clock_res_get": "ii",
    "clock_time_get": "iIi",
    "fd_advise": "iIIi",
    "fd_allocate": "iII",
    "fd_close": "i",
    "fd_datasync": "i",
    "fd_fdstat_get": "ii",
    "fd_fdstat_set_flags": "ii",
    "fd_fdstat_set_rights": "iII",
    "fd_filestat_get": "ii",
    "fd_filestat_set_size": "iI",
    "fd_filestat_set_times": "iIIi",
    "fd_pread": "iiiIi",
    "fd_prestat_get": "ii",
    "fd_prestat_dir_name": "iii",
    "fd_pwrite": "iiiIi",
    "fd_read": "iiii",
    "fd_readdir": "iiiIi",
    "fd_renumber": "ii",
    "fd_seek": "iIii",
    "fd_sync": "i",
    "fd_tell": "ii",
    "fd_write": "iiii",
    "path_create_directory": "iii",
    "path_filestat_get": "iiiii",
    "path_filestat_set_times": "iiiiIIi",
    "path_link": "iiiiiii",
    "path_open": "iiiiiIIii",
    "path_readlink": "iiiiii",
    "path_remove_directory": "iii",
    "path_rename": "iiiiii",
    "path_symlink": "iiiii",
    "path_unlink_file": "iii",
    "poll_oneoff": "iiii",
    "proc_exit": "i",
    "proc_raise": "i",
    "random_get": "ii",
    "sched_yield": "",
    "sock_accept": "iii",
    "sock_recv": "iiiiii",
    "sock_send": "iiiii",
    "sock_shutdown": "ii",
}
"""Every function and the types of its parameters, `i` for 32 bits and `I` for 64; all but `proc_exit` return an i32."""


class Wasi:
    """The functions that do something."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._bad = {name for name in SIGNATURES if name.startswith(("fd_", "path_", "sock_"))}

    def function(self, name: str) -> Callable[..., Any]:
        """Returns what does the work of a function: it takes the run and the numbers, and returns an error number."""
        found: Callable[..., Any] | None = getattr(self, name, None)
        return found or (_bad_file if name in self._bad else _no_such_function)

    def args_sizes_get(self, run: CoreRun, count: int, size: int) -> int:
        run.write_number(count, 0)
        run.write_number(size, 0)
        return SUCCESS

    environ_sizes_get = args_sizes_get

    def args_get(self, run: CoreRun, pointers: int, texts: int) -> int:
        return SUCCESS

    environ_get = args_get

    def clock_res_get(self, run: CoreRun, clock: int, result: int) -> int:
        run.write_number(result, 1_000, 8)
        return SUCCESS

    def clock_time_get(self, run: CoreRun, clock: int, precision: int, result: int) -> int:
        if clock > 3:
            return INVAL
        run.write_number(result, int(self._seconds(clock) * 1e9), 8)
        return SUCCESS

    def _seconds(self, clock: int) -> float:
        return self._clock.now() if clock == 0 else self._clock.monotonic()

    def random_get(self, run: CoreRun, pointer: int, length: int) -> int:
        if length > CHANCE_BYTES_MAX:
            return INVAL
        run.write(pointer, self._entropy.random_bytes(length))
        return SUCCESS

    def sched_yield(self, run: CoreRun) -> int:
        return SUCCESS

    def proc_exit(self, run: CoreRun, code: int) -> int:
        run.exit_code = code
        raise Trapped(f"it exited with code {code}")

    def fd_fdstat_get(self, run: CoreRun, number: int, result: int) -> int:
        if number > ERRORS:
            return BADF
        run.write(result, bytes((CHARACTER_DEVICE,)) + bytes(23))
        return SUCCESS

    def fd_read(self, run: CoreRun, number: int, parts: int, count: int, result: int) -> int:
        if number != 0:
            return BADF
        taken = 0
        for pointer, length in _parts(run, parts, count):
            piece, run.input = run.input[:length], run.input[length:]
            run.write(pointer, piece)
            taken += len(piece)
        run.write_number(result, taken)
        return SUCCESS

    def fd_write(self, run: CoreRun, number: int, parts: int, count: int, result: int) -> int:
        if number not in (OUTPUT, ERRORS):
            return BADF
        taken = bytearray()
        for pointer, length in _parts(run, parts, count):
            length = min(length, WRITE_BYTES_MAX - len(taken))
            taken += run.read(pointer, length, WRITE_BYTES_MAX)
        if number == OUTPUT and run.output is not None:
            if len(run.output) + len(taken) > OUTPUT_BYTES_MAX:
                raise Trapped(f"it wrote more than {OUTPUT_BYTES_MAX} bytes to its standard output")
            run.output += taken
        elif run.host is not None:
            for line in taken.decode("utf-8", "replace").splitlines():
                run.host.log(1 if number == OUTPUT else 2, line)
        run.write_number(result, len(taken))
        return SUCCESS

    def poll_oneoff(self, run: CoreRun, subscriptions: int, events: int, count: int, result: int) -> Any:
        """Sleeps until the first of some clocks; anything else to wait for is ready, and will say that it is not."""
        if not 0 < count <= PARTS_MAX:
            return INVAL
        waits: list[tuple[float, int]] = []
        for index in range(count):
            record = run.read(subscriptions + index * SUBSCRIPTION_BYTES, SUBSCRIPTION_BYTES, SUBSCRIPTION_BYTES)
            seconds = 0.0
            if record[8] == 0:  # a clock
                at = int.from_bytes(record[24:32], "little") / 1e9
                clock = int.from_bytes(record[16:20], "little")
                seconds = max(0.0, at - self._seconds(clock)) if record[40] & 1 else at
            waits.append((min(seconds, SLEEP_SECONDS_MAX), index))
        return self._sleep(run, subscriptions, events, result, *min(waits))

    async def _sleep(
        self, run: CoreRun, subscriptions: int, events: int, result: int, seconds: float, index: int
    ) -> int:
        await asyncio.sleep(seconds)
        record = run.read(subscriptions + index * SUBSCRIPTION_BYTES, SUBSCRIPTION_BYTES, SUBSCRIPTION_BYTES)
        run.write(events, record[:8] + bytes((NOTSUP if record[8] else 0, 0, record[8])) + bytes(EVENT_BYTES - 11))
        run.write_number(result, 1)
        return SUCCESS


def _parts(run: CoreRun, parts: int, count: int) -> list[tuple[int, int]]:
    if count > PARTS_MAX:
        raise Trapped(f"it reads or writes {count} pieces at once; {PARTS_MAX} fit")
    return [(run.read_number(parts + 8 * index), run.read_number(parts + 8 * index + 4)) for index in range(count)]


def _bad_file(run: CoreRun, *numbers: int) -> int:
    return BADF


def _no_such_function(run: CoreRun, *numbers: int) -> int:
    return NOSYS
