"""Being a home: who is listened to when many come at the same time."""

from __future__ import annotations

import asyncio
import contextlib

from micro.node.control.backbone import BackboneService, Role
from micro.service.registry.atlas import Atlas
from micro.service.registry.backbone import ANNOUNCE
from micro.service.registry.holder import Holder
from micro.system import SystemEntropy
from micro.trust.identity import nid_of
from tests.unit.service.registry.makings import NOW, chain_of, key_of, map_of, presence_of

NODES = 20
KEEPER = key_of(0)


class StillClock:
    """A clock that stands still."""

    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0.0


async def test_between_two_announcements_everybody_has_a_turn() -> None:
    """However many nodes announce at once, no other link waits for all of them."""
    atlas = Atlas(nid_of(KEEPER.public))
    atlas.take(map_of(KEEPER, [1]).sealed)
    role = Role()
    holder = role.holder = Holder(key_of(1).public, atlas)
    service = BackboneService(role, clock=StillClock(), entropy=SystemEntropy(), parcelled=lambda: None)
    held: list[int] = []

    async def watch() -> None:
        while True:
            held.append(len(holder.presences))
            await asyncio.sleep(0)

    watching = asyncio.ensure_future(watch())
    keys = [key_of(100 + number) for number in range(NODES)]
    bodies = [ANNOUNCE.encode({"presence": presence_of(key, chain_of(1)).sealed}) for key in keys]
    said = [service._announced(holder, key.public, body, None) for key, body in zip(keys, bodies, strict=True)]  # type: ignore[arg-type]
    heard = await asyncio.gather(*said)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching

    assert [each.trouble for each in heard] == [""] * NODES
    assert set(range(NODES)) <= set(held)
