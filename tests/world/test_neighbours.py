"""Neighbours that meet, part, move and do not read: what simulated worlds found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from micro.mucp.event import Hello
from micro.network.link import Link
from micro.network.peers import Peers
from micro.testing import CALM, World
from tests.world.scenes import greeter, until_linked

EVENT_BYTES = 4_000
VARYING = replace(CALM, jitter_seconds=0.05)
"""What is sent apart may arrive together."""


@pytest.mark.parametrize("seed", range(8))
def test_a_link_that_ends_while_it_is_greeted_is_no_link(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A neighbour that greets and refuses in one breath is dialled again, and not taken for linked for ever."""
    refused: list[str] = []
    before = Peers._up

    def up(self: Peers, nid: str, link: Link, hello: Hello, *, dialed: bool) -> None:
        if not dialed and not refused:
            refused.append(nid)
            link.close("not now")
            return
        before(self, nid, link, hello, dialed=dialed)

    async def scenario(world: World) -> None:
        world.crash("b")
        world.move("b")  # so that a has to wait for b
        await world.sleep(1.0)
        monkeypatch.setattr(Peers, "_up", up)
        await world.start("b")
        await until_linked(world, "a", "b")
        await until_linked(world, "b", "a")

    World(seed, nodes=2, weather=VARYING).run(scenario)
    assert len(refused) == 1


def test_neighbours_that_move_one_after_the_other_meet_again() -> None:
    """Whoever is told where a neighbour is now goes there, also where its owner once gave it another address."""

    async def scenario(world: World) -> None:
        for name, other in (("a", "b"), ("b", "a")):
            world.crash(name)
            world.move(name)
            await world.start(name)
            await world.sleep(1.0)  # until the old link is known to be dead
            await until_linked(world, other, name)

    World(1, nodes=2, weather=CALM).run(scenario)


def test_an_answer_is_read_alike_when_its_link_ends_with_it() -> None:
    """A result that travels in an object is taken out of it, also where the way it came is gone by then."""
    answers: list[Any] = []

    async def scenario(world: World) -> None:
        world.serve("a", greeter())
        await world.settle()
        client = world.client("a")
        answers.append(await client.call("greeter", "Say.Hello"))
        before = client.call_raw

        async def call_raw(*arguments: Any, **options: Any) -> bytes:
            body = await before(*arguments, **options)
            for link in (await client.route("greeter")).links:
                client.forget(link)
            return body

        client.call_raw = call_raw  # type: ignore[method-assign]
        answers.append(await client.call("greeter", "Say.Hello", timeout_seconds=5.0))

    World(1, nodes=1, weather=CALM).run(scenario)
    assert answers == ["Hello world", "Hello world"]
