"""Events over HTTP, for whoever shows a token: publishing by POST, subscribing by server-sent events or a WebSocket.

With a queue every event is acknowledged, or it comes again. `ack=auto` does so once it is handed to the connection;
`ack=manual` leaves it to the client: over a WebSocket by the message `{"ack": [ids]}` or `{"nack": [ids]}`, beside
server-sent events by a POST of the same to the path that the first event names.

Where events of another node's log do not come yet, the reason does, as `{"waiting": why}`; it is "" once they may.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import msgspec

from micro.doors.api.call import Asking, ClientFor
from micro.doors.api.fields import request_of
from micro.doors.api.form import read_urlencoded
from micro.doors.api.refusal import Refused
from micro.doors.api.request import Answer, Request
from micro.doors.api.sockets import WebSocket
from micro.doors.api.streams import Events as EventSink
from micro.errors import BadRequest, Cancelled, Fault, MicroError, NotFound, Unavailable
from micro.mucp.codec import BYTES, JSON, decode_json, encode_json, normal
from micro.service.client import Client
from micro.service.subscription import Event, Subscription
from micro.trust.policy import Caller

__all__ = ["EventDoor", "Pending", "event_json"]

UNACKNOWLEDGED_MAX = 1024
"""So many events may wait for the client's word; no more are delivered before it."""

SUBSCRIPTIONS_MAX = 256
"""How many subscriptions by server-sent events may wait for acknowledgements by POST."""

TOPIC_CHARACTERS_MAX = 256

_OPTIONS = {
    "properties": {"queue": {"type": "string"}, "ack": {"enum": ["auto", "manual"]}},
    "additionalProperties": False,
}
_PUBLISH_OPTIONS = {
    "properties": {"id": {"type": "string"}, "durable": {"type": "boolean"}},
    "additionalProperties": False,
}


class Word(msgspec.Struct, forbid_unknown_fields=True):
    """What a client says about events it got.

    Attributes:
        ack: ids of events that are done with.
        nack: ids of events it wants again.
        delay_seconds: how long those may wait.
    """

    ack: list[str] = []
    nack: list[str] = []
    delay_seconds: float = 0.0


def event_json(event: Event) -> bytes:
    """Returns an event as the object that clients get; what is no JSON comes in base64 as `body`."""
    found: dict[str, Any] = {
        "id": event.id,
        "topic": event.topic,
        "time": event.time,
        "publisher": event.publisher,
        "attempt": event.attempt,
        "content_type": event.content_type,
    }
    value: Mapping[str, Any] = {"body": base64.b64encode(event.body).decode()}
    if event.content_type == JSON:
        try:
            value = {"value": decode_json(event.body)}
        except BadRequest:  # it says it is JSON and is not: still somebody's event
            pass
    return encode_json({**found, **value})


class Pending:
    """Events that wait for the client's word."""

    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        self._room = asyncio.Event()
        self._room.set()

    async def add(self, event: Event) -> None:
        """Keeps an event, waiting where too many wait already."""
        await self._room.wait()
        self._events[event.id] = event
        if len(self._events) >= UNACKNOWLEDGED_MAX:
            self._room.clear()

    async def heard(self, message: bytes) -> int:
        """Acknowledges or gives back; returns how many events that settled. Unknown ids were settled before.

        Raises:
            BadRequest: the message is not of that form.
        """
        try:
            word = msgspec.json.decode(message, type=Word)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f'expected {{"ack": [ids]}} or {{"nack": [ids], "delay_seconds": 1}}: {error}') from error
        settled = 0
        for id in word.ack:
            event = self._events.pop(id, None)
            if event is not None:
                await event.ack()
                settled += 1
        for id in word.nack:
            event = self._events.pop(id, None)
            if event is not None:
                await event.nack(max(0.0, word.delay_seconds))
                settled += 1
        if len(self._events) < UNACKNOWLEDGED_MAX:
            self._room.set()
        return settled


