"""A stream of values: `Stream[T]` of a handler, and what a typed client gets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from micro.service.stream import RawStream

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Stream", "TypedStream"]

Item = TypeVar("Item")


class Stream(ABC, Generic[Item]):
    """Values that come in on a stream, and, where the other side reads them, values that go out.

    A handler that takes `Stream[T]` iterates it for what its caller sends; a client iterates it for what comes back.
    """

    @abstractmethod
    async def send(self, item: Any) -> None:
        """Sends a value, waiting while the other side gives no credit.

        Raises:
            Fault: the stream failed, or the other side has ended it.
        """

    @abstractmethod
    async def end(self) -> None:
        """Says that no more is sent."""

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[Item]:
        """Yields what comes in, until the other side ends."""


class TypedStream(Stream[Item]):
    """A `Stream` on a raw one."""

    def __init__(self, raw: RawStream, encode: Callable[[Any], bytes], decode: Callable[[bytes], Item]) -> None:
        self.raw = raw
        self._encode = encode
        self._decode = decode

    async def send(self, item: Any) -> None:
        await self.raw.send(self._encode(item))

    async def end(self) -> None:
        await self.raw.end()

    async def __aiter__(self) -> AsyncIterator[Item]:
        decode = self._decode
        async for body in self.raw.messages():
            yield decode(body)

    async def __aenter__(self) -> TypedStream[Item]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.raw.__aexit__(kind, error, trace)
