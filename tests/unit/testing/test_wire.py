"""What the simulated wire does to what is sent: losses make it late, and pieces are cut in two."""

from __future__ import annotations

import random

import pytest

from micro.testing import CALM, Weather, World
from micro.testing.loop import VirtualLoop
from micro.testing.trace import Trace
from micro.testing.wire import Wire, WorldPipe
from tests.world.scenes import greeter

PIECES = 1_000


def test_what_is_lost_comes_later() -> None:
    """As often as the weather says, when it was sent again; so later pieces land before it."""
    loop = VirtualLoop()
    rainy = Weather(delay_seconds=0.01, jitter_seconds=0.0, loss=0.25, resend_seconds=1.0)
    wire = Wire(loop, random.Random(1), Trace(), rainy)
    late = [wire.delay(rainy) > 1.0 for _ in range(PIECES)]
    calm = [wire.delay(CALM) > 1.0 for _ in range(PIECES)]
    loop.close()

    assert 0.2 < sum(late) / PIECES < 0.3
    assert not any(calm)


@pytest.mark.parametrize(("split", "is_cut"), [(0.0, False), (1.0, True)])
def test_pieces_are_cut_in_two(split: float, is_cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as the weather says, anywhere in the middle of a frame; what is said arrives all the same."""
    pieces: list[tuple[int, int]] = []
    cross = WorldPipe._cross

    def note(self: WorldPipe) -> None:
        is_one, sent = bool(self._waiting), self._sent
        cross(self)
        if is_one and self._wire.weather is self.weather:
            pieces.append((sent, self._sent))

    monkeypatch.setattr(WorldPipe, "_cross", note)
    World(1, nodes=2, weather=Weather(split=split)).run(talk)
    assert any(after - before > 1 for before, after in pieces) == is_cut


async def talk(world: World) -> None:
    """A call from one node to the other."""
    world.serve("b", greeter())
    await world.sleep(5.0)
    assert await world.client("a").call("greeter", "Say.Hello") == "Hello world"
