"""Who comes in over sockets: the owner at the node's own socket, each supervised instance at a door of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from micro.errors import Conflict, Unauthorized, Unavailable
from micro.mucp.event import Hello
from micro.mucp.limits import GUEST, OWNER, Limits
from micro.network.link import Link, Serving
from micro.network.transport.transport import Listening, Sockets
from micro.node.asking import probe, send_back
from micro.node.gatekeeper import Ended, Gatekeeper, Visit
from micro.node.home import Home
from micro.ports import Clock
from micro.runtime.generation import Badge
from micro.runtime.instance import Door
from micro.service.registry.catalog import Catalog
from micro.service.registry.instance import Instance
from micro.service.router import Facts
from micro.trust.policy import Caller

__all__ = ["Reception"]

IDLE_CHECK_SECONDS = 0.05
SETTLED_SECONDS = 1.0
"""So often an instance that is to end is asked whether somebody has something open on it."""
WEIGHT = 100
"""What an instance gets of the traffic, relative to others, where nobody says otherwise."""
WEIGHED_LEASE_SECONDS = 30.0
"""How long an instance is believed that was just weighed; `renew` prolongs it."""
DIRECT_GRACE_SECONDS = 0.2
"""How long direct callers of an instance get to notice that it is going away."""
INSTANCE_LINKS_MAX = 8
"""How many links one instance may have to its node."""
FINISH_SECONDS_MAX = 300.0
"""How long a call may go on whose caller's token has expired meanwhile."""
INSTANCE = Limits(exchanges=4096)


class _Place:
    """One supervised instance, as the node sees it."""

    def __init__(self, badge: Badge, listener: Listening, direct: str, loop: asyncio.AbstractEventLoop) -> None:
        self.badge = badge
        self.listener = listener
        self.direct = direct
        self.name = badge.service
        self.links: dict[Link, None] = {}
        self.registered: asyncio.Future[str] = loop.create_future()


