"""Nodes that die in simulated worlds are soon found nowhere; those that change their home are never missed."""

from __future__ import annotations

import pytest

from micro.mucp.limits import VISIT
from micro.node.backbone import Backbone
from micro.service.registry.holder import Holder
from micro.service.registry.outbox import Outbox
from micro.service.registry.partings import Partings
from micro.service.registry.presences import Presences
from micro.testing import CALM, World, WorldBroken
from micro.testing.network_ordeal import GONE_SECONDS
from micro.testing.realm import missed
from micro.testing.world import Scenario
from micro.trust.identity import nid_of
from tests.world.scenes import greeter
from tests.world.test_networks import Plant, backbone_of

SEEDS = 3
PASSED_SECONDS = 2.0
"""Within so long everybody who holds a record has it."""


async def acquainted(world: World) -> None:
    """Two serve the same, and everybody has found them and keeps the answer."""
    for name in world.nodes[-2:]:
        world.serve(name, greeter())
    await world.settle()
    await world.sleep(PASSED_SECONDS)
    await all_find(world)
    for name in world.nodes:
        for provider in world.nodes[-2:]:
            address = f"greeter@{world.machines[provider].nid}"
            assert await world.client(name).call(address, "Say.Hello") == "Hello world"


async def dying(world: World) -> None:
    """A provider loses power while its home lives; soon nobody finds it, whether by its name or by its words."""
    await acquainted(world)
    await world.sleep(world.random.random() * VISIT.ping_seconds)  # its home heard of it just now, or a while ago
    world.crash("f")
    nid = world.machines["f"].nid
    await world.sleep(GONE_SECONDS)
    for machine in world.running():
        assert machine.node is not None
        if any(instance.nid == nid for instance, _ in machine.node.catalog.believed()):
            raise WorldBroken(f"{machine.name} has what f served in its catalog")
    await all_find(world)


async def wandering(world: World) -> None:
    """A provider and its home hear nothing of each other any more; it takes another one, and nobody misses it."""
    await acquainted(world)
    announcer = backbone_of(world, "f").announcer
    assert announcer is not None
    home = world.name_of(announcer.home)
    world.partition([home], ["f"])
    for _ in range(40):
        await world.sleep(0.5)
        await all_find(world, apart=home)


async def all_find(world: World, apart: str = "") -> None:
    """Raises WorldBroken unless all but one find the greeters that there are, and no others."""
    machines = [machine for machine in world.running() if machine.name != apart]
    there = {machine.nid for machine in machines if "greeter" in machine.services}
    complaints = await missed(machines, ["greeter"])
    for machine in machines:
        found: list[str] = []
        await machine.by_node(words_of(backbone_of(world, machine.name), found))
        if {*found} != there:
            complaints.append(f"{machine.name} finds by its words {[world.name_of(nid) for nid in found]}")
    if complaints:
        raise WorldBroken("; ".join(complaints))


async def words_of(backbone: Backbone, found: list[str]) -> None:
    """Searches for a word of the greeter."""
    assert backbone.finder is not None
    found += [nid_of(record.key) for record in await backbone.finder.search("greeter")]


def sees_no_parting(patch: pytest.MonkeyPatch) -> None:
    """A link that breaks says nothing of its node."""
    patch.setattr(Partings, "part", lambda self, key, stay, now: None)


def keeps_partings_to_itself(patch: pytest.MonkeyPatch) -> None:
    """A home that misses a node tells nobody."""
    patch.setattr(Outbox, "put_silence", lambda self, target, key, sequence, step: None)


def believes_an_old_silence(patch: pytest.MonkeyPatch) -> None:
    """Whoever says that a node is silent is believed, whatever was heard of it since."""

    def hush(self: Presences, key: bytes, sequence: int, step: int, teller: bytes | None) -> bool:
        held = self._held.get(key)
        if held is not None:
            held.silent = True
        return held is not None

    patch.setattr(Presences, "hush", hush)
    patch.setattr(Holder, "_moved", lambda self, signed: None)


def run_all(scenario: Scenario, hidden: int = 0) -> None:
    """Plays a scenario in some worlds."""
    for seed in range(SEEDS):
        World(seed, nodes=6, supers=4, hidden=hidden, weather=CALM).run(scenario)


PLANTED: list[tuple[Plant, Scenario, str]] = [
    (sees_no_parting, dying, "finds it of"),
    (keeps_partings_to_itself, dying, "finds it of"),
    (believes_an_old_silence, wandering, "does not find greeter of"),
]


@pytest.mark.parametrize(("plant", "scenario", "complaint"), PLANTED, ids=[plant.__name__ for plant, _, _ in PLANTED])
def test_a_planted_bug_is_caught(
    plant: Plant, scenario: Scenario, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a few seeds a world breaks, and says what it is."""
    plant(monkeypatch)

    with pytest.raises(WorldBroken, match=complaint):
        run_all(scenario)


@pytest.mark.parametrize("scenario", [dying, wandering])
def test_the_dead_are_gone_and_the_living_are_there(scenario: Scenario) -> None:
    """In seconds of the world's time."""
    run_all(scenario)


def test_the_dead_behind_a_relay_are_gone_too() -> None:
    """Their link to their home leads over it."""
    run_all(dying, hidden=2)
