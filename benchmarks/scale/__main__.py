"""Measures how cost grows, and writes `docs/reference/scale.md`: `python -m benchmarks.scale [--prove]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.machine import facts
from benchmarks.process import program
from benchmarks.scale.homes import ANNOUNCING
from benchmarks.scale.lookups import WAY_SECONDS
from tests.network.lab import reason_not_to

__all__ = ["main"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "scale.md"
RECORDS = (10, 1_000, 100_000)
TOWNS = ((2, 1), (10, 3), (50, 3))
"""Nodes, and how many of them are super nodes."""
BAR_TOWN = TOWNS[1]
LOOKUPS, LOOKUPS_SHARE = 2_000, 300
HOMES, HOMES_SHARE = (1_000, 300_000), (100, 20_000)
"""Home links, and records."""
KILLS, KILLS_SHARE = 9, 2
"""Providers that die."""
CALL_BAR_SECONDS, LOOKUP_BAR_SECONDS = 1, 10
ROUNDS, ROUNDS_SHARE = 7, 3
SECONDS = 1.0

HEAD = """# Scale

`make scale` measures how cost grows on one machine, and writes this page; `make scale SCALE=--prove` goes to the full
numbers. Nodes are processes of their own that talk over loopback, {lookups:,} names are looked for in each network,
and times are told in round trips of the link between the same nodes, which is asked for a sign of life between any two
lookups. The machine is shared: while this was measured {load} on average wanted its {processors} processors.

A loopback has no way to go, so that a round trip is nearly all work of the two nodes, and a lookup, which asks two
super nodes and has signatures to check, shows here at its dearest. With up to three super nodes each holds every shard,
and tells with the name where its nodes are; among more a second question goes to the holders of those nodes. *From a
distance* is the same with {way:.0f} ms each way between the seekers and the super nodes.

The super node whose memory is told below *Bars* is alone in its network: it holds every shard, and is the home of every
node. {announcing} nodes at a time announce what they have. Of a home link some 110 KB are iroh's, which a bare
connection takes too.

"""


async def _measure(module: str, *words: object) -> dict[str, float]:
    """Has a module measure in a process of its own."""
    sys.stderr.write(f"{module} {' '.join(map(str, words))}\n")
    async with program(sys.executable, "-m", f"benchmarks.scale.{module}", *map(str, words)) as process:
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    found: dict[str, float] = json.loads(output)
    sys.stderr.write(f"{module} {' '.join(map(str, words))}: {found}\n")  # another one may still fail
    return found


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"


def _held(found: float, bar: float) -> str:
    return "yes" if found <= bar else "**no**"


def _towns(found: Mapping[tuple[int, int], Mapping[str, float]]) -> str:
    heads = ("nodes", "super nodes", "a super node, PSS", "a node, PSS", "lookup, p50", "lookup, p95")
    rows = [
        (
            f"{nodes}",
            f"{supers}",
            f"{one['super_megabytes']:.0f} MB",
            f"{one['node_megabytes']:.0f} MB",
            f"{one['p50']:.1f} ×",
            f"{one['p95']:.1f} ×",
        )
        for (nodes, supers), one in found.items()
    ]
    return "## Nodes\n\n" + _table(heads, rows)


def _records(found: Mapping[int, Mapping[str, float]]) -> str:
    least = next(iter(found.values()))["find_microseconds"]
    heads = ("records at a super node", "memory of each", "processor time of finding one, against the fewest")
    rows = [
        (f"{count:,}", f"{one['record_bytes']:.0f} bytes", f"{one['find_microseconds'] / least:.2f} ×")
        for count, one in found.items()
    ]
    return "## Records\n\n" + _table(heads, rows)


async def page(*, prove: bool) -> str:
    """Measures everything and returns the page."""
    lookups = LOOKUPS if prove else LOOKUPS_SHARE
    links, records = HOMES if prove else HOMES_SHARE
    loads = [os.getloadavg()[0]]
    held = {count: await _measure("records", count) for count in RECORDS}
    towns = {}
    for town in TOWNS:
        towns[town] = await _measure("lookups", *town, lookups, lookups if town == BAR_TOWN else 0)
        loads.append(os.getloadavg()[0])
    load = await _measure("homes", links, records)
    bars: list[tuple[str, str, str]] = []
    verdicts: list[str] = []
    for rank, most in (("p50", 2.5), ("p95", 6)):
        for key, where in ((rank, "loopback"), (f"far_{rank}", "from a distance")):
            found = towns[BAR_TOWN][key]
            bars.append(
                (f"lookup of a service never seen, {rank}, ten nodes, {where}", f"{found:.1f} ×", f"≤ {most} ×")
            )
            verdicts.append(_held(found, most))
    bar = 400 * records / 300_000
    held_megabytes = f"{load['records_megabytes']:.0f} MB"
    bars.append((f"{records:,} records, all of nodes at home there", held_megabytes, f"≤ {bar:.0f} MB"))
    verdicts.append(_held(load["records_megabytes"], bar))
    bars.append((f"{links:,} home links more", f"{load['links_megabytes']:.0f} MB", f"≤ {150 * links / 1000:.0f} MB"))
    verdicts.append(_held(load["links_megabytes"], 150 * links / 1000))
    died = await _measure("failover", KILLS if prove else KILLS_SHARE)
    for key, what, bar in (
        ("call_seconds", "the slowest idempotent call while one of two providers is killed", CALL_BAR_SECONDS),
        ("lookup_seconds", "a killed provider is found by lookups for", LOOKUP_BAR_SECONDS),
    ):
        most = died[f"{key}_most"]
        bars.append((what, f"{died[key] / bar:.2f} (at most {most / bar:.2f}) of {bar} s", f"≤ {bar} s"))
        verdicts.append(_held(most, bar))
    reason = reason_not_to()
    if reason:
        sys.stderr.write(f"the relayed link is left out: {reason}\n")
    else:
        relayed = await _measure("relayed", ROUNDS if prove else ROUNDS_SHARE, SECONDS)
        spread = f"{relayed['median']:.1f} × ({relayed['least']:.1f} to {relayed['most']:.1f})"
        bars.append(("a link through a relay, against grpc.aio, 256 in flight", spread, "≥ 5 ×"))
        verdicts.append(_held(-relayed["median"], -5))
    rows = [(*bar, verdict) for bar, verdict in zip(bars, verdicts, strict=True)]
    head = HEAD.format(
        lookups=lookups,
        load=f"{median(loads):.0f} programs",
        processors=os.cpu_count(),
        way=WAY_SECONDS * 1000,
        announcing=ANNOUNCING,
    )
    text = head + _towns(towns) + _records(held)
    text += "## Bars\n\n" + _table(("what", "found", "bar", "clears it"), rows)
    return text + "## The machine\n\n" + _table(("fact", "is"), facts([]).items()).rstrip() + "\n"


def main() -> int:
    """Measures and writes the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="Measure how cost grows.")
    parser.add_argument("--prove", action="store_true", help="the full numbers")
    options = parser.parse_args()
    text = asyncio.run(page(prove=options.prove))
    print(text)
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
