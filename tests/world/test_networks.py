"""Open networks in simulated worlds: who lies is refused and pays for it, and what nobody may believe is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from micro.errors import MicroError, Unavailable
from micro.node.backbone import Backbone
from micro.service.registry import finding, holder, presences
from micro.service.registry.atlas import Atlas
from micro.service.registry.backbone import ANNOUNCE
from micro.service.registry.heard import Heard, Moment
from micro.service.registry.holder import Holder
from micro.service.registry.muster import Muster
from micro.service.registry.penalties import Verdict
from micro.service.registry.presence import Chain, PresenceRecord, sign_presence
from micro.service.registry.record import RECORD_BYTES_MAX, ServiceRecord, SignedRecord, read_record, sign_record
from micro.service.registry.shards import Shards
from micro.testing import CALM, LIES, Guest, NetworkOrdeal, World, WorldBroken
from micro.testing.machine import AWAY_SECONDS
from micro.testing.world import Scenario
from micro.trust.ticket import Ticket
from tests.world.scenes import greeter

SEEDS_MAX = 8
"""Each bug is caught in one of so many worlds."""
CHARGED = {"forged", "altered", "oversized"}
"""Lies that whoever is told them can see through, and charges for."""

Plant = Callable[[pytest.MonkeyPatch], None]


def backbone_of(world: World, name: str) -> Backbone:
    """Returns the place of a node in its network."""
    node = world.machines[name].node
    assert node is not None
    assert node.backbone is not None
    return node.backbone


def charged(world: World, liar: str) -> bool:
    """Says whether a super node has charged another one, or banished it."""
    nid, found = world.machines[liar].nid, []
    for name in world.supers:
        other = backbone_of(world, name).holder if name != liar else None
        if other is not None:
            now = world.machines[name].clock.monotonic()
            found.append(other.penalties.account(nid, now) or other.penalties.banished_seconds(nid, now))
    return any(found)


async def peaceful(world: World) -> None:
    """Services are served, found and called; nothing happens to anybody."""
    for name in world.nodes[-2:]:
        world.serve(name, greeter())
    await world.settle()
    for name in world.nodes:
        assert await world.client(name).call("greeter", "Say.Hello") == "Hello world"


def test_a_caller_goes_on_when_its_node_has_left_and_come_back() -> None:
    """It knows the way from before, and does not ask for another one; while its node is in no network it is told so."""

    async def scenario(world: World) -> None:
        world.serve("e", greeter())
        await world.settle()
        client = world.client("d")
        assert await client.call("greeter", "Say.Hello") == "Hello world"
        await client.call("network", "Network.Leave")
        with pytest.raises(MicroError, match="no service is called greeter"):
            await client.call("greeter", "Say.Hello")
        node = world.machines["a"].node
        assert node is not None
        await client.call("network", "Network.Join", {"ticket": node.ticket().encode()})
        for _ in range(20):
            try:
                assert await client.call("greeter", "Say.Hello") == "Hello world"
            except Unavailable:
                await world.sleep(0.5)
            else:
                return
        raise WorldBroken("greeter is not called again")

    World(1, nodes=5, supers=3, weather=CALM).run(scenario)


def test_all_that_a_name_is_pinned_to_are_met() -> None:
    """Also those that came after it was looked for first: else the death of the one that was met fails calls."""

    async def scenario(world: World) -> None:
        world.serve("e", greeter())
        await world.settle()
        client = world.client("d")
        await client.call("network", "Network.Meet", {"name": "greeter"})
        world.serve("f", greeter())
        await world.settle()
        pinned = await client.call("network", "Network.Pin", {"name": "greeter"})
        await world.sleep(10.0)
        routes = await client.call("network", "Network.Routes", {"service": "greeter"})

        assert len(pinned["nodes"]) == 2
        assert {route["node"] for route in routes["routes"]} == set(pinned["nodes"])

    World(1, nodes=6, supers=3, weather=CALM).run(scenario)


def test_what_came_too_fast_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home refuses what a node says beyond its rate; the node says it again by itself, and everybody finds it."""
    monkeypatch.setattr(holder, "SAYS_BURST", 8.0)
    refused: list[str] = []
    announce = Holder.announce

    def noted(self: Holder, key: bytes, said: Any, moment: Moment) -> Heard:
        heard = announce(self, key, said, moment)
        refused.extend([heard.trouble] if heard.trouble else [])
        return heard

    monkeypatch.setattr(Holder, "announce", noted)

    async def scenario(world: World) -> None:
        await world.settle()
        for number in range(10):
            service = greeter()
            service.name = f"extra-{number}"
            world.serve("e", service)
            await world.sleep(0.3 if number == 4 else 0.0)
        await world.sleep(15.0)
        finder = backbone_of(world, "d").finder
        assert finder is not None
        found: list[str] = []

        async def look() -> None:
            for number in range(10):
                found.extend(offer.nid for offer in await finder.find(f"extra-{number}"))

        await world.machines["d"].by_node(look())
        assert found == [world.machines["e"].nid] * 10

    World(1, nodes=5, supers=3, weather=CALM).run(scenario)
    assert any("flood" in trouble for trouble in refused)
    assert len(refused) <= 2