class EventDoor:
    """Publishing and subscribing.

    Args:
        known: returns who sent a request; called with it and what it wants, it raises a `Fault` for nobody known.
        client_for: returns a client with that one's rights.
        asking: who ends streams when the door closes.
        new_id: returns a name that nobody guesses.
    """

    def __init__(
        self,
        *,
        known: Callable[[Request, str], Caller],
        client_for: ClientFor,
        asking: Asking,
        new_id: Callable[[], str],
    ) -> None:
        self._known = known
        self._client_for = client_for
        self._asking = asking
        self._new_id = new_id
        self._waiting: dict[tuple[Caller, str], Pending] = {}

    async def publish(self, request: Request) -> Answer:
        """Publishes the body as an event; answers with its id once it is on disk.

        Raises:
            Fault: it was refused.
        """
        if request.method != "POST":
            raise Refused(405, "method: an event is published by POST", headers={"allow": "POST"})
        client = self._client_for(self._known(request, "publishing"))
        topic = _topic(request)
        options = request_of(read_urlencoded(request.query), _PUBLISH_OPTIONS)
        body = await request.body()
        declared = request.header("content-type")
        if declared is None or normal(declared) == "application/x-www-form-urlencoded":
            declared = JSON if body.lstrip()[:1] in (b"{", b"[", b'"') else BYTES
        if normal(declared) == JSON:
            decode_json(body)  # whoever subscribes shall be able to rely on it
        id = await client.publish_raw(
            topic,
            body,
            content_type=normal(declared),
            id=options.get("id") or request.header("micro-id"),
            durable=options.get("durable", True),
        )
        return Answer(200, encode_json({"id": id, "topic": topic}))

    async def subscribe(self, request: Request) -> Answer | Fault | None:
        """Sends events as they come, or takes a word about those of `/api/subscribe/{topic}/{subscription}`.

        Raises:
            Fault: it was refused.
        """
        caller = self._known(request, "subscribing")
        if len(request.segments) == 4:
            return await self._heard(request, caller)
        if request.method != "GET":
            raise Refused(405, "method: a subscription is opened by GET", headers={"allow": "GET"})
        topic, queue, manual = self._wanted(request, "auto")
        request.stop_with_client()
        subscription = await self._client_for(caller).subscribe_raw(topic, queue)
        async with subscription:
            with self._asking.ending(subscription, request):
                return await self._pour(request, caller, subscription, topic, manual=manual)

    async def _heard(self, request: Request, caller: Caller) -> Answer:
        if request.method != "POST":
            raise Refused(405, "method: events are acknowledged by POST", headers={"allow": "POST"})
        pending = self._waiting.get((caller, request.segments[3]))
        if pending is None:
            raise NotFound("this subscription has ended; its events come again to the next one of the queue", id="api")
        return Answer(200, encode_json({"settled": await pending.heard(await request.body())}))

    @staticmethod
    def _wanted(request: Request, usual: str) -> tuple[str, str | None, bool]:
        options = request_of(read_urlencoded(request.query), _OPTIONS)
        queue = options.get("queue") or None
        return _topic(request), queue, queue is not None and options.get("ack", usual) == "manual"

    async def _pour(
        self, request: Request, caller: Caller, subscription: Subscription, topic: str, *, manual: bool
    ) -> Fault | None:
        if manual and len(self._waiting) >= SUBSCRIPTIONS_MAX:
            raise Unavailable(f"at most {SUBSCRIPTIONS_MAX} subscriptions wait for acknowledgements; use a WebSocket")
        sink, pending, name = EventSink(request, raw=False), Pending(), self._new_id()
        await sink.open()
        try:
            if manual:
                self._waiting[caller, name] = pending
                place = f"/api/subscribe/{quote(topic, safe='')}/{name}"
                await sink.event("subscribed", encode_json({"acknowledge": place}))
            with _telling(subscription, lambda why: sink.event("waiting", why)):
                async for event in subscription:
                    if manual:
                        await pending.add(event)
                    await sink.event("", event_json(event), id=event.id)
                    if not manual:
                        await event.ack()
        except Fault as fault:
            await sink.close(fault)
            return fault
        finally:
            sink.stop()
            self._waiting.pop((caller, name), None)
        return None

    async def carry(self, socket: WebSocket, client: Client) -> Fault | None:
        """Carries a subscription over an accepted WebSocket; returns the fault that ended it."""
        try:
            topic, queue, manual = self._wanted(socket.request, "manual")
            subscription = await client.subscribe_raw(topic, queue)
            async with subscription:
                with self._asking.ending(subscription, socket.request):
                    fault = await self._both_ways(socket, subscription, manual=manual)
                    await socket.close(fault)
                    return fault
        except Fault as raised:
            fault = raised
        except MicroError as broken:
            fault = Unavailable(f"the node cannot be reached: {broken}", id="api")
        await socket.close(fault)
        return fault

    @staticmethod
    async def _both_ways(socket: WebSocket, subscription: Subscription, *, manual: bool) -> Fault | None:
        pending = Pending()
        incoming = asyncio.get_running_loop().create_task(_take_in(socket, subscription, pending))
        try:
            with _telling(subscription, lambda why: socket.send(why, text=True)):
                async for event in subscription:
                    if manual:
                        await pending.add(event)
                    await socket.send(event_json(event), text=True)
                    if not manual:
                        await event.ack()
            return None
        except Fault as fault:
            return fault
        finally:
            incoming.cancel()

    def client(self, request: Request) -> Client:
        """Returns a client with the rights of whoever wants to subscribe.

        Raises:
            Unauthorized: nobody knows who that is.
        """
        return self._client_for(self._known(request, "subscribing"))


@contextmanager
def _telling(subscription: Subscription, tell: Callable[[bytes], Awaitable[None]]) -> Iterator[None]:
    """Has the client told why events do not come yet, each time that is another reason; "" where they may."""
    changed = asyncio.Event()

    async def tell_each() -> None:
        with suppress(Cancelled, OSError):  # the client went away, which whoever sends it events sees too
            while True:
                await changed.wait()
                changed.clear()
                await tell(encode_json({"waiting": subscription.waiting}))

    subscription.on_waiting(lambda why: changed.set())
    telling = asyncio.get_running_loop().create_task(tell_each())
    try:
        yield
    finally:
        telling.cancel()


async def _take_in(socket: WebSocket, subscription: Subscription, pending: Pending) -> None:
    while True:
        message = await socket.next()
        if message is None:
            subscription.failed(Cancelled("the client went away"), refused=False)
            return
        try:
            await pending.heard(message)
        except BadRequest as wrong:
            subscription.failed(wrong, refused=False)


def _topic(request: Request) -> str:
    topic = request.segments[2] if len(request.segments) >= 3 else ""
    if not 0 < len(topic) <= TOPIC_CHARACTERS_MAX:
        raise BadRequest(f"the path ends with a topic of 1 to {TOPIC_CHARACTERS_MAX} characters", id="api")
    return topic
