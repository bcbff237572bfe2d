"""Visits: links for asking, dialled when they are needed, bounded, and gone when nobody uses them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from micro.errors import TooManyRequests, Unavailable
from micro.network import visits as module
from micro.network.visits import UNUSED_SECONDS
from tests.contract.town import Town, TownNode
from tests.unit.network.clockwork import run


async def two(folder: Path) -> tuple[Town, TownNode, TownNode]:
    town = Town(folder)
    return town, await town.start(1), await town.start(2)


def test_a_visit_is_one_link_and_makes_no_neighbour(tmp_path: Path) -> None:
    """However many ask at once; neither side lists the other among its neighbours."""

    async def scenario() -> None:
        town, ann, bob = await two(tmp_path)
        links = await asyncio.gather(*(ann.peers.visits.visit(bob.ticket()) for _ in range(5)))
        again = await ann.peers.visits.visit(bob.ticket())

        assert len({id(link) for link in (*links, again)}) == 1
        assert bob.peers.visits.guests == 1
        assert not ann.peers.known
        assert not bob.peers.known
        await town.close()

    run(scenario())


def test_a_neighbours_link_serves_for_a_visit(tmp_path: Path) -> None:
    """There is no second one."""

    async def scenario() -> None:
        town, ann, bob = await two(tmp_path)
        await ann.peers.connect(bob.ticket())

        assert await ann.peers.visits.visit(bob.ticket()) is ann.peers.link(bob.nid)
        assert bob.peers.visits.guests == 0
        await town.close()

    run(scenario())


def test_an_unused_visit_ends(tmp_path: Path) -> None:
    """On both sides; one that is used again is dialled anew."""

    async def scenario() -> None:
        town, ann, bob = await two(tmp_path)
        link = await ann.peers.visits.visit(bob.ticket())
        await asyncio.sleep(3 * UNUSED_SECONDS)

        assert link.closed is not None
        assert bob.peers.visits.guests == 0
        assert (await ann.peers.visits.visit(bob.ticket())).closed is None
        await town.close()

    run(scenario())


def test_who_cannot_be_reached_is_not_dialled_again_at_once(tmp_path: Path) -> None:
    """The second answer comes at once; a second later it is tried again."""

    async def scenario() -> None:
        town, ann, bob = await two(tmp_path)
        bob.transport.is_cut = True
        loop = asyncio.get_running_loop()
        with pytest.raises(Unavailable):
            await ann.peers.visits.visit(bob.ticket())
        began = loop.time()
        with pytest.raises(Unavailable):
            await ann.peers.visits.visit(bob.ticket())
        assert loop.time() == began
        bob.transport.mend()
        await asyncio.sleep(module.FAILED_SECONDS + 0.1)
        await ann.peers.visits.visit(bob.ticket())
        await town.close()

    run(scenario())


def test_guests_are_bounded(tmp_path: Path) -> None:
    """One too many is told so."""

    async def scenario() -> None:
        town, ann, bob = await two(tmp_path)
        eve = await town.start(3)
        bob.peers.visits._guests_max = 1
        link = await ann.peers.visits.visit(bob.ticket())
        other = await eve.peers.visits.visit(bob.ticket())
        await asyncio.sleep(1)

        assert link.closed is None
        assert other.closed is not None
        assert "visit" in other.closed
        await town.close()

    run(scenario())


def test_visits_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one longest unused gives way, but none that is busy."""
    monkeypatch.setattr(module, "VISITS_MAX", 1)

    async def scenario() -> None:
        town, ann, bob = await two(tmp_path)
        others = [await town.start(number) for number in (3, 4)]
        first = await ann.peers.visits.visit(bob.ticket())
        await asyncio.sleep(1)
        for other in others:
            await ann.peers.visits.visit(other.ticket())
        assert first.closed is not None
        monkeypatch.setattr(type(first.session), "busy", property(lambda _: True))
        with pytest.raises(TooManyRequests):
            await ann.peers.visits.visit(bob.ticket())
        monkeypatch.undo()
        await town.close()

    run(scenario())
