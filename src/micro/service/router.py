"""The router: carries exchanges that come in over a node's links to whoever answers them.

What the headers of a block lead to is worked out once and kept with the block until the registry changes: a service of
the node itself, the links of a service's instances, or the fault to refuse with. After that an exchange costs a
look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from micro.errors import BadRequest, Fault, Forbidden, NotFound, Unavailable
from micro.mucp import headers as names
from micro.mucp.event import Block, Hello, Opened, Published
from micro.mucp.headers import Headers
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.metering import Asked, Meter
from micro.service.forward import IDENTITY, Forward, Hop, Pinned, divided, gone
from micro.service.gate import Gate
from micro.service.registry import backbone
from micro.service.registry.catalog import Catalog
from micro.service.registry.instance import Instance, split_generation
from micro.service.registry.unverified import STATUS
from micro.service.selector import Selector, unknown_version
from micro.service.splice import Passing, judge
from micro.service.trial import Trials
from micro.trust.identity import NID_BEGINNING, NID_CHARACTERS, is_nid
from micro.trust.policy import Caller

__all__ = ["Events", "Facts", "LocalServices", "Router", "asked_as"]

Way = Callable[[Link, Opened], None]
"""What an exchange is handed to."""

_PUBLISH, _SUBSCRIBE = int(Form.PUBLISH), int(Form.SUBSCRIBE)
GENERATIONS_SHOWN_MAX = 8
ONCE = -1
"""No state of the catalog: what stands beside it is worked out anew."""


class Facts:
    """What a node knows about the other end of a link, and what is under way from it.

    Attributes:
        caller: who speaks there.
        instances: the instances that registered themselves over it.
        passing: calls of it that were passed on, by number.
        meter: counts what comes from there, None where that has no limit but the link's.
    """

    __slots__ = ("caller", "instances", "meter", "passing")

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.instances: list[Instance] = []
        self.passing: dict[int, Passing] = {}
        self.meter: Meter | None = None


class LocalServices(Protocol):
    """The services that live in the node itself."""

    def way(self, link: Link, service: str, block: Block) -> Way | None:
        """Returns what serves `service`, or None where the node has no such service."""


class Events(Protocol):
    """Who takes events and subscriptions."""

    def publish(self, link: Link, event: Opened) -> None:
        """Takes an event."""

    def published(self, link: Link, event: Published) -> None:
        """Takes events that want no answer."""

    def subscribe(self, link: Link, event: Opened) -> None:
        """Takes a subscription."""


def _no_generation(service: str, instances: Sequence[Instance], generation: int) -> NotFound:
    runs = sorted({instance.generation for instance in instances})[-GENERATIONS_SHOWN_MAX:]
    told = ", ".join(str(number) for number in runs)
    return NotFound(f"generation {generation} of {service} does not run; these do: {told}", id=service)


def _refusal(fault: Fault) -> Way:
    fault.__traceback__ = None  # its frames hold the block that keeps this, and the collector does not look into blocks

    def refuse(link: Link, event: Opened) -> None:
        link.fail(event.number, fault, refused=True)

    return refuse


def asked_as(event: Opened) -> Asked:
    """Returns as what an exchange is counted, of whoever is counted."""
    if event.form == _PUBLISH:
        return Asked.EVENTS
    headers = event.block.headers
    if event.form == _SUBSCRIBE or str(headers.get(names.SERVICE, "")).partition("@")[0] != backbone.SERVICE:
        return Asked.CALLS
    endpoint = headers.get(names.ENDPOINT)
    if endpoint in backbone.EVENTS:
        return Asked.EVENTS
    if endpoint in backbone.PASSES:
        return Asked.CALLS
    return Asked.WRITES if endpoint in backbone.WRITES else Asked.LOOKUPS


class Router:
    """Serves the links of a node.

    Attributes:
        uses: how often a generation of a service here was asked for by its number.

    Args:
        nid: this node.
        catalog: which services are where.
        local: the node's own services.
        events: the broker's side.
        gate: who may call what.
        link_to: the link that leads to an instance, or None.
        on_lost: told when a link is gone.
        trials: the services of which a newcomer is on trial.
        expected: why a service that is not there will be, "" where nobody knows of it; whether a peer asks.
        chance: a number from 0 up to 1, for the choice among instances.
        now: a clock that never goes back, in seconds.
        on_greeted: told who a peer says it is; raises a `Fault` to refuse.
    """

    def __init__(
        self,
        nid: str,
        catalog: Catalog,
        local: LocalServices,
        events: Events,
        *,
        gate: Gate,
        link_to: Callable[[Instance], Link | None],
        on_greeted: Callable[[Link, Hello], None],
        on_going: Callable[[Link, str], None],
        on_lost: Callable[[Link, str], None],
        trials: Trials,
        expected: Callable[[str, bool], str],
        chance: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._nid = nid
        self._expected = expected
        self._trials = trials
        self.uses: dict[tuple[str, int], int] = {}
        self._chance = chance
        self._selector = Selector(chance)
        self._now = now
        self._catalog = catalog
        self._local = local
        self._events = events
        self._gate = gate
        self._link_to = link_to
        self._on_greeted = on_greeted
        self._on_going = on_going
        self._on_lost = on_lost
        self._ruled: dict[Link, None] = {}
        self._epoch = 0  # raised whenever a way may have changed for a reason the catalog does not know

    def judge_again(self) -> None:
        """Has rules and accounts that changed count at once: what they refuse now is ended, all else is not touched."""
        self._epoch += 1
        for link in list(self._ruled):
            judge(link, partial(self._revoked, link))

    def turn_over(self) -> None:
        """Has ways found anew that were found already, since services are shared out in another way."""
        self._epoch += 1
        for service, generation in list(self.uses):
            view = self._catalog.lookup(service)
            if view is None or not any(instance.generation == generation for instance in view.instances):
                del self.uses[service, generation]

    def _revoked(self, link: Link, service: str, endpoint: str) -> Fault | None:
        try:
            refused = self._gate.may_call(self._gate.known(link.facts.caller), service, endpoint)
        except Fault as unknown:
            refused = unknown
        return Forbidden(f"a rule changed: {refused.detail}", id=refused.id) if refused is not None else None

    def greeted(self, link: Link, hello: Hello) -> None:
        self._on_greeted(link, hello)

    def going(self, link: Link, reason: str) -> None:
        self._on_going(link, reason)

    def lost(self, link: Link, reason: str) -> None:
        passing = list(link.facts.passing.values()) if link.facts is not None else []
        for owner in passing:
            owner.withdraw()
        self._ruled.pop(link, None)
        self._on_lost(link, reason)

    def withdrawn(self, link: Link, number: int) -> None:
        owner = link.facts.passing.pop(number, None)
        if owner is not None:
            owner.withdraw()
        else:
            self._withdrawn_locally(link, number)

    def _withdrawn_locally(self, link: Link, number: int) -> None:
        withdrawn: Any = getattr(self._local, "withdrawn", None)
        if withdrawn is not None:
            withdrawn(link, number)

    def opened(self, link: Link, event: Opened) -> None:
        if link.facts is None:  # nothing is served before the peer said who it is
            link.fail(event.number, Unavailable("this link is not ready"), refused=True)
            return
        meter = link.facts.meter
        if meter is not None and (fault := meter.refusal(asked_as(event))) is not None:
            if event.number:
                link.fail(event.number, fault, refused=True)
        elif event.form == _PUBLISH:
            self._events.publish(link, event)
        elif event.form == _SUBSCRIBE:
            self._events.subscribe(link, event)
        else:
            kept = event.block.route
            stamp = self._catalog.number + self._epoch
            if type(kept) is not tuple or kept[0] != stamp:
                kept = event.block.route = self._way(link, event.block, stamp)
            kept[1](link, event)

    def published(self, link: Link, event: Published) -> None:
        if link.facts is None or link.overloaded:
            return
        meter = link.facts.meter
        if meter is None or meter.refusal(Asked.EVENTS, event.batch.count) is None:
            self._events.published(link, event)

    def _way(self, link: Link, block: Block, stamp: int) -> tuple[int, Way]:
        """Returns the way of such exchanges, and until which state of the catalog it holds."""
        try:
            return stamp, self._find(link, block)
        except (NotFound, Unavailable) as fault:  # it may be looked for, or in a network next, so each one asks
            return ONCE, _refusal(fault)
        except Fault as fault:  # a name is pinned without a change of the catalog
            return ONCE if fault.status == STATUS else stamp, _refusal(fault)

    def _find(self, link: Link, block: Block) -> Way:
        named, _, version = str(block.headers.get(names.SERVICE, "")).partition("@")
        service, generation = split_generation(named)
        endpoint = str(block.headers.get(names.ENDPOINT, ""))
        if not service or not endpoint:
            raise BadRequest("a call names a service and an endpoint, in Micro-Service and Micro-Endpoint")
        caller = self._gate.known(link.facts.caller)
        refused = self._gate.may_call(caller, service, endpoint)
        if refused is not None:
            raise refused
        local = self._local.way(link, named, block)
        if local is not None:
            return local
        hops = self._hops(link, block, caller, (service, endpoint), version, generation)
        if not caller.unlimited:
            self._ruled[link] = None
        asked = (service, endpoint)
        if generation is not None:
            forward = Forward(asked, hops, self._selector, self._now)
            return Pinned(forward, (service, generation), self.uses) if hops[0][0].local else forward
        if not hops[0][0].local or (trial := self._trials.get(service)) is None:
            return Forward(asked, hops, self._selector, self._now)
        return divided(trial, asked, hops, self._selector, now=self._now, chance=self._chance, is_pinned=bool(version))

    def _hops(
        self,
        link: Link,
        block: Block,
        caller: Caller,
        asked: tuple[str, str],
        version: str,
        generation: int | None,
    ) -> list[tuple[Instance, Hop]]:
        service, endpoint = asked
        view = self._catalog.lookup(service)
        is_one = is_nid(version)  # the one of that node, which needs nobody to vouch for its name
        if is_one:
            view, version = self._catalog.lookup(f"{service}@{version}"), ""
        elif version.startswith(NID_BEGINNING):
            raise NotFound(f"{version[:80]!a} is no whole node id, which has {NID_CHARACTERS} characters", id=service)
        if view is None:
            raise self.absent(service, is_peer=caller.peer)
        instances = [i for i in view.providing(endpoint) if i.state == "serving"]
        if generation is None:
            instances = [i for i in instances if i.weight > 0]
        else:  # who asks for one gets it, whatever its share is
            instances = [i for i in instances if i.generation == generation]
            if not any(i.generation == generation for i in view.instances):
                raise _no_generation(service, view.instances, generation)
        if version:
            unknown = unknown_version(service, [i for i in view.instances if i.local or not caller.peer], version)
            if unknown is not None:
                raise unknown
            wanted = {i.id for i in view.of_version(version)}
            instances = [i for i in instances if i.id in wanted]
        if caller.peer:  # a neighbour reaches our own services; it does not travel through us
            instances = [i for i in instances if i.local]
        instances = [i for i in instances if i.local] or instances
        reached = [
            (instance, out)
            for instance in instances
            if (out := self._link_to(instance)) is not None and out.closed is None and out is not link
        ]
        if not reached:
            raise gone(service)
        if not is_one and not reached[0][0].local and (refused := self._gate.may_meet(caller, service)) is not None:
            raise refused
        headers = {k: v for k, v in block.headers.items() if k not in IDENTITY}
        is_told = generation is not None and not reached[0][0].local
        headers[names.SERVICE] = f"{service}#{generation}" if is_told else service
        headers |= self._identity(caller, block.headers)
        if caller.account and reached[0][0].local:  # whom this node knows is no other node's business
            headers |= {names.ACCOUNT: caller.account, names.SCOPES: " ".join(caller.scopes)}
        if caller.token and reached[0][0].local:
            headers[names.TOKEN] = caller.token
        return [(instance, Hop(out, headers)) for instance, out in reached]

    def absent(self, service: str, *, is_peer: bool = False) -> Fault:
        """Returns what is said of a service that is not in the catalog: 503 where it will be there again, else 404."""
        why = self._expected(service, is_peer)
        if why:
            return Unavailable(f"{service} is not there now: {why}; try again in a moment", id=service)
        return NotFound(f"no service is called {service}; `micro services` lists what runs", id=service)

    def _identity(self, caller: Caller, headers: Headers) -> dict[str, str]:
        service = caller.service or str(headers.get(names.FROM_SERVICE, "") if caller.unlimited or caller.peer else "")
        identity = {names.CALLER: caller.kind, names.FROM_NODE: caller.nid or self._nid}
        if service:
            identity[names.FROM_SERVICE] = service
        return identity
