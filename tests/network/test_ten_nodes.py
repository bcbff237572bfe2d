"""An open network of ten real node processes, each on a machine of its own; two can reach nothing but the relays.

The tests are played in one network: three super nodes, which are the relays, four nodes in the open, one that speaks
the first version of the protocol only, and two hidden ones. Each test leaves it whole, and what one that fails leaves
down is started before the next, so that each can be run alone and fails alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from micro.errors import MicroError
from tests.conftest import Campaign
from tests.network.lab import Host, Lab, reason_not_to
from tests.network.places import GREETER, until

REASON = reason_not_to()
pytestmark = [
    pytest.mark.skipif(bool(REASON), reason=REASON or "there are namespaces"),
    pytest.mark.asyncio(loop_scope="module"),
]

OLD = (str(Path(__file__).parent / "old_node.py"),)
SETTLED_SECONDS = 90
"""Bounds of waiting, not bars: the machine may be busy."""
GONE_SECONDS = 45
"""So long after the last beat of a node no lease can have ended."""
MOVED_SECONDS = 60
"""iroh by itself would need longer to give a relay up."""
SUPERS, OPEN, HIDDEN = ("super-1", "super-2", "super-3"), ("ann", "bob", "cat", "dan"), ("hid", "den")


class Town:
    """The network."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.supers = [lab.host(name) for name in SUPERS]
        self.ann, self.bob, self.cat, self.dan = (lab.host(name) for name in OPEN)
        self.old = lab.host("old")
        self.hid, self.den = (lab.hidden(name, self.supers) for name in HIDDEN)
        self._options: dict[str, tuple[str, ...]] = {}

    @property
    def hosts(self) -> list[Host]:
        return list(self.lab.hosts.values())

    async def build(self) -> None:
        """Starts the founder, the other super nodes, and then everybody else at the same time."""
        founder = self.supers[0]
        await self.start(founder, "--super", "--owner-label", founder.name)
        await until(lambda: self.is_relayed(founder), SETTLED_SECONDS)
        join = ("--join", (await founder.ask("network", "Network.Ticket"))["ticket"])
        others = [self.start(each, "--super", "--owner-label", each.name, *join) for each in self.supers[1:]]
        await asyncio.gather(*others)
        await self.settled(self.supers)
        nodes = (self.ann, self.bob, self.cat, self.dan, self.old, self.hid, self.den)
        await asyncio.gather(*(self.start(each, *join) for each in nodes))
        await self.settled()
        await self.furnish()

    async def furnish(self) -> None:
        """Offers what all tests use, and has it found by those that use it: any test can be run alone."""
        for host in (self.hid, self.den):
            await until(lambda host=host: self.is_relayed(host), SETTLED_SECONDS)  # type: ignore[misc]
        await self.offer("greeter", self.ann, self.bob)
        await self.offer("shy", self.hid)
        await self.offer("relic", self.old)
        for seeker in (self.cat, self.den, self.old):
            await self.pin(seeker, "greeter", self.ann, self.bob)
        await self.pin(self.den, "shy", self.hid)
        await self.pin(self.cat, "relic", self.old)

    async def start(self, host: Host, *options: str) -> None:
        """Starts a node, as it was started before where nothing is said."""
        self._options[host.name] = options or self._options[host.name]
        await host.start(*self._options[host.name], **({"program": OLD} if host is self.old else {}))

    async def mend(self) -> None:
        """Starts what a test that failed has left down, and plugs in what it has left out."""
        for host in self.hosts:
            if host.process is None or host.process.returncode is not None:
                await self.start(host)
        self.old.link("up")
        await self.settled()

    async def settled(self, hosts: Iterable[Host] = ()) -> None:
        """Waits until everybody, or these, see three super nodes and have a home."""
        for host in hosts or self.hosts:
            await until(lambda host=host: self._is_home(host), SETTLED_SECONDS)  # type: ignore[misc]

    async def whole(self) -> None:
        """Waits until that is so, and what the tests offer is in reach of those that use it."""
        await self.settled()
        for host, name in ((self.den, "shy"), (self.cat, "relic"), (self.cat, "greeter")):
            await until(lambda host=host, name=name: self.hello(host, name), MOVED_SECONDS)  # type: ignore[misc]

    async def is_relayed(self, host: Host) -> bool:
        """Says whether a node can be reached through a relay."""
        return bool((await host.ask("node", "Node.Status"))["relay"]["through"])

    async def relay_of(self, host: Host) -> Host:
        """Returns the super node through which a node is reached."""
        url = (await host.ask("node", "Node.Status"))["relay"]["through"]
        return next(each for each in self.supers if f"//{each.address}:" in url)

    async def _is_home(self, host: Host) -> bool:
        found = (await host.ask("node", "Node.Status"))["backbone"]
        return found["super_nodes"] == len(SUPERS) and bool(found["home"])

    async def nid(self, host: Host) -> str:
        return str((await host.ask("node", "Node.Status"))["nid"])

    async def source(self, name: str) -> Path:
        """Writes the greeter as a service of another name."""
        place = self.folder / name
        place.mkdir(exist_ok=True)
        (place / "main.py").write_text(GREETER.replace('Service("greeter"', f'Service("{name}"'))
        return place

    async def offer(self, name: str, *hosts: Host) -> None:
        """Runs a service on some nodes."""
        place = await self.source(name)
        for host in hosts:
            await host.run(place)

    async def pin(self, seeker: Host, name: str, *providers: Host) -> None:
        """Waits until a node finds a service at just these others, and pins it to them."""
        wanted = sorted([await self.nid(host) for host in providers])

        await until(lambda: self.found(seeker, name, wanted), SETTLED_SECONDS)
        assert sorted((await seeker.ask("network", "Network.Pin", {"name": name}))["nodes"]) == wanted

    async def met(self, seeker: Host, name: str, *providers: Host) -> None:
        """Waits until a node has met all of these, the second perhaps some seconds after its first call."""
        wanted = {await self.nid(host) for host in providers}

        async def are_met() -> bool:
            known = await seeker.ask("registry", "Registry.Get", {"name": name})
            return wanted <= {node["nid"] for node in known["nodes"]}

        await until(are_met, SETTLED_SECONDS, what=f"{seeker.name} has met all providers of {name}")

    async def found(self, seeker: Host, name: str, nids: list[str]) -> bool:
        """Says whether a node finds a service at just these."""
        return sorted((await seeker.ask("network", "Network.Meet", {"name": name}))["nodes"]) == nids

    async def hello(self, host: Host, name: str) -> bool:
        """Says whether a service greets a caller on that host."""
        found = await host.ask(name, "Say.Hello", {"name": "Ann"}, timeout_seconds=5)
        return bool(found == "Hello Ann")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """The network, up and complete."""
    lab = Lab()
    try:
        found = Town(lab, tmp_path_factory.mktemp("services"))
        await found.build()
        yield found
    finally:
        await lab.close()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def mended(town: Town) -> None:
    """Has each test find all ten nodes up, so that one which fails fails alone."""
    await town.mend()


