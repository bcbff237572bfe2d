"""A house with a door for each module of tests, and its memory emptied for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.unit.doors.api.house import House, Seen, open_house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[House]:
    """Opens the house."""
    async with open_house() as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(running: House) -> House:
    """Returns the house as if nobody had been there."""
    running.seen.__dict__.update(Seen().__dict__)
    running.broken.clear()
    return running
