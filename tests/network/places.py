"""What the tests of this folder share: a service to run, and ways to run, reach and wait."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from micro.node.front import Client
from micro.node.node import Node
from tests.waiting import until

__all__ = ["GREETER", "StartNode", "client_of", "pid_of", "run", "typed", "until"]

GREETER = '''
import asyncio
import os
from collections.abc import AsyncIterator

from micro import Context, Event, Fault, Service, Stream

greeter = Service("greeter", description="Greets people by name.")


@greeter.endpoint("Say.Hello", idempotent=True)
async def hello(name: str = "world") -> str:
    """Greet someone by name."""
    return f"Hello {name}"


@greeter.endpoint("Say.Instance")
async def instance() -> str:
    return os.environ["MICRO_INSTANCE"]


@greeter.endpoint("Say.Slowly")
async def slowly(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "at last"


@greeter.endpoint
def blocking(n: int) -> int:
    return n + 1


@greeter.endpoint("Say.Fail")
async def fail(code: int = 409) -> str:
    raise Fault.make(code, "as asked")


@greeter.endpoint("Say.Crash")
async def crash() -> str:
    raise KeyError("secret")


@greeter.endpoint("Say.GiveUp")
async def give_up() -> str:
    await asyncio.sleep(0)
    raise asyncio.CancelledError


@greeter.endpoint("Say.Leave")
async def leave(how: str) -> str:
    raise {"cancelled": asyncio.CancelledError, "exit": SystemExit, "interrupt": KeyboardInterrupt}[how]


@greeter.endpoint("Say.LeaveLater")
async def leave_later(how: str) -> str:
    await asyncio.sleep(0)
    return await leave(how)


@greeter.endpoint("Say.LeaveStream")
async def leave_stream(how: str) -> AsyncIterator[int]:
    yield 1
    await leave(how)


@greeter.endpoint("Say.Who")
async def who(context: Context) -> dict[str, str]:
    return {"caller": str(context.caller), "nid": context.caller.nid, "service": context.caller.service}


@greeter.endpoint("Say.Caller")
async def caller(context: Context) -> dict[str, str]:
    caller = context.caller
    known = {"kind": caller.kind, "account": caller.account, "scopes": ",".join(caller.scopes)}
    return {**known, "nid": caller.nid, "service": caller.service}


@greeter.endpoint("Say.Count")
async def count(to: int) -> AsyncIterator[int]:
    """Count up to a number."""
    for number in range(to):
        yield number


@greeter.endpoint("Say.Shout")
async def shout(words: Stream[str]) -> AsyncIterator[str]:
    async for word in words:
        yield word.upper()


@greeter.endpoint("Say.Total")
async def total(numbers: Stream[int]) -> int:
    return sum([number async for number in numbers])


@greeter.endpoint("Say.Bytes")
async def raw(body: bytes) -> bytes:
    return body


@greeter.subscribe("orders", queue="greeter")
async def on_order(event: Event) -> None:
    print("order", event.value["n"], flush=True)


if __name__ == "__main__":
    greeter.run()
'''

StartNode = Callable[..., Awaitable[Node]]


async def run(node: Node, source: Path | str, name: str | None = None) -> str:
    """Runs a service on a node and returns its name; fails with the log's tail."""
    async for progress in node.supervisor.run(str(source), name):
        assert not progress.failed, (progress.detail, progress.tail)
        if progress.done:
            return progress.service
    raise AssertionError("the run ended without a word")


def client_of(node: Node, *, direct: bool = True) -> Client:
    """Returns a client of a node's owner."""
    return Client(home=str(node.home.path), direct=direct)


async def typed(home: str, *words: str, given: bytes = b"") -> tuple[int, str, str]:
    """Types a command, with `given` on its standard input; returns its exit code and what it writes."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "micro", "--home", home, *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(given)
    return process.returncode or 0, out.decode().strip(), err.decode()


def pid_of(node: Node, service: str) -> int:
    """Returns the process of a service, as others on this machine number it."""
    return next(int(found["pid"]) for found in node.supervisor.status() if found["name"] == service)