async def gone(attempt: Callable[[], Awaitable[Any]]) -> bool:
    """Says whether a call fails."""
    try:
        await attempt()
    except (MicroError, TimeoutError):
        return True
    return False


async def test_ten_nodes_join(town: Town) -> None:
    """Each sees the three super nodes and has one of them as its home; the hidden ones are there through a relay."""
    statuses = [await host.ask("node", "Node.Status") for host in town.hosts]
    supers = {await town.nid(host) for host in town.supers}

    assert len(statuses) == 10
    assert {status["backbone"]["super_nodes"] for status in statuses} == {3}
    assert {status["backbone"]["home"] for status in statuses} <= supers
    assert len({status["backbone"]["network"] for status in statuses}) == 1


async def test_strangers_find_and_call_each_other(town: Town) -> None:
    """By name alone: two providers in the open, called and streamed from a third node, and from a hidden one."""
    for seeker in (town.cat, town.den):
        async with seeker.client() as client:
            assert await client.call("greeter", "Say.Hello", {"name": "Ann"}) == "Hello Ann"
            async with client.stream("greeter", "Say.Count", {"to": 5}) as numbers:
                assert [number async for number in numbers] == list(range(5))


async def test_hidden_nodes_find_and_call_each_other(town: Town) -> None:
    """Neither can be reached but through a relay."""
    async with town.den.client() as client:
        assert await client.call("shy", "Say.Hello", {"name": "Ann"}) == "Hello Ann"
        async with client.stream("shy", "Say.Count", {"to": 5}) as numbers:
            assert [number async for number in numbers] == list(range(5))
        hops = (await client.call("network", "Network.Trace", {"service": "shy"}))["hops"]
    assert [hop["over"].split()[0] for hop in hops] == ["relayed", "socket"]


