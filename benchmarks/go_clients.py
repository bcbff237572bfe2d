"""Measures programs that call over go-micro's HTTP spelling: a Go client, and ours, a Go server, and a service here.

Each is beside the Go client that calls the Go server, with as many callers, each of which waits for its answer before
it calls again. Our client calls the Go server through a node, by the name under which that is registered there.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.go_places import Place, go_program, go_server, node_and_service
from benchmarks.process import program
from benchmarks.result import spread_of
from micro.node.front import Client

__all__ = ["rounds"]

CALLERS = (1, 16, 64)
REGISTERED = "go-bench"
REGISTERED_SECONDS = 3_600
GO_TO_GO, GO_TO_US, US_TO_GO = "a Go client, the Go server", "a Go client, a service here", "our client, the Go server"

Measure = Callable[[int, float], Awaitable[float]]
"""Returns calls a second, of so many callers, for so many seconds."""


async def _asked_by_go(built: str, place: Place, callers: int, seconds: float) -> float:
    environment = {
        "INTEROP_DO": "load",
        "INTEROP_NAME": "asker",
        "INTEROP_SERVICE": place.service,
        "INTEROP_ADDRESS": f"127.0.0.1:{place.port}",
        "INTEROP_CALLERS": str(callers),
        "INTEROP_MILLISECONDS": str(round(seconds * 1000)),
    }
    async with program(built, environment=environment) as process:
        output = (await process.communicate())[0].decode()
    found = json.loads(output.splitlines()[-1])
    if found.get("error") or not found["found"]:
        raise RuntimeError(f"the Go client: {found}")
    return float(found["found"]) / seconds


async def _asked_by_us(client: Client, callers: int, seconds: float) -> float:
    until = time.perf_counter() + seconds

    async def asks() -> int:
        count = 0
        while time.perf_counter() < until:
            answer = await client.call(REGISTERED, "Say.Hello", {"name": "Ann"})
            assert answer == {"msg": "Hello Ann"}, answer
            count += 1
        return count

    return sum(await asyncio.gather(*(asks() for _ in range(callers)))) / seconds


async def _register(client: Client, place: Place) -> None:
    """Has our node call the Go server by a name."""
    node = {"id": f"{REGISTERED}-1", "address": f"127.0.0.1:{place.port}", "metadata": {"protocol": "mucp"}}
    service = {"name": REGISTERED, "version": "1", "nodes": [node], "endpoints": [{"name": "Say.Hello"}]}
    await client.call("go-micro-registry", "Registry.Register", {**service, "options": {"ttl": REGISTERED_SECONDS}})


async def rounds(count: int, seconds: float) -> None:
    """Measures in turn, and prints the ratios."""
    async with AsyncExitStack() as stack:
        folders = [
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="micro-bench-", ignore_cleanup_errors=True)))
            for _ in range(2)
        ]
        go = await stack.enter_async_context(go_server(folders[0]))
        ours = await stack.enter_async_context(node_and_service(folders[1]))
        client = await stack.enter_async_context(Client(home=str(folders[1] / "home")))
        await _register(client, go)
        built = await go_program()
        ways: dict[str, Measure] = {
            GO_TO_GO: lambda callers, lasts: _asked_by_go(built, go, callers, lasts),
            GO_TO_US: lambda callers, lasts: _asked_by_go(built, ours, callers, lasts),
            US_TO_GO: lambda callers, lasts: _asked_by_us(client, callers, lasts),
        }
        found: dict[tuple[int, str], list[float]] = {(callers, way): [] for callers in CALLERS for way in ways}
        for number in range(count):
            for callers in CALLERS:
                for way in list(ways) if number % 2 == 0 else list(ways)[::-1]:
                    found[callers, way].append(await ways[way](callers, seconds))
            told = [f"{callers} callers, {way}: {rates[-1]:,.0f}" for (callers, way), rates in found.items()]
            print(f"round {number + 1}: {'; '.join(told)}; load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"calls a second beside {GO_TO_GO}:")
    for callers in CALLERS:
        for way in (GO_TO_US, US_TO_GO):
            pairs = zip(found[callers, way], found[callers, GO_TO_GO], strict=True)
            ratios = spread_of([one / other for one, other in pairs])
            assert ratios is not None
            print(f"{callers:>3} callers, {way}: {ratios.median:5.2f} x ({ratios.low:.2f} to {ratios.high:.2f})")
