"""The client for programs that have no event loop: the same calls, which wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from micro.network.vigil import CALL_TIMEOUT_SECONDS
from micro.node.client import Client

if TYPE_CHECKING:
    from types import TracebackType

    from micro.service.subscription import Event, Subscription
    from micro.service.typed import TypedStream

__all__ = ["BlockingClient"]

Answer = TypeVar("Answer")
Result = TypeVar("Result")


class BlockingClient:
    """A thin front of `Client` for scripts: each method waits for its answer, and may be called from any thread.

    A loop of its own runs in a thread of its own from the first use until `close`.

    Args:
        address: the node's socket; by default the environment's or the owner's.
        token: proof of a right, where the socket alone does not prove it.
        home: another node's home.
        timeout_seconds: the deadline of calls that name none.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        home: str | None = None,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="micro-client", daemon=True)
        self._thread.start()
        try:
            self._client = self._wait(self._make(address, token, home, timeout_seconds))
        except BaseException:
            self._loop.call_soon_threadsafe(self._loop.stop)
            raise

    @staticmethod
    async def _make(address: str | None, token: str | None, home: str | None, timeout_seconds: float) -> Client:
        return Client(address, token=token, home=home, timeout_seconds=timeout_seconds)

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @overload
    def call(
        self,
        service: str,
        endpoint: str,
        request: Any = None,
        *,
        returns: type[Answer],
        timeout_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer: ...

    @overload
    def call(
        self,
        service: str,
        endpoint: str,
        request: Any = None,
        *,
        returns: None = None,
        timeout_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any: ...

    def call(
        self,
        service: str,
        endpoint: str,
        request: Any = None,
        *,
        returns: type[Any] | None = None,
        timeout_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Calls an endpoint and returns its answer; see `Client.call`."""
        return self._wait(
            self._client.call(
                service, endpoint, request, returns=returns, timeout_seconds=timeout_seconds, headers=headers
            )
        )

    def stream(
        self, service: str, endpoint: str, request: Any = None, *, returns: type[Any] | None = None
    ) -> Iterator[Any]:
        """Opens a stream that only answers, and yields what comes; ending the iteration withdraws."""
        context = self._client.stream(service, endpoint, request, returns=returns)
        stream: TypedStream[Any] = self._wait(context.__aenter__())
        try:
            yield from self._drawn(aiter(stream))
        finally:
            self._wait(context.__aexit__(None, None, None))

    def publish(
        self,
        topic: str,
        event: Any,
        *,
        id: str | None = None,
        durable: bool = True,
        timeout_seconds: float | None = None,
    ) -> str:
        """Publishes an event and returns its id, once it is on disk; see `Client.publish`."""
        return self._wait(self._client.publish(topic, event, id=id, durable=durable, timeout_seconds=timeout_seconds))

    def subscribe(
        self, topic: str, queue: str | None = None, *, on_waiting: Callable[[str], None] | None = None
    ) -> Iterator[Event]:
        """Yields the events of a topic; one of a queue is acknowledged when the next is asked for.

        Args:
            topic, queue: see `Client.subscribe`.
            on_waiting: called with each new reason why events of another node's log do not come yet, "" once they may;
                in the client's own thread, which it must not keep.
        """
        context = self._client.subscribe(topic, queue)
        subscription: Subscription = self._wait(context.__aenter__())
        try:
            if on_waiting is not None:
                self._loop.call_soon_threadsafe(subscription.on_waiting, on_waiting)
            for event in self._drawn(aiter(subscription)):
                yield event
                self._wait(event.ack())
        finally:
            self._wait(context.__aexit__(None, None, None))

    def _drawn(self, items: Any) -> Iterator[Any]:
        while True:
            try:
                yield self._wait(_next(items))
            except _Done:
                return

    def close(self) -> None:
        """Ends the links and the thread."""
        if self._thread.is_alive():
            self._wait(self._client.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        self._wait(self._client.node())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Done(Exception):
    """The iteration is over; `StopAsyncIteration` cannot leave a coroutine."""


async def _next(items: Any) -> Any:
    try:
        return await anext(items)
    except StopAsyncIteration as end:
        raise _Done from end