async def test_old_and_new_versions_stand_side_by_side(town: Town) -> None:
    """A node that speaks version 1 only is found and called, and finds and calls others."""
    assert await town.hello(town.cat, "relic")
    assert await town.hello(town.old, "greeter")
    async with town.cat.client() as client, client.stream("relic", "Say.Count", {"to": 5}) as numbers:
        assert [number async for number in numbers] == list(range(5))

    assert "a link in version 1 with one that speaks [1, 2]" in (town.old.home / "log").read_text()


async def test_events_cross_a_relay(town: Town) -> None:
    """What a hidden node publishes on a topic that it exports, a subscriber of another hidden one gets."""
    ticket = (await town.hid.ask("network", "Network.Ticket"))["ticket"]
    await town.den.ask("network", "Network.Connect", {"ticket": ticket})
    await town.hid.ask("events", "Events.Export", {"topic": "news", "exported": True})
    async with town.hid.client() as publisher, town.den.client() as reader, reader.subscribe("news", "readers") as news:
        for n in range(3):
            await publisher.publish("news", {"n": n})
        found = []
        async with asyncio.timeout(SETTLED_SECONDS):
            async for event in news:
                await event.ack()
                found.append(event.value["n"])
                if len(found) == 3:
                    break
    assert sorted(found) == [0, 1, 2]


async def test_a_killed_super_node_stops_nobody(town: Town, campaign: Campaign) -> None:
    """With -9: what is offered then is found all the same, everybody has a home, and it comes back."""
    for number in range(campaign("super nodes killed in a network of ten", share=1, full=6)):
        victim = town.supers[1 + number % 2]  # the founder signs the map, and is away in another test
        name = f"late-{number}"
        await victim.kill()
        await town.offer(name, town.bob)
        await town.pin(town.cat, name, town.bob)
        assert await town.hello(town.cat, name)
        await town.settled([host for host in town.hosts if host is not victim])
        await town.start(victim)
        await town.whole()


async def test_a_killed_founder_stops_nobody(town: Town) -> None:
    """While the keeper of the network is away, the map stands still and everything else goes on."""
    await town.supers[0].kill()
    await town.offer("without-keeper", town.bob)
    await town.pin(town.cat, "without-keeper", town.bob)
    assert await town.hello(town.cat, "without-keeper")
    await town.start(town.supers[0])
    await town.whole()


