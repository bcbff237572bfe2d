"""All services known to this node: who runs where, for how long it is believed, and what it can do.

Pure.

Rules of the catalog:

1. An instance is (service, nid, instance id). Two owners of one name are both kept, apart by their nid.
2. A record with a sequence beats every record of the same instance with a smaller one, and a withdrawal beats what it
   withdraws; so records may take several ways and arrive in any order. Sequence 0 means: they arrive in order.
3. An instance lives until its lease ends, is renewed, withdrawn, or its node is dropped; `expire(now)` removes exactly
   those whose lease ended at or before `now`.
4. A pinned name means only the nodes it was pinned to, and this node itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from micro.errors import BadRequest, Conflict, Forbidden, NotFound, TooManyRequests
from micro.service.registry.changes import CHANGES_MAX, Change, ChangeLog, Changes
from micro.service.registry.description import Description, Shelf, check_description
from micro.service.registry.holding import LOCAL_ALLOWANCE, PEER_ALLOWANCE, Allowance, Entry, Holding
from micro.service.registry.instance import Instance, InstanceKey
from micro.service.registry.leases import Leases
from micro.service.registry.search import Match, SearchIndex
from micro.service.registry.view import View, precedence
from micro.service.schema.naming import PLATFORM_NAMES, RESERVED_NAMES

__all__ = ["LEASE_SECONDS_MAX", "LIST_MAX", "Catalog"]

LEASE_SECONDS_MAX = 86_400.0
"""No record is believed for longer than a day."""

LIST_MAX = 1000
"""So many services at most in one answer."""

NODES_MAX = 10_000
INSTANCES_PER_SERVICE_MAX = 4096
PINS_MAX = 10_000
LEASES_SPARE = 64
"""So many outdated leases are never worth tidying up."""

VIEWS_MAX = 4096
"""Views kept ready; the others are built when asked for."""


class Catalog:
    """The merged catalog of one node.

    Args:
        changes_max: how many changes are kept for watchers that are behind.
        peer: what every other node may hold.
        local: what this node may hold.
    """

    def __init__(
        self,
        *,
        changes_max: int = CHANGES_MAX,
        peer: Allowance = PEER_ALLOWANCE,
        local: Allowance = LOCAL_ALLOWANCE,
    ) -> None:
        self._peer = peer
        self._local = local
        self._holdings: dict[str, Holding] = {}
        self._services: dict[str, tuple[Entry, ...]] = {}  # most have one, and a tuple is half of a list
        self._shelf = Shelf()
        self._leases = Leases()
        self._instances = 0
        self._views: dict[str, View] = {}
        self._pins: dict[str, frozenset[str]] = {}
        self._log = ChangeLog(changes_max)
        self._index = SearchIndex()
        self._speakers: dict[str, Entry] = {}
        self._spoken: dict[str, str] = {}

    def __len__(self) -> int:
        """Returns how many services are known."""
        return len(self._services)

    @property
    def number(self) -> int:
        """The number of the last change."""
        return self._log.number

    # ------------------------------------------------------------------------------------------------------- changing

    def register(
        self, instance: Instance, description: Mapping[str, Any] | Description, lease_seconds: float, now: float
    ) -> bool:
        """Takes an instance in, or replaces its record and renews its lease.

        Args:
            instance: its record.
            description: the description object, or what `check_description` made of it.
            lease_seconds: how long it is believed without renewal, at most `LEASE_SECONDS_MAX`.
            now: the time, in seconds of any clock that never goes back; the same clock for every method.

        Returns:
            False if a newer record or withdrawal of the same instance is known already: nothing was changed.

        Raises:
            BadRequest: the record or the description is malformed, or they are of different services.
            Conflict: the name is reserved.
            TooManyRequests: a bound is reached.
        """
        instance.check()
        checked = description if isinstance(description, Description) else check_description(description)
        _check_fit(instance, checked)
        expires = now + _check_lease(lease_seconds)
        holding = self._holding(instance)
        key = instance.key
        if instance.sequence and holding.is_buried(key, instance.sequence):
            return False
        entry = holding.entries.get(key)
        if entry is None:
            self._add(holding, instance, checked, now, expires)
            return True
        return self._replace(holding, entry, instance, checked, now, expires)

    def renew(self, key: InstanceKey, lease_seconds: float, now: float) -> bool:
        """Prolongs one instance's lease; False if it is not known (any more) and must register again."""
        holding = self._holdings.get(key[1])
        entry = holding.entries.get(key) if holding else None
        if entry is None:
            return False
        entry.prolong(now, now + _check_lease(lease_seconds))
        return True

    def renew_node(self, nid: str, lease_seconds: float, now: float) -> int:
        """Prolongs the leases of all a node holds, for a sign of life on its link, and returns how many."""
        seconds = _check_lease(lease_seconds)
        holding = self._holdings.get(nid)
        if holding is None:
            return 0
        for entry in holding.entries.values():
            entry.prolong(now, now + seconds)
        return len(holding.entries)

    def deregister(self, instance: Instance, now: float) -> bool:
        """Withdraws an instance; False if it was not known, or a newer record of it is.

        With a sequence the withdrawal is remembered for a day: this record and older ones stay out.
        """
        holding = self._holdings.get(instance.nid)
        if holding is None:
            if not instance.sequence:
                return False
            instance.check()
            holding = self._holding(instance)
        entry = holding.entries.get(instance.key)
        if instance.sequence:
            if entry is not None and entry.instance.sequence > instance.sequence:
                return False
            holding.bury(instance.key, instance.sequence, now)
        if entry is None:
            return False
        self._remove(entry)
        return True

    def drop_node(self, nid: str) -> tuple[Change, ...]:
        """Removes all a node holds, because its link is gone; it may come back with the same records."""
        holding = self._holdings.get(nid)
        return tuple(self._remove(entry) for entry in tuple(holding.entries.values())) if holding else ()

    def expire(self, now: float) -> tuple[Change, ...]:
        """Removes every instance whose lease ended at or before `now`, and returns the changes."""
        changes = tuple(self._remove(entry) for entry in self._leases.end(now))
        for nid, holding in tuple(self._holdings.items()):
            holding.forget(now)
            if holding.is_empty():
                del self._holdings[nid]
        return changes

    def next_expiry(self) -> float | None:
        """Returns a time not after the next lease's end: call `expire` then; None while nothing is leased."""
        return self._leases.next()

    def pin(self, name: str, nids: Collection[str]) -> None:
        """From now on `name` means only these nodes and this one; no nodes at all takes the pin away.

        Raises:
            TooManyRequests: `PINS_MAX` names are pinned.
        """
        if nids and name not in self._pins and len(self._pins) >= PINS_MAX:
            raise TooManyRequests(f"{PINS_MAX} names are pinned already; unpin one first")
        self._pins.pop(name, None)
        if nids:
            self._pins[name] = frozenset(nids)
        self._views.pop(name, None)
        self._elect(name)

    # -------------------------------------------------------------------------------------------------------- reading

    def lookup(self, name: str) -> View | None:
        """Returns what is known of a service, or None; the same object until something changes.

        Args:
            name: `service`, or `service@nid` for what one node has of it, whether the name is pinned to it or not.
        """
        view = self._views.get(name)
        if view is not None:
            return view
        service, at, nid = name.partition("@")
        if at:
            there = [entry for entry in self._services.get(service, ()) if entry.instance.nid == nid]
            return View(service, [(entry.instance, entry.description) for entry in there]) if there else None
        entries = self._meant(name)
        if not entries:
            return None
        if len(self._views) >= VIEWS_MAX:
            del self._views[next(iter(self._views))]
        view = self._views[name] = View(name, [(entry.instance, entry.description) for entry in entries])
        return view

    def describe(self, name: str, now: float, unix_seconds: float | None = None) -> dict[str, Any]:
        """Returns the description object of a service with its nodes.

        Args:
            name: the service.
            now: the catalog's time.
            unix_seconds: the wall clock at `now`, so that `last_seen` is a date; without it, `last_seen` is in the
                catalog's time.

        Raises:
            NotFound: no instance is known.
        """
        view = self.lookup(name)
        if view is None:
            raise NotFound(f"no service {name!a} is registered; `micro services` lists those that are")
        wall = now if unix_seconds is None else unix_seconds
        found = view.describe()
        entries = {entry.instance.key: entry for entry in self._services[view.name]}
        found["nodes"] = []
        for instance in view.instances:
            node: dict[str, Any] = {"nid": instance.nid, "instance": instance.id}
            if instance.address is not None:
                node["address"] = instance.address
            node |= {"version": instance.version, "state": instance.state}
            found["nodes"].append({**node, "last_seen": wall - (now - entries[instance.key].seen)})
        return found

    def list(self, limit: int = 100, offset: int = 0) -> Sequence[View]:
        """Returns views of the services in the order of their names, at most `LIST_MAX`."""
        first = max(0, offset)
        names = sorted(self._services)[first : first + max(0, min(limit, LIST_MAX))]
        return [view for view in map(self.lookup, names) if view is not None]

    def search(self, query: str, limit: int = 20) -> Sequence[Match]:
        """Returns the services that fit the words of `query` best."""
        return self._index.search(query, limit)

    def changes_since(self, number: int, limit: int = CHANGES_MAX) -> Changes:
        """Returns what changed after change `number`, or that the watcher must read everything again."""
        return self._log.since(number, limit)

    def holding(self, nid: str) -> tuple[Instance, ...]:
        """Returns the instances a node holds."""
        holding = self._holdings.get(nid)
        return tuple(entry.instance for entry in holding.entries.values()) if holding else ()

    def believed(self) -> Iterator[tuple[Instance, float]]:
        """Yields every instance that is believed, with the time at which its lease ends."""
        for holding in self._holdings.values():
            for entry in holding.entries.values():
                yield entry.instance, entry.expires

    # --------------------------------------------------------------------------------------------------------- within

    def _holding(self, instance: Instance) -> Holding:
        holding = self._holdings.get(instance.nid)
        if holding is None:
            if not instance.local and len(self._holdings) >= NODES_MAX:
                raise TooManyRequests(f"the catalog holds {NODES_MAX} nodes already; {instance.nid} was not taken in")
            holding = self._holdings[instance.nid] = Holding(self._local if instance.local else self._peer)
        return holding

    def _add(self, holding: Holding, instance: Instance, description: Description, now: float, expires: float) -> None:
        entries = self._services.get(instance.service, ())
        if not instance.local and len(entries) >= INSTANCES_PER_SERVICE_MAX:
            raise TooManyRequests(
                f"{instance.service} has {len(entries)} instances already, the most the catalog keeps"
            )
        holding.check(instance, description)
        entry = Entry(instance, self._shelf.take(description), now, expires)
        holding.add(instance.key, entry)
        self._services[instance.service] = (*entries, entry)
        self._instances += 1
        self._lease(entry)
        self._settle(entry)
        self._log.add("added", instance, description.hash)

    def _replace(
        self, holding: Holding, entry: Entry, instance: Instance, description: Description, now: float, expires: float
    ) -> bool:
        if entry.is_same(instance, description):
            entry.prolong(now, expires)
            return True
        if entry.beats(instance, description):
            return False
        if description.hash != entry.description.hash:
            holding.check_description(instance, description)
            holding.shelf.release(entry.description)
            self._shelf.release(entry.description)
            entry.description = holding.shelf.take(self._shelf.take(description))
        entry.instance, entry.seen, entry.expires = instance, max(entry.seen, now), expires
        self._lease(entry)
        self._settle(entry)
        self._log.add("changed", instance, description.hash)
        return True

    def _remove(self, entry: Entry) -> Change:
        instance = entry.instance
        entry.alive = False
        self._holdings[instance.nid].remove(instance.key)
        entries = tuple(other for other in self._services[instance.service] if other is not entry)
        if entries:
            self._services[instance.service] = entries
        else:
            del self._services[instance.service]
        self._instances -= 1
        self._shelf.release(entry.description)
        self._settle(entry)
        return self._log.add("removed", instance, entry.description.hash)

    def _lease(self, entry: Entry) -> None:
        self._leases.put(entry)
        self._leases.tidy(self._instances, itertools.chain.from_iterable(self._services.values()))

    def _meant(self, name: str) -> Sequence[Entry]:
        entries = self._services.get(name, ())
        pinned = self._pins.get(name)
        if pinned is None:
            return entries
        return [entry for entry in entries if entry.instance.local or entry.instance.nid in pinned]

    def _settle(self, changed: Entry) -> None:
        """After a change: forgets the view, and finds out who speaks for the service now."""
        name = changed.instance.service
        self._views.pop(name, None)
        speaker = self._speakers.get(name)
        if speaker is None or speaker is changed or name in self._pins:
            self._elect(name)
        elif changed.alive and precedence(changed.instance) < precedence(speaker.instance):
            self._speak(name, changed)

    def _elect(self, name: str) -> None:
        entries = self._meant(name)
        self._speak(name, min(entries, key=lambda entry: precedence(entry.instance)) if entries else None)

    def _speak(self, name: str, speaker: Entry | None) -> None:
        """Files the service in the index under the words of its speaker, if they are others than before."""
        if speaker is None:
            self._speakers.pop(name, None)
            self._spoken.pop(name, None)
            self._index.remove(name)
            return
        self._speakers[name] = speaker
        if self._spoken.get(name) != speaker.description.hash:
            self._spoken[name] = speaker.description.hash
            self._index.put(name, speaker.description.texts())


def _check_fit(instance: Instance, description: Description) -> None:
    if (description.name, description.version) != (instance.service, instance.version):
        raise BadRequest(
            f"the record is of {instance.service} {instance.version}, its description of "
            f"{description.name} {description.version}; they must agree"
        )
    if instance.service in RESERVED_NAMES:
        raise Conflict(f"{instance.service} is reserved for a path of the node's HTTP API; choose another name")
    if instance.service in PLATFORM_NAMES and not instance.local:
        raise Forbidden(f"{instance.service} is one of every node's own services; a peer cannot offer it")


def _check_lease(lease_seconds: float) -> float:
    if 0 < lease_seconds <= LEASE_SECONDS_MAX:
        return lease_seconds
    raise BadRequest(f"lease: expected more than 0 and at most {LEASE_SECONDS_MAX:.0f} seconds, got {lease_seconds!r}")
