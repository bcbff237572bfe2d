"""One connection to a node of a go-micro v2 network, by its gRPC transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Final, Self

import grpc

from micro.doors.legacy.messages import Message
from micro.errors import Unavailable

__all__ = ["Wire"]

PATH: Final = "/go.micro.transport.grpc.Transport/Stream"
MESSAGE_BYTES_MAX: Final = 8_388_608
UNSAID_MAX: Final = 1_024
"""So many messages wait for a node that does not read; then it is let go of."""

ROOM: Final = UNSAID_MAX // 4
"""Streams say more only while fewer wait, so that what else is to be said finds room."""

DIAL_SECONDS: Final = 10.0
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)


class Wire:
    """The connection.

    Args:
        address: `host:port` of the node.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._unsaid: asyncio.Queue[bytes] = asyncio.Queue(UNSAID_MAX)
        self._has_room = asyncio.Event()
        self._channel: Any = None
        self._stream: Any = None
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(self._address, options=_OPTIONS)
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                await self._channel.channel_ready()
        except BaseException as error:
            await self._channel.close()
            if isinstance(error, TimeoutError):
                raise Unavailable(f"{self._address} does not answer within {DIAL_SECONDS:g} s") from None
            raise
        self._stream = self._channel.stream_stream(PATH)()
        self._writing = asyncio.get_running_loop().create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._writing is not None
        self._writing.cancel()
        self._stream.cancel()
        await self._channel.close()

    def say(self, messages: Iterable[Message]) -> None:
        """Has messages written; a node that does not read them is let go of."""
        for message in messages:
            try:
                self._unsaid.put_nowait(message.write())
            except asyncio.QueueFull:
                self._stream.cancel()
                return

    async def room(self) -> None:
        """Waits until little waits to be written."""
        while self._unsaid.qsize() >= ROOM:
            self._has_room.clear()
            await self._has_room.wait()

    async def _write(self) -> None:
        while True:
            data = await self._unsaid.get()
            self._has_room.set()
            try:
                await self._stream.write(data)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return  # whoever reads learns of it

    async def messages(self) -> AsyncIterator[Message]:
        """Yields what is heard, until the connection ends.

        Raises:
            Unavailable: it broke.
            BadRequest: what came is no message.
        """
        while True:
            try:
                data = await self._stream.read()
            except grpc.aio.AioRpcError as broken:
                raise Unavailable(f"{self._address}: {broken.details()}") from None
            except asyncio.CancelledError:
                if self._stream.cancelled() and not _is_cancelled():
                    raise Unavailable(f"{self._address} reads nothing") from None
                raise
            if data is grpc.aio.EOF:
                return
            yield Message.read(data)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
