"""The node speaks for go-micro services that are there, and for none that has another's name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from micro.doors.api.access import OWNER
from micro.doors.mucp import speaking as module
from micro.doors.mucp.lan import OF_NODE
from micro.doors.mucp.speaking import Speaking
from micro.node.local import InsideDialer
from micro.service.registry.mdns import Found
from tests.unit.doors.mucp.guest import WAIT_SECONDS, Place, open_place

ENDPOINTS = ({"name": "Say.Hello", "metadata": {}},)


def found(port: int, node: str, service: str = "go.greeter") -> Found:
    return Found(service, "1", node, "127.0.0.1", port, {"protocol": "mucp"}, ENDPOINTS)


@asynccontextmanager
async def speaking(place: Place) -> AsyncIterator[Speaking]:
    catalog, platform = place.node.catalog, place.node.platform
    opened = Speaking(
        dial=lambda spoken: InsideDialer(place.node.router, OWNER).dial(None, spoken),
        has=lambda name: catalog.lookup(name) is not None or platform.describe(name) is not None,
    )
    await opened.start()
    try:
        yield opened
    finally:
        await opened.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():  # noqa: ASYNC110 - it happens in many places
            await asyncio.sleep(0.01)


async def test_all_nodes_of_a_service_are_spoken_for() -> None:
    """Each for as long as it does not leave."""
    async with open_place() as place, speaking(place) as opened:

        def nodes() -> set[str]:
            view = place.node.catalog.lookup("go-greeter")
            return set() if view is None else {instance.id for instance in view.instances}

        opened.heard(found(place.port, "go-1"))
        opened.heard(found(place.port, "go-2"))
        await until(lambda: nodes() == {"go-1", "go-2"})
        opened.left(found(place.port, "go-1"))
        await until(lambda: nodes() == {"go-2"})
        assert opened.public() == {("go-greeter", "go-2")}


async def test_a_service_lasts_as_long_as_it_is_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Being heard of for less long than before takes nothing away."""
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.01)
    async with open_place() as place, speaking(place) as opened:
        opened.heard(found(place.port, "go-1"), seconds=60.0)
        opened.heard(found(place.port, "go-1"), seconds=-1.0)
        opened.heard(found(place.port, "go-2", "other"), seconds=1.0, is_public=False)
        assert opened.public() == {("go-greeter", "go-1")}
        await until(lambda: place.node.catalog.lookup("other") is not None)
        await until(lambda: place.node.catalog.lookup("other") is None)
        assert place.node.catalog.lookup("go-greeter") is not None


async def test_what_nodes_say_of_each_other_goes_no_further() -> None:
    """Of several services of another node each is spoken for, and nothing that it has from elsewhere."""
    async with open_place() as place, speaking(place) as opened:
        told = {"protocol": "mucp", OF_NODE: "micro-2"}
        first = Found("one", "1", "micro-2", "127.0.0.1", place.port, told, ENDPOINTS)
        opened.heard(first)
        opened.heard(replace(first, service="two"))
        await until(lambda: all(place.node.catalog.lookup(name) for name in ("one", "two")))
        opened.heard(replace(first, node="micro-3"))
        assert opened.public() == {("one", "micro-2"), ("two", "micro-2")}


async def test_no_name_is_taken_from_another() -> None:
    """Nor one of the node's own."""
    async with open_place() as place, speaking(place) as opened:
        opened.heard(found(place.port, "go-1", "greeter"))
        opened.heard(found(place.port, "go-2", "registry"))
        assert opened.public() == set()
