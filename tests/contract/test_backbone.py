"""The promises of the backbone, kept by real super nodes and homes whose time passes at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from micro.errors import Conflict, Unavailable
from micro.service.registry import backbone as said
from micro.service.registry.holder import Holder
from micro.service.registry.presence import LEASE_SECONDS
from micro.trust.seal import seal
from tests.contract.town import Town, TownNode, charted, settled
from tests.unit.service.registry.makings import key_of, record_of

AWAY_SECONDS = 600.0
"""After so long a keeper takes whoever is away out of the map."""


def holder_of(node: TownNode) -> Holder:
    assert node.backbone._office._super is not None
    return node.backbone._office._super.holder


def holds(node: TownNode, name: str) -> int:
    return holder_of(node).find(name, 64, b"", 0).total


async def found(node: TownNode, name: str) -> list[str]:
    assert node.backbone.finder is not None
    node.backbone.finder.forget(name)
    return [offer.nid for offer in await node.backbone.finder.find(name)]


async def finds(node: TownNode, name: str, nids: list[str], seconds: float = 60.0) -> None:
    """Waits until a node finds just these nodes under a name."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while sorted(await found(node, name)) != sorted(nids):
        assert loop.time() < end, f"{name} was not found so"
        await asyncio.sleep(0.5)


def test_what_is_served_is_found_by_a_stranger(play: Any) -> None:
    """By name, by word, and by node; and no more when it is no longer served."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = await town.start(11, ticket=supers[1].ticket().encode()), await town.start(12)
        await bob.backbone.join(supers[2].ticket())
        ann.serve("greeter", "weather")
        await finds(bob, "greeter", [ann.nid])
        assert bob.backbone.finder is not None
        assert [r.name for r in await bob.backbone.finder.search("weather")] == ["weather"]
        assert await found(bob, f"weather@{ann.nid}") == [ann.nid]

        ann.serve("weather")
        await finds(bob, "greeter", [])
        await finds(bob, "weather", [ann.nid])

    play(scenario)


def test_a_killed_node_is_gone_within_its_lease(play: Any) -> None:
    """Nobody says so: its beats stop."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])

        began = asyncio.get_running_loop().time()
        await ann.kill()
        await finds(bob, "greeter", [], LEASE_SECONDS + 10)
        assert asyncio.get_running_loop().time() - began > 1

    play(scenario)


def test_a_living_node_is_found_for_hours(play: Any) -> None:
    """A chain ends after two hours; a new presence is signed in time."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter")
        for _ in range(5):
            await finds(bob, "greeter", [ann.nid])
            await asyncio.sleep(1800)

    play(scenario)


def test_one_super_node_after_the_other_may_die(play: Any) -> None:
    """The home moves, and what is known moves with it, as long as one is left."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])
        for _ in range(2):
            home = next(node for node in supers if node.nid == ann.home)
            supers.remove(home)
            await home.kill()
            await settled(lambda: ann.home in [node.nid for node in supers])
            await finds(bob, "greeter", [ann.nid])

    play(scenario)


def test_a_super_node_that_begins_anew_is_told_everything(play: Any) -> None:
    """What it holds was in memory only."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann = await town.start(11, ticket=supers[0].ticket().encode())
        ann.serve("greeter")
        await settled(lambda: all(holds(node, "greeter") == 1 for node in supers))
        other = next(node for node in supers[1:] if node.nid != ann.home)
        await other.kill()

        again = await town.start(supers.index(other) + 1, super_node=True)
        await settled(lambda: holds(again, "greeter") == 1)
        assert len(holder_of(again).presences) >= 1

    play(scenario)


def test_a_super_node_that_joins_is_told_its_share(play: Any) -> None:
    """Everybody learns the map; what it holds now it gets from the homes, and others let it go."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        names = [f"service-{number}" for number in range(40)]
        ann.serve(*names)
        await settled(lambda: all(len(holder_of(node).shards) == 40 for node in supers))

        for number in (4, 5, 6):
            supers.append(await town.start(number, super_node=True, ticket=supers[0].ticket().encode()))
        await settled(lambda: all(charted(node) == 6 for node in (*supers, ann, bob)), 120)
        await settled(lambda: all(sum(holds(node, name) for node in supers) >= 3 for name in names))
        for name in names[:10]:
            await finds(bob, name, [ann.nid])
        assert any(holds(supers[5], name) for name in names)
        assert ann.home in [node.nid for node in supers]

    play(scenario)


