"""What one super node that keeps silent, or makes things up, changes for those who ask: nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from micro.service.registry.shards import Found
from tests.contract.test_backbone import finds, found, holder_of
from tests.contract.town import Town, TownNode

LOOKS = 20
"""So often is asked: each time chance chooses whom first."""


def spoil(node: TownNode, patch: pytest.MonkeyPatch, told: Any) -> list[str]:
    """Has a super node tell something else than it holds; returns the names that it is asked for."""
    shards = holder_of(node).shards
    before, asked = shards.find, list[str]()

    def find(name: str, **options: Any) -> Found:
        asked.append(name)
        return Found(tuple(told(before(name, **options).sealed)), 1)

    patch.setattr(shards, "find", find)
    return asked


def test_what_one_super_node_keeps_back_another_shows(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two nodes that offer a name one super node shows one only; whoever asks finds both, every time."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, eve, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12, 13)]
        ann.serve("greeter")
        eve.serve("greeter")
        await finds(bob, "greeter", [ann.nid, eve.nid])

        def some(sealed: Sequence[bytes]) -> Sequence[bytes]:
            return sealed[:1]

        asked = spoil(supers[1], monkeypatch, some)
        for _ in range(LOOKS):
            assert sorted(await found(bob, "greeter")) == sorted([ann.nid, eve.nid])
        assert asked

    play(scenario)


def test_whoever_passed_on_a_forgery_is_asked_last(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that its node never signed costs the super node that sent it its turn; the others answer."""

    async def scenario(town: Town) -> None:
        supers = await town.supers(3)
        ann, bob = [await town.start(number, ticket=supers[0].ticket().encode()) for number in (11, 12)]
        ann.serve("greeter")
        await finds(bob, "greeter", [ann.nid])

        def forged(sealed: Sequence[bytes]) -> list[bytes]:
            return [bytes(64) + one[64:] for one in sealed]

        asked = spoil(supers[1], monkeypatch, forged)
        for _ in range(LOOKS):
            assert await found(bob, "greeter") == [ann.nid]
        assert len(asked) == 1

    play(scenario)
