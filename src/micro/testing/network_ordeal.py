"""An ordeal of an open network: strangers find and call each other while super nodes and nodes crash, move and part.

It ends with everything mended: every node finds every service of every living node and calls it. Then one node goes for
good, and nobody finds it any more: within seconds where its home lives, else within its lease. In some worlds the
keeper is lost, or put back from a backup.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from micro.errors import MicroError
from micro.service.registry.presence import LEASE_SECONDS
from micro.service.registry.record import SKEW_SECONDS
from micro.service.registry.ring import HOLDERS_MAX
from micro.service.service import Service
from micro.testing.machine import Machine, WorldClient
from micro.testing.play import Play, Work
from micro.testing.realm import missed
from micro.testing.world import World, WorldBroken

__all__ = ["NetworkOrdeal"]

CALL_SECONDS_MAX = 10.0
"""How long a call may take in the end, when all is well; a node that is asked meanwhile says to try again."""
DOWN_SECONDS_MAX = 15.0
CUT_SECONDS_MAX = 15.0
SLEEP_SECONDS_MIN, SLEEP_SECONDS_MAX = 60.0, 30 * 3600.0
"""How long everybody sleeps at the same time: some leases end, or all records."""
FORGET_SECONDS = LEASE_SECONDS + SKEW_SECONDS + 30.0
"""When a node that is gone is found by nobody: its lease as the others' clocks have it, and an answer that was kept."""
GONE_SECONDS = 10.0
"""The same where its home lives."""
LOST_SECONDS = 5.0
"""And so much longer where weather loses what the home says: it says it again after a time-out and a pause."""
GOES_SHARE = 0.25
"""In so many of all worlds one goes for good: waiting for that is most of the work."""
KEEPER_SHARE = 0.25
"""In so many of all worlds something happens to the keeper that only a backup undoes, if anything."""
FATES = ("is gone", "has lost its disk", "has a backup")
SHARED = "answers"
"""A service that several nodes offer."""


