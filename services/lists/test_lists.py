"""Lists keep things, tick them off and let them go."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, NotFound, TooManyRequests


async def fill(main: ModuleType, context: Any, name: str, *texts: str) -> list[Any]:
    items = []
    for text in texts:
        items.append(await main.add(context, name, text))
        await asyncio.sleep(0.002)
    return items


async def shown(main: ModuleType, context: Any, name: str, **options: Any) -> list[str]:
    return [item.text for item in await main.show(context, name, **options)]


async def test_what_is_added_is_shown(main: ModuleType, context: Any) -> None:
    """In order."""
    await fill(main, context, "shopping", "Milk", "Bread", "  Honey ")

    assert await shown(main, context, "shopping") == ["Milk", "Bread", "Honey"]


async def test_what_is_done_is_ticked(main: ModuleType, context: Any) -> None:
    """And can be left out, or put back."""
    milk, _ = await fill(main, context, "shopping", "Milk", "Bread")
    await main.tick(context, "shopping", milk.id)
    left = await shown(main, context, "shopping", open_only=True)
    await main.tick(context, "shopping", milk.id, done=False)

    assert (left, await shown(main, context, "shopping", open_only=True)) == (["Bread"], ["Milk", "Bread"])


async def test_what_is_removed_is_gone(main: ModuleType, context: Any) -> None:
    """And cannot be removed again."""
    milk, _ = await fill(main, context, "shopping", "Milk", "Bread")

    assert [await main.remove(context, "shopping", milk.id) for _ in range(2)] == [True, False]
    assert await shown(main, context, "shopping") == ["Bread"]


async def test_what_is_done_can_be_cleared(main: ModuleType, context: Any) -> None:
    """The rest stays."""
    milk, _, honey = await fill(main, context, "shopping", "Milk", "Bread", "Honey")
    for item in (milk, honey):
        await main.tick(context, "shopping", item.id)

    assert (await main.clear(context, "shopping"), await shown(main, context, "shopping")) == (2, ["Bread"])


async def test_a_list_can_be_dropped(main: ModuleType, context: Any) -> None:
    """With all that is on it, and nothing that is on others."""
    await fill(main, context, "a", "1", "2")
    await fill(main, context, "a b", "3")

    assert [await main.drop(context, "a"), await main.drop(context, "a")] == [True, False]
    assert (await main.names(context), await shown(main, context, "a b")) == (["a b"], ["3"])
    assert len(await context.store.list(table="items")) == 1


@pytest.mark.parametrize("name", ["einkauf für Zürich", "a/b", "100 %", "..", "日本", "a%2Fb", "🚀" * 59])
async def test_a_list_may_have_any_name(main: ModuleType, context: Any, name: str) -> None:
    """It is the same list next time, and no other."""
    await fill(main, context, name, "x")
    await fill(main, context, name + "2", "y")

    assert (name in await main.names(context), await shown(main, context, name)) == (True, ["x"])


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb", "\x1b[2J"])
async def test_a_name_is_bounded(main: ModuleType, context: Any, name: str) -> None:
    """The fault says what is allowed."""
    with pytest.raises(BadRequest, match="name: expected"):
        await main.add(context, name, "x")


@pytest.mark.parametrize("text", ["", "  ", "x" * 1001])
async def test_a_thing_is_bounded(main: ModuleType, context: Any, text: str) -> None:
    """And no list is made for one that is refused."""
    with pytest.raises(BadRequest, match="text: expected"):
        await main.add(context, "shopping", text)

    assert await main.names(context) == []


async def test_an_unknown_list_is_not_found(main: ModuleType, context: Any) -> None:
    """The fault says where to look."""
    with pytest.raises(NotFound, match="lists names"):
        await main.show(context, "nothing")


@pytest.mark.parametrize("id", ["", "x", "0" * 20, "../x"])
async def test_an_unknown_thing_is_not_found(main: ModuleType, context: Any, id: str) -> None:
    """The fault says where to look."""
    await fill(main, context, "shopping", "Milk")
    with pytest.raises(NotFound, match="lists show"):
        await main.tick(context, "shopping", id)


async def test_the_number_of_lists_is_bounded(main: ModuleType, context: Any) -> None:
    """Those there are can still grow."""
    for number in range(main.LISTS_MAX):
        await context.store.write(f"list {number}/", b"", table="names")
    await main.add(context, "list 0", "y")
    with pytest.raises(TooManyRequests, match="drop one"):
        await main.add(context, "one more", "x")


async def test_the_length_of_a_list_is_bounded(main: ModuleType, context: Any) -> None:
    """One list cannot fill the store."""
    await main.add(context, "long", "x")
    keys = [f"long/{number:020x}" for number in range(main.ITEMS_MAX - 1)]
    await asyncio.gather(*(context.store.write(key, b"{}", table="items") for key in keys))
    with pytest.raises(TooManyRequests, match="remove some"):
        await main.add(context, "long", "x")


async def test_two_who_tick_at_once_do_not_disturb_each_other(main: ModuleType, context: Any) -> None:
    """Every item is a thing of its own."""
    items = await fill(main, context, "shopping", *"abcdef")
    await asyncio.gather(*(main.tick(context, "shopping", item.id) for item in items))

    assert all(item.done for item in await main.show(context, "shopping"))


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