async def test_calls_go_on_when_a_provider_is_killed(town: Town, campaign: Campaign) -> None:
    """With -9, in the middle of idempotent calls: none of them fails, since another instance is there."""
    for number in range(campaign("providers killed in the middle of calls", share=1, full=6)):
        victim, name = (town.ann, town.bob)[number % 2], f"steady-{number}"
        await town.offer(name, town.ann, town.bob)
        await town.pin(town.cat, name, town.ann, town.bob)
        answers: list[str] = []
        stop = asyncio.Event()

        async def calling(name: str = name, answers: list[str] = answers, stop: asyncio.Event = stop) -> None:
            async with town.cat.client() as client:
                while not stop.is_set():
                    answers.append(await client.call(name, "Say.Hello", {"name": "Ann"}))

        callers = [asyncio.create_task(calling()) for _ in range(4)]
        await until(lambda answers=answers: len(answers) > 40, SETTLED_SECONDS)  # type: ignore[misc]
        await town.met(town.cat, name, town.ann, town.bob)  # else there is no other instance to go on with
        await victim.kill()
        before = len(answers)
        await until(lambda answers=answers, before=before: len(answers) > before + 40, SETTLED_SECONDS)  # type: ignore[misc]
        stop.set()
        await asyncio.gather(*callers)  # none of them has failed
        assert set(answers) == {"Hello Ann"}
        await town.start(victim)
        await until(lambda victim=victim: town.hello(victim, "greeter"), SETTLED_SECONDS)  # type: ignore[misc]
        await town.whole()


async def test_a_killed_provider_is_soon_found_nowhere(town: Town, campaign: Campaign) -> None:
    """Where its home lives, nobody waits for its lease: neither who has found it before nor who never asked."""
    for number in range(campaign("providers killed that nobody calls", share=1, full=4)):
        victim, name = (town.ann, town.bob, town.hid, town.den)[number % 4], f"mayfly-{number}"
        await town.offer(name, victim, town.cat)
        both, left = sorted([await town.nid(victim), await town.nid(town.cat)]), [await town.nid(town.cat)]
        await until(lambda name=name, both=both: town.found(town.dan, name, both), SETTLED_SECONDS)  # type: ignore[misc]
        await victim.kill()
        seekers = (town.dan, town.old, *town.supers)
        async with asyncio.timeout(GONE_SECONDS):
            for host in seekers:
                await until(lambda host=host, name=name, left=left: town.found(host, name, left), GONE_SECONDS)  # type: ignore[misc]
        await town.start(victim)
        await until(lambda name=name, both=both: town.found(town.dan, name, both), SETTLED_SECONDS)  # type: ignore[misc]
        await town.whole()


async def test_a_killed_relay_comes_back(town: Town, campaign: Campaign) -> None:
    """With -9: those in the open do not need it, and the hidden nodes reach each other again, by themselves."""
    for _ in range(campaign("relays killed in a network of ten", share=1, full=4)):
        assert await town.hello(town.den, "shy")
        victim = await town.relay_of(town.hid)
        await victim.kill()
        assert await town.hello(town.cat, "greeter")
        await town.start(victim)
        await town.whole()


async def test_hidden_nodes_move_to_another_relay(town: Town) -> None:
    """While theirs is away: they notice, and reach each other through another one."""
    victim = await town.relay_of(town.hid)
    await victim.kill()

    async def has_moved() -> bool:
        return await town.relay_of(town.hid) != victim

    await until(has_moved, MOVED_SECONDS)  # a link that has another way already goes on meanwhile
    await until(lambda: town.hello(town.den, "shy"), MOVED_SECONDS)
    await town.start(victim)
    await town.whole()


async def test_a_partition_heals(town: Town, campaign: Campaign) -> None:
    """A node whose cable is pulled is alone, and serves itself; once it is plugged in, it is found and called again."""
    for _ in range(campaign("partitions of a network of ten", share=1, full=6)):
        assert await town.hello(town.cat, "relic")
        town.old.link("down")
        await until(lambda: gone(lambda: town.hello(town.cat, "relic")), SETTLED_SECONDS)
        assert await town.hello(town.old, "relic")
        town.old.link("up")
        await until(lambda: town.hello(town.cat, "relic"), SETTLED_SECONDS)
        await town.whole()
