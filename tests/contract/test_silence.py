"""A node that dies is found nowhere within seconds, since its home says so; one that lives is found all the time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from micro.service.registry.backbone import SILENCE
from micro.service.registry.partings import GRACE_SECONDS
from micro.service.registry.presence import LEASE_SECONDS
from micro.trust.identity import public_key_of
from tests.contract.test_backbone import finds, found, holder_of
from tests.contract.town import Town, TownNode, settled

GONE_SECONDS = 10.0
"""So long after its home has lost a node it may still be found."""


async def kept(node: TownNode, name: str) -> list[str]:
    """Returns who is found by whoever keeps answers."""
    assert node.backbone.finder is not None
    return [offer.nid for offer in await node.backbone.finder.find(name)]


async def searched(node: TownNode, text: str) -> list[str]:
    assert node.backbone.finder is not None
    return [record.name for record in await node.backbone.finder.search(text)]


def at_supers(supers: Iterable[TownNode], nid: str) -> list[bool]:
    """Says of each super node that has heard of a node whether it takes it for alive."""
    held = [(holder_of(node), node.backbone._clock.now()) for node in supers]
    key = public_key_of(nid)
    return [bool(holder.present([key], now)) for holder, now in held if key in dict(holder.presences.believed())]


def test_a_killed_node_is_found_nowhere_within_seconds(play: Any) -> None:
    """By name, by node, by word, from an answer that was kept, and where a change is waited for."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(6)
        ann, bob, eve = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12, 13)]
        ann.serve("greeter", "weather")
        eve.serve("greeter")
        for node in (bob, *supers):
            await finds(node, "greeter", [ann.nid, eve.nid])
        await finds(bob, f"weather@{ann.nid}", [ann.nid])
        await settled(lambda: at_supers(supers, ann.nid) == [True] * 3)
        assert bob.backbone.finder is not None
        waiting = asyncio.create_task(bob.backbone.finder.changed("greeter", LEASE_SECONDS))
        await ann.kill()
        await asyncio.sleep(GONE_SECONDS)

        assert waiting.done()
        assert at_supers(supers, ann.nid) == [False] * 3
        for node in (bob, *supers):
            assert await kept(node, "greeter") == [eve.nid]
        assert await kept(bob, f"weather@{ann.nid}") == []
        assert await searched(bob, "weather") == []
        assert await searched(bob, "greeter") == ["greeter"]
        await town.start(11)
        ann = town.nodes[-1]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid, eve.nid])

    play(scenario)


def test_a_node_whose_link_breaks_is_found_all_the_time(play: Any) -> None:
    """It comes back, here or elsewhere, before anybody is told."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])
        homes = set()
        for _ in range(6):
            ann.transport.cut()
            await asyncio.sleep(GRACE_SECONDS / 8)
            ann.transport.mend()
            for _ in range(int(4 * GRACE_SECONDS)):
                assert await found(bob, "greeter") == [ann.nid]
                await asyncio.sleep(0.5)
            homes.add(ann.home)
        assert len(homes) > 1

    play(scenario)


def test_a_home_that_is_cut_off_has_nobody_missed(play: Any) -> None:
    """Its nodes are elsewhere when it is there again, and what it has to say of them is old."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])
        home = next(node for node in supers if node.nid == ann.home)
        home.transport.cut()
        for _ in range(40):
            assert await found(bob, "greeter") == [ann.nid]
            await asyncio.sleep(0.5)
        home.transport.mend()
        for _ in range(40):
            assert await found(bob, "greeter") == [ann.nid]
            await asyncio.sleep(0.5)
        await settled(lambda: at_supers(supers, ann.nid) == [True] * 3)

    play(scenario)


def test_an_older_super_node_waits_for_the_lease(play: Any) -> None:
    """It refuses to hear who is silent, and everything else goes on with it: it charges nobody for that."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        for node in supers:
            del node.router._local._servers["backbone"].endpoints["Backbone.Silence"]  # type: ignore[attr-defined]
        ann, eve = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        await settled(lambda: at_supers(supers, ann.nid) == [True] * 3)
        await ann.kill()
        await asyncio.sleep(GONE_SECONDS)
        assert sorted(at_supers(supers, ann.nid)) == [False, True, True]
        for node in supers:
            assert node.backbone._office._super is not None
            assert not node.backbone._office._super._failures

        eve.serve("greeter")
        await finds(supers[0], "greeter", [eve.nid])
        await settled(lambda: at_supers(supers, ann.nid) == [], LEASE_SECONDS + 10)
        now = supers[0].backbone._clock.monotonic()
        assert not any(holder_of(a).penalties.account(b.nid, now) for a in supers for b in supers)

    play(scenario)


def test_only_super_nodes_say_who_is_silent(play: Any) -> None:
    """Any other node is refused, and whoever talks nonsense is charged as ever."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        await settled(lambda: at_supers(supers, ann.nid) == [True] * 3)
        silent = [{"key": public_key_of(ann.nid), "sequence": 2**40, "step": 200}]
        body = SILENCE.encode({"silent": silent})
        for sender in (bob, *supers):
            for target in supers:
                if sender.nid in (ann.home, target.nid):
                    continue
                call = sender.backbone._reach.call(target.ticket(), "Backbone.Silence", body, timeout_seconds=3.0)
                (answer,) = await asyncio.gather(call, return_exceptions=True)
                assert isinstance(answer, Exception) == (sender is bob)
        assert at_supers(supers, ann.nid) == [True] * 3

        call = supers[1].backbone._reach.call(supers[0].ticket(), "Backbone.Silence", b"\xff", timeout_seconds=3.0)
        await asyncio.gather(call, return_exceptions=True)
        assert holder_of(supers[0]).penalties.account(supers[1].nid, supers[0].backbone._clock.monotonic()) > 30

    play(scenario)


def test_holders_that_differ_are_not_asked_all_the_time(play: Any) -> None:
    """Where one shows a node and the other knows it as gone, whoever waits for changes asks from time to time."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])
        finder, loop, waits = bob.backbone.finder, asyncio.get_running_loop(), []
        assert finder is not None
        held = dict(holder_of(supers[0]).presences.believed())[public_key_of(ann.nid)]
        for _ in range(20):
            held.silent = True
            await finder.find("greeter")
            began = loop.time()
            await finder.changed("greeter", 3.0)
            waits.append(loop.time() - began)
        assert min(waits) >= 0.9
        assert min(waits) < 2

    play(scenario)
