"""The world: nodes on machines, all in one process, on a clock of their own, with every accident from one seed."""

from __future__ import annotations

import asyncio
import logging
import random
import string
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from micro.errors import MicroError, Unavailable
from micro.mucp.limits import Limits
from micro.network.visits import PURPOSE
from micro.testing.accidents import Accidents
from micro.testing.acquaintance import Acquaintance, disagreements
from micro.testing.audit import log_of
from micro.testing.beliefs import EVERY_SECONDS, beliefs
from micro.testing.guest import Guest
from micro.testing.invariants import Invariant, standing
from micro.testing.ledger import Ledger
from micro.testing.loop import VirtualLoop
from micro.testing.machine import Machine, WorldClient
from micro.testing.network import Internet
from micro.testing.realm import Realm, missed, unsettled
from micro.testing.roster import OnlyTheAwayGo
from micro.testing.surroundings import quiet_surroundings
from micro.testing.trace import Trace
from micro.testing.weather import CALM, Weather
from micro.testing.wire import Wire
from micro.trust.keys import KEY_BYTES

__all__ = ["World", "WorldBroken"]

NODES_MAX = 26
TICK_SECONDS = 0.1
"""How often the invariants are asked."""
NETWORK_TICK_SECONDS = 0.5
"""The same in a world with a network, which lasts longer."""
SETTLE_SECONDS_MAX = 30.0
"""How long a world that was healed may take until all of it agrees again."""
REALM_SECONDS_MAX = 150.0
"""How long an open network may take: a lease, an answer that is kept, and the longest pause before trying again."""
LOOK_SECONDS = 1.0
"""How often it is asked whether that is so."""
SCENARIO_SECONDS_MAX = 600.0
"""No scenario takes longer, in the world's time."""
COMPLAINTS_MAX = 12

Scenario = Callable[["World"], Awaitable[None]]


class WorldBroken(AssertionError):
    """Something that must always hold did not; the message says what, and how to see it again."""


