"""Networks whose keeper is lost: what goes on without it, and what a backup of it brings back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from micro.service.registry.atlas import Atlas
from micro.service.registry.shardmap import SuperNode
from micro.testing import CALM, World, WorldBroken
from tests.world.scenes import greeter
from tests.world.test_networks import backbone_of

KEEPER, MOVED = "a", "d"


async def peaceful(world: World) -> None:
    """Services are served, found and called by everybody who is there."""
    for name in world.nodes[-2:]:
        if "greeter" not in world.machines[name].services:
            world.serve(name, greeter())
    await world.settle()
    for machine in world.running():
        assert await world.client(machine.name).call("greeter", "Say.Hello") == "Hello world"


def versions(world: World) -> set[int]:
    """Returns the numbers of the newest maps that nodes have."""
    return {backbone_of(world, machine.name).version for machine in world.running()}


def test_super_nodes_that_come_at_once_cost_two_maps_at_most() -> None:
    """All shards would move with each map; every one of them is where it says in the end."""

    async def scenario(world: World) -> None:
        await world.settle()
        [before] = versions(world)
        moved = world.supers[1:]
        for name in moved:
            world.crash(name)
            world.move(name)
        await asyncio.gather(*(world.start(name) for name in moved))
        await world.settle()
        [after] = versions(world)
        assert 1 <= after - before <= 2
        assert places_of(world, KEEPER) == places_of(world)

    World(1, nodes=8, supers=7, weather=CALM).run(scenario)


def test_whoever_left_comes_in_again_where_the_keeper_is_gone() -> None:
    """Its owner gives it a ticket of one that is in the network still; its own would lead nobody anywhere."""

    async def scenario(world: World) -> None:
        await peaceful(world)
        world.abandon(KEEPER)
        await world.leave("b")
        assert not backbone_of(world, "b").network
        await peaceful(world)
        assert backbone_of(world, "b").network == world.network

    World(1, nodes=5, supers=4, weather=CALM).run(scenario)


async def gone(world: World) -> None:
    """The keeper never comes back; other super nodes crash and come back without it."""
    await peaceful(world)
    before = versions(world)
    world.abandon(KEEPER)
    for name in ("b", "c"):
        world.crash(name)
        await world.sleep(20.0)
        await peaceful(world)
    assert versions(world) == before


async def begun_anew(world: World) -> None:
    """The keeper's machine comes back as somebody new, who cannot sign anything for the old network."""
    await peaceful(world)
    before, network = versions(world), world.network
    world.lose_disk(KEEPER)
    await world.sleep(20.0)
    await peaceful(world)
    assert world.machines[KEEPER].nid != network
    assert {backbone_of(world, name).network for name in world.nodes} == {network}
    assert versions(world) == before


async def restored(world: World) -> None:
    """The keeper has a backup that is older than its last maps, and the first to ask is a super node that has moved."""
    await peaceful(world)
    await _restored(world, world.back_up(KEEPER))


async def restored_by_its_key(world: World) -> None:
    """Of the keeper there is its key, and a ticket of another super node."""
    await peaceful(world)
    await _restored(world, {path: data for path, data in world.back_up(KEEPER).items() if path.endswith("/key")})


async def _restored(world: World, backup: dict[str, bytes]) -> None:
    world.move("c")
    world.crash("c")
    await peaceful(world)
    before = max(versions(world))
    world.move(MOVED)
    world.crash(MOVED)
    world.lose_disk(KEEPER, backup)
    world.partition([KEEPER], [name for name in world.nodes if name not in (KEEPER, MOVED)])
    await world.start(KEEPER)
    await world.start(MOVED)
    await world.sleep(5.0)
    await peaceful(world)
    for _ in range(120):
        if all(places_of(world, name) == places_of(world) for name in world.nodes):
            break
        await world.sleep(1.0)
    for name in world.nodes:
        assert places_of(world, name) == places_of(world)
    assert min(versions(world)) > before


def places_of(world: World, name: str = "") -> dict[str, tuple[str, ...]]:
    """Returns where the super nodes are by the map of a node, and where they really are if none is named."""
    if name:
        return {member.nid: member.addresses for member in members_of(world, name)}
    nodes = [machine.node for machine in world.running() if machine.is_super]
    return {node.nid: node.ticket().addresses for node in nodes if node is not None}


def members_of(world: World, name: str) -> tuple[SuperNode, ...]:
    """Returns the super nodes of the newest map of a node."""
    charting = backbone_of(world, name).charting
    assert charting is not None
    assert charting.atlas.current is not None
    return charting.atlas.current.signed.map.members


@pytest.mark.parametrize("scenario", [gone, begun_anew, restored, restored_by_its_key])
def test_a_network_goes_on_without_its_keeper(scenario: Any) -> None:
    """And with it, where its owner kept a backup."""
    World(1, nodes=6, supers=4, weather=CALM).run(scenario)


def test_whoever_asks_the_keeper_alone_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: where the keeper holds a shard, nobody else is taken for a holder."""
    before = Atlas.holders

    async def scenario(world: World) -> None:
        def holders(self: Atlas, shard: int) -> list[SuperNode]:
            found = before(self, shard)
            return [member for member in found if member.nid == world.network] or found

        monkeypatch.setattr(Atlas, "holders", holders)
        await gone(world)

    with pytest.raises(WorldBroken, match="the network is not whole"):
        World(1, nodes=6, supers=4, weather=CALM).run(scenario)