def test_what_was_found_goes_on_while_the_backbone_is_away(play: Any) -> None:
    """And a name that nobody knew stays unknown, with an error that says why."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])
        for node in supers:
            node.transport.cut()

        assert await found(bob, "greeter") == [ann.nid]
        assert bob.backbone.finder is not None
        with pytest.raises(Unavailable, match="no super node"):
            await bob.backbone.finder.find("weather")
        for node in supers:
            node.transport.mend()
        await settled(lambda: ann.home != "" and bob.home != "", 200)
        await finds(bob, "greeter", [ann.nid], 200)

    play(scenario)


def test_an_answer_is_kept_and_watched(play: Any) -> None:
    """A second look costs nothing, and a change is heard of at once."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(1)
        ann, bob, eve = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12, 13)]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])
        finder = bob.backbone.finder
        assert finder is not None
        service = supers[0].router._local._servers["backbone"]  # type: ignore[attr-defined]
        asked = service.endpoints["Backbone.Lookup"].stats
        before = asked.requests
        for _ in range(5):
            assert [offer.nid for offer in await finder.find("greeter")] == [ann.nid]
        assert asked.requests == before

        eve.serve("greeter")
        await asyncio.sleep(1.0)
        assert len(await finder.find("greeter")) == 2
        await eve.stop()
        await asyncio.sleep(1.0)
        assert [offer.nid for offer in await finder.find("greeter")] == [ann.nid]

    play(scenario)


def test_an_answer_in_use_is_renewed_ahead(play: Any) -> None:
    """Whoever asks all the time never waits for the backbone."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(1)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])
        finder = bob.backbone.finder
        assert finder is not None
        loop = asyncio.get_running_loop()
        for _ in range(100):
            began = loop.time()
            assert len(await finder.find("greeter")) == 1
            assert loop.time() == began  # nothing was waited for
            await asyncio.sleep(5)

    play(scenario)


def test_whoever_forges_is_not_heard_again(play: Any) -> None:
    """A node that announces what another should have signed loses its home; nothing of it is kept."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(1)
        eve = await town.start(66, ticket=supers[0].ticket().encode())
        await settled(lambda: eve.home != "")
        announcer = eve.backbone.announcer
        assert announcer is not None
        stream = announcer._stream
        assert stream is not None
        forged = seal(eve.key, b"micro-record-v1", record_of(key_of(11), "bank").encode())
        for _ in range(3):
            await stream.send(said.ANNOUNCE.encode({"records": [forged]}))

        await settled(lambda: eve.home == "")
        assert holds(supers[0], "bank") == 0
        assert holder_of(supers[0]).penalties.banished_seconds(eve.nid, asyncio.get_running_loop().time()) > 0
        await asyncio.sleep(60)
        assert eve.home == ""
        await settled(lambda: eve.home != "", 400)

    play(scenario)


def test_whoever_talks_nonsense_is_not_heard_either(play: Any) -> None:
    """Three messages that are none are too much."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(1)
        eve = await town.start(66, ticket=supers[0].ticket().encode())
        for body in (b"nonsense", bytes(70_000), b"\x0a\x01"):
            stream = await eve.backbone._reach.open(supers[0].ticket(), "Backbone.Home", body)
            await asyncio.sleep(0.5)
            stream.cancel()
        assert holder_of(supers[0]).penalties.banished_seconds(eve.nid, asyncio.get_running_loop().time()) > 0

    play(scenario)


def test_a_super_node_that_is_not_reachable_is_not_taken_in(play: Any) -> None:
    """The keeper looks for it where it says it is."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(1)
        hidden = await town.start(5, ticket=supers[0].ticket().encode())
        hidden.transport.accept = None
        wish = said.JOIN.encode({"addresses": hidden.transport.addresses()})
        with pytest.raises(Unavailable):
            await hidden.backbone._reach.call(supers[0].ticket(), "Backbone.Join", wish, timeout_seconds=10)
        assert charted(supers[0]) == 1

    play(scenario)


def test_the_map_stands_still_while_the_keeper_is_away(play: Any) -> None:
    """Everything else goes on; a super node that wants to join gets in when the keeper is back."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[1].ticket().encode()) for number in (11, 12)]
        ticket = supers[0].ticket().encode()
        supers[0].transport.cut()
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid], 120)

        late = await town.start(4, super_node=True, ticket=ticket)
        await asyncio.sleep(60)
        assert charted(late) == 0
        supers[0].transport.mend()
        await settled(lambda: charted(late) == 4 and charted(bob) == 4, 200)

    play(scenario)


def test_a_super_node_that_is_away_for_long_goes_out_of_the_map(play: Any) -> None:
    """All such in one map; when one comes back it stands in the map again by itself."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(6)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        version = supers[0].backbone.version
        supers[4].transport.cut()
        await supers[5].kill()
        await asyncio.sleep(AWAY_SECONDS / 2)
        assert charted(supers[0]) == 6
        await settled(lambda: charted(ann) == 4, AWAY_SECONDS)
        assert supers[0].backbone.version == version + 1
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])

        supers[4].transport.mend()
        await settled(lambda: charted(ann) == charted(supers[4]) == 5, 200)
        await finds(bob, "greeter", [ann.nid])

    play(scenario)


