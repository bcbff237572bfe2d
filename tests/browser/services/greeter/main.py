"""Greets people: what a first service looks like."""

import asyncio
from collections.abc import AsyncIterator

from micro import Service

greeter = Service("greeter", version="1.2.0", description="Greets people by name, once or again and again.")


@greeter.endpoint("Say.Hello", idempotent=True, examples=[{"name": "Ann"}])
async def hello(name: str) -> str:
    """Greet someone by name.

    Wishes:
        greet Ann

    Wishes (es):
        saluda a Ana

    Args:
        name: who is greeted.
    """
    return f"Hello {name}"


@greeter.endpoint("Say.Again", idempotent=True)
async def again(name: str = "world", pause_seconds: float = 0.02) -> AsyncIterator[str]:
    """Greet someone until nobody listens.

    Args:
        name: who is greeted.
        pause_seconds: how long to wait between two greetings.
    """
    number = 0
    while True:
        number += 1
        yield f"Hello {name}, {number}"
        await asyncio.sleep(pause_seconds)


@greeter.endpoint("Say.Each")
async def each(count: int = 3) -> AsyncIterator[str]:
    """Count greetings, and come to an end."""
    for number in range(count):
        yield f"greeting {number + 1}"


if __name__ == "__main__":
    greeter.run()
