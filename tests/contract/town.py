"""A town of nodes in one process: real links over memory pipes, real services and homes, and a clock that never waits.

A node here is all that has to do with the backbone: router, platform, peers and `Backbone`. What it serves is said by
the test instead of run. Cables can be cut, so that a node is alive and nobody hears of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import blake3

from micro.errors import Unavailable
from micro.mucp.event import Hello
from micro.network.link import Link
from micro.network.peers import Peers
from micro.network.prefix import Prefixes
from micro.network.relays import Relays
from micro.network.transport.memory import MemoryPipe, pair
from micro.network.transport.transport import FreshPipe
from micro.node.backbone import Backbone
from micro.node.control.registry import Bell
from micro.node.gatekeeper import Gatekeeper
from micro.node.local import Platform, dial_own
from micro.node.membership import Membership
from micro.node.pinned import Pinned
from micro.node.reach import NodeReach
from micro.service.registry.announcement import Place
from micro.service.registry.catalog import Catalog
from micro.service.registry.description import Description, check_description
from micro.service.router import Facts, Router
from micro.store.auth import AuthStore
from micro.system import SystemDisk
from micro.trust.identity import nid_of
from micro.trust.policy import Caller
from micro.trust.ticket import Ticket
from tests.unit.service.registry.makings import NOW, key_of


class TownClock:
    """The loop's clock, as a port."""

    def now(self) -> float:
        return NOW + self.monotonic()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class TownEntropy:
    """Chance that is always the same."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def random_bytes(self, count: int) -> bytes:
        self._count += 1
        return blake3.blake3(f"{self._seed} {self._count}".encode()).digest(count)


class TownTransport:
    """The transport of one node: whoever is in the town and not cut off can be dialled."""

    def __init__(self, town: Town, nid: str, address: str) -> None:
        self._town = town
        self._address = address
        self.nid = nid
        self.port = 4040
        self.accept: Callable[[FreshPipe], None] | None = None
        self.pipes: list[MemoryPipe] = []
        self.is_cut = False

    def addresses(self) -> tuple[str, ...]:
        return (self._address,)

    async def dial(self, nid: str, addresses: Sequence[str], relay: str | None, *, timeout_seconds: float) -> FreshPipe:
        far = self._town.transports.get(nid)
        if far is None or far.accept is None or far.is_cut or self.is_cut or far._address not in addresses:
            await asyncio.sleep(timeout_seconds)
            raise Unavailable(f"{nid} does not answer")
        near, there = pair({"nid": nid, "peername": far._address}, self._facts())
        self.pipes.append(near)
        far.pipes.append(there)
        far.accept(there)
        return near

    def _facts(self) -> dict[str, str]:
        """Returns what the other side is told of this one, as iroh's endpoint does."""
        return {"nid": self.nid, "peername": self._address, "prefix": Prefixes().of(self._address)}

    def listen(self, accept: Callable[[FreshPipe], None]) -> None:
        self.accept = accept

    def cut(self) -> None:
        """Nothing comes through any more, in either direction."""
        self.is_cut = True
        for pipe in self.pipes:
            pipe.abort()
        self.pipes.clear()

    def mend(self) -> None:
        self.is_cut = False

    async def close(self) -> None:
        self.accept = None
        self.cut()


