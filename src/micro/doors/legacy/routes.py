"""What a node of a go-micro v2 network knows of those next to it, and what it tells them.

Pure.

| said | on | answered |
| --- | --- | --- |
| `connect`, who I am | network | by `sync` |
| `sync`, who is next to me and all my routes | network | by `peer` |
| `peer`, who is next to me | network | by `sync`, if I was unknown |
| `advert`, what changed of my routes | control | not at all |
| `close`, who I am: I leave | network | not at all |

A message for one node names it in `Micro-Peer`. Whoever was silent for 90 seconds is forgotten with its routes. A route
counts only from a node whose own address is its gateway, which is how each of them tells its routes, and never where we
are its origin: what goes out does not come back. We tell our own routes alone, never those of others: this node is no
way from one go-micro node to another.

Source: `network/default.go` of go-micro v2.9.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from micro.doors.legacy.messages import ROUTES_MAX, Advert, Change, Peer, Route, Sync

__all__ = ["CONTROL", "NETWORK", "Routes", "Told", "fnv64"]

NETWORK: Final = "network"
CONTROL: Final = "control"
LINK: Final = "network"

PEERS_MAX: Final = 64
LOST_SECONDS: Final = 90.0
TELL_SECONDS: Final = 30.0
SYNC_SECONDS: Final = 60.0
CONNECT_SECONDS: Final = 2.0
ADVERT_SECONDS: Final = 120.0
METRIC: Final = 1
"""How far a service is from the node that has it."""

_BASIS: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3
_NANOSECONDS: Final = 1_000_000_000


class Told(NamedTuple):
    """What is to be said.

    Attributes:
        channel: on which.
        headers, body: what.
    """

    channel: str
    headers: dict[str, str]
    body: bytes


class _Known:
    """A node next to us."""

    __slots__ = ("peer", "seen", "told")

    def __init__(self, peer: Peer, seen: float) -> None:
        self.peer = peer
        self.seen = seen
        self.told = -TELL_SECONDS


class Routes:
    """What is known over one link.

    Args:
        own: who we are.
        network: how the network is called.
    """

    def __init__(self, own: Peer, network: str) -> None:
        self._own = own
        self._network = network
        self._known: dict[str, _Known] = {}
        self._found: dict[tuple[str, str, str], Route] = {}
        self._offered: frozenset[str] = frozenset()
        self._is_told = False
        self._connected = self._synced = float("-inf")

    def gateways(self) -> dict[str, list[str]]:
        """Returns where each service is asked, the nearest first."""
        found: dict[str, list[str]] = {}
        for route in sorted(self._found.values(), key=lambda route: (route.metric, route.gateway)):
            places = found.setdefault(route.service, [])
            if route.gateway not in places:
                places.append(route.gateway)
        return found

    # -- what is said -----------------------------------------------------------------------------------------------

    def offer(self, services: Iterable[str], seconds: float) -> list[Told]:
        """Takes the names of what we have now, and returns what others are told of what changed.

        Args:
            services: the names.
            seconds: since 1970.
        """
        now_offered = frozenset(sorted(services)[:ROUTES_MAX])
        changes = [Change(is_there=False, route=self._route(name)) for name in sorted(self._offered - now_offered)]
        changes += [Change(is_there=True, route=self._route(name)) for name in sorted(now_offered - self._offered)]
        self._offered = now_offered
        if not changes:
            return []
        advert = Advert(self._own.id, changes)
        body = advert.write(int(seconds * _NANOSECONDS), int(ADVERT_SECONDS * _NANOSECONDS))
        return [self._told("advert", peer, body, channel=CONTROL) for peer in self._peers()]

    def tick(self, now: float) -> list[Told]:
        """Returns what is due to be said, and forgets who is silent.

        Args:
            now: of a clock that never goes back.
        """
        for id in [id for id, known in self._known.items() if now - known.seen > LOST_SECONDS]:
            self._forget(id)
        if not self._known:
            self._is_told = False
        if not self._is_told:
            if now - self._connected < CONNECT_SECONDS:
                return []
            self._connected = now
            return [Told(NETWORK, {"Micro-Method": "connect"}, self._own.named(self._network))]
        if now - self._synced >= SYNC_SECONDS:
            self._synced = now
            return [self._sync(peer) for peer in self._peers()]
        due = [known for known in self._known.values() if now - known.told >= TELL_SECONDS]
        for known in due:
            known.told = now
        return [self._told("peer", known.peer, self._own.write(self._network, self._peers())) for known in due]

    def leave(self) -> Told:
        """Returns what is said before the link ends."""
        return Told(NETWORK, {"Micro-Method": "close"}, self._own.named(self._network))

    def _peers(self) -> list[Peer]:
        return [known.peer for known in self._known.values()]

    def _route(self, service: str) -> Route:
        """Returns the route to a service of ours, as go-micro tells its own: a number stands for its instances."""
        own, address = self._own, str(fnv64(service + self._own.address))
        return Route(service, address, own.address, self._network, own.id, LINK, METRIC)

    def _sync(self, peer: Peer) -> Told:
        routes = [self._route(name) for name in sorted(self._offered)]
        return self._told("sync", peer, Sync(self._own, routes).write(self._network, self._peers()))

    def _told(self, method: str, peer: Peer, body: bytes, *, channel: str = NETWORK) -> Told:
        return Told(channel, {"Micro-Method": method, "Micro-Peer": peer.id}, body)

    # -- what is heard ----------------------------------------------------------------------------------------------

    def hear(self, method: str, meant_for: str, body: bytes, now: float) -> list[Told]:
        """Takes what another node said, and returns what it is answered.

        Raises:
            BadRequest: it says nothing.
        """
        if meant_for and meant_for != self._own.id:
            return []
        match method:
            case "connect":
                peer = Peer.read_named(body)
                return [self._sync(peer)] if self._met(peer, now) is not None else []
            case "sync":
                return self._heard_sync(Sync.read(body), now)
            case "peer":
                peer = Peer.read(body)
                is_known = peer.id in self._known
                return [self._sync(peer)] if self._met(peer, now) is not None and not is_known else []
            case "advert":
                self._heard_advert(Advert.read(body))
            case "close":
                self._forget(Peer.read_named(body).id)
        return []

    def _met(self, peer: Peer, now: float) -> _Known | None:
        """Takes note of a node; None where it is we, where it takes our address, or where there are too many."""
        if peer.id == self._own.id or peer.address in ("", self._own.address, NETWORK, CONTROL):
            return None
        known = self._known.get(peer.id)
        if known is None:
            if len(self._known) >= PEERS_MAX:
                return None
            known = self._known[peer.id] = _Known(peer, now)
        known.peer, known.seen = peer, now
        return known

    def _heard_sync(self, sync: Sync, now: float) -> list[Told]:
        known = self._met(sync.peer, now)
        if known is None:
            return []
        self._is_told = True
        for key in [key for key, route in self._found.items() if route.gateway == sync.peer.address]:
            del self._found[key]  # it tells all that it has
        for route in sync.routes:
            self._learn(route, sync.peer)
        known.told = now
        return [self._told("peer", sync.peer, self._own.write(self._network, self._peers()))]

    def _heard_advert(self, advert: Advert) -> None:
        known = self._known.get(advert.id)
        if known is None:
            return
        for change in advert.changes:
            if change.is_there:
                self._learn(change.route, known.peer)
            elif change.route.gateway == known.peer.address:
                self._found.pop(_key(change.route), None)

    def _learn(self, route: Route, peer: Peer) -> None:
        if route.router == self._own.id or route.gateway != peer.address or route.service in ("", "*"):
            return
        if len(self._found) < ROUTES_MAX or _key(route) in self._found:
            self._found[_key(route)] = route

    def _forget(self, id: str) -> None:
        known = self._known.pop(id, None)
        if known is not None:
            gateway = known.peer.address
            self._found = {key: route for key, route in self._found.items() if route.gateway != gateway}


def _key(route: Route) -> tuple[str, str, str]:
    return route.service, route.address, route.gateway


def fnv64(text: str) -> int:
    """Returns FNV-1 of 64 bits, by which go-micro names the instances behind a gateway.

    Source: draft-eastlake-fnv; Go's `hash/fnv.New64`.
    """
    found = _BASIS
    for byte in text.encode():
        found = (found * _PRIME) % 2**64 ^ byte
    return found
