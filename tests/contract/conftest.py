"""A broker of each engine, and towns of nodes to play in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.contract.house import ENGINES, House
from tests.contract.town import Town
from tests.unit.network.clockwork import run

Scenario = Callable[[Town], Awaitable[None]]


@pytest.fixture(params=ENGINES)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    house = House(ENGINES[request.param], tmp_path)
    await house.broker.start()
    yield house
    await house.broker.stop()


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scenario], None]:
    """Returns a function that plays a scenario in a town of its own."""

    def go(scenario: Scenario) -> None:
        async def whole() -> None:
            town = Town(tmp_path)
            try:
                await scenario(town)
            finally:
                await town.close()

        run(whole())

    return go
