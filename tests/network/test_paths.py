"""How a node shows the ways it knows: nodes, routes, graph, ping and trace, over real links."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from micro.errors import Fault, NotFound, Unavailable
from micro.service.once import call_once
from micro.trust.identity import nid_of, short
from tests.network.places import StartNode, client_of, run, until
from tests.network.test_neighbours import linked


async def test_a_neighbour_is_shown_with_its_way(start_node: StartNode, greeter_folder: Path) -> None:
    """Nodes, routes, services and graph say the same of one link."""
    far, near = await linked(start_node, greeter_folder)
    async with client_of(near) as client:
        nodes = (await client.call("network", "Network.Nodes"))["nodes"]
        assert [(node["nid"], node["state"]) for node in nodes] == [(near.nid, "here"), (far.nid, "linked")]
        assert nodes[1]["over"].startswith("direct ")  # to which of its addresses, iroh decides anew all the time
        assert nodes[1]["services"] == 1
        routes = (await client.call("network", "Network.Routes", {"service": "greeter"}))["routes"]
        assert [(route["node"], route["over"].partition(" ")[0]) for route in routes] == [(far.nid, "direct")]
        assert (await client.call("network", "Network.Routes", {"service": "none"}))["routes"] == []
        services = (await client.call("network", "Network.Services"))["nodes"]
        assert services == [{"nid": far.nid, "services": ["greeter"]}]
        [link] = (await client.call("network", "Network.Graph"))["links"]
        assert (link["from"], link["to"], link["over"].partition(" ")[0]) == (near.nid, far.nid, "direct")


async def test_a_ping_measures_the_way_to_a_node(start_node: StartNode, greeter_folder: Path) -> None:
    """As often as asked; who is not known cannot be measured, and who is away is said to be."""
    far, near = await linked(start_node, greeter_folder)
    async with client_of(near) as client:
        found = await client.call("network", "Network.Measure", {"nid": far.nid, "count": 3})
        assert found["nid"] == far.nid
        assert len(found["seconds"]) == 3
        with pytest.raises(NotFound, match="no node that this one knows"):
            await client.call("network", "Network.Measure", {"nid": "b" + "a" * 55})
        await far.stop()
        await until(lambda: near.peers is not None and near.peers.link(far.nid) is None)
        with pytest.raises(Unavailable, match="no link"):
            await client.call("network", "Network.Measure", {"nid": far.nid})


async def test_a_node_is_called_by_the_beginning_of_its_id(start_node: StartNode, greeter_folder: Path) -> None:
    """In both spellings, at every command that takes a node; who is pinned is known though it never was linked."""
    far, near = await linked(start_node, greeter_folder)
    absent = nid_of(b"\x07" * 32)

    async def typed(*words: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "micro", "--home", str(near.home.path), *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
        return process.returncode, said

    for beginning in (short(far.nid), far.nid[4:12], far.nid[:8]):
        code, said = await typed("network", "ping", beginning, "--output", "json")
        assert (code, json.loads(said)["nid"]) == (0, far.nid)
    for words in (
        ("network", "trace", f"greeter@{short(far.nid)}"),
        ("network", "pin", f"greeter@{far.nid[4:12]}"),
        ("call", f"greeter@{far.nid[4:12]}", "Say.Hello", '{"name": "Ann"}'),
        (f"greeter@{short(far.nid)}", "hello", "--name", "Ann"),
    ):
        code, said = await typed(*words)
        assert code == 0, said
    assert (await typed("network", "pin", f"notes@{absent}"))[0] == 0
    code, said = await typed("network", "ping", short(absent))
    assert (code, "there is no link to" in said) == (7, True)
    assert (await typed("network", "disconnect", far.nid[4:12]))[0] == 0
    assert near.peers is not None
    assert far.nid not in near.peers.known


async def test_the_ways_are_shown_to_who_types(start_node: StartNode, greeter_folder: Path) -> None:
    """`graph`, `routes`, `services` and `ping` print for programs what their endpoints say, and for people tables."""
    far, near = await linked(start_node, greeter_folder)
    [instance] = far.catalog.holding(far.nid)

    async def typed(*words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "micro", "--home", str(near.home.path), "network", *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, words
        return out.decode()

    async def shown(*words: str) -> Any:
        return json.loads(await typed(*words, "--output", "json"))

    graph = await shown("graph")
    assert [node["nid"] for node in graph["nodes"]] == [near.nid, far.nid]
    assert [(link["from"], link["to"]) for link in graph["links"]] == [(near.nid, far.nid)]
    drawn = (await typed("graph", "--output", "table")).splitlines()
    assert [far.nid in line for line in drawn] == [False, True]
    assert drawn == [line.rstrip() for line in drawn]
    routes = (await shown("routes", "greeter"))["routes"]
    assert [(route["service"], route["node"], route["instance"]) for route in routes] == [
        ("greeter", far.nid, instance.id)
    ]
    assert (await shown("routes", "none"))["routes"] == []
    assert (await shown("services"))["nodes"] == [{"nid": far.nid, "services": ["greeter"]}]
    ping = await shown("ping", far.nid, "--count", "3")
    assert (ping["nid"], len(ping["seconds"])) == (far.nid, 3)


async def test_a_trace_shows_each_hop(start_node: StartNode, greeter_folder: Path) -> None:
    """Across the link, and from the other node to the instance."""
    far, near = await linked(start_node, greeter_folder)
    async with client_of(near) as client:
        hops = (await client.call("network", "Network.Trace", {"service": "greeter"}))["hops"]
        [instance] = far.catalog.holding(far.nid)
        assert [(hop["node"], hop["to"]) for hop in hops] == [(near.nid, far.nid), (far.nid, instance.id)]
        assert [hop["over"].partition(" ")[0] for hop in hops] == ["direct", "socket"]
        assert all(hop["seconds"] > 0 for hop in hops)
        with pytest.raises(NotFound, match="no service is called none"):
            await client.call("network", "Network.Trace", {"service": "none"})


async def test_a_neighbour_is_told_of_what_runs_here_alone(start_node: StartNode, greeter_folder: Path) -> None:
    """It may ping and trace; where else we have links is no business of its."""
    far, near = await linked(start_node, greeter_folder)
    assert far.peers is not None
    link = far.peers.link(near.nid)
    assert link is not None
    assert near.nid.encode() in await call_once(link, "network", "Network.Ping", {})
    with pytest.raises(NotFound):  # the greeter is far's own: near does not lead it back
        await call_once(link, "network", "Network.Trace", {"service": "greeter"})
    for endpoint in (
        "Network.Nodes",
        "Network.Routes",
        "Network.Graph",
        "Network.Services",
        "Network.Measure",
        "Network.Whole",
    ):
        with pytest.raises(Fault, match="answers this node's owner only"):
            await call_once(link, "network", endpoint, {})


async def test_a_service_here_is_one_hop_away(start_node: StartNode, greeter_folder: Path) -> None:
    """Also where the node has no neighbours."""
    node = await start_node(network=True)
    await run(node, greeter_folder)
    async with client_of(node) as client:
        hops = (await client.call("network", "Network.Trace", {"service": "greeter"}))["hops"]
        assert [(hop["node"], hop["over"]) for hop in hops] == [(node.nid, "socket")]
