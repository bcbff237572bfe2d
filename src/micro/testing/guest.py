"""A guest: somebody with a key of his own who links with a node and says of himself whatever a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from micro.errors import NotFound
from micro.mucp import headers as names
from micro.mucp.codec import BYTES
from micro.mucp.event import Hello, Opened, Published
from micro.mucp.limits import NETWORK, STRANGER
from micro.mucp.message import Form
from micro.network.link import Link
from micro.service.registry.backbone import SERVICE
from micro.service.registry.description import check_description
from micro.service.stream import RawStream
from micro.testing.network import Internet
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.ticket import Ticket

__all__ = ["Guest"]

DIAL_SECONDS_MAX = 5.0


class Guest:
    """Serves `Registry.Watch`, where it says what it is told to say, true or not, and takes events.

    Attributes:
        name: the machine it is on, for cuts.
        key, nid: who it is.
        host: its address.
        link: its link to the node it visits.
        watched: set when the node listens.
        taken: the bodies of events that the node passed on, in order.
        limits: what it takes; to be set before it visits.
    """

    def __init__(self, name: str, host: str, *, seed: bytes, internet: Internet) -> None:
        key = self.key = NodeKey(seed)
        self.name = name
        self.nid = nid_of(key.public)
        self.host = host
        self.link: Link | None = None
        self._transport = internet.bind(name, host, key, 0)
        self._transport.listen(lambda pipe: pipe.abort())
        self.watched = asyncio.Event()
        self.taken: list[bytes] = []
        self.limits = STRANGER
        self._watches: list[RawStream] = []

    async def visit(self, ticket: Ticket, *, purpose: str = "") -> None:
        """Links with a node, as a neighbour, or for the purpose that its HELLO says.

        Raises:
            Unavailable: it cannot be reached now.
        """
        pipe = await self._transport.dial(ticket.nid, ticket.addresses, None, timeout_seconds=DIAL_SECONDS_MAX)
        own = Ticket(self.nid, self._transport.addresses()).encode()
        hello = Hello([], agent="guest", ticket=own, purpose=purpose)
        self.link = Link(self, dialed=True, limits=self.limits, liveness=NETWORK, hello=hello)
        pipe.start(self.link)
        await self.link.greeted()

    async def open(self, endpoint: str) -> RawStream:
        """Opens a stream to an endpoint of the service `backbone` of the node it visits."""
        assert self.link is not None, "visit first"
        headers = {names.SERVICE: SERVICE, names.ENDPOINT: endpoint, names.CONTENT_TYPE: BYTES}
        stream = RawStream(self.link)
        prefix = self.link.session.begin(Form.STREAM, headers, 0)
        stream.exchange = self.link.open(Form.STREAM, prefix, b"", stream)
        return stream

    def say(self, kind: str, instance: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Says one line to whoever watches: `added`, `changed`, `removed`, `resync`, `beat`, or nonsense."""
        item = {"kind": kind, **more}
        if instance is not None:
            item["instance"] = instance
        for watch in self._watches:
            watch.send_now(msgspec.json.encode(item))

    def offer(
        self,
        service: str,
        *,
        sequence: int = 0,
        id: str = "1",
        version: str = "1.0.0",
        topics: Sequence[str] = (),
        **more: Any,
    ) -> None:
        """Says that it has a service, which subscribes to topics; `more` goes into the record."""
        record = {"service": service, "version": version, "id": id, "sequence": sequence, **more}
        wanted = [{"topic": topic, "queue": ""} for topic in topics]
        description = {"name": service, "version": version, "description": "", "endpoints": [], "topics": wanted}
        self.say("changed", record, hash=check_description(description).hash, description=description)

    def withdraw(self, service: str, *, sequence: int, id: str = "1", version: str = "1.0.0") -> None:
        """Says that it no longer has a service."""
        self.say("removed", {"service": service, "version": version, "id": id, "sequence": sequence})

    # -- what its link tells ------------------------------------------------------------------------------------------

    def greeted(self, link: Link, hello: Hello) -> None:
        """A guest visits whom it likes."""

    def opened(self, link: Link, event: Opened) -> None:
        """Takes events and a watch of its registry, and refuses all else."""
        if event.form == Form.PUBLISH:
            self.taken.append(event.body)
            link.reply(event.number, b"")
            return
        if event.exchange is None or event.block.headers.get(names.ENDPOINT) != "Registry.Watch":
            link.fail(event.number, NotFound("a guest has nothing but a registry"), refused=True)
            return
        watch = RawStream(link)
        watch.exchange = event.exchange
        event.exchange.owner = watch
        self._watches.append(watch)
        self.watched.set()

    def published(self, link: Link, event: Published) -> None:
        """Nobody waits for what nobody keeps."""

    def withdrawn(self, link: Link, number: int) -> None:
        """Nothing it does takes time."""

    def going(self, link: Link, reason: str) -> None:
        """It stays until the link ends."""

    def lost(self, link: Link, reason: str) -> None:
        """Nobody listens any more."""
        self._watches.clear()
