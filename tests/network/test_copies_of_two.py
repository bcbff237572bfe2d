"""Copies of logs that are written by two, or were left behind: what their nodes are told, and how they are read."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from micro.errors import Unavailable
from micro.node.front import Client
from tests.network.places import StartNode, client_of
from tests.network.test_cli import Shell
from tests.network.test_copies import Town, export, kept_at, reader, soon, town
from tests.network.test_exports import numbers, take

__all__ = ["soon", "town"]


async def acknowledged(client: Client, id: str) -> str:
    """Publishes an event; returns why it was not acknowledged, "" where it was."""
    try:
        await client.publish("orders", {"n": 0}, id=id, timeout_seconds=4.0)
    except Unavailable as error:
        return str(error)
    return ""


async def test_two_nodes_with_one_key_acknowledge_nothing_that_the_copies_have_not(
    start_node: StartNode, town: Town, tmp_path: Path
) -> None:
    """A home was copied while its node ran: whoever comes second with a number is refused, and told why."""
    supers, node = town
    async with client_of(node) as client:
        await export(client, replicas=3)
        assert await acknowledged(client, "before") == ""
        shutil.copytree(node.home.path, tmp_path / "twin", ignore=shutil.ignore_patterns("run", "*-shm"))
        twin = await start_node(str(tmp_path / "twin"), network=True)
        assert twin.nid == node.nid
        async with client_of(twin) as other:
            said = {}
            for number in range(4):  # the other one may have taken back what was published since it was copied
                said[f"id-{number}"] = await acknowledged((client, other)[number % 2], f"id-{number}")
            safe = {id for id, why in said.items() if not why} | {"before"}
            for super_node in supers:
                copies = kept_at(super_node)
                ids = [
                    event.id
                    for kept in copies.all()
                    for _, event in copies.broker.read(kept.name, 1, count=10, size=10**6)
                ]
                assert safe <= set(ids)
            assert any("another node runs with this key" in why for why in said.values())
            shown = [(await each.call("events", "Events.Copies"))["topics"][0]["trouble"] for each in (client, other)]
            assert any("another node runs with this key" in trouble for trouble in shown)


@pytest.mark.usefixtures("soon")
async def test_an_older_log_is_told_and_can_be_read(start_node: StartNode, town: Town, tmp_path: Path) -> None:
    """A node that lost its disk published before it asked for the copies: they hand out both when it is away."""
    supers, node = town
    async with client_of(node) as client:
        await export(client)
        for number in range(3):
            await client.publish("orders", {"n": number})
    await node.stop()
    for path in [*node.home.path.glob("broker.db*"), node.home.path / "copies.json", node.home.path / "exports.json"]:
        path.unlink()
    node = await start_node(str(node.home.path), network=True)
    async with client_of(node) as client:
        await client.publish("orders", {"n": 3})
        found = await client.call("events", "Events.Export", {"topic": "orders", "exported": True, "replicas": 2})
        assert [(each["first"], each["last"], len(each["copies"])) for each in found["older"]] == [(1, 3, 2)]
        await client.publish("orders", {"n": 4})
        shown = await client.call("events", "Events.Copies")
        assert (shown["nid"], shown["topics"][0]["older"]) == (node.nid, found["older"])
    line = "an older log of orders, events 1 to 3, the newest "
    type_ = Shell(node.home.path, tmp_path)
    shown = await asyncio.to_thread(type_, "events", "copies")
    assert line in shown.error
    assert f"micro subscribe orders@{node.nid} --queue QUEUE" in shown.error
    shown = await asyncio.to_thread(type_, "events", "export", "orders", "--replicas", "2", "--output", "plain")
    assert (line in shown.error, "older" in shown.out) == (True, False)
    checked = await asyncio.to_thread(type_, "doctor", "--output", "plain")
    assert (f"warn\tcopies\t{line}" in checked.out, checked.code) == (True, 0)
    await node.stop()
    far = await reader(start_node, supers)
    async with client_of(far) as client, client.subscribe(f"orders@{node.nid}", "work") as events:
        assert sorted(numbers(await take(events, 5))) == [0, 1, 2, 3, 4]
