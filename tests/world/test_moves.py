"""Nodes of simulated networks that move or are started again, and who finds them then."""

from __future__ import annotations

import pytest

from micro.errors import NotFound
from micro.node.whereabouts import HOME_SERVED_SECONDS
from micro.service.registry.finding import Offer
from micro.testing import CALM, World
from micro.testing.machine import WorldClient
from tests.world.scenes import greeter, pourer
from tests.world.test_networks import backbone_of

SOON_SECONDS = 15.0
"""Much shorter than a lease: whoever looks by then was told."""


async def addresses(world: World, name: str, service: str) -> list[str]:
    """Looks a service up at a node, anew, and returns where its providers are."""
    finder, found = backbone_of(world, name).finder, list[Offer]()
    assert finder is not None

    async def look() -> None:
        finder.forget(service)
        found.extend(await finder.find(service))

    await world.machines[name].by_node(look())
    return [address for offer in found for address in offer.ticket.addresses]


def renumber(world: World, name: str) -> None:
    """Gives a machine another address while its node runs, as another network does."""
    machine = world.machines[name]
    [transport] = [there for there in world.internet._listening.values() if there.machine == name]
    world.internet.leave(transport)
    world.move(name)
    transport.address = f"{machine.host}:{transport.port}"
    machine.hosts[machine.host] = None
    world.internet._listening[transport.address] = transport


def test_a_node_that_moves_is_found_by_a_third_one_where_it_is() -> None:
    """By a node that never had a link to it, long before its lease ends."""
    found: list[list[str]] = []

    async def scenario(world: World) -> None:
        world.serve("e", greeter())
        await world.settle()
        found.append(await addresses(world, "f", "greeter"))
        renumber(world, "e")
        await world.sleep(SOON_SECONDS)
        found.append(await addresses(world, "f", "greeter"))

        assert found[0] != found[1]
        assert [address.rpartition(":")[0] for address in found[1]] == [world.machines["e"].host]

    World(1, nodes=6, supers=3, weather=CALM).run(scenario)


def test_a_home_is_remembered_over_restarts() -> None:
    """Once it has been it for long: whoever comes back does not go to another one by chance."""
    homes: list[tuple[str, str]] = []

    def home_of(world: World, name: str) -> str:
        announcer = backbone_of(world, name).announcer
        assert announcer is not None
        return announcer.home

    async def scenario(world: World) -> None:
        await world.settle()
        await world.sleep(1.5 * HOME_SERVED_SECONDS)
        for name in world.nodes[4:]:
            before = home_of(world, name)
            world.kill(name)
            await world.start(name)
            await world.settle()
            homes.append((before, home_of(world, name)))

    World(1, nodes=12, supers=4, weather=CALM).run(scenario)
    assert len(homes) == 8
    assert all(before and before == after for before, after in homes)


def test_clients_find_services_again_after_their_node_left_its_network_and_joined_one() -> None:
    """By calls and by streams: the way that a client has had since before is one that its node knows no more."""

    async def scenario(world: World) -> None:
        world.serve("e", greeter())
        world.serve("e", pourer())
        await world.settle()
        calling, streaming = world.client("f"), world.client("f")
        assert await calling.call("greeter", "Say.Hello") == "Hello world"
        assert await first_piece(streaming)
        await world.leave("f")
        with pytest.raises(NotFound):
            await calling.call("greeter", "Say.Hello")
        with pytest.raises(NotFound):
            await first_piece(streaming)
        await world.settle()

        assert await calling.call("greeter", "Say.Hello") == "Hello world"
        assert await first_piece(streaming)

    World(1, nodes=6, supers=3, weather=CALM).run(scenario)


async def first_piece(client: WorldClient) -> str:
    """Returns the first that a pourer pours out."""
    async with client.stream("pourer", "Pour.Out", {"pieces": 1}) as pouring:
        async for piece in pouring:
            return str(piece)
    raise AssertionError("it poured out nothing")