def test_a_home_that_left_and_came_back_is_told_everything(play: Any) -> None:
    """The node whose home it is does not go on talking to what that held before; nobody who watches does."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        nodes = [await town.start(number, ticket=supers[0].ticket().encode()) for number in range(11, 19)]
        await settled(lambda: all(node.home for node in nodes))
        again = next(each for each in supers[1:] if each.nid in [node.home for node in nodes])
        ann = next(node for node in nodes if node.home == again.nid)
        bob = next(node for node in nodes if node is not ann)
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])
        await again.backbone.leave()
        await again.backbone.join(supers[0].ticket())
        await asyncio.sleep(2 * LEASE_SECONDS)
        await settled(lambda: charted(ann) == charted(bob) == 3, 200)
        for each in supers:
            assert ann.key.public in [key for key, _ in holder_of(each).presences.believed()]
        await finds(bob, "greeter", [ann.nid])

    play(scenario)


def test_a_super_node_that_is_one_no_more_goes_out_of_the_map(play: Any) -> None:
    """Its node answers, but not as a super node: its owner has changed the setting."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        await supers[2].kill()
        again = await town.start(3, ticket=supers[0].ticket().encode())
        await settled(lambda: charted(again) == charted(supers[0]) == 2, 2 * AWAY_SECONDS)

    play(scenario)


@pytest.mark.parametrize("silent", [range(1, 5), range(2, 5)])
def test_a_keeper_that_reaches_few_changes_nothing(play: Any, silent: range) -> None:
    """It may be the one that is cut off; when they are back, none of them is missing."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(5)
        version = supers[0].backbone.version
        for number in silent:
            supers[number].transport.cut()
        await asyncio.sleep(3 * AWAY_SECONDS)
        for number in silent:
            supers[number].transport.mend()
        await asyncio.sleep(AWAY_SECONDS)
        assert [node.backbone.version for node in supers] == [version] * 5

    play(scenario)


def test_the_same_town_goes_the_same_way_twice(play: Any, tmp_path: Path) -> None:
    """Nothing is decided by chance that is not asked of the port."""
    ways: list[list[object]] = []

    async def scenario(town: Town) -> None:
        town._folder = tmp_path / str(len(ways))
        town._folder.mkdir()
        supers = await town.supers(4)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter", "weather", "notes")
        await finds(bob, "greeter", [ann.nid])
        await asyncio.sleep(100)
        loop = asyncio.get_running_loop()
        ways.append([ann.home, bob.home, loop.time(), [len(holder_of(node).shards) for node in supers]])

    play(scenario)
    play(scenario)
    assert ways[0] == ways[1]


def test_a_super_node_that_served_as_home_is_tried_first(play: Any) -> None:
    """Also after a restart, as a stranger that is new in the map would like to be."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        for number, home in enumerate(supers, 11):
            node = await town.start(number, ticket=supers[0].ticket().encode())
            await settled(lambda node=node: bool(node.home))
            node.backbone._membership.served(home.ticket())
            await node.stop()
            again = await town.start(number)
            await settled(lambda again=again: bool(again.home))
            assert again.home == home.nid

    play(scenario)


def test_whoever_moves_is_found_where_it_is_now(play: Any) -> None:
    """A node by its presence, a super node by the map, the keeper too; long before a lease or a look ends."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(2)
        ann, bob = [await town.start(number, ticket=supers[1].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])
        for number, node in enumerate((*supers, ann)):
            node.transport._address = f"198.51.{number}.1:4040"
            node.backbone.moved()
        await asyncio.sleep(4.0)
        assert bob.backbone.finder is not None
        bob.backbone.finder.forget("greeter")
        [offer] = await bob.backbone.offers("greeter")
        assert offer.ticket.addresses == ann.transport.addresses()
        await asyncio.sleep(1.0)  # the answer said that there is another map
        charting = bob.backbone.charting
        assert charting is not None
        for node in supers:
            member = charting.atlas.member(node.key.public)
            assert member is not None
            assert member.addresses == node.transport.addresses()

    play(scenario)


def test_a_keeper_that_is_lost_holds_nobody(play: Any) -> None:
    """A super node leaves its network also where there is nobody to take it out of the map."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        await supers[0].kill()
        await supers[1].backbone.leave()

        assert supers[1].backbone.network == ""

    play(scenario)


def test_a_keeper_leaves_when_its_owner_insists(play: Any) -> None:
    """Where other super nodes are in the map, too: it may be that they are gone for good."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(2)
        with pytest.raises(Conflict, match="leave --force"):
            await supers[0].backbone.leave()
        await supers[0].backbone.leave(force=True)

        assert supers[0].backbone.network == ""

    play(scenario)


def test_a_keeper_whose_disk_was_full_goes_on(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One map that could not be kept does not end its rounds: who is away later goes out of the map as well."""

    def is_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def scenario(town: Town) -> None:
        supers = await town.supers(4)
        await supers[3].kill()
        with monkeypatch.context() as full:
            full.setattr(supers[0].backbone._membership._disk, "write", is_full)
            await asyncio.sleep(2 * AWAY_SECONDS)
        await supers[2].kill()
        await settled(lambda: charted(supers[0]) == charted(supers[1]) == 2, 3 * AWAY_SECONDS)

    play(scenario)
