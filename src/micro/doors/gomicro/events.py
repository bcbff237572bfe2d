"""The service `go.micro.events`: events of micro v3 over RPC, kept in the node's own log, for its owner.

Source of the messages: `proto/events/events.proto` of micro v3. The acknowledgements that a program of micro sends
beside a stream are not read: an event of a queue counts as handled once the program is sent the next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from micro.doors.gomicro.messages import Empty
from micro.errors import BadRequest
from micro.mucp import headers as names
from micro.mucp.codec import content_type_of, decode_json, encode_json
from micro.service.client import Client
from micro.service.context import Context
from micro.service.service import Service
from micro.service.subscription import Event as Received
from micro.trust.policy import Caller

__all__ = ["NAME", "events_service"]

NAME = "go-micro-events"
METADATA = "Micro-Meta-Event"
"""The header in which an event carries its metadata, as JSON: the names of headers count in any case."""

READ_EVENTS_MAX = 1_000
READ_EVENTS = 250
"""What is read where nobody says how much, as micro does."""

READ_BYTES_MAX = 3_000_000
ClientFor = Callable[[Caller], Client]


@dataclass
class Event:
    """An event.

    Attributes:
        id: of its publisher.
        topic: on which it was published.
        metadata: what its publisher says of it.
        payload: its bytes.
        timestamp: when it was taken, in seconds since 1970.
    """

    id: str = ""
    topic: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    payload: bytes = b""
    timestamp: int = 0


@dataclass
class Told:
    """An event that is to be published.

    Attributes:
        topic: on which.
        metadata: what is said of it.
        payload: its bytes.
        timestamp: is not taken: an event is of the time at which its keeper has it.
    """

    topic: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    payload: bytes = b""
    timestamp: int = 0


@dataclass
class Events:
    """Some events.

    Attributes:
        events: in the order in which they were taken.
    """

    events: list[Event] = field(default_factory=list)


class EventsControl:
    """The endpoints."""

    def __init__(self, client_for: ClientFor) -> None:
        self._client_for = client_for

    async def publish(self, told: Told, context: Context) -> Empty:
        """Publishes an event; it is on disk when this returns.

        Args:
            told: the event.
        """
        try:
            said = names.Headers({METADATA: encode_json(told.metadata).decode()} if told.metadata else {})
        except ValueError as error:
            raise BadRequest(f"metadata: {error}") from None
        kind = content_type_of(None, told.payload)
        client = self._client_for(context.caller)
        await client.publish_raw(told.topic, told.payload, content_type=kind, headers=said)
        return Empty()

    async def consume(
        self,
        context: Context,
        queue: str = "",
        topic: str = "",
        start_at_time: int = 0,
        auto_ack: bool = False,
        ack_wait: int = 0,
        retry_limit: int = 0,
    ) -> AsyncIterator[Event]:
        """Yields a topic's events.

        Args:
            queue: whose members share its events; "" for all of them from now on.
            topic: which.
            start_at_time: from when on a queue gets them again, in seconds since 1970; 0 goes on where it stands.
            auto_ack: must be true: what a program acknowledges beside the stream is not read.
            ack_wait: means nothing then.
            retry_limit: means nothing then.
        """
        if not auto_ack:
            raise BadRequest("auto_ack: acknowledgements beside the stream are not read; set it")
        context.exchange.patient = True
        client = self._client_for(context.caller)
        if start_at_time and queue:
            wish = {"topic": topic, "queue": queue, "since": float(start_at_time)}
            await client.call("events", "Events.Replay", wish)
        elif start_at_time:
            raise BadRequest("start_at_time: a queue gets events again; without one use Store.Read")
        async with client.subscribe(topic, queue or None) as events:
            async for event in events:
                yield _received(event)
                await event.ack()

    async def read(self, context: Context, topic: str = "", limit: int = 0, offset: int = 0) -> Events:
        """Reads the kept events of a topic.

        Args:
            topic: which.
            limit: how many at most, up to 1,000; 0 for 250.
            offset: how many of the oldest are left out.
        """
        if not 0 <= limit <= READ_EVENTS_MAX or offset < 0:
            raise BadRequest(f"limit, offset: a limit is from 0 to {READ_EVENTS_MAX}, and no offset below 0")
        found, size, left = list[Event](), 0, offset
        wish = {"topic": topic, "limit": offset + (limit or READ_EVENTS)}
        async with self._client_for(context.caller).stream("events", "Events.Read", wish, returns=Read) as lines:
            async for line in lines:
                if left:
                    left -= 1
                    continue
                size += len(line.body)
                if size > READ_BYTES_MAX:
                    raise BadRequest("limit: these events are too large for one answer; read fewer of them")
                found.append(Event(line.id, topic, {}, line.body, int(line.time)))
        return Events(found)


@dataclass
class Read:
    """A line of `Events.Read`."""

    sequence: int = 0
    id: str = ""
    publisher: str = ""
    time: float = 0.0
    content_type: str = ""
    body: bytes = b""


def _received(event: Received) -> Event:
    try:
        found = decode_json(event.headers.get(METADATA, "{}").encode())
    except BadRequest:  # whoever published it wrote what he liked
        found = {}
    metadata = {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
    return Event(event.id, event.topic, metadata, event.body, int(event.time))


def events_service(client_for: ClientFor) -> Service:
    """Returns the service; `client_for` gives a client with a caller's rights."""
    endpoints = EventsControl(client_for)
    service = Service(NAME, description="The node's events, for micro's events over RPC.", platform=True)
    service.add("Stream.Publish", endpoints.publish)
    service.add("Stream.Consume", endpoints.consume)
    service.add("Store.Read", endpoints.read, idempotent=True)
    return service
