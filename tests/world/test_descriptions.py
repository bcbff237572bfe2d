"""Descriptions of strangers in simulated worlds: what is called is what was announced."""

from __future__ import annotations

from typing import Any

import pytest

from micro.errors import NotFound, Unavailable
from micro.service.registry import announcement
from micro.service.registry.catalog import Catalog
from micro.service.registry.instance import Instance
from micro.service.registry.record import ServiceRecord, SignedRecord, sign_record
from micro.testing import CALM, World
from micro.trust.keys import NodeKey
from tests.world.scenes import greeter
from tests.world.test_networks import backbone_of


def test_what_a_record_does_not_name_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger whose description is another than it announced is asked for nothing, however often one tries."""

    def lie(key: NodeKey, record: ServiceRecord) -> SignedRecord:
        fields = {name: getattr(record, name) for name in record.__slots__}
        return sign_record(key, ServiceRecord(**{**fields, "description_hash": bytes(32)}))

    async def scenario(world: World) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(announcement, "sign_record", lie)
            world.serve("d", greeter())
            await world.settle()
        node = world.machines["c"].node
        assert node is not None
        assert node._outside is not None
        for _ in range(3):
            with pytest.raises((NotFound, Unavailable)):
                await world.client("c").call("greeter", "Say.Hello")
            with pytest.raises(Unavailable, match="not the one that its record names"):
                await world.machines["c"].by_node(node._outside.strangers.look("greeter"))
            assert node.catalog.lookup("greeter") is None

    World(1, nodes=4, supers=2, weather=CALM).run(scenario)


def test_what_is_not_checked_yet_is_not_in_the_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for a moment: a call in it would go to a stranger who has something else than it announced."""
    registered: list[str] = []
    register = Catalog.register

    def lie(key: NodeKey, record: ServiceRecord) -> SignedRecord:
        fields = {name: getattr(record, name) for name in record.__slots__}
        return sign_record(key, ServiceRecord(**{**fields, "description_hash": bytes(32)}))

    async def scenario(world: World) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(announcement, "sign_record", lie)
            world.serve("d", greeter())
            await world.settle()
        node = world.machines["c"].node
        assert node is not None

        def noted(catalog: Catalog, instance: Instance, *details: Any) -> bool:
            if catalog is node.catalog:
                registered.append(instance.service)
            return register(catalog, instance, *details)

        monkeypatch.setattr(Catalog, "register", noted)
        with pytest.raises((NotFound, Unavailable)):
            await world.client("c").call("greeter", "Say.Hello")

    World(1, nodes=4, supers=2, weather=CALM).run(scenario)
    assert registered == []


def test_what_changed_after_it_was_looked_up_is_called() -> None:
    """Whoever still has the record of before looks once more."""

    async def scenario(world: World) -> None:
        world.serve("d", greeter())
        await world.settle()
        offers = await backbone_of(world, "c").offers("greeter")
        world.withdraw("d", "greeter")
        changed = greeter()
        changed.description = "Greets people otherwise."
        world.serve("d", changed)
        while True:
            node = world.machines["d"].node
            assert node is not None
            view = node.catalog.lookup("greeter")
            if view is not None and view.description.hash != offers[0].record.description_hash.hex():
                break
            await world.sleep(0.05)
        assert await world.client("c").call("greeter", "Say.Hello") == "Hello world"

    World(1, nodes=4, supers=2, weather=CALM).run(scenario)
