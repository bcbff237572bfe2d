"""Bugs that are planted on purpose: a world in which they are not seen would prove nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from micro.mucp.exchange import Exchange
from micro.network.peers import Peers
from micro.node.following import Following
from micro.service.broker.append import Appends
from micro.service.broker.broker import StoredEvent
from micro.service.broker.embedded import EmbeddedBroker
from micro.service.broker.topic import Topic
from micro.service.registry.catalog import Catalog
from micro.service.registry.holding import Entry, Holding
from micro.service.registry.instance import Instance
from micro.store import schema
from micro.testing import CALM, World, WorldBroken
from micro.testing.ordeal import Ordeal
from micro.testing.world import Scenario
from tests.world.scenes import PIECE_BYTES, pourer

SEEDS_MAX = 12
"""Each bug is caught in one of so many worlds."""
LAZY_SECONDS = 0.05
SERVICES = ("alpha", "beta")

Plant = Callable[[pytest.MonkeyPatch], None]


def acknowledges_before_it_commits(patch: pytest.MonkeyPatch) -> None:
    """A publisher is told at once, and the event is written a little later."""

    def append(self: EmbeddedBroker, topic: Topic, event: StoredEvent, size: int, done: Callable[[None], None]) -> None:
        done(None)
        self._uncommitted += size
        write = self._log.append
        asyncio.get_running_loop().call_later(LAZY_SECONDS, write, topic, event, size, lambda fault: None)

    patch.setattr(EmbeddedBroker, "_append", append)


def acknowledges_before_it_syncs(patch: pytest.MonkeyPatch) -> None:
    """A commit returns before the disk has it."""
    patch.setattr(schema, "SYNCHRONOUS", "OFF")


def takes_an_event_twice(patch: pytest.MonkeyPatch) -> None:
    """No event is recognised as one that is there already."""
    numbers = itertools.count()
    patch.setattr(Appends, "_mark", lambda self, number, event: str(next(numbers)).encode())


def believes_old_records(patch: pytest.MonkeyPatch) -> None:
    """A record replaces another whatever their sequences are."""
    patch.setattr(Entry, "beats", lambda self, instance, description: False)


def brings_back_what_was_withdrawn(patch: pytest.MonkeyPatch) -> None:
    """A record that was withdrawn is taken again."""
    patch.setattr(Holding, "is_buried", lambda self, key, sequence: False)


def believes_what_is_said_of_others(patch: pytest.MonkeyPatch) -> None:
    """A neighbour's record is of whatever node it names."""
    before = Instance.parse

    def parse(record: Any, nid: str) -> Instance:
        return before(record, record.get("nid", nid))

    patch.setattr(Instance, "parse", staticmethod(parse))


def keeps_credit_back(patch: pytest.MonkeyPatch) -> None:
    """What was consumed is booked, and the sender is never told."""
    before = Exchange.release

    def release(self: Exchange, size: int) -> int:
        before(self, size)
        return 0

    patch.setattr(Exchange, "release", release)


