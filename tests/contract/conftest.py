"""A broker of each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.house import ENGINES, House


@pytest.fixture(params=ENGINES)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    house = House(ENGINES[request.param], tmp_path)
    await house.broker.start()
    yield house
    await house.broker.stop()
