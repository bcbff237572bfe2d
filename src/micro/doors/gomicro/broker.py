"""The service `go.micro.broker`: go-micro programs publish and subscribe at the node over RPC.

Source of the messages: `broker/service/proto/broker.proto` of go-micro v2.9.1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from micro.doors.gomicro.messages import Empty
from micro.errors import BadRequest
from micro.mucp import headers as names
from micro.mucp.codec import content_type_of
from micro.mucp.http.post import program_headers
from micro.service.client import Client
from micro.service.context import Context
from micro.service.service import Service
from micro.trust.policy import Caller

__all__ = ["NAME", "broker_service"]

NAME = "go-micro-broker"
ClientFor = Callable[[Caller], Client]


@dataclass
class Message:
    """An event.

    Attributes:
        header: what its publisher says of it; `Content-Type` is what the body is in.
        body: its bytes.
    """

    header: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class BrokerControl:
    """The endpoints."""

    def __init__(self, client_for: ClientFor) -> None:
        self._client_for = client_for

    async def publish(self, context: Context, topic: str = "", message: Message | None = None) -> Empty:
        """Publishes an event; it is on disk when this returns.

        Args:
            topic: on which.
            message: the event.
        """
        event = message or Message()
        try:
            said = names.Headers(event.header)
        except ValueError as error:
            raise BadRequest(f"message.header: {error}") from None
        kind = content_type_of(said.get(names.CONTENT_TYPE), event.body)
        client = self._client_for(context.caller)
        id = said.get(names.ID)
        await client.publish_raw(topic, event.body, content_type=kind, id=id, headers=program_headers(said))
        return Empty()

    async def subscribe(self, context: Context, topic: str = "", queue: str = "") -> AsyncIterator[Message]:
        """Yields a topic's events; those of a queue count as handled once the program is sent the next.

        Args:
            topic: which.
            queue: whose members share its events; "" for all of them from now on.
        """
        context.exchange.patient = True
        async with self._client_for(context.caller).subscribe(topic, queue or None) as events:
            async for event in events:
                said = program_headers(event.headers)
                own = {names.TOPIC: event.topic, names.CONTENT_TYPE: event.content_type}
                yield Message({**said, **own, **({names.ID: event.id} if event.id else {})}, event.body)
                await event.ack()


def broker_service(client_for: ClientFor) -> Service:
    """Returns the service; `client_for` gives a client with a caller's rights."""
    endpoints = BrokerControl(client_for)
    service = Service(NAME, description="The node's topics, for go-micro's broker over RPC.", platform=True)
    service.add("Broker.Publish", endpoints.publish)
    service.add("Broker.Subscribe", endpoints.subscribe)
    return service
