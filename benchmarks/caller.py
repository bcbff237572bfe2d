"""The client process: measures one engine as it is told to over its standard input.

A line in is `{"kind", "workload", "callers", "seconds"}`, a line out `{"figures"}`, `{"seconds"}` or `{"error"}`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple
from typing import Any

import uvloop

from benchmarks.load import Figures, measure_call, measure_flow
from benchmarks.peers.peer import Place, Workloads, load_peer
from benchmarks.process import READY, python

__all__ = ["Caller", "start_caller"]

ANSWER_SECONDS_MAX = 30.0


class Caller:
    """The client process, seen from the run."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def measure(self, kind: str, workload: str, *, callers: int = 0, seconds: float = 0.0) -> Figures | float:
        """Measures one workload and returns its figures, or the seconds that a probe found.

        Raises:
            RuntimeError: it failed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"kind": kind, "workload": workload, "callers": callers, "seconds": seconds}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            line = await self._process.stdout.readline()
        answer = json.loads(line or b'{"error": "the client process has ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return Figures(*answer["figures"]) if "figures" in answer else float(answer["seconds"])


@asynccontextmanager
async def start_caller(peer: str, place: Place) -> AsyncIterator[Caller]:
    """Starts a fresh client process for an engine."""
    async with python("benchmarks.caller", peer, place.address, *map(str, place.pids)) as process:
        yield Caller(process)


async def _obey(workloads: Workloads, order: dict[str, Any], pids: tuple[int, ...]) -> dict[str, Any]:
    name, seconds = order["workload"], order["seconds"]
    gc.collect()
    if order["kind"] == "probe":
        return {"seconds": await workloads.probes[name]()}
    if order["kind"] == "flow":
        return {"figures": astuple(await measure_flow(workloads.flows[name], seconds, pids))}
    return {"figures": astuple(await measure_call(workloads.calls[name], order["callers"], seconds, pids))}


def _why(error: BaseException) -> str:
    """Returns the first error itself where a group of callers failed."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def _main(peer: str, address: str, pids: tuple[int, ...]) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with load_peer(peer).workloads(address) as workloads:
        print(READY, flush=True)
        while line := await reader.readline():
            try:
                answer = await _obey(workloads, json.loads(line), pids)
            except Exception as error:  # noqa: BLE001 - whatever an engine raises belongs into the report
                answer = {"error": _why(error)}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2], tuple(map(int, sys.argv[3:]))))
