"""Nodes that built the same say what came of it, and are compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from micro.errors import Forbidden, NotFound
from micro.node.node import Node
from micro.runtime.artefact.artefacts import COMPLETE
from micro.service.once import call_once
from tests.network.places import StartNode, client_of, run, until


async def verified(node: Node, wanted: int) -> list[dict[str, object]]:
    async with client_of(node) as client:
        request = {"name": "greeter", "attestations": wanted}
        async with client.stream("runtime", "Runtime.Verify", request) as steps:
            return [step async for step in steps]


async def test_neighbours_attest_what_they_built(start_node: StartNode, greeter_folder: Path) -> None:
    """Who built the same is shown, who did not attests nothing, and who got something else is named."""
    asking, same, without = [await start_node(network=True) for _ in range(3)]
    for node in (asking, same):
        await run(node, greeter_folder)
    peers = asking.peers
    assert peers is not None
    async with client_of(asking) as client:
        for node in (same, without):
            await client.call("network", "Network.Connect", {"ticket": node.ticket().encode()})
            await until(lambda node=node: peers.link(node.nid) is not None)

    *_, last = steps = await verified(asking, 1)
    assert last["done"], last
    assert "1 other nodes built the same, and the same came of it" in str(last["detail"])
    told = "\n".join(str(step["detail"]) for step in steps)
    assert f"{same.nid} built the same, and got " in told
    assert f"{without.nid} attests nothing: this node has not built that" in told

    *_, last = await verified(asking, 2)
    assert last["failed"]
    assert "2 attestations were asked for, and 1 of 2 linked nodes" in str(last["detail"])

    build = str((await verified(asking, 1))[-1]["build"])
    record = same.home.path / "builds" / build / COMPLETE
    record.write_text(json.dumps({**json.loads(record.read_text()), "digest": "f" * 64}))
    *_, last = await verified(asking, 1)
    assert last["failed"]
    assert f"{same.nid} got ffffffffffffffff" in str(last["detail"])

    link = peers.link(same.nid)
    assert link is not None
    for name in ("../../key", "", build[:12], f"../builds/{build}"):
        with pytest.raises(NotFound):
            await call_once(link, "runtime", "Runtime.Attest", {"build": name})
    with pytest.raises(Forbidden):
        await call_once(link, "runtime", "Runtime.Verify", {"name": "greeter"})
