"""The greeter greets."""

from __future__ import annotations

from types import ModuleType

import pytest

from micro.errors import BadRequest


@pytest.mark.parametrize(("arguments", "greeting"), [({}, "Hello world"), ({"name": "Ann"}, "Hello Ann")])
async def test_it_greets(main: ModuleType, arguments: dict[str, str], greeting: str) -> None:
    """By name, or the world."""
    assert await main.hello(**arguments) == greeting


async def test_it_greets_again_and_again(main: ModuleType) -> None:
    """As a stream that ends."""
    assert [text async for text in main.repeat("Ann", 2)] == ["Hello Ann, 1 of 2", "Hello Ann, 2 of 2"]


@pytest.mark.parametrize("count", [-1, 1001])
async def test_it_does_not_greet_for_ever(main: ModuleType, count: int) -> None:
    """The number of greetings is bounded."""
    with pytest.raises(BadRequest, match="count"):
        await anext(main.repeat("Ann", count))


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    endpoints = main.service.describe()["endpoints"]

    assert [endpoint["name"] for endpoint in endpoints] == ["Helloworld.Hello", "Helloworld.Repeat"]
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in endpoints)
