"""The service that go-micro programs call, as anybody would write it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from micro import Service, Stream
from micro.errors import BadRequest, InternalError

greeter = Service("greeter", description="What the go-micro programs of the tests ask.")


@dataclass
class Text:
    """A message with text in field 1."""

    value: str = ""


@greeter.endpoint("Say.Hello")
async def hello(name: str = "") -> dict[str, str]:
    """Greet someone."""
    return {"msg": f"Hello {name}"}


@greeter.endpoint("Pb.Hello")
async def hello_in_protobuf(text: Text) -> Text:
    """Greet someone in protobuf."""
    return Text(f"Hello {text.value}")


@greeter.endpoint("Say.Fail")
async def fail(name: str = "") -> dict[str, str]:
    """Fail with a structured error."""
    raise BadRequest(f"no name {name}", id="greeter.Say.Fail")


@greeter.endpoint("Say.Plain")
async def plain(name: str = "") -> dict[str, str]:
    """Fail with nothing but a text."""
    raise InternalError("plain error")


@greeter.endpoint("Say.Chat")
async def chat(messages: Stream[dict[str, str]]) -> AsyncIterator[dict[str, str]]:
    """Echo until somebody says bye."""
    async for message in messages:
        if message["name"] == "bye":
            return
        yield {"msg": f"echo {message['name']}"}


@greeter.endpoint("Say.Count")
async def count(name: str = "") -> AsyncIterator[dict[str, str]]:
    """Send three messages as fast as can be."""
    for number in range(3):
        yield {"msg": f"{name} {number}"}


if __name__ == "__main__":
    greeter.run()
