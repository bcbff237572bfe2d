"""A node's place in the open network: which network it is in, its maps, its home, and its work as a super node."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from micro.errors import ConfigError, Conflict, Fault, MicroError, NotFound, Unavailable
from micro.network.relays import Relays
from micro.node.guide import Guide
from micro.node.membership import Membership
from micro.node.office import Office
from micro.node.passages import Passages
from micro.node.pinned import Pinned
from micro.node.reach import NodeReach
from micro.node.second import SecondPath
from micro.ports import Clock, Entropy
from micro.service.registry.announcement import Announcement, Place
from micro.service.registry.announcer import Announcer
from micro.service.registry.atlas import Atlas, Chart
from micro.service.registry.charting import Charting
from micro.service.registry.description import Description
from micro.service.registry.finder import Finder
from micro.service.registry.finding import Offer
from micro.service.registry.holder import SAYS_PER_SECOND, Holder
from micro.service.registry.instance import check_service
from micro.service.service import Service
from micro.trust.identity import is_nid, nid_of
from micro.trust.keys import NodeKey
from micro.trust.ticket import Ticket

__all__ = ["Backbone"]

LEARN_SECONDS: Final = 30.0
"""A node without any map asks so often, and a super node so often whether it is still in the map."""

log = logging.getLogger("micro.backbone")


class Backbone:
    """What a node has to do with its network.

    Args:
        key: the node's key.
        membership: what it remembers.
        reach: how other nodes are reached.
        clock, entropy: the world.
        offers: the descriptions of the services that the node offers now, by name.
        topics: the marks of its logs and of its subscriptions elsewhere.
        place: where the node can be reached now.
        heard: waits for the catalog to change, at most so many seconds.
        super_node: whether it is to be a super node.
        owner: the label of its owner as a super node.
        writes_per_second: how much a node that has its home here may say.
        away_seconds: as a keeper it takes a super node out of the map that did not answer for so long.
        ticket: of a network to join at the start, "" for none.
        pinned: to which nodes names were bound at their first use.
        relays: which relays others are dialled through.
        second: the second path, None where there is none.

    Attributes:
        charting: the maps of the network, None while the node is in none; so are the following.
        announcer: the home.
        finder: finds services of strangers.
        pinned: the pins.
        passages: the super nodes through which browsers reach this node.
        on_turn: told when the node has entered a network, or left it.
    """

    def __init__(
        self,
        key: NodeKey,
        membership: Membership,
        reach: NodeReach,
        *,
        clock: Clock,
        entropy: Entropy,
        offers: Callable[[], Mapping[str, Description]],
        topics: Callable[[], Iterable[str]],
        place: Callable[[], Place],
        heard: Callable[[float], Awaitable[bool]],
        super_node: bool,
        owner: str,
        writes_per_second: float = SAYS_PER_SECOND,
        away_seconds: float,
        ticket: str,
        pinned: Pinned,
        relays: Relays,
        second: SecondPath | None = None,
    ) -> None:
        self._key = key
        self._nid = nid_of(key.public)
        self._membership = membership
        self._reach = reach
        self._clock = clock
        self._entropy = entropy
        self._offers = offers
        self._topics = topics
        self._place = place
        self._heard = heard
        self._ticket = ticket
        self.pinned = pinned
        self._relays = relays
        self._moved = asyncio.Event()
        self._second = second
        self._guide = Guide(self._nid, membership, reach, entropy, second)
        self._super_node = super_node
        self._office = Office(
            key,
            reach,
            membership,
            clock=clock,
            entropy=entropy,
            place=place,
            owner=owner,
            writes_per_second=writes_per_second,
            away_seconds=away_seconds,
            commons_port=lambda: second.port if second is not None else 0,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self.passages = Passages(self._nid, reach, lambda: self.charting)
        self.charting: Charting | None = None
        self.announcer: Announcer | None = None
        self.finder: Finder | None = None
        self.on_turn: Callable[[], None] = lambda: None

    def service(self) -> Service:
        """Returns the service `backbone` of this node."""
        return self._office.service()

    @property
    def network(self) -> str:
        """The node id of the keeper of the network that the node is in, "" for none."""
        return self._membership.network

    @property
    def version(self) -> int:
        """The number of the newest map that the node has, 0 where it has none."""
        return self.charting.atlas.version if self.charting is not None else 0

    @property
    def holder(self) -> Holder | None:
        """What the node holds as a super node, None where it is none."""
        return self._office.holder

    def known(self) -> list[Ticket]:
        """Returns where nodes of the network are, as far as this one knows."""
        return self._guide.known(self.charting)

    async def start(self) -> None:
        """Takes the node's place in the network that it is in, or is to join; a super node without one founds one.

        Raises:
            ConfigError: the setting `join` holds no ticket of a network, or one of another network.
        """
        for known in self._membership.tickets:
            self._relays.vouch(Ticket.decode(known))
        if self._ticket:
            try:
                is_id = self._second is not None and is_nid(self._ticket)
                ticket = Ticket(self._ticket, network=self._ticket) if is_id else Ticket.decode(self._ticket)
                self._relays.vouch(ticket)
                if self._guide.expect(ticket) != self.network:
                    self._membership.enter(self._guide.expect(ticket), [] if is_id else [ticket.encode()])
            except Fault as fault:
                raise ConfigError(f"the setting join: {fault}") from fault
        if self._super_node and not self.network:
            self._office.found()
        if self.network:
            await self._open()

    async def join(self, ticket: Ticket) -> None:
        """Takes the node into the network of a ticket, and remembers it.

        A node that is in it already asks there for newer maps: all that it knew may have moved.

        Raises:
            BadRequest: the ticket names no network.
            Conflict: the node is in another one.
            Fault, LinkClosed, HandshakeFailed: the node of the ticket cannot be reached or has no map.
        """
        network = self._guide.expect(ticket)
        self._relays.vouch(ticket)
        if self.network == network and self.charting is not None:
            await self.charting.learn(ticket)
            self._membership.met(ticket.encode())
            return
        await self._guide.enter(ticket, network)
        await self._open()

    async def join_network(self, network: str) -> None:
        """Takes the node into a network by its id alone, through the second path, and remembers it.

        Raises:
            BadRequest: the node has no second path.
            Conflict: the node is in another network.
            Unavailable, Timeout: no super node of it was found.
        """
        if self._guide.expect(Ticket(network, network=network)) == self.network:
            return
        await self._guide.enter_by_id(network)
        await self._open()

    async def leave(self, *, force: bool = False) -> None:
        """Withdraws everything and forgets the network; visits of strangers and to strangers end.

        Args:
            force: also where it founded the network and others are in it, which stay without a keeper then.

        Raises:
            NotFound: the node is in none.
            Conflict: it keeps the network, and others are in it.
        """
        if not self.network:
            raise NotFound("this node is in no network; `micro network join TICKET` takes it into one")
        if self.network == self._nid and self.charting is not None and self.charting.count > 1 and not force:
            raise Conflict(
                "this node keeps its network, which other super nodes are in; they leave first. "
                "`micro network leave --force` leaves them without a keeper, for ever"
            )
        others = self._others() if self.network == self._nid else 0
        if others and not force:
            raise Conflict(
                f"this node is the only super node of the network it founded, and nodes that are in it now: {others}; "
                "without it none of them finds another, so the network ends; `micro network leave --force` ends it"
            )
        try:
            await self._office.resign()
        except (MicroError, TimeoutError) as error:  # a keeper that is lost must hold nobody
            log.warning("the keeper was not told that this super node leaves; it will notice: %s", error)
        await self.stop()
        self._membership.leave()
        self._office.clear()
        self.charting = self.announcer = self.finder = None
        self.on_turn()

    async def stop(self) -> None:
        """Leaves the home in order, and ends."""
        for task in self._tasks:
            task.cancel()
        if self.finder is not None:
            self.finder.close()
        if self.announcer is not None:
            await self.announcer.leave()
        if self._second is not None:
            await self._second.leave()
        await self._office.stop()
        if self.charting is not None:
            self.charting.close()

    def moved(self) -> None:
        """Takes note that the node can be reached elsewhere now: its presence says so, and as a super node the map."""
        self._moved.set()
        if self.announcer is not None:
            self.announcer.changed()

    async def find(self, name: str) -> tuple[Offer, ...]:
        """Returns who offers a service and may be called: of a name that nobody owns those it is pinned to.

        The first use pins the name to those that offer it then.

        Args:
            name: `service`, or `service@nid` for the service of one node, which no pin concerns.

        Raises:
            BadRequest: it is no such name.
            Unavailable: the node is in no network, no super node answers, or none of the pinned nodes is there.
            TooManyRequests: too many names are pinned.
        """
        offers = await self.offers(name)
        if "@" not in name:
            self.pinned.use(name, [offer.nid for offer in offers])
        return offers

    async def offers(self, name: str) -> tuple[Offer, ...]:
        """Does as `find`, and leaves a name that is not pinned as it is.

        Raises:
            BadRequest, Unavailable: as `find`.
        """
        if self.finder is None:
            raise Unavailable("this node is in no network; `micro network join TICKET` takes it into one")
        check_service(name.partition("@")[0])  # records of other kinds are none of a service, whatever they say
        offers = await self.finder.find(name)
        return offers if "@" in name else self.pinned.among(name, offers)

    def doubt(self, name: str) -> None:
        """Takes note that who offers a name may be others by now: it is asked for anew."""
        if self.finder is not None:
            self.finder.forget(name)

    def status(self) -> dict[str, Any]:
        """Returns which network this is, its map, the node's home and role; nothing where there is none."""
        if (charting := self.charting) is None or (announcer := self.announcer) is None:
            return {}
        found: dict[str, Any] = {
            "network": self.network,
            "map_version": charting.atlas.version,
            "super_nodes": charting.count,
            "home": announcer.home,
        }
        found |= {"trouble": announcer.trouble} if announcer.trouble else {}
        if (holder := self.holder) is not None:
            found["holds"] = {"records": len(holder.shards), "nodes": len(holder.presences)}
        return found

    # -- within -----------------------------------------------------------------------------------------------------

    def _others(self) -> int:
        """Returns how many other nodes are known to be in the network now."""
        if self.holder is None:
            return 0
        now = self._clock.now()
        known = self.holder.presences.believed()
        return sum(key != self._key.public and held.is_there(now) for key, held in known)

    async def _open(self) -> None:
        charting = self.charting = Charting(Atlas(self.network), self._reach, on_change=self._remapped)
        for sealed in reversed(self._membership.maps):
            await charting.take(sealed)
        if not charting.atlas.version:
            await self._guide.learn(charting)
        self._office.chart(charting)
        if self._super_node:
            await self._office.open(charting)
        seeker = self._second.seeker(self.network) if self._second is not None else None
        self.finder = Finder(charting, self._reach, clock=self._clock, entropy=self._entropy, second=seeker)
        kept = self._membership
        announcement = Announcement(
            self._key, kept.next_sequence, self._entropy.random_bytes, before=kept.offered, keep=kept.offers
        )
        self.announcer = Announcer(
            self._nid,
            announcement,
            charting,
            self._reach,
            clock=self._clock,
            entropy=self._entropy,
            offers=self._offers,
            topics=self._topics,
            place=self._place,
            known=[home.nid for home in self._membership.homes],
        )
        self.announcer.start()
        if self._second is not None:
            self._second.post(
                announcement,
                charting,
                sequence=self._membership.next_sequence,
                place=self._place,
                is_super=lambda: charting.atlas.member(self._key.public) is not None and self._office.is_held,
            )
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._learn()), loop.create_task(self._follow(self.announcer))]
        self.on_turn()

    async def _learn(self) -> None:
        """Asks from time to time for a newer map, wherever one may be had, and to be in it."""
        while True:
            charting = self.charting
            assert charting is not None
            try:
                await self._guide.learn(charting)
                await self._guide.meet(charting)
                await self._office.stand()
            except MicroError as error:
                log.warning("the map of the network could not be kept; again in %g s: %s", LEARN_SECONDS, error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEARN_SECONDS):
                    await self._moved.wait()
            self._moved.clear()

    async def _follow(self, announcer: Announcer) -> None:
        """Has changes of the catalog told."""
        while True:
            if await self._heard(LEARN_SECONDS):
                announcer.changed()

    def _remapped(self, before: Chart | None) -> None:
        assert self.charting is not None
        self._membership.keep([chart.signed.sealed for chart in self.charting.atlas.charts()])
        self._office.remapped(before)
        if self.announcer is not None:
            self.announcer.changed()
