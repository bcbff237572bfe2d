"""The service that `micro conformance --service` tries, by our own SDK.

What it offers stands in `docs/reference/mucp.md`, below *A service under test*.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from micro import Context, Event, Service, Stream
from micro.errors import Fault

__all__ = ["make_kit"]


@dataclass
class Text:
    """A message."""

    text: str


@dataclass
class Sum:
    """How long all messages were."""

    characters: int


class Seen:
    """What the service has seen."""

    def __init__(self) -> None:
        self.withdrawn = 0
        self.heard: list[Any] = []


def make_kit() -> Service:
    """Returns a service that has seen nothing yet."""
    kit, seen = Service("kit"), Seen()
    _add_calls(kit, seen)
    _add_streams(kit, seen)

    @kit.subscribe("kit", queue="kit")
    async def on_event(event: Event) -> None:
        seen.heard.append(event.value)

    return kit


def _add_calls(kit: Service, seen: Seen) -> None:
    @kit.endpoint("Kit.Echo")
    async def echo(value: Any) -> dict[str, Any]:
        """Answers what it is given."""
        return {"value": value}

    @kit.endpoint("Kit.Fail")
    async def fail(code: int, detail: str) -> dict[str, Any]:
        """Fails as it is told."""
        raise Fault.make(code, detail)

    @kit.endpoint("Kit.Wait")
    async def wait(seconds: float) -> dict[str, Any]:
        """Answers later."""
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            seen.withdrawn += 1
            raise
        return {}

    @kit.endpoint("Kit.Seen")
    async def tell() -> dict[str, Any]:
        """Says what it has seen."""
        return {"withdrawn": seen.withdrawn, "heard": seen.heard}

    @kit.endpoint("Kit.Publish")
    async def publish(topic: str, id: str, value: Any, context: Context) -> dict[str, Any]:
        """Publishes, and answers once that is on disk."""
        await context.client.publish(topic, value, id=id)
        return {}


def _add_streams(kit: Service, seen: Seen) -> None:
    @kit.endpoint("Kit.Chat")
    async def chat(said: Stream[Text]) -> AsyncIterator[Text]:
        """Answers each message with the same."""
        async for message in said:
            yield message

    @kit.endpoint("Kit.Count")
    async def count(count: int, size: int) -> AsyncIterator[Text]:
        """Sends texts."""
        is_done = False
        try:
            for _ in range(count):
                yield Text("x" * size)
            is_done = True
        finally:
            seen.withdrawn += not is_done

    @kit.endpoint("Kit.Sum")
    async def add(said: Stream[Text]) -> AsyncIterator[Sum]:
        """Says how long all texts together are."""
        characters = 0
        async for message in said:
            characters += len(message.text)
        yield Sum(characters)


if __name__ == "__main__":
    make_kit().run()
