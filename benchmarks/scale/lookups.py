"""Measures how long it takes to find a service that was never looked for, in round trips of the link.

A network of real super node processes holds the records; the seekers ask for each name once, in turn. Between two
lookups they ask the same super nodes for a sign of life, which is what the link's round trip is. They may do so twice:
next to the super nodes, and from a distance.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks.process import proportional_bytes
from benchmarks.scale.member import Member, described
from micro.doors.cli.testnet import Shape, Testnet
from micro.service.once import call_once
from micro.service.registry.record import SERVICES_MAX
from micro.trust.ticket import Ticket

__all__ = ["measure"]

LOOKUPS = 300
WARM_UP_LOOKUPS = 20
SEEKERS, FIRST_SEEKER = 40, 10_000
"""Nodes that look for names in turn: a super node answers so many questions a second to one of them, and no more."""

PER_MEMBER = SERVICES_MAX // 2

WAY_SECONDS = 0.01
"""How long the way to a super node takes that is not on this machine, and as long back: in one country."""


async def measure(nodes: int, supers: int, lookups: int, far: int) -> dict[str, float]:
    """Returns p50 and p95 of a lookup in round trips, without and with a way to go, and what the nodes take in memory.

    Args:
        nodes: how many real nodes there are, super nodes included.
        supers: how many super nodes.
        lookups: how many names are looked for, each once.
        far: how many of them once more from a distance.
    """
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        town = Testnet(Path(folder) / "net")
        await town.up(Shape(nodes, supers))
        try:
            keeper, last = town.members()[0], town.members()[-1]
            ticket = Ticket.decode((await keeper.ask("network", "Network.Ticket"))["ticket"])
            total = lookups + WARM_UP_LOOKUPS
            await _announce(ticket, total)
            names = [f"s{n // PER_MEMBER}-{n % PER_MEMBER}" for n in range(total)]
            found = await _times(await _seekers(ticket, FIRST_SEEKER), names)
            if far:
                seekers = await _seekers(ticket, FIRST_SEEKER + SEEKERS, WAY_SECONDS)
                times = await _times(seekers, names[: far + WARM_UP_LOOKUPS])
                found |= {f"far_{name}": value for name, value in times.items()}
            for name, member in (("super_megabytes", keeper), ("node_megabytes", last)):
                pid = member.pid()
                assert pid is not None
                found[name] = proportional_bytes(pid) / 1e6
            return found
        finally:
            await town.down(keep=False)


async def _seekers(ticket: Ticket, first: int, way_seconds: float = 0.0) -> list[Member]:
    return [await Member.join(ticket, first + number, way_seconds) for number in range(SEEKERS)]


async def _announce(ticket: Ticket, records: int) -> None:
    """Has as many nodes as it takes announce services, and waits until each of the last is found."""
    members: list[tuple[Member, str]] = []
    for number, first in enumerate(range(0, records, PER_MEMBER)):
        member = await Member.join(ticket, number)
        names = [f"s{number}-{each}" for each in range(min(PER_MEMBER, records - first))]
        member.offer({name: described(name) for name in names})
        members.append((member, names[-1]))
    async with asyncio.timeout(600):
        for member, name in members:
            while not await member.finder.find(name):
                member.finder.forget(name)
                await asyncio.sleep(0.2)


async def _times(seekers: Sequence[Member], names: Sequence[str]) -> dict[str, float]:
    chart = seekers[0].charting.atlas.current
    assert chart is not None
    links = [[await seeker.reach.link(member.ticket()) for member in chart.ring.members] for seeker in seekers]
    lookups: list[float] = []
    trips: list[float] = []
    for number, name in enumerate(names):
        turn = number % len(seekers)
        began = time.perf_counter()
        assert await seekers[turn].finder.find(name), name
        lookups.append(time.perf_counter() - began)
        began = time.perf_counter()
        await call_once(links[turn][number % len(links[turn])], "network", "Network.Ping", {})
        trips.append(time.perf_counter() - began)
    trip = sorted(trips[WARM_UP_LOOKUPS:])[(len(trips) - WARM_UP_LOOKUPS) // 2]
    ranked = sorted(lookups[WARM_UP_LOOKUPS:])
    return {"p50": ranked[len(ranked) // 2] / trip, "p95": ranked[len(ranked) * 95 // 100] / trip, "trip": trip}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(*map(int, sys.argv[1:])))))
