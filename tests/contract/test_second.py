"""The promises of the second path, kept by nodes whose time passes at once and whose commons is a square."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from micro.errors import Unavailable
from micro.node.remembered import Remembered
from micro.node.second import SecondPath
from micro.service.registry.commons.commons import Commons, place_of
from micro.service.registry.commons.memory import MemoryCommons, Square
from micro.service.registry.commons.seeker import Seeker
from micro.service.registry.commons.value import Wanted, value_of_records
from micro.service.registry.holder import Holder
from micro.service.registry.shards import Found, Shards
from micro.system import SystemDisk
from micro.trust.identity import nid_of
from tests.contract.town import Town, TownClock, TownNode, settled
from tests.unit.network.clockwork import run
from tests.unit.service.registry.makings import key_of, signed_of

Scenario = Callable[[Town, "Suburb"], Awaitable[None]]


class Suburb:
    """The nodes of a town that share a square too."""

    def __init__(self, town: Town, folder: Path) -> None:
        self._town = town
        self._folder = folder
        self.square = Square()

    async def start(self, number: int, **settings: Any) -> TownNode:
        """Starts a node with a second path."""

        def open_commons(port: int, known: Sequence[str]) -> Commons:
            return MemoryCommons(self.square)

        second = SecondPath(
            key_of(number),
            open_commons,
            Remembered(SystemDisk(), self._folder / f"{number}.json"),
            None,  # type: ignore[arg-type] - a square has no port to be asked for
            clock=TownClock(),
            port=0,
            bootstrap=(),
        )
        second.start()
        return await self._town.start(number, second=second, **settings)

    async def put(self, network: str, name: str, value: bytes) -> None:
        """Puts a value as somebody does who keeps no rule."""
        await MemoryCommons(self.square).put(place_of(network, "name", name), value)


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scenario], None]:
    """Returns a function that plays a scenario in a town with a square."""

    def go(scenario: Scenario) -> None:
        async def whole() -> None:
            town = Town(tmp_path)
            try:
                await scenario(town, Suburb(town, tmp_path))
            finally:
                await town.close()

        run(whole())

    return go


async def found(node: TownNode, name: str = "greeter") -> list[str]:
    """Returns who offers a name, as whoever uses it is told."""
    assert node.backbone.finder is not None
    return [offer.nid for offer in await node.backbone.finder.find(name)]


async def asked(node: TownNode, name: str = "greeter") -> list[str]:
    """Does as `found`, asked anew."""
    assert node.backbone.finder is not None
    node.backbone.finder.forget(name)
    return await found(node, name)


def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the super nodes of the town answer, and show nothing."""
    monkeypatch.setattr(Shards, "find", lambda self, name, **_: Found((), 0))
    monkeypatch.setattr(Holder, "present", lambda self, keys, now: [])


def test_a_dead_backbone_is_passed_by(play: Any) -> None:
    """For names never asked for, for words, and only by those that have a second path."""

    async def scenario(town: Town, suburb: Suburb) -> None:
        supers = await town.supers(2)
        ticket = supers[0].ticket().encode()
        ann, bob = [await suburb.start(number, ticket=ticket) for number in (11, 12)]
        eve = await town.start(13, ticket=ticket)
        ann.serve("greeter")
        await settled(lambda: place_of(supers[0].nid, "name", "greeter") in suburb.square.values)
        for each in supers:
            each.transport.cut()
        await asyncio.sleep(300)

        assert await found(bob) == [ann.nid]
        assert bob.backbone.finder is not None
        assert (await bob.backbone.find("greeter"))[0].ticket.addresses == ann.transport.addresses()
        assert [record.nid for record in await bob.backbone.finder.search("greeter")] == [ann.nid]
        assert await found(bob, f"greeter@{ann.nid}") == [ann.nid]
        with pytest.raises(Unavailable):
            await found(eve)
        with pytest.raises(Unavailable):
            await found(bob, "nobody-has-this")

        ann.serve("other")  # what began after the backbone was gone
        await settled(lambda: place_of(supers[0].nid, "name", "other") in suburb.square.values)
        assert await found(bob, "other") == [ann.nid]
        assert await asked(bob) == []

    play(scenario)


def test_what_the_commons_is_told_makes_an_answer_old(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next use asks again; each record does so once."""

    async def scenario(town: Town, suburb: Suburb) -> None:
        supers = await town.supers(1)
        ticket = supers[0].ticket().encode()
        ann, bob, eve = [await suburb.start(number, ticket=ticket) for number in (11, 12, 13)]
        silence(monkeypatch)
        ann.serve("greeter")
        await settled(lambda: place_of(supers[0].nid, "name", "greeter") in suburb.square.values)
        assert await found(bob) == [ann.nid]
        await asyncio.sleep(1)

        eve.serve("greeter")
        await asyncio.sleep(5)
        assert sorted(await found(bob)) == sorted([ann.nid, eve.nid])

        await asyncio.sleep(1)
        assert bob.backbone.finder is not None
        known = bob.backbone.finder._known["greeter"]
        await suburb.put(supers[0].nid, "greeter", b"junk")
        again = [signed for signed in await _records(suburb, bob) if signed.record.nid == ann.nid]
        await suburb.put(supers[0].nid, "greeter", value_of_records(again))
        assert not known.is_old
        await suburb.put(supers[0].nid, "greeter", value_of_records([signed_of(key_of(14))]))
        assert known.is_old

    play(scenario)


async def _records(suburb: Suburb, node: TownNode) -> list[Any]:
    seeker = Seeker(MemoryCommons(suburb.square), node.backbone.network, TownClock())
    return await seeker.records(Wanted("greeter"))


def test_a_withdrawal_in_the_backbone_outweighs_an_older_record_aside(play: Any) -> None:
    """Whoever puts back what was withdrawn is not believed while one super node knows better."""

    async def scenario(town: Town, suburb: Suburb) -> None:
        supers = await town.supers(1)
        ticket = supers[0].ticket().encode()
        ann = await suburb.start(11, ticket=ticket)
        ann.serve("greeter", "other")
        place = place_of(supers[0].nid, "name", "greeter")
        await settled(lambda: place in suburb.square.values)
        [(old, _)] = suburb.square.values[place].values()
        ann.serve("other")
        await asyncio.sleep(700)  # the withdrawal aside has run out
        assert place not in suburb.square.values
        await suburb.put(supers[0].nid, "greeter", old)

        bob = await suburb.start(12, ticket=ticket)
        assert await found(bob) == []
        assert await found(bob, f"greeter@{ann.nid}") == []
        for each in supers:
            each.transport.cut()
        assert await asked(bob) == [ann.nid]  # with nobody who knows better it is the newest word there is

    play(scenario)


def test_a_network_is_found_by_its_id(play: Any) -> None:
    """Its super nodes say where they are and show the map; whoever merely says so is not taken for one."""

    async def scenario(town: Town, suburb: Suburb) -> None:
        keeper = await suburb.start(1, super_node=True)
        await settled(lambda: place_of(keeper.nid, "super", "") in suburb.square.values)
        values = MemoryCommons(suburb.square)
        await values.put(place_of(keeper.nid, "super", ""), b"junk")
        lone = await suburb.start(11)
        with pytest.raises(Unavailable):
            await lone.backbone.join_network(nid_of(key_of(99).public))
        assert lone.backbone.network == ""
        await lone.backbone.join_network(keeper.nid)
        await settled(lambda: lone.home == keeper.nid)
        await lone.stop()
        again = await suburb.start(11)
        await settled(lambda: again.home == keeper.nid)

    play(scenario)
