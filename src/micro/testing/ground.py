"""What a simulated machine stands on: a clock that may be wrong, chance from a seed, and no programs to start."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from micro.errors import EngineError
from micro.ports import NOTHING, Handed, Limits, Process
from micro.service.spending import Spending

__all__ = ["EPOCH_SECONDS", "WorldClock", "WorldEntropy", "WorldProcesses", "unspent"]

EPOCH_SECONDS = 1_800_000_000.0
"""The date on which every world begins, in seconds since 1970."""


class WorldClock:
    """`micro.ports.Clock` of one machine: its calendar may be off, its stopwatch is the loop's.

    Args:
        loop: whose time passes.
        skew_seconds: how far the calendar is ahead of the truth.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, skew_seconds: float = 0.0) -> None:
        self._loop = loop
        self.skew_seconds = skew_seconds

    def now(self) -> float:
        return EPOCH_SECONDS + self.skew_seconds + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()


class WorldEntropy:
    """`micro.ports.Entropy` that anybody with the seed can guess."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


def unspent() -> Spending:
    """Returns what counts no processor time: in a world it takes none, or no two would be alike."""
    return Spending(lambda: 0)


class WorldProcesses:
    """`micro.ports.Processes` of a machine without programs: services are attached with `World.serve`."""

    async def spawn(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        line_bytes_max: int = 65_536,
        data: bytes = b"",
        errors_apart: bool = False,
        limits: Limits | None = None,
        handed: Mapping[str, Handed] = NOTHING,
        proxies: int = 0,
    ) -> Process:
        raise EngineError(f"{command[0]} cannot be started: a simulated machine has no programs; use `World.serve`")
