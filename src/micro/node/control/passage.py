"""What a super node answers nodes whose phones reach them through its domain.

| endpoint of `backbone` | who may |
| --- | --- |
| `Passage` | every node: under which domain this super node passes connections on |
| `Await` | a node whose home this is by the map, for itself: hears of the connections that are for it |
| `Pass` | the same, for one connection that it heard of: the bytes of it, both ways |
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from micro.errors import Forbidden, Unauthorized, Unavailable
from micro.network.passage.server import PassageServer
from micro.ports import Clock
from micro.service.context import Context
from micro.service.registry import passage as said
from micro.service.registry.holder import Holder
from micro.service.service import Service
from micro.service.typed import Stream
from micro.trust.identity import public_key_of

__all__ = ["PassageService"]


class PassageService:
    """The endpoints.

    Args:
        server: what passes connections on, None where the owner wants none.
        port: which browsers use.
        holder: returns what this node holds as a super node.
        clock: tells the time.
    """

    def __init__(
        self, server: PassageServer | None, *, port: int, holder: Callable[[], Holder | None], clock: Clock
    ) -> None:
        self._server = server
        self._port = port
        self._holder = holder
        self._clock = clock

    def offer(self, service: Service) -> None:
        """Adds the endpoints to the service `backbone`."""
        service.add("Backbone.Passage", self.passage, idempotent=True)
        service.add("Backbone.Await", self.wait)
        service.add("Backbone.Pass", self.carry)

    async def passage(self, body: bytes, context: Context) -> bytes:
        """Returns the domain and the port, an empty domain where there is none for this node."""
        said.PASSAGE_REQUEST.decode(body)
        try:
            server, _ = self._asked(context)
        except (Forbidden, Unavailable):
            return said.PASSAGE.encode({})
        return said.PASSAGE.encode({"domain": server.domain, "port": self._port})

    async def wait(self, body: bytes, words: Stream[bytes], context: Context) -> AsyncIterator[bytes]:
        """Tells the node that opens the stream where it is reached, and then of each connection that is for it.

        Args:
            body: nothing.
            words: none are expected; their end is the end.
        """
        said.PASSAGE_REQUEST.decode(body)
        server, nid = self._asked(context)
        place = server.attend(nid)
        try:
            yield said.PASSAGE.encode({"domain": server.domain, "port": self._port})
            while True:
                call = await place.next()
                yield said.CALLED.encode({"name": call.name, "address": call.address})
        finally:
            server.leave(place)

    async def carry(self, body: bytes, words: Stream[bytes], context: Context) -> AsyncIterator[bytes]:
        """Passes one connection: what the browser says comes back, what the node says goes there.

        Args:
            body: the name of the connection.
            words: bytes for the browser.
        """
        name = said.TAKING.decode(body)["name"]
        server, nid = self._asked(context)
        async with aclosing(server.take(nid, name).carry(words)) as pieces:
            async for piece in pieces:
                yield piece

    def _asked(self, context: Context) -> tuple[PassageServer, str]:
        """Returns what passes connections on, and the node that asks, which its link has proved."""
        if not context.caller.nid or not context.caller.peer:
            raise Unauthorized("connections are passed on to nodes, which prove who they are")
        nid = context.caller.nid
        holder = self._holder()
        if self._server is None or holder is None:
            raise Unavailable("this node passes no connections on; next: ask another super node of the network")
        banished = holder.penalties.banished_seconds(nid, self._clock.monotonic())
        if banished or not holder.is_home_of(public_key_of(nid)):
            raise Forbidden(f"by map {holder.atlas.version} this is no home for {context.caller}; look at a newer map")
        return self._server, nid
