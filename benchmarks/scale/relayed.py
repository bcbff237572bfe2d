"""Measures a relayed link beside grpc.aio: fresh processes in each round, in turn, and the median of the ratios."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.caller import start_caller
from benchmarks.load import Figures
from benchmarks.peers.peer import load_peer

__all__ = ["measure"]

CALLERS = 256


async def measure(rounds: int, seconds: float) -> dict[str, float]:
    """Returns how many calls a relayed link answers for one of grpc.aio, with 256 in flight: median, least and most."""
    ratios = []
    for _ in range(rounds):
        ours = await _rate("relayed_link", seconds)
        ratios.append(ours / await _rate("grpc_aio", seconds))
    return {"median": median(ratios), "least": min(ratios), "most": max(ratios)}


async def _rate(peer: str, seconds: float) -> float:
    with tempfile.TemporaryDirectory(prefix="micro-bench-", ignore_cleanup_errors=True) as folder:
        async with load_peer(peer).serve(Path(folder)) as place, start_caller(peer, place) as caller:
            figures = await caller.measure("call", "raw", callers=CALLERS, seconds=seconds)
    assert isinstance(figures, Figures)
    return figures.per_second


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(int(sys.argv[1]), float(sys.argv[2])))))
