"""Gives back what it gets: for trying out calls, streams, headers and deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from micro import Context, Service, Stream, errors

DELAY_SECONDS_MAX = 60.0

service = Service(
    "echo",
    version="1.0.0",
    description="Gives back what it gets: for trying out calls, streams, headers and deadlines.",
    metadata={"tags": "demo, test, debug"},
)


@dataclass
class Caller:
    """Who the node says the caller is.

    Attributes:
        nid: the node the call came from.
        service: the calling service, empty for a person or program.
        owner: whether it is the owner of this node.
        tier: the caller's standing in the network.
    """

    nid: str
    service: str
    owner: bool
    tier: int


@service.endpoint(idempotent=True, examples=[{"text": "Hello?"}])
async def say(text: str) -> str:
    """Give back a text.

    Wishes:
        echo hello
        say back to me: good evening

    Args:
        text: any text.
    """
    return text


@service.endpoint(idempotent=True, examples=[{"value": {"deep": [1, 2, None]}}])
async def value(value: Any) -> Any:
    """Give back any JSON value.

    Args:
        value: any value.
    """
    return value


@service.endpoint(idempotent=True)
async def data(body: bytes) -> bytes:
    """Give back bytes as they are, whatever they mean."""
    return body


@service.endpoint(idempotent=True, examples=[{"text": "Later!", "seconds": 0.5}])
async def later(text: str, seconds: float = 1.0) -> str:
    """Give back a text after a while: for trying out deadlines and cancelling.

    Wishes:
        answer with hi after 3 seconds

    Args:
        text: any text.
        seconds: how long to wait, at most 60.
    """
    if not 0 <= seconds <= DELAY_SECONDS_MAX:
        raise errors.BadRequest(f"seconds: expected 0 to {DELAY_SECONDS_MAX:g}, got {seconds}")
    await asyncio.sleep(seconds)
    return text


@service.endpoint(idempotent=True, examples=[{"code": 404, "detail": "No such thing."}])
async def fail(code: int = 500, detail: str = "as you wished") -> str:
    """Fail with a fault: for trying out how callers take it.

    Wishes:
        answer with an error 404

    Args:
        code: the fault's code, 400 to 503.
        detail: what it says.
    """
    if code not in errors.Fault.codes:
        raise errors.BadRequest(f"code: expected one of {', '.join(map(str, sorted(errors.Fault.codes)))}, got {code}")
    raise errors.Fault.make(code, detail)


@service.endpoint(idempotent=True, examples=[{}])
async def caller(context: Context) -> Caller:
    """Tell the caller who the node says that he is.

    Wishes:
        who am I, as this node sees it
    """
    who = context.caller
    return Caller(nid=who.nid, service=who.service, owner=who.owner, tier=who.tier)


@service.endpoint(idempotent=True, examples=[{}])
async def headers(context: Context) -> dict[str, str]:
    """Give back the headers that came with the call.

    Wishes:
        which headers did my request have
    """
    return {str(name): str(said) for name, said in context.headers.items()}


@service.endpoint(idempotent=True)
async def stream(texts: Stream[str]) -> AsyncIterator[str]:
    """Give back every text of a stream as it comes."""
    async for text in texts:
        yield text


if __name__ == "__main__":
    service.run()
