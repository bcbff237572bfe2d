"""Wishes that come shortly after each other: how many changes they cost, how long one waits, and what each is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from micro.errors import Conflict, MicroError, TooManyRequests, Unavailable
from micro.node.gathering import APART_SECONDS, GATHER_SECONDS, WISHES_MAX, Gathering
from tests.unit.network.clockwork import loop, run, settle


class Hall:
    """Meets all wishes but those below 0, and writes down which came together, and when."""

    def __init__(self) -> None:
        self.met: list[tuple[float, list[int]]] = []
        self.gathering: Gathering[int] = Gathering(self._meet)

    async def _meet(self, wishes: Sequence[int]) -> Sequence[MicroError | None]:
        self.met.append((loop().time(), list(wishes)))
        if 99 in wishes:
            raise Unavailable("nobody is there")
        return [Conflict("never") if wish < 0 else None for wish in wishes]

    async def wish_later(self, wish: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.gathering.wish(wish)


@pytest.mark.parametrize("apart_seconds", [0.0, 0.04, 0.09])
def test_however_many_come_within_a_second_cost_two_changes_at_most(apart_seconds: float) -> None:
    """Whether they come at once, or one after the other."""

    async def scenario() -> None:
        hall = Hall()
        await asyncio.gather(*(hall.wish_later(number, number * apart_seconds) for number in range(11)))
        assert sorted(number for _, wishes in hall.met for number in wishes) == list(range(11))
        assert len(hall.met) <= 2

    run(scenario())


def test_one_alone_hardly_waits() -> None:
    """Nor does the next one, once the time is over that lies between two changes."""

    async def scenario() -> None:
        hall = Hall()
        for _ in range(2):
            start = loop().time()
            await hall.gathering.wish(1)
            assert loop().time() - start <= GATHER_SECONDS + 0.01 <= 0.25
            await asyncio.sleep(APART_SECONDS)

    run(scenario())


def test_each_is_told_what_became_of_its_own_wish() -> None:
    """What fails as a whole fails for all, and those who come later are met; who has gone is in nobody's way."""

    async def scenario() -> None:
        hall = Hall()
        gone = asyncio.create_task(hall.gathering.wish(3))
        told = asyncio.gather(*(hall.gathering.wish(number) for number in (1, -1, 2)), return_exceptions=True)
        await settle()
        gone.cancel()
        assert [type(each) for each in await told] == [type(None), Conflict, type(None)]
        told = asyncio.gather(*(hall.gathering.wish(number) for number in (1, 99)), return_exceptions=True)
        assert [type(each) for each in await told] == [Unavailable, Unavailable]
        await hall.gathering.wish(4)

    run(scenario())


def test_more_than_may_wait_are_refused() -> None:
    """Whoever waits when the keeper stops waits no longer."""

    async def scenario() -> None:
        hall = Hall()
        waiting = [asyncio.create_task(hall.gathering.wish(number)) for number in range(WISHES_MAX)]
        await settle()
        with pytest.raises(TooManyRequests, match="ask again"):
            await hall.gathering.wish(1)
        hall.gathering.stop()
        await settle()
        assert all(each.cancelled() for each in waiting)

    run(scenario())
