"""One round: fresh servers and clients of every engine, measured in turn, and fresh nodes for what a start costs."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.caller import Caller, start_caller
from benchmarks.lines import GUARD, Bound, Trial
from benchmarks.load import Figures
from benchmarks.peers.micro_network import node
from benchmarks.peers.peer import load_peer
from benchmarks.process import program, proportional_bytes

__all__ = ["Round", "run_round"]

IDLE_SECONDS = 1.0
"""So long a node may settle before its memory is read."""

FLOWS = ("stream", "fan_out")

Say = Callable[[str], None]


@dataclass(slots=True)
class Round:
    """What one round found.

    Attributes:
        figures: of each trial that did not fail.
        bounds: of each bound that did not fail: seconds, bytes or MB.
        faults: what failed, and why.
    """

    figures: dict[Trial, Figures] = field(default_factory=dict)
    bounds: dict[str, float] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def mood(self) -> float:
        """How fast the bare echo was."""
        return self.figures[GUARD].per_second if GUARD in self.figures else 0.0


async def run_round(number: int, trials: Sequence[Trial], bounds: Iterable[Bound], seconds: float, say: Say) -> Round:
    """Measures everything once.

    Args:
        number: of the round; the order of the two in a pair changes with it.
        trials: what to measure, near to each other what is compared.
        bounds: our own figures that are wanted.
        seconds: how long each trial takes.
        say: is told what is measured now.
    """
    found = Round()
    keys = {bound.key for bound in bounds}
    with tempfile.TemporaryDirectory(prefix="micro-bench-", ignore_cleanup_errors=True) as folder:
        async with AsyncExitStack() as stack:
            peers = dict.fromkeys([trial.peer for trial in trials] + (["micro_network"] if "loss" in keys else []))
            callers = {peer: await _start(stack, peer, Path(folder)) for peer in peers}
            for trial in trials if number % 2 else _swapped(trials):
                say(f"{trial.peer} {trial.workload} {trial.callers or ''}")
                await _measure(found, callers[trial.peer], trial, seconds)
            if "loss" in keys:
                say("a node stands still")
                await _probe(found, callers["micro_network"], "loss")
        if keys & {"idle_bytes", "first_call", "command"}:
            say("starts")
            await _starts(found, Path(folder) / "idle")
        if any(key.startswith(("search", "record")) for key in keys):
            say("registry")
            await _registry(found)
    found.bounds = {key: value for key, value in found.bounds.items() if key in keys}
    return found


def _swapped(trials: Sequence[Trial]) -> list[Trial]:
    """Returns the trials in an order in which each pair is turned round."""
    return [trial for at in range(0, len(trials), 2) for trial in reversed(trials[at : at + 2])]


async def _start(stack: AsyncExitStack, peer: str, folder: Path) -> Caller:
    own = folder / peer
    own.mkdir()
    place = await stack.enter_async_context(load_peer(peer).serve(own))
    return await stack.enter_async_context(start_caller(peer, place))


async def _measure(found: Round, caller: Caller, trial: Trial, seconds: float) -> None:
    kind = "flow" if trial.workload in FLOWS else "call"
    try:
        figures = await caller.measure(kind, trial.workload, callers=trial.callers, seconds=seconds)
    except (RuntimeError, TimeoutError, OSError) as error:
        found.faults[f"{trial.peer} {trial.workload}"] = str(error) or type(error).__name__
    else:
        assert isinstance(figures, Figures)
        found.figures[trial] = figures


async def _probe(found: Round, caller: Caller, name: str) -> None:
    try:
        value = await caller.measure("probe", name)
    except (RuntimeError, TimeoutError, OSError) as error:
        found.faults[name] = str(error) or type(error).__name__
    else:
        assert isinstance(value, float)
        found.bounds[name] = value


async def _starts(found: Round, home: Path) -> None:
    """Measures what a start costs: of a node until it answers, in memory once it idles, and of the command line."""
    began = time.perf_counter()
    try:
        async with node(home, MICRO_API_PORT="0") as pid:
            found.bounds["first_call"] = time.perf_counter() - began
            await asyncio.sleep(IDLE_SECONDS)
            found.bounds["idle_bytes"] = proportional_bytes(pid) / 1e6
    except TimeoutError as error:
        found.faults["micro server"] = str(error) or "it does not answer"
    began = time.perf_counter()
    async with program(sys.executable, "-m", "micro", "--version", log=Path(f"{home}.log")) as process:
        await process.wait()
        found.bounds["command"] = time.perf_counter() - began


async def _registry(found: Round) -> None:
    async with program(sys.executable, "-m", "benchmarks.registry") as process:
        output, _ = await process.communicate()
    if process.returncode:
        found.faults["registry"] = f"exit code {process.returncode}"
    else:
        found.bounds.update(json.loads(output))
