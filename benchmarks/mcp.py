"""Measures calls through MCP in a process of its own: what one takes over the same call by our own client.

The official SDK's client calls a tool over HTTP and over a pipe, our own client the same endpoint through the node, in
turn and one at a time. Beside it stands what the node weighs once it has loaded what it needs for MCP.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from mcp import Client as McpClient
from mcp import StdioServerParameters

from benchmarks.peers.micro_network import SERVICE, node
from benchmarks.process import proportional_bytes
from micro.node.front import Client

__all__ = ["measure"]

CALLS, WARM_UP = 300, 30
TOOL, REQUEST = "bench_Say_Hello", {"name": "Ann", "times": 1}

Call = Callable[[], Awaitable[object]]


async def _medians(calls: dict[str, Call]) -> dict[str, float]:
    """Returns the middle time of each call, all of them made in turn."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(WARM_UP + CALLS):
        for name, call in calls.items():
            began = time.perf_counter()
            await call()
            if number >= WARM_UP:
                taken[name].append(time.perf_counter() - began)
    return {name: median(seconds) for name, seconds in taken.items()}


async def measure(wanted: Collection[str]) -> dict[str, float]:
    """Returns what is wanted of `mcp_http` and `mcp_pipe`, in seconds, and of `mcp_bytes`, in MB."""
    with tempfile.TemporaryDirectory(prefix="micro-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        async with AsyncExitStack() as stack:
            pid = await stack.enter_async_context(node(home, MICRO_API_PORT="0", MICRO_NETWORK="false"))
            client = await stack.enter_async_context(Client(home=str(home), direct=False))
            async with client.stream("runtime", "Runtime.Run", {"source": str(SERVICE), "name": "bench"}) as steps:
                async for step in steps:
                    if step["failed"]:
                        raise RuntimeError(f"the service does not run: {step['detail']}")
            address = (await client.call("node", "Node.Status"))["api"]
            arguments = ["-m", "micro", "--home", str(home), "mcp"]
            pipe = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
            over_http = await stack.enter_async_context(McpClient(f"{address}/mcp"))
            over_pipe = await stack.enter_async_context(McpClient(pipe))
            found = await _medians(
                {
                    "call": lambda: client.call("bench", "Say.Hello", REQUEST),
                    "http": lambda: over_http.call_tool(TOOL, REQUEST),
                    "pipe": lambda: over_pipe.call_tool(TOOL, REQUEST),
                }
            )
            told = {f"mcp_{way}": found[way] - found["call"] for way in ("http", "pipe")}
            told["mcp_bytes"] = proportional_bytes(pid) / 1e6
    return {key: told[key] for key in wanted if key in told}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1:]))))