class TownNode:
    """One node."""

    def __init__(self, town: Town, number: int, home: Path, settings: dict[str, Any]) -> None:
        self.key = key_of(number)
        self.nid = nid_of(self.key.public)
        self.offers: dict[str, Description] = {}
        self.bell = Bell()
        self.catalog = Catalog()
        clock = TownClock()
        platform = Platform(clock.now)
        events: Any = None
        home.mkdir(exist_ok=True)
        disk = SystemDisk()
        self._auth = AuthStore(disk, home / "auth.db", threaded=False)
        self._auth.open()
        self.router = Router(
            self.nid,
            self.catalog,
            platform,
            events,
            gate=Gatekeeper(self._auth, self.key, clock),
            link_to=lambda _: None,
            on_greeted=lambda link, hello: None,
            on_going=lambda link, reason: None,
            on_lost=self._lost,
            trials={},
            expected=lambda *_: "",
            chance=lambda: 0.5,
            now=clock.monotonic,
        )
        self._platform = platform
        self.transport = TownTransport(town, self.nid, f"203.0.{number}.1:4040")
        town.transports[self.nid] = self.transport
        self.relays = Relays()
        self.peers = Peers(
            self.transport,
            self.router,
            entropy=TownEntropy(f"peers {number}"),
            peers_max=16,
            hello=lambda: Hello([], agent="node", ticket=Ticket(self.nid, self.transport.addresses()).encode()),
            relays=self.relays,
            prepare=self._introduce,
            on_up=lambda nid, link: None,
            on_down=lambda nid, reason: None,
            on_known=lambda: None,
        )
        usual = {"super_node": False, "owner": f"owner-{number}", "away_seconds": 600.0, "ticket": ""}
        self.backbone = Backbone(
            self.key,
            Membership(disk, home / "backbone.json"),
            NodeReach(self.nid, self.peers.visits, lambda: dial_own(self.router, self.nid)),
            clock=clock,
            entropy=TownEntropy(f"backbone {number} {len(town.nodes)}"),
            offers=lambda: self.offers,
            topics=lambda: (),
            place=lambda: Place(self.transport.addresses()),
            heard=self.bell.heard,
            pinned=Pinned(disk, home / "pins.json", self.catalog),
            relays=self.relays,
            **{**usual, **settings},
        )
        platform.add(self.backbone.service())
        self.peers.start([])

    def _introduce(self, link: Link, nid: str) -> None:
        link.facts = Facts(Caller(nid=nid))

    def _lost(self, link: Link, reason: str) -> None:
        self._platform.lost(link)
        if link.facts is not None:
            self.peers.lost(link.facts.caller.nid, link, reason)

    def ticket(self) -> Ticket:
        return Ticket(self.nid, self.transport.addresses(), network=self.backbone.network or None)

    def serve(self, *names: str, summary: str = "Says hello") -> None:
        """Says what this node serves from now on."""
        self.offers = {
            name: check_description({"name": name, "version": "1", "description": summary, "endpoints": []})
            for name in names
        }
        self.bell.ring()

    @property
    def home(self) -> str:
        """The node id of its home."""
        return self.backbone.announcer.home if self.backbone.announcer is not None else ""

    async def stop(self) -> None:
        """Ends in order."""
        await self.backbone.stop()
        await self.kill()

    async def kill(self) -> None:
        """Ends as a killed process does: its links break, and nobody hears a word."""
        self.transport.cut()
        announcer = self.backbone.announcer
        if announcer is not None and announcer._task is not None:
            announcer._task.cancel()
        self.backbone.announcer = None
        await self.backbone.stop()
        await self.peers.close()
        await self._auth.close()


class Town:
    """All nodes of a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.transports: dict[str, TownTransport] = {}
        self.nodes: list[TownNode] = []

    async def start(self, number: int, **settings: Any) -> TownNode:
        """Starts the node of a number; the same number later is the same node with the same home."""
        node = TownNode(self, number, self._folder / str(number), settings)
        await node.backbone.start()
        self.nodes.append(node)
        return node

    async def supers(self, count: int) -> list[TownNode]:
        """Starts the super nodes of a network, numbered from 1."""
        found: list[TownNode] = []
        for number in range(1, count + 1):
            ticket = found[0].ticket().encode() if found else ""
            found.append(await self.start(number, super_node=True, ticket=ticket))
        await settled(lambda: all(charted(node) == count for node in found))
        return found

    async def close(self) -> None:
        for node in self.nodes:
            await node.kill()


def charted(node: TownNode) -> int:
    """Returns how many super nodes a node knows."""
    return node.backbone.charting.count if node.backbone.charting is not None else 0


async def settled(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Lets time pass until a condition holds, which must be within so many seconds of the town's time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert loop.time() < end, "it did not come to pass"
        await asyncio.sleep(0.05)
