"""The service `registry`: who is there, what they can do, how they are reached, and what changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

from micro.errors import BadRequest, Fault, NotFound
from micro.node.reception import Reception
from micro.ports import Clock
from micro.service.context import Context
from micro.service.registry.catalog import LIST_MAX, Catalog
from micro.service.registry.changes import Change
from micro.service.registry.description import check_description
from micro.service.registry.instance import Instance, split_generation
from micro.service.registry.unverified import refusal
from micro.service.registry.view import View
from micro.service.service import Service
from micro.trust.identity import is_nid
from micro.trust.policy import Caller, may_register

__all__ = ["LOCAL_LEASE_SECONDS", "Bell", "registry_service"]

LOCAL_LEASE_SECONDS = 30.0
"""An instance here is believed for so long after its link was last seen; a lost link ends it at once."""
ISOLATION = "isolation"
"""In a service's metadata, what its node confines it by."""

WATCHED_MAX = 64
"""So many services are watched by name."""
WATCH_BEAT_SECONDS = 20.0
"""A watch says so often that nothing changed."""

Names = list[str]
Lines = list[dict[str, Any]]


class Bell:
    """Wakes whoever waits for the catalog to change."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}

    def ring(self) -> None:
        """Wakes all, in the order in which they came."""
        waiting, self._waiting = self._waiting, {}
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def heard(self, seconds: float) -> bool:
        """Waits for the next ring, at most so long; returns whether it rang."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = None
        try:
            async with asyncio.timeout(seconds):
                await future
            return True
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(future, None)