async def betrayed(world: World, *lies: str) -> bool:
    """A super node lies, and everybody asks; returns whether it was charged."""
    await peaceful(world)
    liar = world.random.choice(world.supers[1:])
    world.betray(liar, *lies)
    was_charged = False
    for turn in range(8):
        name = f"extra-{turn % 2}"
        if name in world.machines["f"].services:
            world.withdraw("f", name)
        else:
            service = greeter()
            service.name = name
            world.serve("f", service)
        for _ in range(10):
            await world.sleep(0.5)
            was_charged = was_charged or charged(world, liar)
        for other in world.nodes:
            if other != liar:
                found: list[Any] = []
                await world.machines[other].by_node(look(backbone_of(world, other), found))
                greeters = {offer.nid for offer in found if offer.record.name == "greeter"}
                assert greeters == {world.machines[provider].nid for provider in world.nodes[-2:]}
        for other in world.nodes[:2]:
            if other != liar:
                assert await world.client(other).call("greeter", "Say.Hello") == "Hello world"
    return was_charged


async def look(backbone: Backbone, found: list[Any]) -> None:
    """Asks anew for some names."""
    assert backbone.finder is not None
    for name in ("greeter", "extra-0", "extra-1"):
        backbone.finder.forget(name)
        try:
            found += await backbone.finder.find(name)
        except MicroError:
            pass


@pytest.mark.parametrize("lie", LIES)
def test_a_super_node_that_lies_is_not_believed(lie: str) -> None:
    """Nobody believes anything of it, all else goes on, and what can be seen through is charged to it."""
    was_charged: list[bool] = []

    async def scenario(world: World) -> None:
        was_charged.append(await betrayed(world, lie))

    World(1, nodes=6, supers=4, weather=CALM).run(scenario)
    assert was_charged == [True] or lie not in CHARGED


async def announce(world: World, said: Callable[[Guest, float], dict[str, Any]]) -> tuple[Guest, str]:
    """Has a hostile node say something to a super node that is its home; returns it and that super node."""
    while True:
        for name in world.supers:
            guest = await world.guest(name, [("own", "1")], as_stranger=True)
            found = backbone_of(world, name).holder
            if found is not None and found.is_home_of(guest.key.public):
                stream = await guest.open("Backbone.Home")
                for _ in range(2):
                    await stream.send(ANNOUNCE.encode(said(guest, world.machines[name].clock.now())))
                await world.sleep(2.0)
                return guest, name


def record_of(guest: Guest, now: float, key: bytes, lifetime: float = 3600.0) -> bytes:
    """Returns a record that a guest has signed, and that names whatever key."""
    own = ServiceRecord(guest.key.public, "own", "1", 7, int(now + lifetime), bytes(32))
    return sign_record(guest.key, own).sealed.replace(guest.key.public, key)


@pytest.mark.parametrize("kind", ["of another", "unsigned", "expired", "oversized"])
def test_a_node_that_lies_is_not_believed(kind: str) -> None:
    """What a stranger announces of others, without a signature, over time or size is refused and charged to it."""
    results: list[bool] = []

    async def scenario(world: World) -> None:
        await peaceful(world)
        victim = world.machines["e"].nid
        node = world.machines["e"].node
        assert node is not None

        def said(guest: Guest, now: float) -> dict[str, Any]:
            presence = presence_of(guest, now)
            record = record_of(guest, now, guest.key.public, lifetime=-60.0 if kind == "expired" else 3600.0)
            if kind == "of another":
                record = record_of(guest, now, node._key.public)
            elif kind == "unsigned":
                record = bytes(64) + record[64:]
            elif kind == "oversized":
                record = bytes(RECORD_BYTES_MAX)
            return {"presence": presence, "records": [record]}

        guest, name = await announce(world, said)
        found = backbone_of(world, name).holder
        assert found is not None
        now = world.machines[name].clock.monotonic()
        account = found.penalties.account(guest.nid, now) + found.penalties.banished_seconds(guest.nid, now)
        results.append(account > 0)
        results.append(found.penalties.account(victim, now) == 0)
        results.append(await world.client("f").call("greeter", "Say.Hello") == "Hello world")

    World(1, nodes=6, supers=4, weather=CALM).run(scenario)
    assert results == [True, True, True]


