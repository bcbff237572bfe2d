"""The client as a program uses it: values in, values out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from micro.errors import Fault, Timeout, Unavailable
from micro.mucp.codec import BYTES, JSON, PROTOBUF
from micro.service.raw import RawClient, Sent
from micro.service.route import Route
from micro.service.schema.value import encode_value, json_body
from micro.service.stream import RawStream
from micro.service.subscription import Subscription
from micro.service.typed import TypedStream

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Client"]

Answer = TypeVar("Answer")


class Client(RawClient):
    """Calls, streams, publishes and subscribes with values.

    A dictionary travels as JSON, bytes as they are, and dataclasses, msgspec structs and pydantic models as protobuf,
    where the endpoint speaks it.
    """

    async def __aenter__(self) -> Self:
        await self.node()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def until(self, deadline: float | None) -> Client:
        """Returns this client, with calls that end at `deadline` (on the loop's clock) at the latest."""
        return self if deadline is None else _Until(self, deadline)

    @overload
    async def call(
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
    async def call(
        self,
        service: str,
        endpoint: str,
        request: Any = None,
        *,
        returns: None = None,
        timeout_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any: ...

    async def call(
        self,
        service: str,
        endpoint: str,
        request: Any = None,
        *,
        returns: type[Any] | None = None,
        timeout_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Calls an endpoint and returns its answer.

        Args:
            service: the service's name; `name@version` asks for a version.
            endpoint: `Struct.Method`.
            request: the request, or None for an empty one.
            returns: the type of the answer; without it dictionaries, lists and plain values come back.
            timeout_seconds: how long to wait, 30 s if not given.
            headers: headers of this call alone.

        Raises:
            Fault: it failed; the code and detail say why.
            NoNode: no node runs on this machine.
        """
        kind, codecs = type(request), None
        if kind is bytes:
            content_type, body = BYTES, request
        elif kind is dict or request is None:
            content_type, body = JSON, json_body(request)
        else:
            route = self._routes.get(service) or await self.route(service)
            codecs = route.codecs(endpoint)
            content_type, body = (JSON, json_body(request)) if codecs is None else (PROTOBUF, codecs[0].encode(request))
        route = self._routes.get(service) or await self.route(service)
        sent = self._send(route, endpoint, content_type, body) if timeout_seconds is None and headers is None else None
        if sent is None:
            answer = await self.call_raw(
                service, endpoint, body, content_type=content_type, timeout_seconds=timeout_seconds, headers=headers
            )
        else:  # as `call_raw` does, without a coroutine more to be woken through
            try:
                answer = (await sent[0]).body
            except (Fault, asyncio.CancelledError) as error:
                answer = await self._again(sent, error, route, endpoint, body, content_type)
        if codecs is not None:
            return codecs[1].decode(answer, returns)
        if kind is bytes and returns in (None, bytes):
            return answer
        return (await self._described(service)).reader(endpoint, returns)(answer)

    async def _described(self, service: str) -> Route:
        """Returns the route that says how answers are read; a service may have been found only by the call itself.

        Raises:
            Unavailable: it has answered, and is gone since.
        """
        route = self._ways.known(service) or await self.route(service)
        if route.is_unknown:
            text = f"{service} has answered, and is gone before it was known how its answers are read; call it again"
            raise Unavailable(f"outcome unknown: {text}")
        return route

    @overload
    def stream(
        self,
        service: str,
        endpoint: str,
        request: Any = None,
        *,
        returns: type[Answer],
        headers: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[TypedStream[Answer]]: ...

    @overload
    def stream(
        self,
        service: str,
        endpoint: str,
        request: Any = None,
        *,
        returns: None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[TypedStream[Any]]: ...

    @asynccontextmanager
    async def stream(
        self,
        service: str,
        endpoint: str,
        request: Any = None,
        *,
        returns: type[Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[TypedStream[Any]]:
        """Opens a stream; iterate it for what comes, `send` and `end` for what goes. Leaving the block withdraws.

        Raises:
            Fault: it failed.
        """
        raw: RawStream = await self.stream_raw(service, endpoint, encode_value(request, JSON), headers=headers)
        async with raw:
            yield TypedStream(raw, _encode_item, (await self._described(service)).reader(endpoint, returns))

    async def publish(
        self,
        topic: str,
        event: Any,
        *,
        id: str | None = None,
        durable: bool = True,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> str:
        """Publishes an event and returns its id, once it is on the disk of the topic's keeper.

        Args:
            topic: the topic.
            event: a value, or bytes.
            id: of your own, so that publishing it again is no second event.
            durable: False reaches only who listens now, without waiting for anything.
            headers: headers of this event alone.
            timeout_seconds: how long to wait; the keeper is told, and says in time what an event still lacks.

        Raises:
            Fault: it was refused, or its outcome is unknown: publish it again with the same id.
        """
        if type(event) is bytes:
            body, content_type = event, BYTES
        else:
            body, content_type = encode_value(event, JSON), JSON
        return await self.publish_raw(
            topic,
            body,
            content_type=content_type,
            id=id,
            headers=headers,
            durable=durable,
            timeout_seconds=timeout_seconds,
        )

    @asynccontextmanager
    async def subscribe(self, topic: str, queue: str | None = None) -> AsyncIterator[Subscription]:
        """Subscribes to a topic; iterate what it gives for events.

        Args:
            topic: the topic, or `topic@nid` for the log of that one node.
            queue: members of a queue share its events and acknowledge each; the queue keeps them while nobody is there.

        Raises:
            Fault: it was refused.
        """
        subscription = await self.subscribe_raw(topic, queue)
        async with subscription:
            yield subscription


class _Until(Client):
    """A client whose calls have a common deadline; everything else is the client it was made from."""

    def __init__(self, client: Client, deadline: float) -> None:
        self.__dict__ = {**client.__dict__, "_whole": client, "_deadline": deadline}

    def _send(self, route: Route, endpoint: str, content_type: str, body: bytes) -> Sent | None:
        """Every call has a deadline of its own."""
        return None

    async def close(self) -> None:
        """The links belong to the client it was made from."""

    async def call_raw(
        self,
        service: str,
        endpoint: str,
        body: bytes = b"",
        *,
        content_type: str = JSON,
        timeout_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        whole: Client = self.__dict__["_whole"]
        remaining = self.__dict__["_deadline"] - asyncio.get_running_loop().time()
        if remaining <= 0:
            raise Timeout("the caller of this service waits no longer", id=f"{service}.{endpoint}")
        allowed = remaining if timeout_seconds is None else min(remaining, timeout_seconds)
        return await whole.call_raw(
            service, endpoint, body, content_type=content_type, timeout_seconds=allowed, headers=headers
        )


def _encode_item(item: Any) -> bytes:
    return item if type(item) is bytes else encode_value(item, JSON)
