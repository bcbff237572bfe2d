"""gRPC's asyncio engine: raw bytes, and a protobuf message whose class is made at run time.

On uvloop, over a Unix socket like ours, without TLS, with generous limits; each subscriber has a connection of its own.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import uvloop
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from benchmarks.load import Window, fan_out
from benchmarks.peers.peer import BODY, LARGE_BODY, NAME, STREAM_ITEM_BYTES, SUBSCRIBERS, Place, Workloads
from benchmarks.process import READY, python

__all__ = ["serve", "workloads"]

_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_concurrent_streams", 10_000),
]
_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
_SERVICE = "bench.Say"
QUEUE_EVENTS_MAX = 4096


def _message(name: str, *fields: tuple[str, int]) -> Any:
    """Returns a class of proto3 messages, as generated code would have it."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="bench", syntax="proto3")
    message = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields, 1):
        message.field.add(name=field, number=number, type=kind, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"bench.{name}"))


_TEXT, _INTEGER = 9, 3
Hello = _message("Hello", ("name", _TEXT), ("times", _INTEGER))
Greeting = _message("Greeting", ("text", _TEXT))


class _Server:
    """The handlers."""

    def __init__(self) -> None:
        self._queues: list[asyncio.Queue[bytes]] = []

    async def echo(self, body: bytes, context: object) -> bytes:
        return body

    async def hello(self, request: Any, context: object) -> Any:
        return Greeting(text=f"Hello {request.name}")

    async def many(self, body: bytes, context: object) -> AsyncIterator[bytes]:
        item = b"z" * STREAM_ITEM_BYTES
        while True:
            yield item

    async def publish(self, events: AsyncIterator[bytes], context: object) -> bytes:
        async for event in events:
            for queue in self._queues:
                queue.put_nowait(event)
        return b""

    async def subscribe(self, body: bytes, context: object) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_EVENTS_MAX)
        self._queues.append(queue)
        yield b""
        while True:
            yield await queue.get()

    def handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            _SERVICE,
            {
                "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
                "Hello": grpc.unary_unary_rpc_method_handler(self.hello, Hello.FromString, Greeting.SerializeToString),
                "Many": grpc.unary_stream_rpc_method_handler(self.many),
                "Publish": grpc.stream_unary_rpc_method_handler(self.publish),
                "Subscribe": grpc.unary_stream_rpc_method_handler(self.subscribe),
            },
        )


async def _main(address: str) -> None:
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers((_Server().handlers(),))
    server.add_insecure_port(address)
    await server.start()
    print(READY, flush=True)
    await server.wait_for_termination()


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[Place]:
    """Runs the server."""
    address = f"unix:{folder / 'grpc.sock'}"
    async with python("benchmarks.peers.grpc_aio", address) as process:
        yield Place(address, (process.pid,))


@asynccontextmanager
async def workloads(address: str) -> AsyncIterator[Workloads]:
    """Connects to it: one connection for calls, and one for each subscriber."""
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address, options=_OPTIONS))
        echo = channel.unary_unary(f"/{_SERVICE}/Echo")
        hello = channel.unary_unary(f"/{_SERVICE}/Hello", Hello.SerializeToString, Greeting.FromString)
        many = channel.unary_stream(f"/{_SERVICE}/Many")

        async def stream(seconds: float) -> int:
            call = many(b"")
            count = 0
            ends = time.perf_counter() + seconds
            async for _ in call:
                count += 1
                if time.perf_counter() > ends:
                    break
            call.cancel()
            return count

        found = Workloads(
            calls={
                "raw": lambda: echo(BODY),
                "typed": lambda: hello(Hello(name=NAME, times=1)),
                "large": lambda: echo(LARGE_BODY),
            },
            flows={"stream": stream},
        )
        fan = await _subscribers(stack, address)

        async def publishing(seconds: float) -> int:
            call = channel.stream_unary(f"/{_SERVICE}/Publish")()
            count = await fan_out(lambda: call.write(BODY), fan, seconds)
            await call.done_writing()
            await call
            return count

        found.flows["fan_out"] = publishing
        yield found


async def _subscribers(stack: AsyncExitStack, address: str) -> Window:
    window = Window(SUBSCRIBERS)

    async def read(number: int, call: Any) -> None:
        while await call.read() is not grpc.aio.EOF:
            window.arrived(number)

    for number in range(SUBSCRIBERS):
        own = grpc.aio.insecure_channel(address, options=[*_OPTIONS, _OWN_CONNECTION])
        channel = await stack.enter_async_context(own)
        call = channel.unary_stream(f"/{_SERVICE}/Subscribe")(b"")
        assert await call.read() == b""
        task = asyncio.create_task(read(number, call))
        stack.callback(task.cancel)
    return window


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