def presence_of(guest: Guest, now: float) -> bytes:
    """Returns a presence of a guest."""
    chain = Chain(bytes(32))
    record = PresenceRecord(guest.key.public, 1, int(now), (f"{guest.host}:40999",), "", chain.anchor, chain.steps)
    return sign_presence(guest.key, record).sealed


# -- planted bugs -----------------------------------------------------------------------------------------------------


def believes_a_stale_map(patch: pytest.MonkeyPatch) -> None:
    """Whatever map of the keeper comes is the newest."""
    before = Atlas.taking

    def taking(self: Atlas, sealed: bytes) -> Any:
        if any(chart.signed.sealed == sealed for chart in self.charts()[:1]):
            return
        self.previous = self.current = None
        yield from before(self, sealed)

    patch.setattr(Atlas, "taking", taking)


def takes_any_sequence(patch: pytest.MonkeyPatch) -> None:
    """A record takes the place of another whatever their sequences are."""
    before = Shards.put

    def put(self: Shards, signed: SignedRecord, now: float, **options: Any) -> Any:
        place = self._places.get(signed.record.key + signed.record.name.encode())
        entry = self._entries[place] if place is not None else None
        if place is not None and entry is not None and entry.sealed != signed.sealed:
            self._remove(place, read_record(entry.sealed))
        return before(self, signed, now, **options)

    patch.setattr(Shards, "put", put)


def checks_no_beat(patch: pytest.MonkeyPatch) -> None:
    """Whatever step comes is taken for one of the chain."""
    patch.setattr(presences, "continues", lambda held, beat: True)


def checks_no_signature(patch: pytest.MonkeyPatch) -> None:
    """Whatever record comes is taken for signed."""
    patch.setattr(SignedRecord, "is_genuine", lambda self: True)


def forgets_expiry(patch: pytest.MonkeyPatch) -> None:
    """A record that is over is taken like any other."""
    for module in (finding, holder):
        patch.setattr(module, "is_timely", lambda record, now: True)
    patch.setattr("micro.service.registry.shards.is_timely", lambda record, now: True)


def holds_everything(patch: pytest.MonkeyPatch) -> None:
    """A super node answers for shards that are not its own."""
    patch.setattr(Atlas, "is_held_by", lambda self, key, shard: True)


def looks_elsewhere(patch: pytest.MonkeyPatch) -> None:
    """An address is taken from another node's presence."""
    patch.setattr(PresenceRecord, "ticket", lambda self: Ticket(self.nid, ("10.99.99.99:4040",)))


def offers_what_was_withdrawn(patch: pytest.MonkeyPatch) -> None:
    """Whoever asks takes a withdrawal for an offer."""

    def chosen(answers: Any, most: int) -> list[ServiceRecord]:
        return list({signed.record.key: signed.record for answer in answers for signed in answer}.values())[:most]

    patch.setattr("micro.service.registry.finder.chosen_records", chosen)


def punishes_the_honest(patch: pytest.MonkeyPatch) -> None:
    """Whoever says what is true is charged for it."""
    before = Holder._charge

    def charge(self: Holder, heard: Heard, sender: bytes, verdict: Verdict, what: str, moment: Moment) -> None:
        before(self, heard, sender, Verdict.FORGED if verdict is Verdict.TAKEN else verdict, what, moment)

    patch.setattr(Holder, "_charge", charge)


def lying(*lies: str) -> Callable[[], Scenario]:
    """Returns what makes a scenario in which a super node lies."""

    async def scenario(world: World) -> None:
        await betrayed(world, *lies)

    return lambda: scenario


async def ended(world: World) -> None:
    """A service ends, and is asked for once more, of its node alone: a super node shows the withdrawal then."""
    await peaceful(world)
    world.withdraw("f", "greeter")
    await world.sleep(2.0)
    finder = backbone_of(world, "e").finder
    assert finder is not None
    await world.machines["e"].by_node(finder.find(f"greeter@{world.machines['f'].nid}"))
    await world.sleep(2.0)


async def overdue(world: World) -> None:
    """A stranger announces what is over."""
    await peaceful(world)
    await announce(
        world,
        lambda guest, now: {
            "presence": presence_of(guest, now),
            "records": [record_of(guest, now, guest.key.public, lifetime=-60.0)],
        },
    )


async def leaving(world: World) -> None:
    """A super node leaves, so that shards move."""
    await peaceful(world)
    await world.leave("d")
    await world.settle()


async def cut_off(world: World) -> None:
    """The keeper reaches nobody for long, and then everybody again."""
    await peaceful(world)
    world.partition(world.nodes[:1], world.nodes[1:])
    await world.sleep(3 * AWAY_SECONDS)
    await world.settle()
    assert [backbone_of(world, name).status()["super_nodes"] for name in world.nodes] == [len(world.supers)] * 6


