"""Hidden nodes in simulated worlds: they reach each other through relays alone, whatever happens to these."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import MicroError
from micro.node.relaying import Relaying
from micro.testing import CALM, World, WorldBroken
from tests.world.scenes import greeter
from tests.world.test_networks import backbone_of

MET_SECONDS = 30.0
"""Hidden nodes meet again within this time of their relay's end; a transport by itself takes longer to see it."""


def relay_of(world: World, name: str) -> str:
    """Returns whose relay a node is at, "" where it is at none."""
    node = world.machines[name].node
    assert node is not None
    url = node.status()["relay"]["through"]
    return next((each for each in world.supers if f"//{world.machines[each].host}:" in url), "")


async def met(world: World, seconds: float) -> bool:
    """Waits until one hidden node has called the other."""
    client = world.client("f")
    for _ in range(int(seconds)):
        try:
            async with asyncio.timeout(1.0):
                return bool(await client.call("greeter", "Say.Hello") == "Hello world")
        except (MicroError, TimeoutError):
            await world.sleep(1.0)
    return False


async def hidden(world: World) -> None:
    """What two hidden nodes offer is found and called through relays, each of which is then lost in some way."""
    world.serve("e", greeter())
    await world.settle()
    assert await met(world, MET_SECONDS)
    assert relay_of(world, "e")
    for lost in ("crash", "partition", "kill"):
        relay = relay_of(world, "e")
        if lost == "partition":
            world.partition([relay], [name for name in world.nodes if name != relay])
        else:
            getattr(world, lost)(relay)
        await world.sleep(2.0)
        if not await met(world, MET_SECONDS):
            raise WorldBroken(f"f does not meet e {MET_SECONDS:g} s after {relay}, its relay, was lost by {lost}")
        await world.settle()


def stays_at_its_relay(patch: pytest.MonkeyPatch) -> None:
    """A node waits until its transport names another relay."""

    async def watch(self: Relaying, now: float, *, doubted: bool) -> bool:
        return False

    patch.setattr(Relaying, "watch", watch)


def test_a_super_node_is_reached_through_a_relay_that_only_the_newest_map_has() -> None:
    """It has moved with its relay, and the hidden node's map is older than its home's."""

    async def scenario(world: World) -> None:
        await world.settle()
        [moved, *_] = [name for name in world.supers[1:] if name != home_of(world, "f")]
        world.crash(moved)
        world.move(moved)
        await world.start(moved)
        await world.sleep(1.0)
        here, there = world.machines["f"].node, world.machines[moved].node
        assert here is not None
        assert here.peers is not None
        assert there is not None
        ticket = there.ticket()
        assert not here.peers._relays.permits(ticket.relay or "")
        await world.machines["f"].by_node(here.peers.visits.visit(ticket))
        link = here.peers.visits.link(there.nid)
        assert link is not None
        assert link.closed is None

    World(2, nodes=6, supers=4, hidden=2, weather=CALM).run(scenario)


def test_a_hidden_node_comes_back_by_a_ticket_when_all_have_moved() -> None:
    """Of the relays that it knew none is there; the ticket's owner gave it, so its relay is dialled through."""

    async def scenario(world: World) -> None:
        await world.settle()
        for name in world.supers:
            world.crash(name)
            world.move(name)
        for name in world.supers:
            await world.start(name)
        node = world.machines[world.supers[0]].node
        assert node is not None
        for name in world.nodes[1:]:
            await world.client(name).call("network", "Network.Join", {"ticket": node.ticket().encode()})
        await world.settle()

    World(1, nodes=6, supers=4, hidden=2, weather=CALM).run(scenario)


def home_of(world: World, name: str) -> str:
    """Returns the machine that is a node's home, "" while there is none."""
    announcer = backbone_of(world, name).announcer
    return world.name_of(announcer.home) if announcer is not None and announcer.home else ""


def run_all(seeds: range) -> None:
    """Plays the scene with hidden nodes in several worlds."""
    for seed in seeds:
        World(seed, nodes=6, supers=4, hidden=2, weather=CALM).run(hidden)


def test_hidden_nodes_meet_whatever_happens_to_their_relay() -> None:
    """It crashes, is cut off, or is killed: they go to another one."""
    run_all(range(3))


def test_nodes_that_stay_at_a_dead_relay_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug."""
    stays_at_its_relay(monkeypatch)
    with pytest.raises(WorldBroken, match="f does not meet e"):
        run_all(range(8))


def test_hidden_nodes_reach_nobody_without_a_relay() -> None:
    """Neither each other nor anybody else, nor does anybody reach them: no pipe goes around the relays."""

    async def scenario(world: World) -> None:
        world.serve("e", greeter())
        await world.settle()
        assert await met(world, MET_SECONDS)
        for pipe in world._wire._pipes:
            if pipe.here != pipe.there and {pipe.here, pipe.there} & {*world.hidden}:
                assert pipe.through or {pipe.here, pipe.there} & {*world.supers}
        between = [pipe for pipe in world._wire._pipes if {pipe.here, pipe.there} == {*world.hidden}]
        assert between
        assert all(pipe.through in world.supers for pipe in between)

    World(1, nodes=6, supers=4, hidden=2, weather=CALM).run(scenario)
