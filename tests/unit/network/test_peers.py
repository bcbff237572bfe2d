"""Neighbours: who is taken in, and who hears where a node is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from micro.errors import MicroError, Unavailable
from micro.network.peer import Peer
from micro.network.prefix import Prefixes
from micro.trust.ticket import Ticket
from tests.contract.town import Town
from tests.unit.network.clockwork import run

ELSEWHERE = "198.51.100.9:4040"


def test_a_linked_neighbour_hears_where_a_node_is_now(tmp_path: Path) -> None:
    """From a visit that ends at once: the link goes on, and what is under way on it."""

    async def scenario() -> None:
        town = Town(tmp_path)
        ann, bob = await town.start(1), await town.start(2)
        await bob.peers.connect(ann.ticket())
        link = bob.peers.link(ann.nid)

        ann.transport._address = ELSEWHERE
        ann.peers.moved()
        await asyncio.sleep(1.0)

        assert bob.peers.known[ann.nid].ticket.addresses[0] == ELSEWHERE
        assert bob.peers.link(ann.nid) is link
        assert link is not None
        assert link.closed is None
        assert bob.peers.visits.guests == 0
        await town.close()

    run(scenario())


def test_a_neighbour_that_waits_is_dialled_at_once_from_elsewhere(tmp_path: Path) -> None:
    """Whatever went wrong before need not go wrong in another network."""

    async def scenario() -> None:
        town = Town(tmp_path)
        ann, bob = await town.start(1), await town.start(2)
        ann.transport.is_cut = True
        with pytest.raises(MicroError):
            await ann.peers.connect(bob.ticket())
        await asyncio.sleep(200.0)
        assert ann.peers.known[bob.nid].failures > 4
        ann.transport.mend()
        ann.peers.moved()
        await asyncio.sleep(0.1)
        assert ann.peers.link(bob.nid) is not None
        await town.close()

    run(scenario())


def test_guests_are_refused_with_a_reason_and_give_way_to_wanted_ones(tmp_path: Path) -> None:
    """Half of the places are theirs at most, and none where the owner asked for so many others."""

    async def scenario() -> None:
        town = Town(tmp_path)
        ann = await town.start(1)
        others = [await town.start(number) for number in range(2, 19)]
        for other in others[:8]:
            await other.peers.connect(ann.ticket())
        assert sum(peer.is_guest for peer in ann.peers.known.values()) == 8
        await others[8].peers.connect(ann.ticket())
        await asyncio.sleep(0.1)
        assert others[8].nid not in ann.peers.known
        assert "came by themselves" in others[8].peers.known[ann.nid].error
        for other in others[8:]:
            await ann.peers.connect(other.ticket())
        assert len(ann.peers.known) == 16
        assert all(ann.peers.known[other.nid].wanted for other in others[8:])
        await town.close()

    run(scenario())


def test_remembered_ones_have_their_places_before_anybody_comes_in(tmp_path: Path) -> None:
    """First those wanted, then anchors; a relay of theirs that the owner never gave is not dialled through."""

    async def scenario() -> None:
        town = Town(tmp_path)
        ann = await town.start(1)
        others = [await town.start(number) for number in range(2, 30)]
        remembered = [Peer(other.ticket(), wanted=False) for other in others]
        remembered[20].wanted = True
        remembered[20].ticket = Ticket(others[20].nid, others[20].transport.addresses(), "http://relay.example")
        remembered[21].is_anchor = True
        remembered[21].ticket = Ticket(others[21].nid, others[21].transport.addresses(), "http://169.254.169.254")
        ann.peers.start(remembered)
        assert list(ann.peers.known)[:2] == [others[20].nid, others[21].nid]
        assert len(ann.peers.known) == 16
        assert ann.relays.permits("http://relay.example")
        assert not ann.relays.permits("http://169.254.169.254")
        await town.close()

    run(scenario())


def test_a_link_that_came_from_there_is_not_called_dialing(tmp_path: Path) -> None:
    """Back-off ends while the link is up: nothing is dialled, and the state stays true."""

    async def scenario() -> None:
        town = Town(tmp_path)
        ann, bob = await town.start(1), await town.start(2)
        ann.transport.is_cut = True
        with pytest.raises(MicroError):
            await ann.peers.connect(bob.ticket())
        await asyncio.sleep(30.0)
        assert ann.peers.known[bob.nid].state == "waiting"
        ann.transport.mend()
        await bob.peers.connect(ann.ticket())
        await asyncio.sleep(0.1)
        link = ann.peers.link(bob.nid)
        await asyncio.sleep(200.0)
        assert ann.peers.known[bob.nid].state == "linked"
        assert bob.peers.known[ann.nid].state == "linked"
        assert ann.peers.link(bob.nid) is link is not None
        await town.close()

    run(scenario())


def test_a_node_that_was_disconnected_hears_so_and_how_it_comes_back(tmp_path: Path) -> None:
    """Whoever dials again; until the side that disconnected connects."""

    async def scenario() -> None:
        town = Town(tmp_path)
        ann, bob = await town.start(1), await town.start(2)
        await bob.peers.connect(ann.ticket())
        ann.peers.disconnect(bob.nid)
        await asyncio.sleep(0.1)
        with pytest.raises(Unavailable, match="its owner disconnected this node; only `micro network connect` over"):
            await bob.peers.connect(ann.ticket())
        assert "its owner disconnected" in bob.peers.known[ann.nid].error
        assert bob.nid not in ann.peers.known
        await ann.peers.connect(bob.ticket())
        await asyncio.sleep(0.1)
        assert bob.peers.known[ann.nid].state == "linked"
        await town.close()

    run(scenario())


def test_a_guest_counts_under_the_place_it_comes_from(tmp_path: Path) -> None:
    """So that one place cannot take all the places for guests; who was asked for is of none."""

    async def scenario() -> None:
        town = Town(tmp_path)
        ann, bob = await town.start(1), await town.start(2)
        await bob.peers.connect(ann.ticket())
        await asyncio.sleep(1.0)

        assert ann.peers.known[bob.nid].prefix == Prefixes().of("203.0.2.1:4040") != ""
        assert bob.peers.known[ann.nid].prefix == ""
        await town.close()

    run(scenario())
