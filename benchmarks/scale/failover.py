"""Measures what a caller notices when a provider dies, and for how long lookups still find it.

A service runs on two nodes of a network of real processes; callers of a third node call it without a pause. One of the
two nodes is killed with all it runs. The slowest call that was under way then, or began soon after, is what a caller
notices. From outside the network somebody looks the service up all the time, until the dead node is no answer any more.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.process import until
from benchmarks.scale.member import Member as Seeker
from micro.doors.cli.testnet import Shape, Testnet
from micro.doors.cli.testnet_member import Member, signal_all
from micro.errors import MicroError
from micro.node.front import Client
from micro.trust.ticket import Ticket

__all__ = ["measure"]

SERVICE = Path(__file__).parent.parent / "services" / "bench"
SUPERS = 3
CALLERS = 4
FIRST_SEEKER = 20_000
CALLS_A_SECOND = 400
"""Fewer than a node answers another that its owner did not ask for."""
WARM_SECONDS = 2.0
NOTICED_SECONDS = 5.0
"""Calls that begin so long after a provider's end count as calls after it."""
LOOK_SECONDS = 0.5
FORGOTTEN_SECONDS_MAX = 120.0
LOOK_TIMEOUT_SECONDS = 5.0


async def measure(kills: int) -> dict[str, float]:
    """Returns the slowest call over a provider's death and how long lookups find it, median and most, in seconds.

    Args:
        kills: how many providers die, one after the other.
    """
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        town = Testnet(Path(folder) / "net")
        await town.up(Shape(SUPERS + kills + 2, SUPERS))
        try:
            keeper, caller, *providers = [town.members()[0], *(m for m in town.members() if not m.is_super)]
            seeker = await Seeker.join(
                Ticket.decode((await keeper.ask("network", "Network.Ticket"))["ticket"]), FIRST_SEEKER
            )
            async with Client(home=str(caller.home)) as client:
                found = [
                    await _kill(client, seeker, f"bench-{number}", providers[number], providers[number + 1])
                    for number in range(kills)
                ]
        finally:
            await town.down(keep=False)
    calls, lookups = zip(*found, strict=True)
    return {
        "call_seconds": median(calls),
        "call_seconds_most": max(calls),
        "lookup_seconds": median(lookups),
        "lookup_seconds_most": max(lookups),
    }


async def _kill(client: Client, seeker: Seeker, name: str, dies: Member, stays: Member) -> tuple[float, float]:
    """Returns the seconds of the slowest call over the death of a node, and until no lookup finds it any more."""
    nids = [await _run(member, name) for member in (dies, stays)]

    async def find_both() -> bool:
        """Says whether the callers' node, which pins the name, and somebody else find both."""
        await asyncio.sleep(LOOK_SECONDS)
        met = await client.call("network", "Network.Meet", {"name": name})
        return set(nids) <= {*met["nodes"]} & await _offering(seeker, name)

    async def both_are_met() -> bool:
        """Says whether the callers' node has met both, the second perhaps some seconds after its first call."""
        known = await client.call("registry", "Registry.Get", {"name": name})
        return set(nids) <= {node["nid"] for node in known["nodes"]}

    await until(find_both)
    calls: list[tuple[float, float]] = []
    calling = [asyncio.create_task(_call(client, name, calls)) for _ in range(CALLERS)]
    try:
        await asyncio.sleep(WARM_SECONDS)
        await until(both_are_met)
        signal_all([dies], signal.SIGKILL)
        died = time.perf_counter()
        while nids[0] in await _offering(seeker, name):
            assert time.perf_counter() - died < FORGOTTEN_SECONDS_MAX, f"{name} is found for longer than it may be"
            await asyncio.sleep(LOOK_SECONDS)
        gone = time.perf_counter() - died
        await asyncio.sleep(max(0.0, NOTICED_SECONDS - gone))
    finally:
        for task in calling:
            task.cancel()
        ended = await asyncio.gather(*calling, return_exceptions=True)
    failed = [each for each in ended if not isinstance(each, asyncio.CancelledError)]
    assert not failed, f"a call failed: {failed[0]!r}"
    return max(end - began for began, end in calls if end > died and began < died + NOTICED_SECONDS), gone


async def _call(client: Client, name: str, calls: list[tuple[float, float]]) -> None:
    while True:
        began = time.perf_counter()
        await client.call(name, "Say.Hello", {"name": "world"})
        calls.append((began, time.perf_counter()))
        await asyncio.sleep(CALLERS / CALLS_A_SECOND)


async def _offering(seeker: Seeker, name: str) -> set[str]:
    seeker.finder.forget(name)
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_SECONDS):
            return {offer.nid for offer in await seeker.finder.find(name)}
    except (MicroError, TimeoutError) as error:
        raise RuntimeError(f"{name} cannot be looked up: {error}") from error


async def _run(member: Member, name: str) -> str:
    """Runs the service on a node, and returns that node's id."""
    async with Client(home=str(member.home)) as client:
        async with client.stream("runtime", "Runtime.Run", {"source": str(SERVICE), "name": name}) as progress:
            async for step in progress:
                if step["failed"]:
                    raise RuntimeError(f"the service does not run: {step['detail']}")
        return str((await client.call("node", "Node.Status"))["nid"])


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(int(sys.argv[1])))))
