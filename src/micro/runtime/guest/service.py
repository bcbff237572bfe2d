"""A guest as a service among services: its endpoints and subscriptions run in instances of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from micro.errors import BadRequest, InternalError
from micro.mucp.codec import content_type_of
from micro.runtime.guest.abi import check_body
from micro.runtime.guest.description import Declared, Subscribed
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Guest
from micro.runtime.guest.hosting import ContextHost, Log
from micro.runtime.guest.pool import Pool
from micro.service.context import Context
from micro.service.cost import FUEL, Cost
from micro.service.debug import Stats
from micro.service.endpoint import Endpoint
from micro.service.schema.binding import Codec
from micro.service.service import Service, Subscriber
from micro.service.subscription import Event
from micro.service.typed import TypedStream

__all__ = ["GuestEndpoint", "guest_service"]


class GuestEndpoint(Endpoint):
    """An endpoint whose bodies go in and come out as they are: what they mean, the guest knows.

    Its figures know the fuel of its exchanges.
    """

    __slots__ = ("_call", "_codecs")

    def __init__(self, described: Mapping[str, Any], call: Callable[..., Any]) -> None:
        self.name = described["name"]
        self.kind = described["kind"]
        self.is_async = self.wants_context = True
        self.inline = self.yields = self.hidden = False
        self.stats = Stats()
        self._description = dict(described)
        self._call = partial(call, self.stats)
        self._codecs = {name: _passing(name) for name in described["content_types"]}

    def codec(self, content_type: str | None, body: bytes = b"") -> Codec:
        """Returns the endpoint in a content type.

        Raises:
            BadRequest: it does not speak it.
        """
        name = content_type_of(content_type, body) if content_type or body else next(iter(self._codecs))
        found = self._codecs.get(name)
        if found is None:
            spoken = " or ".join(self._codecs)
            raise BadRequest(f"this endpoint does not speak {name[:80]!r}; send {spoken}")
        return found

    @property
    def call(self) -> Callable[..., Any]:
        """Calls the guest: `call(body, context, stream)`."""
        return self._call


def _passing(name: str) -> Codec:
    return Codec(content_type=name, decode=bytes, invoke=_never, encode=_body, decode_item=bytes)


def _never(*given: object) -> None:
    raise InternalError("a guest is never run inline")


def _body(value: Any) -> bytes:
    return check_body(value)


def guest_service(declared: Declared, name: str, pool: Pool, grant: Grant, log: Log) -> Service:
    """Returns the service that a guest declares.

    Args:
        declared: what it says of itself.
        name: what it is called here.
        pool: runs its exchanges.
        grant: what it may use.
        log: takes its lines.

    Raises:
        ValueError: the name cannot be a service's.
    """
    service = Service(
        name,
        version=declared.version,
        description=declared.description,
        metadata=declared.metadata,
        export=declared.export,
        store="shared" if declared.shared else "caller",
    )
    for each in declared.endpoints:
        call = _streaming(pool, grant, log) if each["kind"] == "stream" else _calling(pool, grant, log)
        service.endpoints[each["name"]] = GuestEndpoint(each, call)
    for one in declared.subscriptions:
        service.subscribers.append(Subscriber(one.topic, one.queue or None, _handling(one, pool, grant, log)))
    for topic in declared.logs:
        service.topic(topic["topic"], export=topic.get("export", False), replicas=topic.get("replicas", 0))
    return service


def _calling(pool: Pool, grant: Grant, log: Log) -> Callable[..., Any]:
    async def call(stats: Stats, body: bytes, context: Context, stream: Any = None) -> bytes:
        host = ContextHost(context, log, grant)

        async def work(guest: Guest) -> bytes:
            try:
                return await guest.call(context.headers, body, host)
            finally:
                stats.fuel += guest.fuel_used
                context.cost = Cost(guest.fuel_used, FUEL)

        return await pool.run(work, host)

    return call


def _streaming(pool: Pool, grant: Grant, log: Log) -> Callable[..., Any]:
    async def serve(stats: Stats, body: bytes, context: Context, stream: TypedStream[bytes]) -> None:
        host = ContextHost(context, log, grant, stream.raw)

        async def work(guest: Guest) -> None:
            try:
                await guest.serve(context.headers, body, host)
            finally:
                stats.fuel += guest.fuel_used

        await pool.run(work, host, lasting=True)

    return serve


def _handling(subscribed: Subscribed, pool: Pool, grant: Grant, log: Log) -> Callable[..., Any]:
    async def handle(event: Event, context: Context) -> None:
        host = ContextHost(context, log, grant)

        async def work(guest: Guest) -> None:
            try:
                await guest.event(event.headers, event.body, host)
            finally:
                context.cost = Cost(guest.fuel_used, FUEL)

        await pool.run(work, host)

    return handle
