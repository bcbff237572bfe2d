"""The service `go.micro.client`: programs without a client of their own call, stream and publish through the node.

Each is judged as if the caller had asked himself. Source of the messages: `client/service/proto/client.proto` of
go-micro v2.9.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from micro.doors.api.call import Note
from micro.doors.api.directory import Directory
from micro.doors.api.path import Wanted
from micro.doors.api.target import Target
from micro.doors.mucp.entry import Entry
from micro.doors.mucp.names import name_of
from micro.errors import BadRequest, Fault
from micro.mucp.codec import JSON, content_type_of
from micro.service.client import Client
from micro.service.context import Context
from micro.service.service import Service
from micro.service.stream import RawStream
from micro.service.typed import Stream
from micro.trust.policy import Caller

__all__ = ["NAME", "client_service"]

NAME = "go-micro-client"
ClientFor = Callable[[Caller], Client]


@dataclass
class Request:
    """What is asked.

    Attributes:
        service, endpoint: of whom, and for what.
        content_type: what the body is in; JSON where it is not said.
        body: the request.
    """

    service: str = ""
    endpoint: str = ""
    content_type: str = ""
    body: bytes = b""


@dataclass
class Response:
    """What is answered.

    Attributes:
        body: the answer, in what the request was in.
    """

    body: bytes = b""


@dataclass
class Message:
    """What is published.

    Attributes:
        topic: where.
        content_type: what the body is in.
        body: the event.
    """

    topic: str = ""
    content_type: str = ""
    body: bytes = b""


class ClientControl:
    """The endpoints."""

    def __init__(self, client_for: ClientFor, directory: Directory, note: Note) -> None:
        self._client_for = client_for
        self._directory = directory
        self._note = note

    def _entry(self, caller: Caller, service: str, request: Request, kind: str) -> Entry:
        """Returns what is noted of a call or stream that begins now."""
        try:
            target, body = self._directory.find((Wanted(service, request.endpoint),)), request.body
        except Fault:  # nobody can tell whether there are secrets in it
            target, body = Target(service, request.endpoint), b""
        clock = asyncio.get_running_loop().time
        return Entry(self._note, caller, target, kind, body, clock, clock())

    async def call(self, request: Request, context: Context) -> Response:
        """Calls an endpoint.

        Args:
            request: what is asked of whom.
        """
        service = _asked(request)
        client = self._client_for(context.caller).until(context.deadline)
        kind = content_type_of(request.content_type or JSON, request.body)
        with self._entry(context.caller, service, request, kind) as entry:
            body = await client.call_raw(service, request.endpoint, request.body, content_type=kind)
            entry.answer_bytes = len(body)
        return Response(body)

    async def stream(self, requests: Stream[Request], context: Context) -> AsyncIterator[Response]:
        """Opens a stream with the first request, and sends the body of each later one on it."""
        context.exchange.patient = True
        coming = aiter(requests)
        first = await anext(coming, None)
        if first is None:
            return
        service = _asked(first)
        kind = content_type_of(first.content_type or JSON, first.body)
        client = self._client_for(context.caller)
        with self._entry(context.caller, service, first, kind) as entry:
            stream = await client.stream_raw(service, first.endpoint, first.body, content_type=kind)
            async with stream:
                sending = asyncio.get_running_loop().create_task(_send(coming, stream))
                try:
                    async for body in stream.messages():
                        entry.answer_bytes += len(body)
                        yield Response(body)
                finally:
                    sending.cancel()
                    await asyncio.wait((sending,))

    async def publish(self, message: Message, context: Context) -> Message:
        """Publishes an event; it is on disk when this returns.

        Args:
            message: the event.
        """
        kind = content_type_of(message.content_type, message.body)
        await self._client_for(context.caller).publish_raw(message.topic, message.body, content_type=kind)
        return Message()


async def _send(coming: AsyncIterator[Request], stream: RawStream) -> None:
    try:
        async for request in coming:
            await stream.send(request.body)
        await stream.end()
    except Fault as fault:  # the stream has told of it, or is withdrawn
        stream.failed(fault, refused=False)


def _asked(request: Request) -> str:
    service = name_of(request.service)
    if service == NAME:
        raise BadRequest("service: this service is asked to call others, not itself")
    if not service or not request.endpoint:
        raise BadRequest("service, endpoint: a request names both")
    return service


def client_service(client_for: ClientFor, directory: Directory, note: Note) -> Service:
    """Returns the service.

    Args:
        client_for: gives a client with a caller's rights.
        directory: what endpoints there are.
        note: takes note of calls and streams that have ended.
    """
    endpoints = ClientControl(client_for, directory, note)
    service = Service(NAME, description="Calls, streams and publishes for programs that cannot.", platform=True)
    service.add("Client.Call", endpoints.call)
    service.add("Client.Stream", endpoints.stream)
    service.add("Client.Publish", endpoints.publish)
    return service
