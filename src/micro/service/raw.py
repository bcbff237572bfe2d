"""The client in bytes: call, stream, publish and subscribe by name; `ways` says by which link."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from micro.errors import BadRequest, Fault, LinkClosed, NotFound, Unavailable
from micro.mucp import headers as names
from micro.mucp.codec import JSON
from micro.mucp.event import Replied
from micro.mucp.headers import encode, encode_id
from micro.mucp.message import Form
from micro.network.link import CALL_TIMEOUT_SECONDS, Link
from micro.ports import Clock, Entropy
from micro.service.budget import RetryBudget, RetryPolicy
from micro.service.dialed import Dialer
from micro.service.ephemeral import EphemeralPublisher
from micro.service.identifier import Identifiers
from micro.service.route import DEFAULT_MILLISECONDS, Route
from micro.service.selector import is_failure
from micro.service.stream import RawStream
from micro.service.subscription import Subscription
from micro.service.ways import Ways

__all__ = ["Dialer", "RawClient", "Sent"]

TIMEOUT_MILLISECONDS_MAX = 2**32 - 1
CALLS_COUNTED_MAX = 1_000
"""Calls that earn retries for the budget are counted between two retries up to here."""


Sent = tuple[asyncio.Future[Replied], Link, int]
"""A call on its way: what its answer comes to, the link by which it went, and its number there."""


class _Tried(NamedTuple):
    """What an attempt came to."""

    fault: Fault
    idempotent: bool
    is_stale: bool = False
    """Whether the route was one that leads nowhere any more."""


class RawClient:
    """Calls, streams, publishes and subscribes with bodies in bytes.

    Args:
        dialer: how it reaches its node.
        clock, entropy: for ids of events and the spread of retries.
        timeout_seconds: the deadline of calls that name none.
        direct: whether it may ask the node for the sockets of instances and talk to them directly.
    """

    def __init__(
        self,
        dialer: Dialer,
        *,
        clock: Clock,
        entropy: Entropy,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
        direct: bool = True,
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self._clock = clock
        self._entropy = entropy
        self._identifiers = Identifiers(clock, entropy)
        self._ways = Ways(dialer, entropy=entropy, direct=direct)
        self._routes = self._ways.routes
        self._budget = RetryBudget()
        self._policy = RetryPolicy()
        self._calls = 0
        self._ephemeral = EphemeralPublisher()

    async def node(self) -> Link:
        """Returns the link to the node, dialling where there is none.

        Raises:
            NoNode: none answers.
        """
        return await self._ways.node()

    async def route(self, service: str) -> Route:
        """Returns how to reach `service`, asking the node where it is not known."""
        return await self._ways.route(service)

    def forget(self, link: Link) -> None:
        """Uses a link for nothing new."""
        self._ways.forget(link)

    # -- the forms --------------------------------------------------------------------------------------------------

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
        """Calls an endpoint with a body in bytes and returns the answer's.

        Raises:
            Fault: it failed; code 408 after the deadline, 503 where nobody answers.
            NoNode: no node runs here.
        """
        route = self._routes.get(service) or await self.route(service)
        sent = self._send(route, endpoint, content_type, body) if timeout_seconds is None and headers is None else None
        if sent is None:
            self._calls += 1
            return await self._call(service, endpoint, body, content_type, timeout_seconds, headers)
        try:
            return (await sent[0]).body
        except (Fault, asyncio.CancelledError) as error:
            return await self._again(sent, error, route, endpoint, body, content_type)

    def _send(self, route: Route, endpoint: str, content_type: str, body: bytes) -> Sent | None:
        """Sends a call that has no deadline or headers of its own, and one link to go by; None where that is not so."""
        link = route.only
        if link is None or self.timeout_seconds != CALL_TIMEOUT_SECONDS:
            return None
        prefix = route.prefixes.get((endpoint, content_type))
        if prefix is None:
            prefix = route.call_prefix(link, endpoint, content_type)
        future = link.future()
        try:
            number = link.call(future, prefix, body)
        except LinkClosed:
            self.forget(link)
            return None
        self._calls += 1
        return future, link, number

    async def _again(
        self, sent: Sent, error: BaseException, route: Route, endpoint: str, body: bytes, content_type: str
    ) -> bytes:
        """Sends a call again that failed, if that helps; one that nobody waits for any more is withdrawn."""
        if not isinstance(error, Fault):
            _, link, number = sent
            link.cancel(number)
            raise error
        tried = _Tried(error, endpoint in route.idempotent, self._lets_go(route, error))
        return await self._call(route.service, endpoint, body, content_type, None, None, tried=tried)

    async def _call(
        self,
        service: str,
        endpoint: str,
        body: bytes,
        content_type: str,
        timeout_seconds: float | None,
        headers: Mapping[str, str] | None,
        *,
        tried: _Tried | None = None,
    ) -> bytes:
        """Calls with a deadline, headers, a choice of instances or retries; `tried` is what one attempt came to."""
        loop = asyncio.get_running_loop()
        allowed = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        if not isinstance(allowed, int | float) or not math.isfinite(allowed):
            raise BadRequest(f"timeout_seconds: expected a number of seconds, got {allowed!r}")
        deadline = loop.time() + allowed
        attempt = 0
        while True:
            if tried is not None:
                attempt += 1
                await self._wait_to_retry(tried, attempt, deadline - loop.time())
            route = await self.route(service)
            try:
                return await self._attempt(route, endpoint, body, content_type, deadline - loop.time(), headers)
            except LinkClosed as closed:
                fault: Fault = Unavailable(f"the link to {service} is closed: {closed}")
                fault.refused = True
            except Fault as found:
                fault = found
            tried = _Tried(fault, endpoint in route.idempotent, self._lets_go(route, fault))

    def _lets_go(self, route: Route, fault: Fault) -> bool:
        """Forgets a route at whose end the service is unknown, and says whether it did.

        The node may find it again: it has left its network and joined one since, or a stranger has what it had itself.
        """
        is_unknown = fault.refused and fault.code == NotFound.code and fault.id == route.service
        return is_unknown and self._ways.let_go(route)

    async def _wait_to_retry(self, tried: _Tried, attempt: int, remaining_seconds: float) -> None:
        """Waits until a failed call may be sent again, or raises its fault where it may not."""
        if tried.is_stale and attempt == 1:
            return
        seconds = self._policy.after(
            tried.fault,
            attempt=attempt,
            idempotent=tried.idempotent,
            remaining_seconds=remaining_seconds,
            entropy=self._entropy,
        )
        for _ in range(min(self._calls, CALLS_COUNTED_MAX)):
            self._budget.called()
        self._calls = 0
        if seconds is None or not self._budget.may_retry(self._clock.monotonic()):
            raise tried.fault
        await asyncio.sleep(seconds)

    async def _attempt(
        self,
        route: Route,
        endpoint: str,
        body: bytes,
        content_type: str,
        remaining: float,
        headers: Mapping[str, str] | None,
    ) -> bytes:
        link, seat = route.choose(self._clock.monotonic())
        if link.full:
            await link.drained()
        milliseconds = _milliseconds(remaining)
        extra = encode(headers) if headers else b""
        prefix = route.prefix(Form.CALL, link, endpoint, content_type, milliseconds, extra)
        future: asyncio.Future[Any] = link.future()
        number = link.call(future, prefix, body)
        timer = link.expire(number, max(0.0, remaining))
        if seat is not None:
            seat.begin()
        well = True
        try:
            return (await future).body  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            link.cancel(number)
            raise
        except Fault as fault:
            well = not is_failure(fault.code)
            raise
        finally:
            timer.cancel()
            link.done(number)
            if seat is not None:
                seat.end(well, self._clock.monotonic())

    async def stream_raw(
        self,
        service: str,
        endpoint: str,
        body: bytes = b"",
        *,
        content_type: str = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> RawStream:
        """Opens a stream; `body` holds the endpoint's parameters.

        Raises:
            LinkClosed: the link ended before anything was sent.
        """
        route = await self.route(service)
        link, _ = route.choose(self._clock.monotonic())
        extra = encode(headers) if headers else b""
        prefix = route.prefix(Form.STREAM, link, endpoint, content_type, 0, extra)
        stream = RawStream(link)
        stream.on_failure = lambda fault: self._lets_go(route, fault)
        stream.exchange = link.open(Form.STREAM, prefix, body, stream)
        return stream

    async def publish_raw(
        self,
        topic: str,
        body: bytes,
        *,
        content_type: str = JSON,
        id: str | None = None,
        headers: Mapping[str, str] | None = None,
        durable: bool = True,
        timeout_seconds: float | None = None,
    ) -> str:
        """Publishes an event and returns its id.

        Args:
            id: the same id twice, from the same publisher, is one event.
            durable: wait until it is on the disk of the topic's keeper; else it reaches only who listens now.
            timeout_seconds: how long to wait; the keeper is told, and says in time what an event still lacks.

        Raises:
            Fault: it was refused, or its outcome is unknown; publish again with the same id.
        """
        link = await self._ways.node()
        if link.full:
            await link.drained()
        if not durable:
            own = {names.ID: id, **(headers or {})} if id else headers
            self._ephemeral.publish(link, topic, body, content_type, own)
            return id or ""
        said = {names.TOPIC: topic, names.CONTENT_TYPE: content_type}
        id = id or self._identifiers.new()
        extra = encode({names.ID: id, **headers}) if headers else encode_id(id)
        milliseconds = DEFAULT_MILLISECONDS if timeout_seconds is None else _milliseconds(timeout_seconds)
        prefix = link.session.begin(Form.PUBLISH, said, milliseconds, extra)
        future: asyncio.Future[Any] = link.future()
        number = link.call(future, prefix, body)
        timer = None if timeout_seconds is None else link.expire(number, max(0.0, timeout_seconds))
        try:
            await future
        except asyncio.CancelledError:
            link.cancel(number)
            raise
        finally:
            if timer is not None:
                timer.cancel()
                link.done(number)
        return id

    async def subscribe_raw(self, topic: str, queue: str | None = None) -> Subscription:
        """Subscribes and waits until the subscription is in force.

        Args:
            queue: members of a queue share its events, each is acknowledged, and none is lost while nobody is there;
                without a queue every subscriber gets what is published while it listens.

        Raises:
            Fault: the topic's keeper refused.
        """
        link = await self.node()
        content = {names.TOPIC: topic, names.QUEUE: queue} if queue else {names.TOPIC: topic}
        prefix = link.session.begin(Form.SUBSCRIBE, content, 0)
        subscription = Subscription(link)
        subscription.exchange = link.open(Form.SUBSCRIBE, prefix, b"", subscription)
        await subscription.in_force()
        return subscription

    async def close(self) -> None:
        """Ends all links; calls under way fail."""
        self._ways.close("the client was closed")


def _milliseconds(seconds: float) -> int:
    """Returns how a time is said in an OPEN: 0 would mean none."""
    return min(max(1, math.ceil(seconds * 1000)), TIMEOUT_MILLISECONDS_MAX)