class Elsewhere(Protocol):
    """What is asked of the network: `micro.node.elsewhere.Elsewhere`."""

    async def look(self, name: str) -> None:
        """Brings a service within reach, where somebody offers it."""

    async def use(self, name: str) -> None:
        """Does as `look`, for a call: a name that nobody vouches for is pinned."""

    async def offering(self, name: str) -> tuple[str, ...]:
        """Returns the strangers that offer a name which nobody vouches for yet."""

    async def search(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Returns what fits words."""


class Registry:
    """The endpoints."""

    def __init__(
        self,
        catalog: Catalog,
        bell: Bell,
        *,
        nid: str,
        clock: Clock,
        platform: Callable[[str], dict[str, Any] | None],
        direct: Callable[[str], list[str]],
        reception: Reception,
        elsewhere: Elsewhere,
        logs: Callable[[str], list[str]],
        declare: Callable[[str, dict[str, Any]], None],
        hidden: Callable[[Caller], frozenset[str]],
        absent: Callable[..., Fault],
        isolation: Callable[[], str],
    ) -> None:
        self._catalog = catalog
        self._bell = bell
        self._nid = nid
        self._clock = clock
        self._platform = platform
        self._direct = direct
        self._reception = reception
        self._elsewhere = elsewhere
        self._logs = logs
        self._declare = declare
        self._hidden = hidden
        self._absent = absent
        self._isolation = isolation

    async def list(self, context: Context, limit: int = 1000, offset: int = 0) -> dict[str, Any]:
        """Lists the services in reach, by name."""
        if context.caller.peer:
            own = self._own(context.caller)
            shown = own[max(0, offset) :][: max(0, min(limit, LIST_MAX))]
            seen = [view for name in shown if (view := self._seen(name, context.caller)) is not None]
            return {"services": [view.summary() for view in seen], "total": len(own)}
        hidden = self._hidden(context.caller)
        views = [view for view in self._catalog.list(min(limit, LIST_MAX), offset) if view.name not in hidden]
        return {"services": [view.summary() for view in views], "total": len(self._catalog)}

    async def get(self, name: str, context: Context) -> dict[str, Any]:
        """Describes a service in full: endpoints, schemas, topics, nodes."""
        platform = self._platform(name)
        if platform is not None:
            return platform
        self._check_seen(name, context.caller)
        if not context.caller.peer:  # another node looks for itself
            await self._elsewhere.look(name)
        if self._seen(name, context.caller) is None:
            raise self._absent(name)
        meant = self._meant(name) if context.caller.peer else name
        found = self._catalog.describe(meant, self._clock.monotonic(), self._clock.now())
        if not context.caller.unlimited:  # where sockets are is the owner's business
            for node in found["nodes"]:
                node.pop("address", None)
        return found

    async def search(self, query: str, context: Context, limit: int = 20, everywhere: bool = False) -> dict[str, Any]:
        """Finds services by words of their names, descriptions, endpoints and tags, best first.

        Args:
            query: words; the last may be unfinished.
            limit: at most so many.
            everywhere: in the network too, where the node is in one; those in reach come first.
        """
        found: Lines = []
        hidden = self._hidden(context.caller)
        for match in self._catalog.search(query, LIST_MAX if context.caller.peer else limit):
            view = self._seen(match.name, context.caller)
            if view is not None and match.name not in hidden and len(found) < limit:
                found.append({**view.summary(), "score": round(match.score, 4)})
        if everywhere and not context.caller.peer and len(found) < limit:
            known = {line["name"] for line in found}
            further = await self._elsewhere.search(query, limit)
            found += [line for line in further if line["name"] not in known][: limit - len(found)]
        return {"services": found, "total": len(found)}

    async def route(self, name: str, context: Context) -> dict[str, Any]:
        """Says how to reach a service: its description, and the sockets that this caller may use directly."""
        named, _, version = name.partition("@")
        platform = self._platform(named)
        if platform is not None:
            return {"addresses": [], "description": platform}
        service, _ = split_generation(named)
        self._check_seen(service, context.caller)
        wanted = f"{service}@{version}" if is_nid(version) else service
        if not context.caller.peer:
            await self._meet(wanted, context.caller)
            await self._elsewhere.use(wanted)
        view = self._seen(wanted, context.caller)
        if view is None:
            raise self._absent(wanted, is_peer=context.caller.peer)
        addresses = self._direct(name) if context.caller.unlimited else []
        return {"addresses": addresses, "description": view.describe()}

    async def _meet(self, name: str, caller: Caller) -> None:
        """Refuses a name that nobody vouches for to those who may not say what it means: they are sent to the owner.

        His own programs and services take it as it is then, and pin it; what a person uses asks him before.
        """
        if caller.unlimited or caller.supervised:
            return
        nodes = await self._elsewhere.offering(name)
        if nodes:
            raise refusal(name, nodes)

    async def register(
        self, instance: str, description: dict[str, Any], context: Context, address: str | None = None
    ) -> dict[str, Any]:
        """Registers an instance of a service over its own link; it is gone when the link is.

        Args:
            instance: the instance's id.
            description: what the service is and can do.
            address: its own socket, for direct callers.
        """
        name = str(description.get("name", ""))
        if self._platform(name) is not None:
            raise BadRequest(f"{name} is a service of the node itself; choose another name")
        link = context.link
        self._reception.may_register(link, instance, name)
        refused = may_register(link.facts.caller, name)
        if refused is not None:
            raise refused
        record = Instance(
            service=name,
            version=str(description.get("version", "0")),
            id=instance,
            nid=self._nid,
            address=self._reception.direct_of(instance, address),
            local=True,
            generation=(generation := self._reception.generation_of(instance)),
            weight=self._reception.weight_of(name, generation),
        )
        described = check_description(self._isolated(description, instance))
        self._declare(name, description)
        self._catalog.register(record, described, LOCAL_LEASE_SECONDS, self._clock.monotonic())
        link.facts.instances.append(record)
        self._reception.registered_now(link, record)
        return {"nid": self._nid, "lease_seconds": LOCAL_LEASE_SECONDS}

    def _isolated(self, description: dict[str, Any], instance: str) -> dict[str, Any]:
        """Returns a description with what confines the instance, which its node knows and nobody else may say."""
        metadata = description.get("metadata") or {}
        if not isinstance(metadata, dict):
            return description
        told = {key: value for key, value in metadata.items() if key != ISOLATION}
        if self._isolation() and self._reception.is_supervised(instance):
            told[ISOLATION] = self._isolation()
        return {**description, "metadata": told}

    async def deregister(self, instance: str, context: Context) -> dict[str, Any]:
        """Withdraws an instance that registered over this link."""
        facts = context.link.facts
        for record in [known for known in facts.instances if known.id == instance]:
            facts.instances.remove(record)
            self._catalog.deregister(record, self._clock.monotonic())
        self._bell.ring()
        return {}

    async def watch(self, context: Context, services: Names | None = None) -> AsyncIterator[dict[str, Any]]:
        """Yields every instance there is, then `ready`, then every change, and a beat where nothing changes.

        Another node sees the instances of this node alone, and no service that is not offered to it; it is told which
        logs it may subscribe to, as `logs`.

        Args:
            services: of these services alone, at most 64.
        """
        context.exchange.patient = True
        foreign = context.caller.peer
        if services is not None and len(services) > WATCHED_MAX:
            raise BadRequest(f"services: at most {WATCHED_MAX} are watched by name; leave it out to watch all")
        wanted = None if services is None else frozenset(services)
        told: list[str] | None = None
        sent: set[str] = set()
        number, hidden = -1, frozenset[str]()
        while True:
            if (now_hidden := self._hidden(context.caller)) != hidden:
                number, hidden = -1, now_hidden  # what is not said again is gone
            changes = self._catalog.changes_since(number)
            if changes.resync:
                yield {"kind": "resync"}
                sent.clear()
                for item in self._everything(foreign, sent, wanted, hidden):
                    yield item
                yield {"kind": "ready"}
            else:
                for change in changes.changes:
                    instance = change.instance
                    seen = (instance.local or not foreign) and instance.service not in hidden
                    if seen and (wanted is None or instance.service in wanted):
                        yield self._change(change, sent)
            number = changes.number
            if foreign and (logs := self._logs(context.caller.nid)) != told:
                told = logs
                yield {"kind": "logs", "topics": logs}
            if number == self._catalog.number and not await self._bell.heard(WATCH_BEAT_SECONDS):
                yield {"kind": "beat"}

    def _check_seen(self, name: str, caller: Caller) -> None:
        """Raises `NotFound` where a service is not shown to a caller."""
        service = name.partition("@")[0]
        if service in self._hidden(caller):
            raise NotFound(f"no service is called {service}; `micro services` lists what runs", id=service)

    def _seen(self, name: str, caller: Caller) -> View | None:
        """Returns what a caller may know of a service: another node knows it of the instances of this node alone."""
        if not caller.peer:
            return self._catalog.lookup(name)
        return self._catalog.lookup(self._meant(name)) if name.partition("@")[2] in ("", self._nid) else None

    def _meant(self, name: str) -> str:
        return f"{name.partition('@')[0]}@{self._nid}"

    def _own(self, caller: Caller) -> Names:
        hidden = self._hidden(caller)
        return sorted({instance.service for instance in self._catalog.holding(self._nid)} - hidden)

    def _everything(
        self, foreign: bool, sent: set[str], wanted: frozenset[str] | None, hidden: frozenset[str]
    ) -> Iterator[dict[str, Any]]:
        for view in self._views(wanted):
            if view.name in hidden:
                continue
            for instance in view.instances:
                if instance.local or not foreign:
                    yield self._item("added", view, instance, sent)

    def _views(self, wanted: frozenset[str] | None) -> Iterator[View]:
        if wanted is not None:
            yield from (view for name in sorted(wanted) if (view := self._catalog.lookup(name)) is not None)
            return
        for offset in range(0, len(self._catalog), LIST_MAX):
            yield from self._catalog.list(LIST_MAX, offset)

    def _change(self, change: Change, sent: set[str]) -> dict[str, Any]:
        view = self._catalog.lookup(change.instance.service)
        return self._item(change.kind, view, change.instance, sent)

    @staticmethod
    def _item(kind: str, view: View | None, instance: Instance, sent: set[str]) -> dict[str, Any]:
        """Returns a line of a watch; a description is in it once for each watcher, afterwards its hash alone."""
        item: dict[str, Any] = {"kind": kind, "instance": instance.to_record()}
        description = view.description_of(instance) if view is not None and kind != "removed" else None
        if description is not None:
            item["hash"] = description.hash
            if description.hash not in sent:
                sent.add(description.hash)
                item["description"] = description.decode()
        return item


def registry_service(endpoints: Registry) -> Service:
    """Returns the service."""
    service = Service("registry", description="Who is there, what they can do and how they are reached.", platform=True)
    service.add("Registry.List", endpoints.list, idempotent=True)
    service.add("Registry.Get", endpoints.get, idempotent=True)
    service.add("Registry.Search", endpoints.search, idempotent=True)
    service.add("Registry.Route", endpoints.route, idempotent=True)
    service.add("Registry.Register", endpoints.register)
    service.add("Registry.Deregister", endpoints.deregister)
    service.add("Registry.Watch", endpoints.watch, idempotent=True)
    return service