def believes_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A lease that has ended changes nothing."""
    patch.setattr(Catalog, "expire", lambda self, now: ())


def shortens_leases(patch: pytest.MonkeyPatch) -> None:
    """Each sign of life makes a lease shorter."""

    def prolong(self: Entry, now: float, expires: float) -> None:
        self.expires -= 1.0

    patch.setattr(Entry, "prolong", prolong)


def gives_credit_twice(patch: pytest.MonkeyPatch) -> None:
    """What was consumed is booked twice, and the sender is told so."""
    before = Exchange.release

    def release(self: Exchange, size: int) -> int:
        due = before(self, size)
        self.receive_window += due
        return 2 * due

    patch.setattr(Exchange, "release", release)
    patch.setattr(Exchange, "credit", lambda self, count: setattr(self, "send_window", self.send_window + count))


def keeps_links_that_ended(patch: pytest.MonkeyPatch) -> None:
    """A neighbour stays linked whatever becomes of its link."""
    patch.setattr(Peers, "lost", lambda self, nid, link, reason: None)


def hears_of_no_end(patch: pytest.MonkeyPatch) -> None:
    """What a neighbour withdraws stays."""
    before = Following._apply

    def apply(self: Following, item: dict[str, Any], services: Any) -> None:
        if item.get("kind") != "removed":
            before(self, item, services)

    patch.setattr(Following, "_apply", apply)


async def gossip(world: World) -> None:
    """A guest says true things and old things, in an order that chance gives."""
    guest = await world.guest("a", [(service, "1") for service in SERVICES])
    newest = dict.fromkeys(SERVICES, 0)
    withdrawn = dict.fromkeys(SERVICES, 0)
    for _ in range(60):
        service = world.random.choice(SERVICES)
        what = world.random.random()
        if what < 0.5:
            newest[service] += 1
            guest.offer(service, sequence=newest[service], weight=newest[service])
        elif what < 0.8 and newest[service] > 1:
            guest.offer(service, sequence=world.random.randrange(1, newest[service]), weight=1)
        else:
            withdrawn[service] = newest[service]
            guest.withdraw(service, sequence=newest[service])
        await world.sleep(0.2)
        node = world.machines["a"].node
        assert node is not None
        for instance in node.catalog.holding(guest.nid):
            assert instance.sequence > withdrawn[instance.service], f"{instance.service} is back"


async def slander(world: World) -> None:
    """A guest says of another node what that never said."""
    guest = await world.guest("a", [("alpha", "1")])
    guest.offer("alpha", nid=world.machines["b"].nid)
    await world.sleep(1.0)


async def torrent(world: World) -> None:
    """A stream brings more than a window holds."""
    world.serve("b", pourer())
    await world.settle()
    async with world.client("a").stream("pourer", "Pour.Out", {"pieces": 40}, returns=str) as stream:
        sizes = [len(piece) async for piece in stream]
    assert sizes == [PIECE_BYTES] * 40


async def silence(world: World) -> None:
    """A guest offers something and then says nothing more, while its link lives."""
    guest = await world.guest("a", [("alpha", "1")])
    guest.offer("alpha")
    await world.sleep(100.0)


async def parting(world: World) -> None:
    """A neighbour is killed, and comes back."""
    await world.settle()
    world.kill("b")
    await world.sleep(1.0)
    await world.start("b")
    await world.sleep(10.0)


async def ending(world: World) -> None:
    """A service ends for good, and all agree on that."""
    world.serve("b", pourer())
    await world.settle()
    world.withdraw("b", "pourer")
    await world.sleep(1.0)
    await world.settle()


def run(scenario: Scenario, seed: int) -> None:
    if isinstance(scenario, Ordeal):
        World(seed).run(scenario)
    else:
        World(seed, nodes=2, weather=CALM).run(scenario)


def run_all(scenario: Callable[[], Scenario], seeds: int) -> None:
    for seed in range(seeds):
        run(scenario(), seed)


PLANTED: list[tuple[Plant, Callable[[], Scenario], str]] = [
    (acknowledges_before_it_commits, Ordeal, "was acknowledged and is lost|acknowledged and never delivered"),
    (acknowledges_before_it_syncs, Ordeal, "was acknowledged and is lost"),
    (takes_an_event_twice, Ordeal, "is kept [0-9]+ times"),
    (believes_old_records, lambda: gossip, "went back from sequence"),
    (brings_back_what_was_withdrawn, lambda: gossip, "is back"),
    (believes_what_is_said_of_others, lambda: slander, "which it never had"),
    (believes_for_ever, lambda: silence, "after its lease"),
    (keeps_credit_back, lambda: torrent, "may be sent"),
    (shortens_leases, lambda: gossip, "the lease of [a-z]+ went back"),
    (gives_credit_twice, lambda: torrent, "the (send|receive) window of exchange [0-9]+ is"),
    (keeps_links_that_ended, lambda: parting, "keeps a link to b that has ended"),
    (hears_of_no_end, lambda: ending, "no agreement [0-9]+ s after all was mended: a believes that b has"),
]


@pytest.mark.parametrize(("plant", "scenario", "complaint"), PLANTED, ids=[plant.__name__ for plant, _, _ in PLANTED])
def test_a_planted_bug_is_caught(
    plant: Plant, scenario: Callable[[], Scenario], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a few seeds a world breaks, and says what it is."""
    plant(monkeypatch)

    with pytest.raises(WorldBroken, match=complaint):
        run_all(scenario, SEEDS_MAX)


@pytest.mark.parametrize("scenario", [gossip, slander, silence, torrent, parting, ending])
def test_without_a_bug_the_same_worlds_hold(scenario: Scenario) -> None:
    """What catches the bugs does not complain of anything else."""
    run_all(lambda: scenario, SEEDS_MAX // 3)
