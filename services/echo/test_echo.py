"""The echo gives back what it gets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, NotFound


async def texts(*said: str) -> AsyncIterator[str]:
    for text in said:
        yield text


@pytest.mark.parametrize("value", [None, 1, "x", [1, {"a": [True]}]])
async def test_values_come_back(main: ModuleType, value: Any) -> None:
    """As they went."""
    assert await main.value(value) == value


async def test_text_and_bytes_come_back(main: ModuleType) -> None:
    """Also what is no text."""
    assert (await main.say("Größe"), await main.data(b"\x00\xff")) == ("Größe", b"\x00\xff")


async def test_a_stream_comes_back(main: ModuleType) -> None:
    """One by one and in order."""
    assert [text async for text in main.stream(texts("a", "b", ""))] == ["a", "b", ""]


async def test_it_may_take_its_time(main: ModuleType) -> None:
    """And answers all the same."""
    assert await main.later("x", 0.001) == "x"


@pytest.mark.parametrize("seconds", [-1.0, 61.0, float("nan")])
async def test_its_time_is_bounded(main: ModuleType, seconds: float) -> None:
    """Nobody keeps it busy for ever."""
    with pytest.raises(BadRequest, match="seconds"):
        await main.later("x", seconds)


async def test_it_fails_as_wished(main: ModuleType) -> None:
    """With the code and the detail asked for."""
    with pytest.raises(NotFound, match="gone"):
        await main.fail(404, "gone")


async def test_it_fails_only_with_codes_that_exist(main: ModuleType) -> None:
    """A code nobody knows is a mistake of the caller."""
    with pytest.raises(BadRequest, match="418"):
        await main.fail(418)


async def test_it_tells_who_calls(main: ModuleType, context: Any) -> None:
    """As the node proved it."""
    assert await main.caller(context) == main.Caller(nid="b" + "a" * 55, service="", owner=True, tier=0)


async def test_it_tells_the_headers(main: ModuleType, context: Any) -> None:
    """All of them."""
    assert await main.headers(context) == {"Micro-Id": "7"}


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description."""
    assert all(endpoint["description"] for endpoint in main.service.describe()["endpoints"])
