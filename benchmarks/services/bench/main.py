"""The service that the benchmarks call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from micro import Service

STREAM_ITEM_BYTES = 1024

bench = Service("bench", description="What the benchmarks call.")


@dataclass
class Hello:
    name: str
    times: int = 1


@dataclass
class Greeting:
    text: str


@bench.endpoint("Say.Raw")
async def raw(body: bytes) -> bytes:
    """Give back what came."""
    return body


@bench.endpoint("Say.Hello", idempotent=True)
async def hello(request: Hello) -> Greeting:
    """Greet someone by name."""
    return Greeting(f"Hello {request.name}")


@bench.endpoint("Say.Many")
async def many() -> AsyncIterator[bytes]:
    """Send items until nobody wants more."""
    item = b"z" * STREAM_ITEM_BYTES
    while True:
        yield item


@bench.endpoint("Say.Slowly")
async def slowly(seconds: float) -> str:
    """Answer after a while."""
    await asyncio.sleep(seconds)
    return "at last"


if __name__ == "__main__":
    bench.run()