async def briefly_away(world: World) -> None:
    """A super node is down for longer than a round of the keeper's calls."""
    await peaceful(world)
    await world.sleep(AWAY_SECONDS / 2)
    world.kill("d")
    await world.sleep(AWAY_SECONDS / 3)
    await world.settle()


async def long_away(world: World) -> None:
    """A super node is down for long, and comes back: without it, and with it, the network is whole."""
    await peaceful(world)
    world.crash("d")
    await world.sleep(2 * AWAY_SECONDS)
    assert [backbone_of(world, name).status()["super_nodes"] for name in "abcef"] == [len(world.supers) - 1] * 5
    await peaceful(world)
    assert [backbone_of(world, name).status()["super_nodes"] for name in world.nodes] == [len(world.supers)] * 6


def blames_while_cut_off(patch: pytest.MonkeyPatch) -> None:
    """A keeper that reaches nobody takes everybody for dead."""
    before = Muster.called

    def called(self: Muster, members: Any, answered: Any, now: float) -> bool:
        others = [bytes([number]) for number in range(10)]  # as if these answered too
        return before(self, [*members, *others], [*answered, *others], now)

    patch.setattr(Muster, "called", called)


def has_no_patience(patch: pytest.MonkeyPatch) -> None:
    """Who misses one round is away."""
    patch.setattr(Muster, "away", lambda self, now: list(self._missed))


def run_all(scenario: Callable[[], Scenario], seeds: int) -> None:
    """Plays a scenario in so many worlds."""
    for seed in range(seeds):
        World(seed, nodes=6, supers=4, weather=CALM).run(scenario())


PLANTED: list[tuple[Plant, Callable[[], Scenario], str]] = [
    (believes_a_stale_map, lying("maps"), r"believes map \d+ after map \d+|before that is not older"),
    (takes_any_sequence, lying("replayed"), r"went back from \d+ to \d+"),
    (checks_no_beat, lying("beaten"), "that it never revealed"),
    (checks_no_signature, lying("forged", "altered"), "that it never signed|which never had that"),
    (forgets_expiry, lambda: overdue, "that was over"),
    (holds_everything, lambda: leaving, "whose shard is none of its own|which is no node of it"),
    (looks_elsewhere, lambda: peaceful, "where it never was"),
    (offers_what_was_withdrawn, lambda: ended, "which it has withdrawn"),
    (punishes_the_honest, lambda: peaceful, "does not listen to [a-f], which is honest"),
    (blames_while_cut_off, lambda: cut_off, "while it reached 1 of 4"),
    (has_no_patience, lambda: briefly_away, r"that was there \d+ s before"),
]


@pytest.mark.parametrize(("plant", "scenario", "complaint"), PLANTED, ids=[plant.__name__ for plant, _, _ in PLANTED])
def test_a_planted_bug_is_caught(
    plant: Plant, scenario: Callable[[], Scenario], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a few seeds a world breaks, and says what it is."""
    plant(monkeypatch)

    with pytest.raises(WorldBroken, match=complaint):
        run_all(scenario, SEEDS_MAX)


@pytest.mark.parametrize("scenario", [lambda: overdue, lambda: ended, lambda: leaving, lying(), lambda: briefly_away])
def test_without_a_bug_the_same_worlds_hold(scenario: Callable[[], Scenario]) -> None:
    """What catches the bugs does not complain of anything else."""
    World(2, nodes=6, supers=4, weather=CALM).run(scenario())


@pytest.mark.parametrize("scenario", [cut_off, long_away])
def test_a_keeper_takes_out_who_is_gone_and_nobody_else(scenario: Scenario) -> None:
    """It takes nobody out who is there, and whoever is gone for long."""
    World(3, nodes=6, supers=4, weather=CALM).run(scenario)


def test_an_ordeal_of_a_network_is_one() -> None:
    """Every kind of operation and accident happens, and most operations succeed."""
    ordeals = [NetworkOrdeal() for _ in range(4)]
    for seed, ordeal in enumerate(ordeals):
        World(seed, nodes=5, supers=4).run(ordeal)
    done = {name: sum(ordeal.done.get(name, 0) for ordeal in ordeals) for ordeal in ordeals for name in ordeal.done}

    assert {"call", "call one", "call one node", "serve", "crash", "kill", "move", "partition", "half"} < set(done)
    assert done.get("failed", 0) < 0.4 * sum(done.values())


def test_the_same_network_goes_the_same_way_twice() -> None:
    """A world with a network depends on its seed alone."""
    digests = {World(3, nodes=4, supers=3).run(NetworkOrdeal(10)).trace.digest for _ in range(2)}

    assert len(digests) == 1
