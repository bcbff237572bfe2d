"""A world: the same seed is the same world, and what happens in it is what would happen outside."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from micro.errors import MicroError
from micro.testing import CALM, STORMY, World, WorldBroken
from tests.world.scenes import collector, greeter

ROOT = Path(__file__).parents[2]
REPLAY = """
from micro.testing import STORMY, World
from micro.testing.ordeal import Ordeal
print(World(7, nodes=3, weather=STORMY).run(Ordeal(60)).trace.digest)
"""


def digest(hash_seed: str) -> str:
    """Returns the hash of a world that is played in a process of its own."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", REPLAY], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_seed_replays_to_the_byte() -> None:
    """Everything that is delivered is the same, in other processes too, whatever their hashes and addresses are."""
    assert digest("1") == digest("2")


async def nothing(world: World) -> None:
    """Lets a second pass."""
    await world.sleep(1.0)


def test_another_seed_is_another_world() -> None:
    """What happens depends on the seed."""
    assert World(1, nodes=2).run(nothing).trace.digest != World(2, nodes=2).run(nothing).trace.digest


def test_a_failure_names_its_seed() -> None:
    """Whoever reads the failure can play that world again, and sees what happened last."""

    async def scenario(world: World) -> None:
        assert await world.client("a").call("nobody", "Is.Here") == "a service"

    with pytest.raises(WorldBroken, match=r"World\(seed=3, nodes=2\).*no service(.|\n)*b>a(.|\n)*To see it again"):
        World(3, nodes=2).run(scenario)


def test_waiting_for_what_never_comes_is_told() -> None:
    """A scenario that nobody will ever wake is given up, and says where it waits."""

    async def scenario(world: World) -> None:
        for name in world.nodes:
            world.crash(name)
        await asyncio.Event().wait()

    with pytest.raises(WorldBroken, match=r"not over after 5 s; these wait: .+ at wait"):
        World(1, nodes=1).run(scenario, seconds_max=5.0)


def test_a_service_is_called_by_name_from_another_node() -> None:
    """The way is the real one: client, node, link, node, service."""
    answers: list[str] = []

    async def scenario(world: World) -> None:
        world.serve("b", greeter())
        await world.settle()
        answers.append(await world.client("a").call("greeter", "Say.Hello", {"name": "Ann"}))

    World(1, nodes=2, weather=STORMY).run(scenario)
    assert answers == ["Hello Ann"]


def test_what_was_acknowledged_survives_a_power_loss() -> None:
    """An event that a node took is there when the node comes back, and reaches who subscribes then."""
    collected: list[str] = []

    async def scenario(world: World) -> None:
        await world.client("a").publish("news", b"it rained", id="rain")
        world.crash("a")
        await world.start("a")
        world.serve("a", collector("news", collected))
        await world.sleep(1.0)

    World(1, nodes=1).run(scenario)
    assert collected == ["rain"]


def test_any_id_of_an_event_is_its_own() -> None:
    """An event keeps the id that its publisher chose, also where that is nothing but a nought."""
    collected: list[str] = []

    async def scenario(world: World) -> None:
        world.serve("a", collector("news", collected))
        await world.settle()
        for id in ("0", "1"):
            await world.client("a").publish("news", b"it rained", id=id)
        await world.sleep(1.0)

    World(1, nodes=1).run(scenario)
    assert collected == ["0", "1"]


def test_a_new_disk_makes_a_new_node() -> None:
    """A node that lost its disk has another key, and is a stranger to those who knew it."""
    nids: list[str] = []

    async def scenario(world: World) -> None:
        nids.append(world.machines["a"].nid)
        world.lose_disk("a")
        await world.settle()
        nids.append(world.machines["a"].nid)

    World(1, nodes=2).run(scenario)
    assert nids[0] != nids[1]


def test_a_cut_has_two_sides() -> None:
    """Nothing gets through while a way is cut, and all does when it is mended."""
    heard: list[str] = []

    async def scenario(world: World) -> None:
        world.serve("b", greeter())
        await world.settle()
        client = world.client("a")
        world.cut("b", "a")
        try:
            await client.call("greeter", "Say.Hello", timeout_seconds=0.3)
        except MicroError as error:
            heard.append(type(error).__name__)
        await world.settle()
        heard.append(await client.call("greeter", "Say.Hello"))

    World(1, nodes=2, weather=CALM).run(scenario)
    assert heard == ["Timeout", "Hello world"]


def test_a_killed_node_leaves_its_services() -> None:
    """They find the node again when it is back."""
    answers: list[str] = []

    async def scenario(world: World) -> None:
        world.serve("a", greeter())
        await world.settle()
        world.kill("a")
        await world.start("a")
        await world.settle()
        answers.append(await world.client("a").call("greeter", "Say.Hello"))

    World(1, nodes=1).run(scenario)
    assert answers == ["Hello world"]


def test_power_may_fail_in_the_middle_of_writing() -> None:
    """Whichever step on the disk is the last, what was acknowledged is there afterwards."""
    steps: list[bool] = []

    async def scenario(world: World) -> None:
        client = world.client("a")
        for step in range(1, 30):
            world.crash_at_step("a", step)
            for number in range(8):
                try:
                    await client.publish("news", b"x" * 5_000, id=f"{step}-{number}")
                except MicroError:
                    break
            steps.append(world.is_up("a"))
            await world.start("a")

    World(1, nodes=1).run(scenario)
    assert not all(steps)
