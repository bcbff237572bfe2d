"""What the slower of two super nodes says of a name counts as much as what the faster one says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from micro.service.registry import backbone as said
from micro.service.registry.finder import Finder
from micro.trust.ticket import Ticket
from tests.contract.test_backbone import finds
from tests.contract.town import Town, TownNode, charted, settled

Scenario = Callable[[Town], Awaitable[None]]
SLOWER_SECONDS = 0.2
NOTHING = said.FOUND.encode({"map_version": 1})


class Way:
    """The way of one node to the super nodes, on which answers to `Backbone.Lookup` can be held up or replaced."""

    def __init__(self, finder: Finder) -> None:
        self._reach = finder._asker._reach
        finder._asker._reach = self  # type: ignore[assignment]
        self.asked: list[str] = []
        self.answers: dict[str, bytes] = {}
        self.replaced: dict[str, bytes] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.fast = ""

    async def call(self, ticket: Ticket, endpoint: str, body: bytes, *, timeout_seconds: float) -> bytes:
        self.asked.append(endpoint)
        answer = await self._reach.call(ticket, endpoint, body, timeout_seconds=timeout_seconds)
        if endpoint != "Backbone.Lookup":
            return answer
        self.answers[ticket.nid] = answer
        if ticket.nid != self.fast:
            await asyncio.sleep(SLOWER_SECONDS)
            await self.gate.wait()
        return self.replaced.get(ticket.nid, answer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reach, name)


async def lookup(node: TownNode, name: str = "greeter") -> list[str]:
    assert node.backbone.finder is not None
    node.backbone.finder.forget(name)
    return [offer.nid for offer in await node.backbone.finder.find(name)]


async def street(town: Town) -> tuple[TownNode, TownNode, Way]:
    """Returns who offers a service, who looks for it, and his way to two super nodes."""
    supers = await town.supers(2)
    ticket = supers[0].ticket().encode()
    provider, seeker = await town.start(11, ticket=ticket), await town.start(12, ticket=ticket)
    await settled(lambda: provider.home and seeker.home and charted(seeker) == 2)
    provider.serve("greeter")
    finder = seeker.backbone.finder
    assert finder is not None
    way = Way(finder)
    while len(await lookup(seeker)) != 1:  # noqa: ASYNC110 - it is asked each time
        await asyncio.sleep(0.1)
    way.fast = supers[0].nid
    return provider, seeker, way


def test_a_node_is_located_while_the_slower_one_is_awaited(play: Any) -> None:
    """Both are heard before anything is believed, and the second question does not wait for that."""

    async def scenario(town: Town) -> None:
        provider, seeker, way = await street(town)
        way.asked.clear()
        way.gate.clear()
        asking = asyncio.ensure_future(lookup(seeker))
        await asyncio.sleep(0.5)
        asked, was_done = list(way.asked), asking.done()
        way.gate.set()

        assert asked.count("Backbone.Lookup") == 2
        assert "Backbone.Presence" in asked
        assert not was_done
        assert await asking == [provider.nid]

    play(scenario)


def test_a_withdrawal_that_only_the_slower_one_shows_counts(play: Any) -> None:
    """A super node gains nothing by being quick with what is over."""

    async def scenario(town: Town) -> None:
        provider, seeker, way = await street(town)
        before = way.answers[way.fast]
        provider.serve()
        while await lookup(seeker):  # noqa: ASYNC110 - it is asked each time
            await asyncio.sleep(0.1)
        way.replaced[way.fast] = before

        assert await lookup(seeker, f"greeter@{provider.nid}") == []

    play(scenario)


def test_what_only_the_slower_one_shows_is_found(play: Any) -> None:
    """A super node hides nobody by being quick with nothing."""

    async def scenario(town: Town) -> None:
        provider, seeker, way = await street(town)
        way.replaced[way.fast] = NOTHING

        assert await lookup(seeker) == [provider.nid]

    play(scenario)


def test_a_name_and_its_nodes_are_found_with_one_question(play: Any) -> None:
    """Two super nodes are asked for the name, and tell of the nodes that they hold too; nobody is asked after them."""

    async def scenario(town: Town) -> None:
        provider, seeker, way = await street(town)
        assert seeker.backbone.finder is not None
        way.asked.clear()
        offers = await seeker.backbone.finder.find(f"greeter@{provider.nid}")

        assert [offer.ticket.addresses for offer in offers] == [provider.transport.addresses()]
        assert way.asked == ["Backbone.Lookup"] * 2

    play(scenario)


def test_older_super_nodes_are_asked_for_the_name_and_then_for_the_node(play: Any) -> None:
    """They know no such question, and are asked it once; that is no reason to doubt them."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(2)
        for node in supers:
            del node.router._local._servers["backbone"].endpoints["Backbone.Lookup"]  # type: ignore[attr-defined]
        provider, seeker = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        provider.serve("greeter", "weather")
        await finds(seeker, "greeter", [provider.nid])
        assert seeker.backbone.finder is not None
        way = Way(seeker.backbone.finder)
        asker = seeker.backbone.finder._asker
        assert await lookup(seeker, "weather") == [provider.nid]

        assert way.asked.count("Backbone.Find") == 2
        assert "Backbone.Lookup" not in way.asked
        now = asyncio.get_running_loop().time()
        members = asker.ordered(0)
        assert asker._doubts.ordered(members, now) == members

    play(scenario)


def test_a_lie_of_where_a_node_is_is_not_believed(play: Any) -> None:
    """One super node spoils what it tells of nodes, and tells of one that nobody asked for; their holders are asked."""

    async def scenario(town: Town) -> None:
        provider, seeker, way = await street(town)
        name = f"greeter@{provider.nid}"
        assert seeker.backbone.finder is not None
        await seeker.backbone.finder.find(name)
        answer = said.LOCATED.decode(way.answers[way.fast])
        (there,) = answer["presences"]
        lies = [{**there, "sealed": there["sealed"][:-1] + b"\0"}, {**there, "sealed": b"x"}, {**there, "step": 200}]
        for nid in way.answers:
            way.replaced[nid] = said.LOCATED.encode({**answer, "presences": lies})
        seeker.backbone.finder._known.clear()
        way.asked.clear()
        offers = await seeker.backbone.finder.find(name)

        assert [offer.ticket.addresses for offer in offers] == [provider.transport.addresses()]
        assert "Backbone.Presence" in way.asked

    play(scenario)
