"""Measures a super node alone in its network: what home links cost in memory, and then what records cost.

It holds every shard, so each record is filed under its name and all its words: the most that one can cost.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.peers.micro_network import node
from benchmarks.process import own_bytes, processor_seconds, until
from benchmarks.scale.member import Member, described
from micro.node.front import Client
from micro.service.registry.record import SERVICES_MAX
from micro.trust.ticket import Ticket

__all__ = ["measure"]

TOGETHER = 8
"""So many join at the same time."""
ANNOUNCING = 25
"""So many announce at the same time."""
LOOK_SECONDS = 0.1
SETTLE_SECONDS = 3.0
LONG_SECONDS = 900.0


async def measure(links: int, records: int) -> dict[str, float]:
    """Returns the megabytes of a super node: idle, what links add, what records add, and processor seconds of each.

    Args:
        links: how many nodes have their home there.
        records: how many they announce together, at most `SERVICES_MAX` each; more nodes come where it takes more.
    """
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "super"
        settings = {"MICRO_API": "false", "MICRO_SUPER_NODE": "true", "MICRO_LOG_LEVEL": "warning"}
        async with node(home, **settings) as pid, Client(home=str(home)) as owner:
            ticket = await _ticket(owner)
            found = {"idle": await _megabytes(pid)}
            members = await _join(ticket, 0, links)
            found["linked"] = await _megabytes(pid)
            members += await _join(ticket, links, max(links, -(-records // SERVICES_MAX)))
            before, used = await _megabytes(pid), processor_seconds((pid,))
            await _announce(owner, members, records)
            found["processor_seconds"] = processor_seconds((pid,)) - used
            found["records"] = await _megabytes(pid) - before
            return {
                "idle_megabytes": found["idle"],
                "links_megabytes": found["linked"] - found["idle"],
                "records_megabytes": found["records"],
                "record_processor_microseconds": found["processor_seconds"] / max(1, records) * 1e6,
            }


async def _announce(owner: Client, members: Sequence[Member], records: int) -> None:
    """Has the members announce so many records, some members at a time, and waits until all are held."""
    said = 0

    async def holds() -> bool:
        status: dict[str, Any] = await owner.call("node", "Node.Status")
        await asyncio.sleep(LOOK_SECONDS)
        return bool(status["backbone"]["holds"]["records"] >= said)

    for number, member in enumerate(members):
        count = min(records - said, SERVICES_MAX)
        member.offer({(name := f"s{number}-{each}"): described(name) for each in range(count)})
        said += count
        if (number + 1) % ANNOUNCING == 0 or said == records:
            await until(holds, seconds=LONG_SECONDS)
        if number % (ANNOUNCING * 10) == 0:
            sys.stderr.write(f"{said} records are announced\n")


async def _ticket(owner: Client) -> Ticket:
    """Returns the node's ticket once it leads into a network."""

    async def founded() -> bool:
        return "backbone" in await owner.call("node", "Node.Status")

    await until(founded)
    return Ticket.decode((await owner.call("network", "Network.Ticket"))["ticket"])


async def _join(ticket: Ticket, first: int, end: int) -> list[Member]:
    found: list[Member] = []
    for number in range(first, end, TOGETHER):
        joining = [Member.join(ticket, each) for each in range(number, min(end, number + TOGETHER))]
        found += await asyncio.gather(*joining)
        if len(found) % (TOGETHER * 25) == 0:
            sys.stderr.write(f"{first + len(found)} nodes have their home there\n")
    return found


async def _megabytes(pid: int) -> float:
    await asyncio.sleep(SETTLE_SECONDS)
    return own_bytes(pid) / 1e6


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(int(sys.argv[1]), int(sys.argv[2])))))
