"""Following the registry of another node over a link: what runs there comes into the catalog, and goes when it goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from micro.errors import BadRequest, Fault, TooManyRequests
from micro.mucp import headers as names
from micro.mucp.codec import JSON, decode_json, encode_json
from micro.mucp.message import Form
from micro.network.link import Link
from micro.ports import Clock
from micro.service.registry.catalog import Catalog
from micro.service.registry.description import Description, check_description
from micro.service.registry.instance import Instance, InstanceKey
from micro.service.stream import RawStream

__all__ = ["LEASE_SECONDS", "Following"]

LEASE_SECONDS = 90.0
"""A node's services are believed for so long after its last word."""
DESCRIPTIONS_MAX = 512
HASH_CHARACTERS_MAX = 64
HELD_MAX = 64
"""So many instances wait for their description to be checked."""

log = logging.getLogger("micro.network")


class Following:
    """What one other node says of its services, while its link lives.

    Args:
        catalog: where they go.
        clock: for leases.
        nid: the other node.
        link: the link to it.
        heard: told the kind of every word: `resync`, `added`, `changed`, `removed`, `ready`, `beat`.
        unchecked: services of which nothing comes into the catalog before `admit`: until then none is called.

    Attributes:
        descriptions: the descriptions that were taken, by hash.
        heard: see above.
        told_logs: told the topics whose log the other node keeps for us, whatever it says they are.
    """

    def __init__(
        self,
        catalog: Catalog,
        clock: Clock,
        nid: str,
        link: Link,
        heard: Callable[[str], None] = lambda word: None,
        *,
        unchecked: Iterable[str] = (),
    ) -> None:
        self.nid = nid
        self.link = link
        self.descriptions: dict[str, dict[str, Any]] = {}
        self.heard = heard
        self.told_logs: Callable[[Any], None] = lambda topics: None
        self._catalog = catalog
        self._clock = clock
        self._stale: dict[InstanceKey, Instance] = {}
        self._unchecked = dict.fromkeys(unchecked)
        self._held: dict[InstanceKey, tuple[Instance, Description]] = {}

    def held(self, service: str) -> list[Description]:
        """Returns the descriptions of what waits for `admit`."""
        return [description for instance, description in self._held.values() if instance.service == service]

    def admit(self, service: str) -> None:
        """Lets a service into the catalog, as it was said and as it will be: its description is what was announced.

        Raises:
            BadRequest, Conflict, TooManyRequests: the catalog does not take it.
        """
        self._unchecked.pop(service, None)
        for key, (instance, description) in list(self._held.items()):
            if instance.service == service:
                del self._held[key]
                self._catalog.register(instance, description, LEASE_SECONDS, self._clock.monotonic())

    async def watch(self, services: Sequence[str] = ()) -> None:
        """Watches the registry there until the watch ends.

        Args:
            services: of interest; all where it is empty.

        Raises:
            Fault: the other node does not let it be watched.
            LinkClosed: the link is gone.
        """
        headers = {names.SERVICE: "registry", names.ENDPOINT: "Registry.Watch", names.CONTENT_TYPE: JSON}
        stream = RawStream(self.link)
        wish = encode_json({"services": list(services)} if services else {})
        prefix = self.link.session.begin(Form.STREAM, headers, 0)
        stream.exchange = self.link.open(Form.STREAM, prefix, wish, stream)
        stream.exchange.patient = True
        async with stream:
            async for body in stream:
                item = decode_json(body)
                if isinstance(item, dict):
                    self._apply(item, services)

    def _apply(self, item: dict[str, Any], services: Sequence[str]) -> None:
        now = self._clock.monotonic()
        kind = item.get("kind")
        try:
            if kind == "resync":  # all is said again; what is not said again is gone by `ready`
                self._stale = {instance.key: instance for instance in self._catalog.holding(self.nid)}
                self.descriptions.clear()
                self._held.clear()
            elif kind in ("added", "changed"):
                self._register(item, services, now)
            elif kind == "removed":
                gone = Instance.parse(item.get("instance"), self.nid)
                self._held.pop(gone.key, None)
                self._catalog.deregister(gone, now)
            elif kind == "logs":
                self.told_logs(item.get("topics"))
            elif kind == "ready":
                for instance in self._stale.values():
                    self._catalog.deregister(replace(instance, sequence=0), now)
                self._stale = {}
        except Fault as fault:  # one bad record costs itself, not its neighbours
            log.info("a record of %s was not taken: %s", self.nid, fault)
        self._catalog.renew_node(self.nid, LEASE_SECONDS, now)
        self.heard(str(kind))

    def _register(self, item: dict[str, Any], services: Sequence[str], now: float) -> None:
        instance = Instance.parse(item.get("instance"), self.nid)
        if services and instance.service not in services:
            raise BadRequest(f"{instance.service} was not asked for")
        name = str(item.get("hash", ""))[:HASH_CHARACTERS_MAX]
        description = item.get("description")
        if not isinstance(description, dict):
            description = self.descriptions.get(name)
        if description is None:
            raise BadRequest(f"{instance.service}: its description was never sent")
        self._stale.pop(instance.key, None)
        if instance.service in self._unchecked:
            if len(self._held) >= HELD_MAX:
                raise TooManyRequests(f"{instance.service}: {HELD_MAX} instances wait to be checked already")
            self._held[instance.key] = instance, check_description(description)
        else:
            self._catalog.register(instance, description, LEASE_SECONDS, now)
        if len(self.descriptions) >= DESCRIPTIONS_MAX:
            self.descriptions.clear()
        self.descriptions[name] = description  # only what was found well-formed and small enough is kept
