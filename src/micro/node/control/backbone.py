"""The service `backbone`: what a node of a network answers about its maps, and a super node about everybody.

| endpoint | who may |
| --- | --- |
| `Map`, `Commons` | every node, at every node of a network |
| `Find`, `Lookup`, `Search`, `Presence`, `Watch` | every node, at super nodes |
| `Home` | every node for itself, at the super nodes of its shard |
| `Store`, `Silence` | super nodes of the newest map or the one before |
| `Join` | every node for itself, at the keeper |
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from micro.errors import BadRequest, Forbidden, TooLarge, TooManyRequests, Unauthorized, Unavailable
from micro.ports import Clock, Entropy
from micro.service.context import Context
from micro.service.registry import backbone as said
from micro.service.registry.charting import Charting
from micro.service.registry.heard import Heard, Moment
from micro.service.registry.holder import Holder
from micro.service.registry.layout import Layout
from micro.service.registry.record import key_in
from micro.service.registry.shardmap import SuperNode
from micro.service.service import Service
from micro.service.typed import Stream
from micro.trust.identity import public_key_of
from micro.trust.rates import Rates

__all__ = ["BackboneService", "Role", "backbone_service"]

CHANCE_BYTES: Final = 4

JOIN_SECONDS: Final = 30.0
"""One node may wish to join, or to leave, so often: each makes a new map, and shards move."""

JOINS_BURST: Final = 4.0
"""And so often at once: it comes, moves, is killed and comes back elsewhere."""


class Role:
    """What this node is in its network; set and taken away while the service stands.

    Attributes:
        charting: the maps, None while the node is in no network.
        holder: what it holds as a super node, None where it is none.
        admit: takes a super node into the map, or out of it; None where this node is not the keeper.
        commons_port: returns the port of the commons, 0 where this node has no second path.
    """

    def __init__(self) -> None:
        self.charting: Charting | None = None
        self.holder: Holder | None = None
        self.admit: Callable[[SuperNode | None, bytes], Awaitable[None]] | None = None
        self.commons_port: Callable[[], int] = lambda: 0


class BackboneService:
    """The endpoints. Each takes and gives one message of `micro.service.registry.backbone` in bytes."""

    def __init__(self, role: Role, *, clock: Clock, entropy: Entropy, parcelled: Callable[[], None]) -> None:
        self._role = role
        self._clock = clock
        self._entropy = entropy
        self._parcelled = parcelled
        self._turn = asyncio.Lock()
        self._joins: Rates[bytes] = Rates(1 / JOIN_SECONDS, JOINS_BURST)

    async def map(self, body: bytes, context: Context) -> bytes:
        """Returns the newest shard map, if it is newer than the asker's."""
        self._sender(context)
        return self._charting().answer(body)

    async def commons(self, body: bytes, context: Context) -> bytes:
        """Returns the port at which this node takes part in the commons, 0 where it does not."""
        self._sender(context)
        said.COMMONS_REQUEST.decode(body)
        return said.COMMONS.encode({"port": self._role.commons_port()})

    async def find(self, body: bytes, context: Context) -> bytes:
        """Returns records of a name."""
        holder = self._holder(self._sender(context))
        asked = said.FIND.decode(body)
        found = holder.find(asked["name"], asked["limit"] or said.KEYS_MAX, asked["key"], self._chance())
        return self._found(holder, found.sealed, found.total)

    async def lookup(self, body: bytes, context: Context) -> bytes:
        """Returns records of a name, and where their nodes are as far as that is known here."""
        holder = self._holder(self._sender(context))
        asked = said.FIND.decode(body)
        found = holder.find(asked["name"], asked["limit"] or said.KEYS_MAX, asked["key"], self._chance())
        living = holder.present([key_in(sealed) for sealed in found.sealed[: said.KEYS_MAX]], self._clock.now())
        fields = {"map_version": holder.atlas.version, "records": found.sealed, "total": found.total}
        return said.LOCATED.encode({**fields, "presences": [each.fields() for each in living]})

    async def search(self, body: bytes, context: Context) -> bytes:
        """Returns records under words."""
        holder = self._holder(self._sender(context))
        asked = said.SEARCH.decode(body)
        found = holder.search(asked["words"], asked["limit"] or said.KEYS_MAX, self._chance())
        return self._found(holder, found.sealed, found.total)

    async def presence(self, body: bytes, context: Context) -> bytes:
        """Returns where nodes are that are believed alive."""
        holder = self._holder(self._sender(context))
        living = holder.present(said.PRESENCE.decode(body)["keys"], self._clock.now())
        fields = [found.fields() for found in living]
        return said.PRESENT.encode({"map_version": holder.atlas.version, "presences": fields})

    async def store(self, body: bytes, context: Context) -> bytes:
        """Takes records, presences and beats from another super node."""
        holder, sender = self._member(context)
        parcel = self._read(said.STORE, holder, sender, body, context)
        heard = holder.store(sender, parcel, self._moment())
        self._newer(parcel["map_version"], sender)
        self._banish(context, heard)
        return said.STORED.encode({"map_version": holder.atlas.version, "unknown": heard.unknown})

    async def silence(self, body: bytes, context: Context) -> bytes:
        """Takes from another super node which nodes that had their home there have parted and not come back."""
        holder, sender = self._member(context)
        found = self._read(said.SILENCE, holder, sender, body, context)
        holder.silence(sender, found)
        self._newer(found["map_version"], sender)
        return said.STORED.encode({"map_version": holder.atlas.version})

    async def home(self, body: bytes, words: Stream[bytes], context: Context) -> AsyncIterator[bytes]:
        """Is the home of the node that opens the stream: it announces, and hears of refusals and newer maps.

        Args:
            body: the first announcement, or nothing.
            words: further announcements.
        """
        sender = self._sender(context)
        holder = self._holder(sender)
        if not holder.is_home_of(sender):
            raise Forbidden(f"by map {holder.atlas.version} this is no home for {context.caller}; look at a newer map")
        stay = holder.partings.come(sender)
        try:
            version = holder.atlas.version
            yield self._word(version, await self._announced(holder, sender, body, context))
            async for body in words:
                self._must_hold(holder)
                heard = await self._announced(holder, sender, body, context)
                if heard.again or heard.trouble or holder.atlas.version > version:
                    version = holder.atlas.version
                    yield self._word(version, heard)
        finally:
            link = context.link
            if link is not None and link.closed is not None:
                holder.partings.part(sender, stay, self._clock.monotonic(), link.watch.silent_seconds())
            else:
                holder.partings.leave(sender, stay)

    async def _announced(self, holder: Holder, sender: bytes, body: bytes, context: Context) -> Heard:
        """Takes one announcement: one in a turn of the loop, for a thousand nodes may come from a home that is gone.

        All of theirs at once would leave every link without a sign of life until it is taken for dead, and they would
        come again.
        """
        heard = Heard()
        if body:
            async with self._turn:
                await asyncio.sleep(0)
                words = self._read(said.ANNOUNCE, holder, sender, body, context)
                heard = holder.announce(sender, words, self._moment())
        self._parcelled()
        self._banish(context, heard)
        return heard

    async def watch(self, body: bytes, context: Context) -> AsyncIterator[bytes]:
        """Tells of changes of names and nodes, as they come."""
        holder = self._holder(self._sender(context))
        wanted = said.WATCH.decode(body)
        wake = asyncio.Event()
        watcher = holder.watchers.add(wanted["names"], wanted["keys"], wake.set)
        for key in holder.presences.gone(wanted["keys"], self._clock.now()):
            watcher.tell({"gone": key})  # it may have been told to others before they asked
        try:
            yield said.NEWS.encode({"map_version": holder.atlas.version})
            while True:
                await wake.wait()
                self._must_hold(holder)
                wake.clear()
                while watcher.news:
                    yield said.NEWS.encode({"map_version": holder.atlas.version, **watcher.news.popleft()})
        finally:
            holder.watchers.remove(watcher)

    async def join(self, body: bytes, context: Context) -> bytes:
        """Takes the caller into the map as a super node, or out of it, and returns the newest map."""
        sender = self._sender(context)
        charting, admit = self._charting(), self._role.admit
        if admit is None:
            raise Forbidden(
                f"only the keeper of the network, {charting.atlas.network}, takes super nodes in; ask there"
            )
        wish = said.JOIN.decode(body)
        if not self._joins.allow(sender, self._clock.monotonic()):
            if (holder := self._role.holder) is not None:
                self._banish(context, holder.flooded(sender, self._moment()))
            raise TooManyRequests(
                f"{context.caller} has just joined or left, and every map moves shards; ask again in {JOIN_SECONDS:g} s"
            )
        member = None
        if not wish["leaving"]:
            member = SuperNode(sender, wish["addresses"], wish["relay"], wish["owner"], int(self._clock.now()))
        await admit(member, sender)
        return charting.answer(said.MAP_REQUEST.encode({}))

    # -- within -----------------------------------------------------------------------------------------------------

    def _sender(self, context: Context) -> bytes:
        """Returns the public key of the node that calls, which its link has proved."""
        if not context.caller.nid or not context.caller.peer:
            raise Unauthorized("the backbone answers nodes, which prove who they are")
        key = public_key_of(context.caller.nid)
        holder = self._role.holder
        seconds = holder.penalties.banished_seconds(context.caller.nid, self._clock.monotonic()) if holder else 0.0
        if seconds:
            raise Forbidden(f"{context.caller} sent what no honest node sends; it is heard again in {seconds:.0f} s")
        return key

    def _member(self, context: Context) -> tuple[Holder, bytes]:
        """Returns what is held here and the public key of the super node that calls, as the map has it."""
        holder = self._holder(self._sender(context))
        member = holder.atlas.member(public_key_of(context.caller.nid))
        if member is None:
            raise Forbidden(
                f"{context.caller} is no super node by map {holder.atlas.version} or the one before; only those store"
            )
        return holder, member.key

    def _charting(self) -> Charting:
        if self._role.charting is None:
            raise Unavailable("this node is in no network; `micro network join` takes it into one")
        return self._role.charting

    def _holder(self, _: bytes) -> Holder:
        if self._role.holder is None:
            raise Unavailable("this node is no super node; the shard map names those")
        return self._role.holder

    def _must_hold(self, holder: Holder) -> None:
        """Ends a stream that began with what is held no more: this node has left the network, and may be back."""
        current = self._role.holder
        if current is None or current.presences is not holder.presences:
            raise Unavailable("this node has left the network since; look at a newer map, and begin anew")

    def _read(self, layout: Layout, holder: Holder, sender: bytes, body: bytes, context: Context) -> dict[str, Any]:
        """Reads what a sender says; whoever says what is no message is charged for it."""
        try:
            return layout.decode(body)
        except (BadRequest, TooLarge):
            self._banish(context, holder.garbled(sender, self._moment()))
            raise

    def _moment(self) -> Moment:
        return Moment(self._clock.now(), self._clock.monotonic())

    def _chance(self) -> int:
        return int.from_bytes(self._entropy.random_bytes(CHANCE_BYTES))

    @staticmethod
    def _found(holder: Holder, sealed: tuple[bytes, ...], total: int) -> bytes:
        return said.FOUND.encode({"map_version": holder.atlas.version, "records": sealed, "total": total})

    def _word(self, version: int, heard: Heard) -> bytes:
        fields: dict[str, Any] = {"map_version": version, "again": heard.again, "trouble": heard.trouble[:500]}
        return said.HEARD.encode({"now": int(self._clock.now()), **fields})

    def _newer(self, version: int, sender: bytes) -> None:
        charting = self._charting()
        member = charting.atlas.member(sender)
        if member is not None:
            charting.heard(version, member.ticket())

    @staticmethod
    def _banish(context: Context, heard: Heard) -> None:
        if heard.banished and context.link is not None:
            context.link.session.go_away(heard.trouble, code=403)
            context.link.close(heard.trouble)


def backbone_service(endpoints: BackboneService) -> Service:
    """Returns the service."""
    service = Service("backbone", description="The registry of the open network, as nodes ask it.", platform=True)
    service.add("Backbone.Map", endpoints.map, idempotent=True)
    service.add("Backbone.Commons", endpoints.commons, idempotent=True)
    service.add("Backbone.Find", endpoints.find, idempotent=True)
    service.add("Backbone.Lookup", endpoints.lookup, idempotent=True)
    service.add("Backbone.Search", endpoints.search, idempotent=True)
    service.add("Backbone.Presence", endpoints.presence, idempotent=True)
    service.add("Backbone.Store", endpoints.store, idempotent=True)
    service.add("Backbone.Silence", endpoints.silence, idempotent=True)
    service.add("Backbone.Home", endpoints.home)
    service.add("Backbone.Watch", endpoints.watch)
    service.add("Backbone.Join", endpoints.join)
    return service
