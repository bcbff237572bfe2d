"""Super nodes in simulated worlds: each stands in the map where it really is."""

from __future__ import annotations

import pytest

from micro.errors import Fault, MicroError
from micro.service.registry.backbone import JOIN
from micro.testing import CALM, World
from tests.world.test_keepers import members_of
from tests.world.test_networks import backbone_of

KEEPER, LIAR = "a", "d"
ELSEWHERE = "9.9.9.9:1"


def test_whoever_was_reached_before_is_reached_where_it_says_it_is() -> None:
    """A node that the keeper has a link to already does not get into the map with addresses that are not its own."""

    async def scenario(world: World) -> None:
        await world.settle()
        keeper, liar = (world.machines[name].node for name in (KEEPER, LIAR))
        assert keeper is not None
        assert liar is not None
        assert keeper.peers is not None
        visits, reach = keeper.peers.visits, backbone_of(world, LIAR)._reach
        await world.machines[KEEPER].by_node(visits.visit(liar.ticket()))

        async def join(*addresses: str) -> None:
            wish = JOIN.encode({"addresses": addresses})
            await reach.call(keeper.ticket(), "Backbone.Join", wish, timeout_seconds=5.0)

        with pytest.raises(Fault):
            await world.machines[LIAR].by_node(join(ELSEWHERE))
        assert liar.nid not in [member.nid for member in members_of(world, KEEPER)]

        own = liar.ticket().addresses
        await world.machines[LIAR].by_node(join(ELSEWHERE, *own))
        [member] = [member for member in members_of(world, KEEPER) if member.nid == liar.nid]
        assert member.addresses == (*own, ELSEWHERE)

    World(1, nodes=4, supers=2, weather=CALM).run(scenario)


def test_nobody_makes_maps_as_fast_as_it_likes() -> None:
    """A node that joins and leaves in turn gets a few maps; all else is refused and charged to it."""

    async def scenario(world: World) -> None:
        await world.settle()
        keeper, liar = (world.machines[name].node for name in (KEEPER, LIAR))
        assert keeper is not None
        assert liar is not None
        reach, before = backbone_of(world, LIAR)._reach, backbone_of(world, KEEPER).version
        faults: list[str] = []

        async def join_and_leave() -> None:
            for turn in range(10):
                wish = {"leaving": True} if turn % 2 else {"addresses": liar.ticket().addresses}
                try:
                    await reach.call(keeper.ticket(), "Backbone.Join", JOIN.encode(wish), timeout_seconds=5.0)
                except MicroError as error:
                    faults.append(str(error))

        await world.machines[LIAR].by_node(join_and_leave())
        holder = backbone_of(world, KEEPER).holder
        assert holder is not None
        assert backbone_of(world, KEEPER).version == before + 4
        assert "has just joined or left" in faults[0]
        assert holder.penalties.account(liar.nid, world.machines[KEEPER].clock.monotonic())

    World(1, nodes=4, supers=2, weather=CALM).run(scenario)
