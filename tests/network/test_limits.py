"""What a node takes of nodes that its owner did not ask for, and what it does because of what they say."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from micro.errors import MicroError, TooManyRequests, Unavailable
from micro.mucp import headers as names
from micro.mucp.message import Form
from micro.network.metering import Asked
from micro.node import outside
from micro.node.node import Node
from micro.service.registry import backbone as said
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.ticket import Ticket
from tests.network.places import StartNode, client_of, run, until
from tests.network.test_strangers import town

CALLS = 30
NOBODY = nid_of(NodeKey(bytes([9]) * 32).public)


async def refused(node: Node) -> list[TooManyRequests]:
    """Makes some calls at once and returns those that were refused."""
    async with client_of(node) as client:
        calls = [client.call("greeter", "Say.Who") for _ in range(CALLS)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, dict | TooManyRequests) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, TooManyRequests)]


async def test_a_node_that_nobody_asked_for_has_a_rate(start_node: StartNode, greeter_folder: Path) -> None:
    """It is told when to come again; the owner has none, and neither has a neighbour once the owner connects to it."""
    far = await start_node(network=True, stranger_calls_per_second=1.0)
    near = await start_node(network=True)
    await run(far, greeter_folder)
    async with client_of(near) as owner:
        await owner.call("network", "Network.Connect", {"ticket": far.ticket().encode()})
        await until(lambda: near.catalog.lookup("greeter"))

    found = await refused(near)
    assert found
    assert "try again in" in found[0].detail
    assert await refused(far) == []

    async with client_of(far) as owner:
        await owner.call("network", "Network.Connect", {"ticket": near.ticket().encode()})
    assert await refused(near) == []


async def test_a_visitor_has_a_rate_too(start_node: StartNode, greeter_folder: Path) -> None:
    """One that found a service in the network and is no neighbour."""
    [provider], seeker = await town(start_node, greeter_folder, 1)
    async with client_of(seeker) as client:
        await client.call("greeter", "Say.Who")
    assert await refused(seeker) == []  # far below what an honest program asks for
    [link] = provider.peers.visits._guests if provider.peers is not None else []
    meter = link.facts.meter
    stands = meter._now()
    meter._now = lambda: stands  # else a slow machine gives back what was taken before the next call comes
    while meter.refusal(Asked.CALLS) is None:
        pass
    assert len(await refused(seeker)) == CALLS


async def test_lookups_calls_and_events_of_a_stranger_have_rates_of_their_own(
    start_node: StartNode, greeter_folder: Path
) -> None:
    """At a super node that serves too: who floods one is refused there alone."""
    far = await start_node(
        network=True,
        super_node=True,
        stranger_calls_per_second=2.0,
        stranger_events_per_second=2.0,
        stranger_lookups_per_second=1.0,
    )
    near = await start_node(network=True)
    await run(far, greeter_folder)
    async with client_of(far) as owner:
        await owner.call("events", "Events.Export", {"topic": "news"})
    async with client_of(near) as owner:
        await owner.call("network", "Network.Connect", {"ticket": far.ticket().encode()})
        await until(lambda: near.catalog.lookup("greeter"))
    assert near.peers is not None
    link = near.peers.link(far.nid)
    assert link is not None

    async def answered(form: Form, headers: dict[str, str], body: bytes) -> int:
        """Asks for more at once than is taken, and returns how much was; the rest is told when to come again."""
        asked: list[asyncio.Future[Any]] = []
        for _ in range(CALLS):
            asked.append(link.future())
            link.call(asked[-1], link.session.begin(form, headers, 10_000), body)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert refused
        for fault in refused:
            assert isinstance(fault, TooManyRequests)
            assert "try again in" in fault.detail
        return CALLS - len(refused)

    lookup = {names.SERVICE: "backbone", names.ENDPOINT: "Backbone.Find"}
    assert await answered(Form.CALL, lookup, said.FIND.encode({"name": "greeter"}))
    assert await answered(Form.CALL, {names.SERVICE: "greeter", names.ENDPOINT: "Say.Who"}, b"")
    assert await answered(Form.PUBLISH, {names.TOPIC: "news"}, b"{}")


@pytest.mark.parametrize(("super_node", "welcome"), [(False, 1), (True, 2)])
async def test_a_super_node_takes_more_guests(
    start_node: StartNode, super_node: bool, welcome: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Than another node, whose guests above its number are told to ask elsewhere."""
    monkeypatch.setattr(outside, "GUESTS_MAX", 1)
    monkeypatch.setattr(outside, "SUPER_GUESTS_MAX", 2)
    joined = "" if super_node else (await start_node(network=True, super_node=True)).ticket().encode()
    host = await start_node(network=True, super_node=super_node, join=joined)
    for _ in range(3):
        guest = await start_node(network=True)
        assert guest.peers is not None
        with contextlib.suppress(MicroError):
            await guest.peers.visits.visit(host.ticket())
    assert host.peers is not None
    assert host.peers.visits.guests == welcome


async def test_no_url_is_opened_because_a_stranger_named_it(start_node: StartNode) -> None:
    """A relay in the ticket that the owner gave is, and then counts as his word."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    ticket = Ticket(NOBODY, (), f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    node = await start_node(network=True)
    assert node.peers is not None
    with pytest.raises(Unavailable):
        await node.peers.visits.visit(ticket)
    assert asked == []

    async with client_of(node) as owner:
        with pytest.raises(MicroError):
            await owner.call("network", "Network.Connect", {"ticket": ticket.encode()}, timeout_seconds=10)
    await until(lambda: asked)
    assert asked[0].startswith("GET /relay")
    server.close()
