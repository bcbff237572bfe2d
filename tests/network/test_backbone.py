"""Real nodes that know each other only through super nodes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from micro.node.node import Node
from micro.service.registry import backbone as said
from micro.service.registry.record import read_record
from micro.service.registry.shardmap import shard_of_name
from tests.network.places import StartNode, run, until


async def network(start_node: StartNode, supers: int) -> list[Node]:
    """Returns the super nodes of a new network, each an owner of its own."""
    found: list[Node] = []
    for number in range(supers):
        join = found[0].ticket().encode() if found else ""
        found.append(await start_node(network=True, super_node=True, owner_label=f"owner-{number}", join=join))
    await until(lambda: all(node.status()["backbone"]["super_nodes"] == supers for node in found), 20)
    return found


async def records(node: Node, name: str) -> list[str]:
    """Returns the nodes whose records of a name a super node shows."""
    assert node.backbone is not None
    link = await node.backbone._reach.call(
        node.ticket(), "Backbone.Find", said.FIND.encode({"name": name}), timeout_seconds=5
    )
    return sorted(read_record(sealed).record.nid for sealed in said.FOUND.decode(link)["records"])


async def test_what_a_node_serves_is_found_at_super_nodes(start_node: StartNode, greeter_folder: Path) -> None:
    """It joins with a ticket of any of them, is found at all holders of the name, and gone when it stops."""
    supers = await network(start_node, 3)
    assert supers[0].backbone is not None
    node = await start_node(network=True, join=supers[1].ticket().encode())
    await run(node, greeter_folder)

    for each in supers:
        await until(lambda each=each: _shows(each, "greeter", [node.nid]), 20)  # type: ignore[misc]
    assert len(supers[0].backbone.charting.atlas.holders(shard_of_name("greeter"))) == 3  # type: ignore[union-attr]
    assert node.status()["backbone"]["home"] in [each.nid for each in supers]

    await node.stop()
    for each in supers:
        await until(lambda each=each: _shows(each, "greeter", []), 20)  # type: ignore[misc]


async def _shows(node: Node, name: str, nids: list[str]) -> bool:
    return await records(node, name) == nids


async def test_a_node_takes_another_home_when_its_own_is_gone(start_node: StartNode, greeter_folder: Path) -> None:
    """And says everything again there."""
    supers = await network(start_node, 3)
    node = await start_node(network=True, join=supers[0].ticket().encode())
    await run(node, greeter_folder)
    await until(lambda: node.status()["backbone"]["home"] != "", 20)
    home = next(each for each in supers if each.nid == node.status()["backbone"]["home"])

    await home.stop()

    others = [each for each in supers if each is not home]
    await until(lambda: node.status()["backbone"]["home"] in [each.nid for each in others], 20)
    for each in others:
        await until(lambda each=each: _shows(each, "greeter", [node.nid]), 20)  # type: ignore[misc]
    await asyncio.sleep(0)
