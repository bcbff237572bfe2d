"""Nodes that crowd in do not decide what a node sees, least of all just after its start."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import MicroError
from micro.network import slots
from micro.network.slots import Slots
from micro.node.node import Node
from tests.network.places import StartNode, client_of, until

PEERS_MAX = 6
CROWD = 10


async def connect(near: Node, far: Node) -> None:
    """Has `near` ask for `far`; it goes on trying where it is refused."""
    async with client_of(near) as owner:
        try:
            await owner.call("network", "Network.Connect", {"ticket": far.ticket().encode()})
        except MicroError:
            pass  # the crowd is turned away, and comes again


def linked(node: Node) -> set[str]:
    """Returns the neighbours that have a link."""
    assert node.peers is not None
    return {nid for nid, peer in node.peers.known.items() if peer.link is not None}


def guests(node: Node) -> int:
    """Returns how many neighbours came by themselves and have no merit."""
    assert node.peers is not None
    return sum(peer.is_guest for peer in node.peers.known.values())


async def test_a_crowd_does_not_eclipse_a_node_that_starts(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its home, the neighbour it asked for and one that served well are back, though more others come than it takes."""
    home = await start_node(network=True, super_node=True)
    friend, old = await start_node(network=True), await start_node(network=True)
    victim = await start_node(network=True, peers_max=PEERS_MAX, join=home.ticket().encode())
    assert victim.peers is not None
    await connect(victim, friend)
    await connect(old, victim)
    with monkeypatch.context() as patch:
        patch.setattr(slots, "ANCHOR_SECONDS", 0.0)
        await until(lambda: old.nid in linked(victim))
        victim.peers.choose_anchors()
    crowd = [await start_node(network=True) for _ in range(CROWD)]
    await asyncio.gather(*(connect(node, victim) for node in crowd))
    await until(lambda: guests(victim) == Slots(PEERS_MAX).inbound)

    await old.stop()
    await victim.stop()
    victim = await start_node(str(victim.home.path), network=True, peers_max=PEERS_MAX)
    await until(lambda: guests(victim) == Slots(PEERS_MAX).inbound and len(linked(victim)) > guests(victim), 20)
    old = await start_node(str(old.home.path), network=True)  # its place was kept while the crowd was there first
    await until(lambda: {friend.nid, old.nid} <= linked(victim), 20)
    await until(lambda: victim.status()["backbone"]["home"] == home.nid, 20)

    late = await start_node(network=True)
    await connect(victim, late)
    assert {friend.nid, old.nid, late.nid} <= linked(victim)
    assert guests(victim) <= Slots(PEERS_MAX).inbound
