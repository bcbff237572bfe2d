"""Measures everything in interleaved rounds and writes the table and the plot: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lines import BOUNDS, LINES, Bound, Line, chosen, trials_of
from benchmarks.machine import facts
from benchmarks.plot import draw
from benchmarks.result import strangers
from benchmarks.round import Round, run_round
from benchmarks.table import page

__all__ = ["main"]

ROUNDS, QUICK_ROUNDS = 7, 3
SECONDS, QUICK_SECONDS = 0.8, 0.4
REPEATED_PART_MAX = 3
"""At most one round in so many is repeated; how many stay in another mood is told."""
PAGE, PLOT = "benchmarks.md", "benchmarks.svg"
REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the network beside its peers.")
    parser.add_argument("--quick", action="store_true", help="three short rounds, printed and not written")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"how many rounds [default: {ROUNDS}]")
    parser.add_argument("--seconds", type=float, metavar="S", help=f"for each measurement [default: {SECONDS}]")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only lines whose name has this in it"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where page and plot go [default: docs/reference]"
    )
    return parser.parse_args(words)


async def _rounds(
    lines: Sequence[Line], bounds: Sequence[Bound], count: int, seconds: float, loads: list[float]
) -> tuple[list[Round], int]:
    """Runs the rounds, again those in another mood, and returns them with how many were repeated."""
    trials = trials_of(lines)
    repeated = 0

    async def one(name: str) -> Round:
        wanted = [bound for bound in bounds if not (loads and bound.once)]
        result = await run_round(trials, wanted, seconds, lambda what: _say(f"{name}: {what}"))
        loads.append(os.getloadavg()[0])
        for what, why in result.faults.items():
            _say(f"{name}: {what} failed: {why}\n")
        return result

    found = [await one(f"round {number + 1} of {count}") for number in range(count)]
    while repeated < count // REPEATED_PART_MAX and (strange := strangers(found)):
        repeated += 1
        again = await one(f"round {strange[0] + 1} again, the machine was in another mood")
        again.bounds = found[strange[0]].bounds | again.bounds  # what is measured once stays
        found[strange[0]] = again
    return found, repeated


def _say(what: str) -> None:
    """Tells what goes on: in one line that changes, or in none where nobody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{what}")
        sys.stderr.flush()
    elif what.endswith("\n"):
        sys.stderr.write(what)


def main(words: Sequence[str] | None = None) -> int:
    """Measures, prints the page, and writes it with its plot; returns 1 where something could not be measured."""
    options = _options(words)
    lines, bounds = chosen(options.only)
    if not lines and not bounds:
        names = "\n".join([*(line.name for line in LINES), *(bound.name for bound in BOUNDS)])
        sys.stderr.write(f"no line has this in its name; there are\n{names}\n")
        return 2
    count = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    loads: list[float] = []
    rounds, repeated = asyncio.run(_rounds(lines, bounds, count, seconds, loads))
    _say("")
    whole = not options.quick and not options.only
    folder = options.output or (REFERENCE if whole else None)
    text = page(
        lines,
        bounds,
        rounds,
        facts(loads),
        repeated=repeated,
        strange=len(strangers(rounds)),
        plot=PLOT if folder else None,
    )
    print(text)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PAGE).write_text(text)
        draw(lines, rounds, folder / PLOT)
    return 1 if any(found.faults for found in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