class NetworkOrdeal(Play):
    """Everything that may happen to a network, in an order that chance gives; for a `World` with super nodes.

    Args:
        operations: how many there are.
        accidents: which share of them are accidents.

    Attributes:
        done: how often each operation was done, by name; what failed counts as `failed`.
    """

    pause_seconds = 0.5
    patience_seconds = 6.0
    tries_max = 3
    backoff_seconds = 1.0
    skew_seconds_max = SKEW_SECONDS / 2

    def __init__(self, operations: int = 40, *, accidents: float = 0.25) -> None:
        super().__init__(operations, accidents=accidents)
        self._fate = ""
        self._fate_at = 0
        self._last_version = 0

    async def _begin(self, world: World) -> None:
        if world.random.random() < KEEPER_SHARE:
            # A super node that is in no map is at no relay through which hidden nodes may dial.
            self._fate = world.random.choice(FATES[::2] if world.hidden else FATES)
            self._fate_at = world.random.randint(1, self.operations)
        for name in world.nodes:
            self._clients[name] = world.client(name)
            world.serve(name, answerer(f"desk-{name}"))
        for name in world.random.sample(world.nodes, min(3, len(world.nodes))):
            world.serve(name, answerer(SHARED))

    # -- operations ---------------------------------------------------------------------------------------------------

    def _next(self, world: World) -> tuple[str, Work]:
        """Returns what happens next."""
        self._number += 1
        number, chance = self._number, world.random
        if number == self._fate_at:
            return f"the keeper {self._fate}", lambda: self._keeper(world)
        if chance.random() < self.accidents:
            return self._accident(world)
        there = [name for name in world.nodes if not world.machines[name].is_gone]
        client = self._clients[chance.choice(there)]
        other = chance.choice(there)
        kind = chance.random()
        if kind < 0.4:
            return "call", lambda: self._insist(world, lambda: _call(client, SHARED, number))
        if kind < 0.6:
            return "call one", lambda: self._insist(world, lambda: _call(client, f"desk-{other}", number))
        if kind < 0.8:
            address = f"desk-{other}@{world.machines[other].nid}"
            return "call one node", lambda: self._insist(world, lambda: _call(client, address, number))
        name = f"extra-{chance.randrange(3)}"
        if name in world.machines[other].services:
            return "withdraw", lambda: self._at_once(lambda: world.withdraw(other, name))
        return "serve", lambda: self._at_once(lambda: world.serve(other, answerer(name)))

    @staticmethod
    async def _at_once(act: Callable[[], None]) -> None:
        act()

    # -- accidents ----------------------------------------------------------------------------------------------------

    def _accident(self, world: World) -> tuple[str, Work]:
        chance = world.random
        name = chance.choice(world.nodes)
        others = [other for other in world.nodes if other != name]
        down, cut = chance.uniform(0.1, DOWN_SECONDS_MAX), chance.uniform(0.1, CUT_SECONDS_MAX)
        asleep = chance.uniform(SLEEP_SECONDS_MIN, SLEEP_SECONDS_MAX)
        half = chance.sample(world.nodes, len(world.nodes) // 2)
        rest = [other for other in world.nodes if other not in half]
        kinds: list[tuple[str, float, Work]] = [
            ("crash", 3, lambda: self._down(world, name, lambda: world.crash(name), down)),
            ("kill", 3, lambda: self._down(world, name, lambda: world.kill(name), down)),
            ("move", 1.5, lambda: self._down(world, name, lambda: self._move(world, name), down)),
            ("writing", 2, lambda: self._writing(world, name, chance.randint(1, 4), down)),
            ("disk loss", 0.5, lambda: self._down(world, name, lambda: world.lose_disk(name), down)),
            ("partition", 2, lambda: self._cut(world, lambda: world.partition([name], others), cut)),
            ("half", 2, lambda: self._cut(world, lambda: world.partition(half, rest), cut)),
            ("one way", 2, lambda: self._cut(world, lambda: world.cut(name, chance.choice(others)), cut)),
            ("sleep", 1, lambda: self._at_once(lambda: world.skip(asleep))),
            ("leave", 1, lambda: world.leave(name)),
        ]
        if name == world.nodes[0]:  # without its keeper a network goes on, and takes in nobody
            kinds = [kind for kind in kinds if kind[0] not in ("disk loss", "leave")]
        if name in world.supers and sum(world.machines[other].age for other in world.supers) >= HOLDERS_MAX - 1:
            kinds = [kind for kind in kinds if kind[0] != "disk loss"]  # the map keeps their old keys
        if name in world.supers and self._fate in FATES[:2]:  # a map that stands still has their old keys and addresses
            kinds = [kind for kind in kinds if kind[0] not in ("disk loss", "move")]
        found = chance.choices(kinds, weights=[weight for _, weight, _ in kinds])[0]
        return found[0], found[2]

    async def _keeper(self, world: World) -> None:
        """Has happen to the keeper what is to happen, if all super nodes are in the map by then, and know it."""
        name = world.nodes[0]
        if self._fate != FATES[2] and not is_known(world):
            self._fate = ""
            return
        self._last_version = version_of(world.machines[name])
        if self._fate == FATES[0]:
            world.abandon(name)
            return
        # An older one knows nothing of services that were offered since: those cannot be withdrawn, and end in a day.
        backup = world.back_up(name) if self._fate == FATES[2] else None
        await self._down(
            world, name, lambda: world.lose_disk(name, backup), world.random.uniform(0.1, DOWN_SECONDS_MAX)
        )

    @staticmethod
    async def _down(world: World, name: str, begin: Callable[[], None], seconds: float) -> None:
        if world.is_up(name):
            begin()
            await world.sleep(seconds)
            await world.start(name)

    @staticmethod
    async def _writing(world: World, name: str, steps: int, seconds: float) -> None:
        world.crash_at_step(name, steps)
        await world.sleep(seconds)
        await world.start(name)

    # -- the end ------------------------------------------------------------------------------------------------------

    async def _end(self, world: World) -> None:
        if self._fate in FATES[:2] and self._last_version:
            for machine in world.running():
                version = version_of(machine)
                if version > self._last_version:
                    raise WorldBroken(f"{machine.name} has map {version}, which no keeper was there to sign")
        await self._all_call(world)
        if world.random.random() < GOES_SHARE:
            await self._one_goes(world)

    async def _all_call(self, world: World) -> None:
        """Has every node call a service of every other, and one of those that several offer."""
        there = [machine.name for machine in world.running()]
        services = [(f"desk-{name}@{world.machines[name].nid}", name) for name in there]
        for caller in there:
            for address, name in services:
                await self._must(world, caller, address, name)
            unpin(world.machines[caller], SHARED)  # its owner does so where all it knew have lost their disks
            await self._must(world, caller, SHARED, "")

    async def _must(self, world: World, caller: str, address: str, name: str) -> None:
        number = self._number = self._number + 1
        deadline = world.now + CALL_SECONDS_MAX
        while True:
            try:
                async with asyncio.timeout(self.patience_seconds):
                    return await _call(self._clients[caller], address, number)
            except (MicroError, TimeoutError) as error:
                if world.now >= deadline:
                    text = f"{caller} finds {address} of {name or 'several'} and cannot call it: {error!r}"
                    raise WorldBroken(text) from error
            await world.sleep(0.5)

    @staticmethod
    async def _one_goes(world: World) -> None:
        gone = world.random.choice(world.nodes[1:])
        seconds = GONE_SECONDS + LOST_SECONDS if has_home(world, gone) else FORGET_SECONDS
        world.crash(gone)
        await world.sleep(seconds)
        names = sorted({name for machine in world.running() for name in machine.services} | {f"desk-{gone}"})
        complaints = await missed(world.running(), names)
        if complaints:
            raise WorldBroken(f"{seconds:g} s after {gone} was gone: {'; '.join(complaints[:4])}")


def version_of(machine: Machine) -> int:
    """Returns the number of the newest map of a machine's node, 0 where it has none."""
    backbone = machine.node.backbone if machine.node is not None else None
    return backbone.version if backbone is not None else 0


def has_home(world: World, name: str) -> bool:
    """Says whether the home of a node runs, and is another node than itself."""
    node = world.machines[name].node
    announcer = node.backbone.announcer if node is not None and node.backbone is not None else None
    others = {machine.nid for machine in world.running() if machine.name != name}
    return announcer is not None and announcer.home in others


def is_known(world: World) -> bool:
    """Says whether all super nodes run, are in the newest map where they are, and know that one."""
    places, known = set(), set()
    for name in world.supers:
        node = world.machines[name].node
        charting = node.backbone.charting if node is not None and node.backbone is not None else None
        chart = charting.atlas.current if charting is not None else None
        if node is None or chart is None:
            return False
        places.add((node.nid, node.ticket().addresses, chart.version))
        known |= {(member.nid, member.addresses, chart.version) for member in chart.signed.map.members}
    return places <= known and len({version for _, _, version in places}) == 1


def answerer(name: str) -> Service:
    """Returns a service that doubles numbers."""
    service = Service(name)

    async def double(number: int) -> int:
        return 2 * number

    service.add("Answers.Double", double, idempotent=True)
    return service


def unpin(machine: Machine, name: str) -> None:
    """Lets the next use of a name bind it anew."""
    if machine.node is not None and machine.node.backbone is not None:
        machine.node.backbone.pinned.unpin(name)


async def _call(client: WorldClient, service: str, number: int) -> None:
    found = await client.call(service, "Answers.Double", {"number": number})
    if found != 2 * number:
        raise WorldBroken(f"{service} answered {found} to {number}")