class Reception:
    """Opens doors, checks who comes in, and knows the link of each instance.

    Args:
        home: where the sockets are.
        uid: the owner's user id.
        nid: this node.
        gate: who shows which token.
        router: what serves the links.
        sockets: where programs of this machine come in.
    """

    def __init__(
        self,
        home: Home,
        *,
        uid: int,
        nid: str,
        gate: Gatekeeper,
        router: Callable[[], Serving],
        catalog: Catalog,
        clock: Clock,
        sockets: Sockets,
    ) -> None:
        self._home = home
        self._uid = uid
        self._nid = nid
        self._gate = gate
        self._router = router
        self._catalog = catalog
        self._clock = clock
        self._sockets = sockets
        self._places: dict[str, _Place] = {}
        self._links: dict[str, Link] = {}
        self._owner: Listening | None = None
        self._owner_links: dict[Link, None] = {}
        self._visits: dict[Link, Visit] = {}
        self._guests: dict[Link, Callable[[str], tuple[Caller, float]]] = {}
        self._hello = Hello([], agent="node")
        self._weights: dict[tuple[str, int], int] = {}
        self.uses: Mapping[tuple[str, int], int] = {}
        self._recalls: set[asyncio.Task[int]] = set()
        self.on_change: Callable[[], None] = lambda: None
        self.on_weight: Callable[[], None] = lambda: None

    # -- the owner --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Opens the owner's socket."""
        self._owner = await self._sockets.listen(f"unix:{self._home.node_socket}", self._owner_link)

    def _owner_link(self) -> Link:
        reception = self

        class OwnerLink(Link):
            """A link of the owner's programs: the other end of the socket must be his."""

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                if reception._sockets.peer_uid(transport) == reception._uid:
                    self.facts = Facts(Caller(nid=reception._nid, owner=True))
                    reception._owner_links[self] = None
                else:
                    self.abort("this socket is for the owner of the node alone")

        link = OwnerLink(self._router(), dialed=False, limits=OWNER, hello=self._hello)
        link.watch.keeps_deadlines = False
        return link

    def guest_link(self, admit: Callable[[str], tuple[Caller, float]]) -> Link:
        """Returns the node's side of a link that comes in by a door whose carrier does not prove who is there.

        Args:
            admit: returns whose the token of the HELLO is, "" for none, and for how many seconds; raises a `Fault`.
        """
        link = Link(self._router(), dialed=False, limits=GUEST, hello=self._hello)
        link.watch.keeps_deadlines = False
        self._guests[link] = admit
        return link

    def introduce(self, link: Link, nid: str) -> None:
        """Gives a link to another node its facts: the transport proved who it is."""
        link.facts = Facts(Caller(nid=nid))

    def expire(self) -> None:
        """Ends the links of users whose tokens have expired; a call that was accepted before may finish."""
        if not self._visits:
            return
        now = self._clock.now()
        for link, visit in list(self._visits.items()):
            if now < visit.expires:
                continue
            late = now >= visit.expires + FINISH_SECONDS_MAX
            fault = Unauthorized("the token has expired; get a new one")
            if late or not link.session.going:
                link.dismiss(fault, calls=late)
            if not link.session.serving:
                link.close(fault.detail)

    def expel(self, ended: Ended) -> None:
        """Ends the links of those who are meant, and all that is open on them, with a fault."""
        for link, visit in list(self._visits.items()):
            if ended.covers(visit.caller):
                link.dismiss(ended.fault)
                link.close(ended.fault.detail)

    # -- instances --------------------------------------------------------------------------------------------------

    async def open(self, badge: Badge) -> Door:
        """Opens a door for an instance that is about to start."""
        path = self._home.sockets / f"{badge.instance[-8:]}{badge.generation}.n"
        address = f"unix:{path}"
        loop = asyncio.get_running_loop()
        place_of: list[_Place] = []
        listener = await self._sockets.listen(address, lambda: self._instance_link(place_of[0]))
        direct = str(path.with_suffix(".d"))
        place_of.append(_Place(badge, listener, direct, loop))
        self._places[badge.instance] = place_of[0]
        return Door(address, direct)

    def _instance_link(self, place: _Place) -> Link:
        link = Link(self._router(), dialed=False, limits=INSTANCE, hello=self._hello)
        link.watch.keeps_deadlines = False
        link.door = place
        return link

    def greet(self, link: Link, hello: Hello) -> None:
        """Checks who a link's other end says it is. A program of the owner's that shows a token is its user.

        Raises:
            Unauthorized: an instance without its token, or with too many links; or a token that is not good.
        """
        place: _Place | None = link.door
        if place is None:
            admit = self._guests.get(link)
            if admit is not None:
                caller, seconds = admit(hello.token)
                self._visits[link] = Visit(caller, self._clock.now() + seconds)
                link.facts = Facts(caller)
            elif link in self._owner_links and hello.token:  # what was shown has to be good, whatever it looks like
                visit = self._visits[link] = self._gate.visit(hello.token)
                link.facts.caller = visit.caller
            elif link.facts is not None and link.facts.caller.unlimited and hello.service:
                link.facts.caller = replace(link.facts.caller, service=hello.service)
            return
        if not place.badge.admits(hello.token):
            raise Unauthorized("this door is for one instance, which has a token; take your own")
        if len(place.links) >= INSTANCE_LINKS_MAX:
            raise Unauthorized(f"an instance has at most {INSTANCE_LINKS_MAX} links to its node")
        place.links[link] = None
        link.facts = Facts(Caller(nid=self._nid, service=place.name, supervised=True))

    def may_register(self, link: Link, instance: str, name: str) -> None:
        """Checks that an instance registers as itself, and gives it the name it chooses.

        Raises:
            Conflict: the name belongs to another service that runs here, or the instance to another link.
        """
        place: _Place | None = link.door
        if place is None:
            return
        if instance != place.badge.instance:
            raise Conflict(f"this instance is {place.badge.instance}, not {instance}")
        if name != place.name:
            others = {p.name for p in self._places.values() if p is not place and p.registered.done()}
            if name in others:
                raise Conflict(f"another service called {name} runs here; give this one a name with --name")
            place.name = name
            for known in place.links:
                known.facts.caller = replace(known.facts.caller, service=name)

    def registered_now(self, link: Link, record: Instance) -> None:
        """Takes note that an instance has registered over `link`."""
        self._links[record.id] = link
        place: _Place | None = link.door
        if place is not None and not place.registered.done():
            place.registered.set_result(record.service)
        self.on_change()

    async def registered(self, instance: str) -> str:
        """Waits until an instance is registered, and returns the name it registered as."""
        return await asyncio.shield(self._places[instance].registered)

    def link_of(self, instance: str) -> Link | None:
        """Returns the link over which an instance registered."""
        return self._links.get(instance)

    def is_supervised(self, instance: str) -> bool:
        """Says whether the node started the instance itself."""
        return instance in self._places

    def direct_of(self, instance: str, address: str | None) -> str | None:
        """Returns where an instance may be dialled: a supervised one at the place that it was given, or nowhere."""
        place = self._places.get(instance)
        return address if place is None or address == f"unix:{place.direct}" else None

    def generation_of(self, instance: str) -> int:
        """Returns the generation of a supervised instance, 0 for one started by hand."""
        place = self._places.get(instance)
        return place.badge.generation if place is not None else 0

    async def drain(self, instance: str) -> None:
        """Sends an instance nothing new, and waits until nothing is open on it."""
        link = self._links.get(instance)
        if link is None or link.closed is not None:
            return
        for record in list(link.facts.instances):
            draining = replace(record, state="draining")
            description = self._catalog.lookup(record.service)
            found = description.description_of(record) if description is not None else None
            if found is not None:
                self._catalog.register(draining, found, 3600.0, self._clock.monotonic())
        self.on_change()
        link.session.go_away("another generation takes over")
        link.schedule()
        await asyncio.sleep(DIRECT_GRACE_SECONDS)
        while link.closed is None and link.session.busy_with_peer:  # noqa: ASYNC110 - exchanges end in many places
            await asyncio.sleep(IDLE_CHECK_SECONDS)

    def weigh(self, service: str, generation: int, weight: int | None) -> None:
        """Gives the instances of a generation, now and later, a part of the traffic; None is what each other gets."""
        if weight is None:
            self._weights.pop((service, generation), None)
        else:
            self._weights[service, generation] = weight
        for link in dict.fromkeys(self._links.values()):
            for at, record in enumerate(link.facts.instances):
                if (record.service, record.generation) == (service, generation):
                    link.facts.instances[at] = self._reweighed(record)
        self.on_weight()
        self.on_change()

    def _reweighed(self, record: Instance) -> Instance:
        """Enters an instance with the weight it has now."""
        weighed = replace(record, weight=self.weight_of(record.service, record.generation))
        view = self._catalog.lookup(record.service)
        known = next((i for i in view.instances if i.key == record.key), None) if view is not None else None
        found = view.description_of(record) if view is not None else None
        if known is not None and found is not None:
            entered = replace(weighed, state=known.state)
            self._catalog.register(entered, found, WEIGHED_LEASE_SECONDS, self._clock.monotonic())
        return weighed

    def weight_of(self, service: str, generation: int) -> int:
        """Returns what instances of a generation get of the traffic, relative to others."""
        return self._weights.get((service, generation), WEIGHT)

    def generation_over(self, link: Link) -> tuple[str, int, int | None]:
        """Returns the service and the generation of whoever is at a link, and what it gets; None is what others get."""
        place: _Place | None = link.door
        if place is None:
            return "", 0, None
        generation = place.badge.generation
        return place.name, generation, self._weights.get((place.name, generation))

    def recall(self, service: str, generation: int) -> None:
        """Sends callers that skip the node back to it, for calls of this generation are shared out from now on."""
        for link in dict.fromkeys(self._links.values()):
            for record in link.facts.instances:
                if (record.service, record.generation) == (service, generation) and record.address is not None:
                    task = asyncio.get_running_loop().create_task(send_back(link, service))
                    self._recalls.add(task)
                    task.add_done_callback(self._recalls.discard)

    def activity(self, instance: str) -> int | None:
        """Returns how often its generation was asked for so far, a number; None while something is open."""
        link, place = self._links.get(instance), self._places.get(instance)
        if link is None or place is None:
            return 0
        return None if link.session.busy_with_peer else self.uses.get((place.name, place.badge.generation), 0)

    async def settled(self, instance: str) -> None:
        """Waits until nothing is open on an instance by callers that skip the node."""
        link = self._links.get(instance)
        while link is not None and link.closed is None and link.facts.instances:
            if not await send_back(link, link.facts.instances[0].service):
                return
            await asyncio.sleep(SETTLED_SECONDS)

    async def probe(self, instance: str) -> None:
        """Sees whether an instance that has registered answers.

        Raises:
            Fault: it does not; code 408 where it says nothing.
        """
        link = self._links.get(instance)
        if link is None or not link.facts.instances:
            raise Unavailable("it has registered and is gone again")
        await probe(link, link.facts.instances[0].service)

    async def close(self, instance: str) -> None:
        """Closes an instance's door; it has ended."""
        place = self._places.pop(instance, None)
        if place is None:
            return
        place.listener.close()
        for link in list(place.links):
            link.close("the instance has ended")
        if not place.registered.done():
            place.registered.cancel()

    def lost(self, link: Link) -> None:
        """Forgets a link that is gone, and withdraws what registered over it."""
        self._owner_links.pop(link, None)
        self._visits.pop(link, None)
        self._guests.pop(link, None)
        place: _Place | None = link.door
        if place is not None:
            place.links.pop(link, None)
        if link.facts is None:
            return
        for record in link.facts.instances:
            if self._links.get(record.id) is link:
                del self._links[record.id]
                self._catalog.deregister(record, self._clock.monotonic())
        if link.facts.instances:
            self.on_change()

    def renew(self, lease_seconds: float) -> None:
        """Prolongs the leases of all instances whose link lives."""
        now = self._clock.monotonic()
        for link in dict.fromkeys(self._links.values()):
            if link.closed is None:
                for record in link.facts.instances:
                    self._catalog.renew(record.key, lease_seconds, now)

    async def stop(self) -> None:
        """Takes nobody in any more, and ends the links of those who are there."""
        if self._owner is not None:
            self._owner.close()
        for link in list(self._owner_links):
            link.session.go_away("the node is stopping")
            link.close("the node is stopping")