class World(Accidents):
    """A number of nodes and everything that may happen to them.

    Args:
        seed: where all chance comes from; the same seed gives the same world, to the byte.
        nodes: how many there are; they are called "a", "b", "c" and so on.
        supers: so many of them, the first ones, are super nodes of an open network: the first founds it, all others
            join, and nobody is a neighbour. Without any, each is a neighbour of all others.
        hidden: so many of them, the last ones, are joined to the others by relays alone; super nodes run these.
        weather: what the network does to what is sent.
        invariants: what must hold beside the standing invariants.

    Attributes:
        random: chance for scenarios.
        trace: what happened, and its hash.
        ledger: what was promised to clients, and what came.
    """

    def __init__(
        self,
        seed: int,
        nodes: int = 5,
        *,
        supers: int = 0,
        hidden: int = 0,
        weather: Weather | None = None,
        invariants: Sequence[Invariant] = (),
    ) -> None:
        if not 1 <= nodes <= NODES_MAX or not 0 <= supers <= nodes:
            raise ValueError(f"a world has 1 to {NODES_MAX} nodes, {nodes} or fewer of them super nodes")
        if not 0 <= hidden <= nodes - max(1, supers) or (hidden and not supers):
            raise ValueError("hidden nodes need super nodes, which run the relays, and are none themselves")
        self.seed = seed
        self.nodes: tuple[str, ...] = tuple(string.ascii_lowercase[:nodes])
        self.supers = self.nodes[:supers]
        self.hidden = self.nodes[nodes - hidden :]
        self.random = random.Random(f"{seed} scenario")
        self.trace = Trace()
        self.ledger = Ledger()
        self._weather = weather if weather is not None else Weather()
        self._invariants = [*standing(), *invariants]
        self._beliefs = [*beliefs(), OnlyTheAwayGo()] if supers else []
        self._loop = VirtualLoop()
        self._wire = Wire(self._loop, random.Random(f"{seed} wire"), self.trace, self._weather)
        self.internet = Internet(self._wire)
        self.machines: dict[str, Machine] = {}
        self._hosts = 0
        self._guests: dict[str, dict[tuple[str, str], None]] = {}
        self._guest_hosts: dict[str, dict[str, None]] = {}
        self._broken: list[str] = []
        self._acquaintance = Acquaintance()
        self._realm = Realm() if supers else None

    def __repr__(self) -> str:
        supers = f", supers={len(self.supers)}" if self.supers else ""
        hidden = f", hidden={len(self.hidden)}" if self.hidden else ""
        return f"World(seed={self.seed}, nodes={len(self.nodes)}{supers}{hidden})"

    # -- running ------------------------------------------------------------------------------------------------------

    def run(self, scenario: Scenario, *, seconds_max: float = SCENARIO_SECONDS_MAX) -> World:
        """Starts all nodes, makes them neighbours, plays `scenario`, and returns this world when it has ended.

        A world is run once. No other loop may run in this thread.

        Args:
            scenario: an async function that is given this world.
            seconds_max: after so much of the world's time it is given up; the failure says what waited.

        Raises:
            WorldBroken: an invariant was broken, or the scenario failed.
        """
        with quiet_surroundings():
            try:
                self._loop.run_until_complete(self._play(scenario, seconds_max))
            except Exception as error:
                raise WorldBroken(self._report(error)) from error
            finally:
                self._end()
        return self

    async def _play(self, scenario: Scenario, seconds_max: float) -> None:
        for name in self.nodes:
            self.machines[name] = self._machine(name)
            await self.start(name)
        await self._introduce()
        playing = asyncio.ensure_future(scenario(self))
        watching = asyncio.ensure_future(self._watch())
        await asyncio.wait([playing, watching], timeout=seconds_max, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        if not playing.done():
            raise WorldBroken(f"not over after {seconds_max:g} s; these wait: {self._loop.who_waits()}")
        watching.cancel()
        await playing
        self.check()

    async def _watch(self) -> None:
        whole = 0.0
        while True:
            await asyncio.sleep(TICK_SECONDS if self._realm is None else NETWORK_TICK_SECONDS)
            if self._realm is None:
                self._acquaintance.note(self.running())
            if self.now < whole:
                self._ask(self._invariants)
                continue
            whole = self.now + EVERY_SECONDS
            self.check()

    def _machine(self, name: str) -> Machine:
        seed = f"{self.seed} {name}"
        machine = Machine(name, self._host(), loop=self._loop, internet=self.internet, seed=seed)
        machine.is_super, machine.is_hidden = name in self.supers, name in self.hidden
        machine.has_relays = bool(self.hidden)
        return machine

    def _host(self) -> str:
        self._hosts += 1
        return f"10.0.{self._hosts >> 8}.{self._hosts & 255}"

    def _end(self) -> None:
        lives = [life for machine in self.machines.values() for life in machine.lives]
        for life in lives:
            life.alive = False
        logging.disable(logging.CRITICAL)  # code of the dead complains that it may not wait
        try:
            self._loop.bury(lives)
        finally:
            logging.disable(logging.NOTSET)
        self._wire.close()
        self._loop.close()
        for machine in self.machines.values():
            machine.disk.close()

    def _report(self, error: Exception) -> str:
        text = str(error) if isinstance(error, WorldBroken) else f"{type(error).__name__}: {error}"
        return (
            f"{self!r} at {self.now:.3f} s: {text}\n"
            f"The last that happened:\n{self.trace.tail()}\n"
            f"To see it again: {self!r}.run(scenario), with the same scenario; keep the seed as a test."
        )

    # -- what can be asked --------------------------------------------------------------------------------------------

    @property
    def weather(self) -> Weather:
        """What the network does; it may be set at any time."""
        return self._wire.weather

    @weather.setter
    def weather(self, weather: Weather) -> None:
        self._wire.weather = weather

    @property
    def network(self) -> str:
        """The node id of the keeper of the open network, "" in a world without one."""
        return self._realm.network if self._realm is not None else ""

    def running(self) -> list[Machine]:
        """Returns the machines whose node runs."""
        return [machine for machine in self.machines.values() if machine.is_up]

    def is_up(self, name: str) -> bool:
        """Says whether a node runs."""
        return self.machines[name].is_up

    def name_of(self, nid: str) -> str:
        """Returns the name of a node in this world, or the nid where it is none."""
        return next((machine.name for machine in self.machines.values() if nid in machine.known), nid)

    def truth(self, nid: str) -> dict[tuple[str, str], None]:
        """Returns every (service, instance) that ran under a nid, or that a guest with this nid has claimed for it."""
        for machine in self.machines.values():
            if nid in machine.known:
                return machine.known[nid]
        return self._guests.get(nid, {})

    def hosts_of(self, nid: str) -> dict[str, None]:
        """Returns the addresses that a nid has had, those of a guest included."""
        found = next((machine.hosts for machine in self.machines.values() if nid in machine.known), None)
        return found if found is not None else self._guest_hosts.get(nid, {})

    async def guest(
        self,
        host: str,
        services: Iterable[tuple[str, str]] = (),
        *,
        limits: Limits | None = None,
        as_stranger: bool = False,
    ) -> Guest:
        """Returns a guest who visits a node and is listened to.

        Args:
            host: the node's name.
            services: the (service, instance) that are really the guest's own; whatever else he says is a lie.
            limits: what the guest's link takes.
            as_stranger: whether he comes to ask, as nodes do at super nodes, and is no neighbour.
        """
        number = len(self._guests)
        guest = Guest(f"guest-{number}", self._host(), seed=self.random.randbytes(KEY_BYTES), internet=self.internet)
        self._guests[guest.nid] = dict.fromkeys(services)
        guest.limits = limits if limits is not None else guest.limits
        node = self.machines[host].node
        if node is None:
            raise Unavailable(f"{host} is down; start it before somebody visits")
        self._guest_hosts[guest.nid] = {guest.host: None}
        await guest.visit(node.ticket(), purpose=PURPOSE if as_stranger else "")
        if not as_stranger:
            await guest.watched.wait()
        return guest

    def receivers(self) -> Iterator[tuple[str, Any, Any]]:
        """Yields each pipe's end: its name, what stands on it, and on the other end if nothing is between."""
        return self._wire.receivers()

    def client(self, name: str) -> WorldClient:
        """Returns a client at a machine, with the rights of its owner; it stays when the node goes and comes."""
        return WorldClient(self.machines[name], self.ledger)

    # -- what can be done ---------------------------------------------------------------------------------------------

    async def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        await asyncio.sleep(seconds)

    async def start(self, name: str) -> None:
        """Starts the node of a machine that is down, and its services."""
        machine = self.machines[name]
        while machine.is_starting:  # noqa: ASYNC110 - no event tells, since its program may end at any moment
            await asyncio.sleep(TICK_SECONDS)
        if machine.is_up or machine.is_gone:
            return
        self.note(f"{name} starts")
        if self._realm is not None:
            self._realm.prepare(machine, self.running())
        if await machine.start():
            if self._realm is not None:
                self._realm.started(machine)
            self._broken += [f"{name}: {each}" for each in await self.audit(name)]

    restart = start

    async def _introduce(self) -> None:
        """Does what owners do: gives nodes that cannot find each other a ticket."""
        if self._realm is not None:
            for machine, ticket in self._realm.lost(self.running()):
                node = machine.node
                if node is not None and node.backbone is not None:
                    self.note(f"{machine.name} gets a ticket of {self.name_of(ticket.nid)}")
                    try:
                        await machine.by_node(node.backbone.join(ticket))
                    except MicroError as error:  # its owner tries again
                        self.note(f"{machine.name} does not come in yet: {type(error).__name__}")
            return
        for machine, other in self._acquaintance.strangers(self.running()):
            node, neighbour = machine.node, other.node
            if node is not None and neighbour is not None and node.peers is not None:
                self.note(f"{machine.name} gets a ticket of {other.name}")
                try:
                    await machine.by_node(node.peers.connect(neighbour.ticket()))
                except MicroError as error:  # the node itself tries again
                    self.note(f"{machine.name} cannot reach {other.name} yet: {type(error).__name__}")

    # -- what must hold -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Asks all invariants.

        Raises:
            WorldBroken: something does not hold.
        """
        self._ask([*self._invariants, *self._beliefs])

    def _ask(self, invariants: Sequence[Invariant]) -> None:
        found = [*self._broken, *self._loop.blame]
        for invariant in invariants:
            found += invariant.check(self)
        if found:
            raise WorldBroken("; ".join(found[:COMPLAINTS_MAX]))

    async def audit(self, name: str) -> list[str]:
        """Returns what is wrong with the log of a node: an acknowledged event is missing, or one is there twice."""
        machine = self.machines[name]
        kept = await log_of(machine)
        if kept is None:
            return []
        there = {(topic, id) for topic, _, id in kept}
        lost = [promise for promise in self.ledger.of(name, machine.age) if promise not in there]
        return [
            *(f"the event {id} of {topic} was acknowledged and is lost" for topic, id in lost),
            *(f"the event {id} of {topic} is kept {n} times" for (topic, _, id), n in kept.items() if n > 1),
        ]

    async def settle(self, seconds: float = SETTLE_SECONDS_MAX) -> None:
        """Mends everything, starts what is down, and waits until all agree; then looks through every log.

        From here on the weather is calm. Nodes that cannot know where the other is now get a ticket from their owners.

        Raises:
            WorldBroken: they do not agree within `seconds`, or an acknowledged event is lost.
        """
        self.heal()
        self.weather = CALM
        for name in self.nodes:
            self.machines[name].disk.before_step = lambda kind, file: None
        for name in self.nodes:
            await self.start(name)
        await self._introduce()
        if self._realm is None:
            await self._agree(seconds)
        else:
            await self.unite(REALM_SECONDS_MAX)
        for name in self.nodes:
            self._broken += [f"{name}: {each}" for each in await self.audit(name)]
        self.check()

    async def _agree(self, seconds: float) -> None:
        deadline = self.now + seconds
        while disagreement := next(disagreements(self.running()), ""):
            if self.now >= deadline:
                raise WorldBroken(f"no agreement {seconds:g} s after all was mended: {disagreement}")
            await asyncio.sleep(TICK_SECONDS)

    async def unite(self, seconds: float) -> None:
        """Waits until the nodes of the network that run find each service of each of them, and nothing that is gone.

        Raises:
            WorldBroken: they do not within `seconds`.
        """
        deadline = self.now + seconds
        while True:
            complaint = next(unsettled(self.running(), self.network), "")
            if not complaint:
                names = sorted({name for machine in self.machines.values() for name in machine.services})
                complaint = next(iter(await missed(self.running(), names)), "")
            if not complaint:
                return
            await self._introduce()
            if self.now >= deadline:
                raise WorldBroken(f"the network is not whole {seconds:g} s after all was mended: {complaint}")
            await asyncio.sleep(LOOK_SECONDS)
