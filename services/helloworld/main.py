"""The first service: it greets whoever asks."""

from __future__ import annotations

from collections.abc import AsyncIterator

from micro import Service, errors

GREETINGS_MAX = 1000

service = Service(
    "helloworld",
    version="1.0.0",
    description="Greets whoever asks: the first service to call.",
    metadata={"tags": "demo, hello"},
)


@service.endpoint(idempotent=True, examples=[{"name": "Ann"}, {}])
async def hello(name: str = "world") -> str:
    """Greet someone by name.

    Wishes:
        say hello to Ann
        send greetings to Bob

    Wishes (es):
        un saludo para Ann

    Wishes (de):
        grüße Ann

    Args:
        name: who is greeted.

    Returns:
        The greeting.
    """
    return f"Hello {name}"


@service.endpoint(idempotent=True, examples=[{"name": "Ann", "count": 3}])
async def repeat(name: str = "world", count: int = 3) -> AsyncIterator[str]:
    """Greet someone again and again, as a stream.

    Wishes:
        greet Ann five times

    Wishes (es):
        saluda a Ann cinco veces

    Wishes (de):
        grüße Ann fünfmal

    Args:
        name: who is greeted.
        count: how often, at most 1000.

    Yields:
        One greeting after the other.
    """
    if not 0 <= count <= GREETINGS_MAX:
        raise errors.BadRequest(f"count: expected 0 to {GREETINGS_MAX}, got {count}")
    for number in range(1, count + 1):
        yield f"Hello {name}, {number} of {count}"


if __name__ == "__main__":
    service.run()
