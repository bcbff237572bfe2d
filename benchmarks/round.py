"""One round: fresh servers and clients of every engine, measured in turn, and fresh nodes for what a start costs."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.caller import Caller, start_caller
from benchmarks.lines import GUARD, Bound, Trial
from benchmarks.load import Figures, combined
from benchmarks.machine import fsync_seconds
from benchmarks.peers.micro_network import node
from benchmarks.peers.peer import load_peer
from benchmarks.process import processor_seconds, program, proportional_bytes
from benchmarks.restart import EVENTS

__all__ = ["Round", "run_round"]

IDLE_SECONDS = 1.0
"""So long a node may settle before its memory is read."""

PASSES = 2
"""A round measures everything forwards and then backwards, so that what changes slowly weighs the same on all."""

RESTARTS = 5
"""So many starts of the broker are measured, of each log."""

FLOWS = ("stream", "fan_out")

STARTS = frozenset({"idle_bytes", "first_call", "first_call_processor", "command", "command_processor"})

Say = Callable[[str], None]


@dataclass(slots=True)
class Round:
    """What one round found.

    Attributes:
        figures: of each trial that did not fail.
        bounds: of each bound that did not fail: seconds, bytes or MB.
        faults: what failed, and why.
        fsync_seconds: the middle time of an fsync after a small append, where nodes and servers write.
    """

    figures: dict[Trial, Figures] = field(default_factory=dict)
    bounds: dict[str, float] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    fsync_seconds: float = 0.0

    @property
    def mood(self) -> float:
        """How fast the bare echo was."""
        return self.figures[GUARD].per_second if GUARD in self.figures else 0.0


async def run_round(trials: Sequence[Trial], bounds: Iterable[Bound], seconds: float, say: Say) -> Round:
    """Measures everything once.

    Args:
        trials: what to measure, near to each other what is compared.
        bounds: our own figures that are wanted.
        seconds: how long each trial takes, its passes together.
        say: is told what is measured now.
    """
    found = Round(fsync_seconds=fsync_seconds())
    keys = {bound.key for bound in bounds}
    with tempfile.TemporaryDirectory(prefix="micro-bench-", ignore_cleanup_errors=True) as folder:
        async with AsyncExitStack() as stack:
            peers = dict.fromkeys([trial.peer for trial in trials] + (["micro_network"] if "loss" in keys else []))
            callers = {peer: await _start(stack, peer, Path(folder)) for peer in peers}
            passes: dict[Trial, list[Figures]] = {}
            for trial in (*trials, *reversed(trials)):
                say(f"{trial.peer} {trial.workload} {trial.callers or ''}")
                figures = await _measure(found, callers[trial.peer], trial, seconds / PASSES)
                if figures is not None:
                    passes.setdefault(trial, []).append(figures)
            found.figures = {trial: combined(measured) for trial, measured in passes.items()}
            if "loss" in keys:
                say("a node stands still")
                await _probe(found, callers["micro_network"], "loss")
        if keys & STARTS:
            say("starts")
            await _starts(found, Path(folder) / "idle")
        if registry := sorted(key for key in keys if key.startswith(("search", "record", "index"))):
            say("registry")
            await _alone(found, "registry", registry)
        if rules := sorted(key for key in keys if key.startswith("rules")):
            say("rules")
            await _alone(found, "rules", rules)
        if "restart" in keys:
            say("restarts")
            await _restart(found, Path(folder) / "restart")
        if guests := sorted(key for key in keys if key.startswith("guest")):
            say("guests")
            await _alone(found, "guests", guests)
        if hosted := sorted(key for key in keys if key.startswith("hosted")):
            say("guests on a node")
            await _alone(found, "hosting", hosted)
        if machines := sorted(key for key in keys if key.startswith("mcp")):
            say("MCP")
            await _alone(found, "mcp", machines)
        if backbone := sorted(key for key in keys if key.startswith(("held", "ring"))):
            say("backbone")
            await _alone(found, "backbone", backbone)
    found.bounds = {key: value for key, value in found.bounds.items() if key in keys}
    return found


async def _start(stack: AsyncExitStack, peer: str, folder: Path) -> Caller:
    own = folder / peer
    own.mkdir()
    place = await stack.enter_async_context(load_peer(peer).serve(own))
    return await stack.enter_async_context(start_caller(peer, place))


async def _measure(found: Round, caller: Caller, trial: Trial, seconds: float) -> Figures | None:
    kind = "flow" if trial.workload in FLOWS else "call"
    try:
        figures = await caller.measure(kind, trial.workload, callers=trial.callers, seconds=seconds)
    except (RuntimeError, TimeoutError, OSError) as error:
        found.faults[f"{trial.peer} {trial.workload}"] = str(error) or type(error).__name__
        return None
    assert isinstance(figures, Figures)
    return figures


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
            found.bounds["first_call_processor"] = processor_seconds((pid,))
            await asyncio.sleep(IDLE_SECONDS)
            found.bounds["idle_bytes"] = proportional_bytes(pid) / 1e6
    except TimeoutError as error:
        found.faults["micro server"] = str(error) or "it does not answer"
    began, used = time.perf_counter(), _children_seconds()
    async with program(sys.executable, "-m", "micro", "--version", log=Path(f"{home}.log")) as process:
        await process.wait()
    found.bounds["command"] = time.perf_counter() - began
    found.bounds["command_processor"] = _children_seconds() - used


def _children_seconds() -> float:
    """Returns the processor time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _alone(found: Round, what: str, keys: Sequence[str]) -> None:
    """Has a module of the benchmarks measure in a process of its own."""
    try:
        found.bounds.update(json.loads(await _told(f"benchmarks.{what}", *keys)))
    except RuntimeError as error:
        found.faults[what] = str(error)


async def _restart(found: Round, folder: Path) -> None:
    """Measures what many kept events add to a start of the broker after it stopped dead."""
    few, many = folder / "few", folder / "many"
    times: dict[Path, list[float]] = {few: [], many: []}
    try:
        for home, count in ((few, 1), (many, EVENTS)):
            home.mkdir(parents=True)
            await _told("benchmarks.restart", "fill", str(home), str(count))
        for _ in range(RESTARTS):
            for home, found_seconds in times.items():
                found_seconds.append(float(await _told("benchmarks.restart", "start", str(home))))
    except RuntimeError as error:
        found.faults["restart"] = str(error)
    else:
        found.bounds["restart"] = max(0.0, median(times[many]) - median(times[few]))


async def _told(*words: str) -> str:
    """Runs `python -m` with some words and returns what it prints."""
    async with program(sys.executable, "-m", *words) as process:
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{words[0]}: exit code {process.returncode}")
    return output.decode()
