"""Registers many services with a node, and keeps them there until its input ends."""

from __future__ import annotations

import asyncio
import sys

from micro.node.front import Client

WISHES = ("weather", "currency", "train", "recipe", "garden", "music", "letter", "bridge")
AT_ONCE = 200


async def main(home: str, count: int) -> None:
    async with Client(home=home) as client:
        for first in range(0, count, AT_ONCE):
            await asyncio.gather(*(register(client, number) for number in range(first, min(first + AT_ONCE, count))))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def register(client: Client, number: int) -> None:
    wish = WISHES[number % len(WISHES)]
    endpoint = {"name": "Do.It", "kind": "call", "description": "Do it.", "request": {"type": "object"}}
    description = {
        "name": f"{wish}-{number}",
        "version": "1.0.0",
        "description": f"Number {number} of those that help with {wish}.",
        "endpoints": [endpoint],
    }
    await client.call("registry", "Registry.Register", {"instance": f"crowd-{number}", "description": description})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
