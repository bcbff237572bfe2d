"""Services of strangers: found through the backbone, met over a visit, and in the catalog while they are used.

A name that nobody here and no neighbour offers is looked for in the network. Some of the nodes that offer it are
visited; what they say of that service is followed from then on, so that it is called like any other, and another of
them takes over where one is gone. What is not used for a while is let go.

A name that nobody owns is *unverified*. Looking at such a service changes nothing; using it pins the name to the nodes
that offer it then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from micro.errors import BadRequest, MicroError, NotFound, TooManyRequests, Unavailable
from micro.network.link import Link
from micro.network.visits import Visits
from micro.node.backbone import Backbone
from micro.node.followed import Followed, Stranger
from micro.node.refill import Refill
from micro.ports import Clock, Entropy
from micro.service.registry.catalog import Catalog
from micro.service.registry.finding import Offer
from micro.service.registry.instance import check_service
from micro.service.registry.record import described, listed
from micro.service.registry.view import View
from micro.trust.identity import is_nid, short

__all__ = ["Strangers"]

PROVIDERS_MAX: Final = 3
"""So many nodes that offer a service are met at once."""
LOOKED_FOR_MAX: Final = 256
"""So many names are looked for at the same time."""
MEET_SECONDS: Final = 5.0
"""How long a stranger may take to say what it has."""
CHANGED_SECONDS: Final = 1.0
"""Where nobody has what its record says, the records are looked up once more after so long: some may be newer then."""
UNUSED_SECONDS: Final = 600.0
"""A stranger whose services nobody asked for in this time is followed no longer."""

log = logging.getLogger("micro.network")


class Strangers:
    """Brings services of strangers into the catalog.

    Args:
        backbone: where they are found.
        visits: links to them.
        catalog: where their services go.
        nid: this node.
        is_neighbour: says whether a node is linked as a neighbour.
        changed: told when the catalog changed.
    """

    def __init__(
        self,
        backbone: Backbone,
        visits: Visits,
        catalog: Catalog,
        *,
        nid: str,
        clock: Clock,
        entropy: Entropy,
        is_neighbour: Callable[[str], bool],
        changed: Callable[[], None],
    ) -> None:
        self._backbone = backbone
        self._visits = visits
        self._catalog = catalog
        self._nid = nid
        self._clock = clock
        self._entropy = entropy
        self._is_neighbour = is_neighbour
        self._changed = changed
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._followed = Followed(catalog, clock, is_neighbour=is_neighbour, changed=changed, short=self._refill_for)
        self._missed: dict[str, float] = {}
        self._refill = Refill(self._fill, entropy)

    # -- asking -----------------------------------------------------------------------------------------------------

    async def look(self, name: str) -> None:
        """Brings a service into the catalog, if it is not there and somebody in the network offers it.

        Args:
            name: `service`, or `service@nid` for the one of that node.

        Raises:
            Unavailable: it is offered, and none of those who offer it can be reached; or the backbone does not answer.
            TooManyRequests: too many names are looked for.
        """
        name = _meant(name)
        if not self._backbone.network or self._serves(self._catalog.lookup(name)):
            self._touch(name)
            return
        task = self._looking.get(name)
        if task is None:  # many that ask at once look once
            if len(self._looking) >= LOOKED_FOR_MAX:
                raise TooManyRequests(f"{LOOKED_FOR_MAX} names are being looked for already; try again later")
            task = self._start(name)
        await asyncio.shield(task)

    async def use(self, name: str) -> None:
        """Does as `look`, and pins the name at its first use.

        Raises:
            Unavailable, TooManyRequests: as `look`; or too many names are pinned.
        """
        name = _meant(name)
        await self.look(name)
        view = self._catalog.lookup(name)
        if view is not None and "@" not in name and self.is_unverified(name):
            offering = [offer.nid for offer in await self._backbone.offers(name)]
            self._backbone.pinned.use(name, offering or view.nids)
            if len(view.nids) < min(PROVIDERS_MAX, len(offering)):  # some came after it was looked for first
                self._refill.want(name)

    async def search(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Returns lines of services in the network that fit words, as `Registry.Search` has them, best first.

        What a record says of a service is its words; the description is met with the service.

        Raises:
            Unavailable: no super node answers.
        """
        if self._backbone.finder is None:
            return []
        return listed(await self._backbone.finder.search(text, LOOKED_FOR_MAX))[:limit]

    async def offering(self, name: str) -> tuple[str, ...]:
        """Returns the nodes that offer a name which nobody vouches for yet: the next use would pin it to them.

        Raises:
            Unavailable, TooManyRequests: as `look`.
        """
        name = _meant(name)
        await self.look(name)
        if "@" in name or not self.is_unverified(name):
            return ()
        view = self._catalog.lookup(name)
        known = view.nids if view is not None else ()
        return tuple(dict.fromkeys([*known, *(offer.nid for offer in await self._backbone.offers(name))]))

    async def pin(self, name: str) -> tuple[str, ...]:
        """Pins a name to the nodes that offer it now, if nobody vouches for it yet; returns to which it is pinned.

        Args:
            name: `service`, or `service@nid`, which pins the name to one node more, whoever else offers it.

        Raises:
            BadRequest: no service has such a name.
            NotFound: nobody in the network offers it.
            Unavailable, TooManyRequests: as `use`.
        """
        service, _, only = name.partition("@")
        if is_nid(only):
            return self._backbone.pinned.add(check_service(service), only)
        if "@" in name:
            raise BadRequest(
                f"name {name[:80]!r}: behind the @ the id of a node is expected; `micro services` shows who offers it"
            )
        await self.use(name)
        pinned = self._backbone.pinned.get(name)
        if pinned is None:
            raise NotFound(f"{name[:80]!r} is offered by no stranger, so there is nothing to pin it to")
        return pinned

    def is_unverified(self, name: str) -> bool:
        """Says whether only strangers offer a name, and it is not pinned to any of them."""
        view = self._catalog.lookup(name)
        if view is None or self._backbone.pinned.get(name) is not None:
            return False
        return not any(nid == self._nid or self._is_neighbour(nid) for nid in view.nids)

    def unvouched(self, name: str) -> tuple[str, ...]:
        """Returns the strangers in the catalog that offer an unverified name."""
        view = self._catalog.lookup(name)
        return view.nids if view is not None and self.is_unverified(name) else ()

    def link(self, nid: str) -> Link | None:
        """Returns the link to a stranger that is followed, or None."""
        stranger = self._followed.get(nid)
        return stranger.following.link if stranger is not None else None

    def lost(self, nid: str, link: Link) -> None:
        """Takes note that a link to a node is gone."""
        stranger = self._followed.get(nid)
        if stranger is None or stranger.following.link is not link:
            return
        self._followed.forget(nid)
        for name in stranger.services:
            self._backbone.doubt(name)
            if self._serves(self._catalog.lookup(name)):
                self._refill.want(name)
            else:
                if name in stranger.checked:
                    self._miss(name)  # it was there until now, however long it was missed before
                self._look_again(name)

    def away(self, service: str) -> tuple[float, tuple[str, ...]] | None:
        """Returns for how many seconds a service is missed that a stranger had, and to whom its name is pinned.

        It is looked for then. None where no stranger that is gone, or was let go, had it. In no network nobody is
        looked for, so nothing is expected; what was used before is, once it is in one again.
        """
        if service not in self._missed or not self._backbone.network:
            return None
        self._look_again(service)
        return self._clock.monotonic() - self._missed[service], self._backbone.pinned.get(service) or ()

    def sweep(self) -> None:
        """Lets go of those whose services nobody asked for."""
        since = self._clock.monotonic() - UNUSED_SECONDS
        for nid, stranger in self._followed:
            if stranger.used > since:
                continue
            services = stranger.services
            self._followed.forget(nid)
            for name in services:
                self._miss(name)

    def depart(self) -> None:
        """Follows nobody any more, because this node left its network; what is looked for ends with the visits.

        Callers here still know the way to what they used, and ask for no other one when the node is in a network again.
        """
        for nid, stranger in self._followed:
            self._followed.forget(nid)
            for name in stranger.services:
                self._miss(name)

    def close(self) -> None:
        """Stops looking and following."""
        for task in tuple(self._looking.values()):
            task.cancel()
        self._refill.close()
        for nid, _ in self._followed:
            self._followed.forget(nid)

    # -- within -----------------------------------------------------------------------------------------------------

    def _look_again(self, name: str) -> None:
        """Looks for who offers a service now, before anybody asks for the way to it: its callers still know one."""
        if name not in self._missed:
            self._miss(name)
        if name not in self._looking and len(self._looking) < LOOKED_FOR_MAX:
            self._start(name)

    def _miss(self, name: str) -> None:
        self._missed.pop(name, None)
        self._missed[name] = self._clock.monotonic()
        if len(self._missed) > LOOKED_FOR_MAX:
            del self._missed[next(iter(self._missed))]

    def _start(self, name: str) -> asyncio.Task[None]:
        task = self._looking[name] = asyncio.get_running_loop().create_task(self._look(name))
        task.add_done_callback(lambda done: self._looked(name, done))
        return task

    @staticmethod
    def _serves(view: View | None) -> bool:
        return view is not None and any(instance.state == "serving" for instance in view.instances)

    def _touch(self, name: str) -> None:
        service, now = name.partition("@")[0], self._clock.monotonic()
        for _, stranger in self._followed:
            if service in stranger.services:
                stranger.used = now

    def _looked(self, name: str, task: asyncio.Task[None]) -> None:
        self._looking.pop(name, None)
        if not task.cancelled() and task.exception() is not None:
            log.info("%s was not met: %s", name, task.exception())
        if self._serves(self._catalog.lookup(name)):
            self._missed.pop(name, None)

    async def _look(self, name: str) -> None:
        if not await self._looks(name):
            await asyncio.sleep(CHANGED_SECONDS)  # it may have changed since it was looked up
            await self._looks(name, is_last=True)

    async def _looks(self, name: str, *, is_last: bool = False) -> bool:
        """Returns whether it was worth it; where nobody has what its record says it is not, unless it `is_last`."""
        offers = [offer for offer in await self._backbone.offers(name) if offer.nid != self._nid]
        met, trouble = await self._meet_some(offers, PROVIDERS_MAX)
        if met or not offers:
            return True
        self._backbone.doubt(name)
        if not is_last and any(isinstance(each, BadRequest) for each in trouble):
            return False
        if len(offers) == 1:
            raise Unavailable(f"{name} is offered by one node, which cannot be used now: {trouble[0]}")
        raise Unavailable(f"{name} is offered by {len(offers)} nodes, and none can be used now: {trouble[0]}")

    async def _fill(self, name: str) -> bool:
        """Meets more nodes that offer a service; says whether there are enough, or nobody uses it any more."""
        used = any(name in stranger.services for _, stranger in self._followed)
        if not used or name in self._looking:
            return not used
        view = self._catalog.lookup(name)
        met = view.nids if view is not None else ()
        self._backbone.doubt(name)
        offers = [o for o in await self._backbone.offers(name) if o.nid not in met and o.nid != self._nid]
        more, _ = await self._meet_some(offers, PROVIDERS_MAX - len(met))
        return len(met) + more >= PROVIDERS_MAX

    async def _meet_some(self, offers: list[Offer], most: int) -> tuple[int, list[Exception]]:
        """Meets some of those who offer a service; returns how many were met, and why others were not."""
        turn = self._entropy.random_bytes(1)[0] % max(1, len(offers))  # callers spread over those who offer
        left = [*offers[turn:], *offers[:turn]]
        trouble: list[Exception] = []
        met = 0
        while left and met < most:
            now, left = left[: most - met], left[most - met :]
            for result in await asyncio.gather(*(self._meet(offer) for offer in now), return_exceptions=True):
                if isinstance(result, MicroError | TimeoutError):
                    trouble.append(result)
                elif isinstance(result, BaseException):
                    raise result
                else:
                    met += 1
        return met, trouble

    async def _meet(self, offer: Offer) -> None:
        """Visits a node that offers a service, and follows what it says of it."""
        service = offer.record.name
        link = await self._visits.visit(offer.ticket)
        if self._is_neighbour(offer.nid):
            return  # its whole registry is followed already
        stranger = self._followed.follow(offer.nid, link, service)
        try:
            async with asyncio.timeout(MEET_SECONDS):
                stranger = await self._ready(offer, stranger)
        except TimeoutError:
            raise Unavailable(f"{short(offer.nid)} does not say within {MEET_SECONDS:g} s what it has") from None
        self._check(offer, stranger)

    async def _ready(self, offer: Offer, stranger: Stranger) -> Stranger:
        """Waits until a stranger has said what it has, or the one that took its place meanwhile for one service more.

        Whoever is followed no more when it is ready may not come into the catalog: nobody would take it out again.
        """
        while True:
            await stranger.ready.wait()
            current = self._followed.get(offer.nid)
            if current is None or offer.record.name not in current.services:
                raise Unavailable(f"{short(offer.nid)} went while it was asked what it has")
            if current is stranger:
                return stranger
            stranger = current

    def _check(self, offer: Offer, stranger: Stranger) -> None:
        """Lets what a stranger has into the catalog if its description is what was announced: none is called before."""
        service, following = offer.record.name, stranger.following
        view = self._catalog.lookup(f"{service}@{offer.nid}")
        said = [view.description] if view is not None else following.held(service)
        if not said:
            raise Unavailable(f"{short(offer.nid)} offers {service} and does not have it now")
        try:
            described(offer.record, following.descriptions.get(said[-1].hash, {}))
        except BadRequest:
            self._reject(offer.nid, service)
            raise
        stranger.checked[service] = None
        following.admit(service)
        self._changed()

    def _reject(self, nid: str, service: str) -> None:
        """Takes out what a stranger says, since it is not what it announced; what else it had is looked for anew."""
        stranger = self._followed.get(nid)
        if stranger is None:
            return
        self._followed.forget(nid)
        for name in stranger.services:
            if name != service and not self._serves(self._catalog.lookup(name)):
                self._look_again(name)

    def _refill_for(self, stranger: Stranger) -> None:
        """Has more providers met of what a stranger had, where others still serve it."""
        for name in stranger.services:
            view = self._catalog.lookup(name)
            if self._serves(view) and view is not None and len(view.nids) < PROVIDERS_MAX:
                self._refill.want(name)


def _meant(name: str) -> str:
    """Returns what is looked for under a name: a version is none of it, a node is."""
    service, _, rest = name.partition("@")
    return name if is_nid(rest) else service
