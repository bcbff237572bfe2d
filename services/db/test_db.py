"""Records are kept, changed and found by what a query asks for."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, Conflict, NotFound, TooLarge, TooManyRequests

PEOPLE: dict[str, dict[str, Any]] = {
    "ann": {"name": "Ann", "age": 36, "address": {"city": "Rome"}, "tags": ["a", "b"], "active": True},
    "bea": {"name": "Bea", "age": 17, "address": {"city": "Oslo"}, "tags": [], "active": False},
    "cleo": {"name": "Cleo", "age": 36.5, "address": None, "nick": 'the "cat"'},
    "dan": {"name": "dan", "age": "old", "tags": [1]},
}


@pytest.fixture
async def people(main: ModuleType, context: Any) -> Any:
    """Keeps some people, and returns the context to ask for them."""
    for id, record in PEOPLE.items():
        await main.create(context, "people", record, id)
    return context


async def found(main: ModuleType, context: Any, query: str = "", **options: Any) -> list[str]:
    return [record["id"] for record in await main.find(context, "people", query, **options)]


async def test_what_was_created_is_read(main: ModuleType, context: Any) -> None:
    """With an id, which is made where none is given."""
    made = await main.create(context, "people", {"name": "Ann", "age": 36})
    named = await main.create(context, "people", {"id": "bea", "name": "Bea"})

    assert await main.read(context, "people", made) == {"id": made, "name": "Ann", "age": 36}
    assert (named, await main.read(context, "people", "bea")) == ("bea", {"id": "bea", "name": "Bea"})


async def test_an_id_may_be_a_number(main: ModuleType, context: Any) -> None:
    """As other programs number their records; 0 is one, and null is none."""
    assert [await main.create(context, "t", {"id": number}) for number in (7, 0)] == ["7", "0"]
    assert len(await main.create(context, "t", {"id": None, "x": 1})) == 24
    assert await main.update(context, "t", "7", {"id": 7, "x": 2}) == {"id": "7", "x": 2}


async def test_ids_are_in_the_order_of_time(main: ModuleType, context: Any) -> None:
    """So that a table lists records as they were made."""
    ids = [await main.create(context, "people", {}) for _ in range(10)]

    assert await found(main, context) == ids


async def test_a_record_is_not_overwritten(main: ModuleType, people: Any) -> None:
    """Even by many who create it at once."""
    with pytest.raises(Conflict, match="db update"):
        await main.create(people, "people", {}, "ann")
    tried = await asyncio.gather(*(main.create(people, "people", {}, "eve") for _ in range(5)), return_exceptions=True)

    assert [type(one) for one in tried].count(Conflict) == 4


async def test_updates_of_two_generations_are_all_kept(
    main: ModuleType, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though neither knows what the other holds."""
    monkeypatch.setattr(main, "_lock", lambda context, name: asyncio.Lock())
    await asyncio.gather(*(main.update(people, "people", "ann", {f"field{n}": n}) for n in range(4)))

    assert {f"field{n}": n for n in range(4)}.items() <= (await main.read(people, "people", "ann")).items()


async def test_two_generations_create_a_record_once(
    main: ModuleType, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though neither knows what the other holds."""
    monkeypatch.setattr(main, "_lock", lambda context, name: asyncio.Lock())
    tried = await asyncio.gather(
        *(main.create(people, "people", {"n": number}, "eve") for number in range(5)), return_exceptions=True
    )

    first = next(number for number, one in enumerate(tried) if one == "eve")
    assert [type(one) for one in tried].count(Conflict) == 4
    assert (await main.read(people, "people", "eve"))["n"] == first


async def test_an_update_leaves_the_rest(main: ModuleType, people: Any) -> None:
    """Unless it is to replace all."""
    changed = await main.update(people, "people", "bea", {"age": 18})
    replaced = await main.update(people, "people", "ann", {"age": 37}, replace=True)

    assert changed == {"id": "bea"} | PEOPLE["bea"] | {"age": 18} == await main.read(people, "people", "bea")
    assert replaced == {"id": "ann", "age": 37}


async def test_updates_at_once_are_all_kept(main: ModuleType, people: Any) -> None:
    """Neither undoes the other."""
    await asyncio.gather(*(main.update(people, "people", "ann", {f"field{n}": n}) for n in range(10)))

    assert {f"field{n}" for n in range(10)} <= set(await main.read(people, "people", "ann"))


async def test_what_is_deleted_is_gone(main: ModuleType, people: Any) -> None:
    """And cannot be deleted again."""
    assert [await main.delete(people, "people", "ann") for _ in range(2)] == [True, False]
    for ask in (main.read(people, "people", "ann"), main.update(people, "people", "ann", {})):
        with pytest.raises(NotFound, match="db find --table people"):
            await ask


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "ann bea cleo dan"),
        ('name == "Ann"', "ann"),
        ("name = 'Ann'", "ann"),
        ('name != "Ann"', "bea cleo dan"),
        ("age > 17", "ann cleo"),
        ("age >= 17 and age < 36.5", "ann bea"),
        ('age == "old"', "dan"),
        ('age >= "a"', "dan"),
        ("age <= 36.5", "ann bea cleo"),
        ('address.city == "Rome"', "ann"),
        ("address == null", "cleo dan"),
        ("address.city != null", "ann bea"),
        ("active == true", "ann"),
        ("active == 1", ""),
        ("not active == true", "bea cleo dan"),
        ('tags contains "a"', "ann"),
        ("tags contains true", ""),
        ('name contains "A"', "ann bea dan"),
        ('nick == "the \\"cat\\""', "cleo"),
        ('id == "ann" or id == "dan"', "ann dan"),
        ('id == "ann" or id == "bea" and age == 17', "ann bea"),
        ('(id == "ann" or id == "bea") and age == 17', "bea"),
        ('NOT (id == "ann" OR id == "bea") AND not id == "cleo"', "dan"),
        ("age == -1", ""),
        ("nothing.at.all > 1", ""),
    ],
)
async def test_a_query_finds_what_it_says(main: ModuleType, people: Any, query: str, expected: str) -> None:
    """And count counts the same."""
    assert await found(main, people, query) == expected.split()
    assert await main.count(people, "people", query) == len(expected.split())


@pytest.mark.parametrize(
    "query",
    [
        "age",
        "age >",
        "age > 1 and",
        "age > 1 age < 2",
        "(age > 1",
        "age > 1)",
        "age > x",
        "age ~ 1",
        '"age" == 1',
        'name == "Ann',
        "; drop table people",
        "(" * 100 + "age > 1",
        "not " * 400 + "age > 1",
        "x" * 3000,
    ],
)
async def test_what_is_no_query_is_refused(main: ModuleType, people: Any, query: str) -> None:
    """The fault shows where it stops being one."""
    with pytest.raises(BadRequest, match=r"^query: expected"):
        await main.find(people, "people", query)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"order_by": "age"}, "bea ann cleo dan"),
        ({"order_by": "age", "descending": True}, "dan cleo ann bea"),
        ({"order_by": "address.city"}, "cleo dan bea ann"),
        ({"order_by": "tags"}, "cleo ann bea dan"),
        ({"descending": True}, "dan cleo bea ann"),
        ({"limit": 2, "offset": 1}, "bea cleo"),
        ({"offset": 9}, ""),
    ],
)
async def test_records_are_ordered(main: ModuleType, people: Any, options: dict[str, Any], expected: str) -> None:
    """Values of different kinds too; and page by page."""
    assert await found(main, people, **options) == expected.split()


async def test_tables_are_listed_and_dropped(main: ModuleType, people: Any) -> None:
    """With all their records, and nothing of others."""
    await main.create(people, "people2", {"a": 1}, "x")

    assert await main.tables(people) == ["people", "people2"]
    assert [await main.drop(people, "people") for _ in range(2)] == [True, False]
    with pytest.raises(NotFound, match="db tables"):
        await main.find(people, "people")
    assert await main.count(people, "people2") == 1


async def test_callers_have_their_own(main: ModuleType, people: Any, stranger: Any) -> None:
    """A table of the same name is another."""
    assert await main.tables(stranger) == []
    with pytest.raises(NotFound):
        await main.read(stranger, "people", "ann")


async def test_large_tables_are_found_too(main: ModuleType, context: Any) -> None:
    """Where records are large, the store lists few of them at once."""
    await asyncio.gather(*(main.create(context, "people", {"text": "x" * 30_000}) for _ in range(150)))

    assert len(await context.store.list(limit=1000, table=main.RECORDS)) < 150
    assert await main.count(context, "people") == 150


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        ("create", {"table": "", "record": {}}),
        ("create", {"table": "a/b", "record": {}}),
        ("create", {"table": "x" * 61, "record": {}}),
        ("create", {"table": "t", "record": {}, "id": "a/b"}),
        ("create", {"table": "t", "record": {}, "id": "x" * 101}),
        ("create", {"table": "t", "record": {"id": "b"}, "id": "a"}),
        ("create", {"table": "t", "record": {"id": True}}),
        ("create", {"table": "t", "record": {"id": ["a"]}}),
        ("find", {"table": "t", "limit": 0}),
        ("find", {"table": "t", "limit": 1001}),
        ("find", {"table": "t", "offset": -1}),
        ("read", {"table": "t", "id": ""}),
    ],
)
async def test_what_is_asked_is_bounded(main: ModuleType, context: Any, endpoint: str, fields: dict[str, Any]) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match=r"^(table|record|id|limit|offset): "):
        await getattr(main, endpoint)(context, **fields)


async def test_what_is_kept_is_bounded(main: ModuleType, people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables, records, and the size of one."""
    monkeypatch.setattr(main, "TABLES_MAX", 1)
    monkeypatch.setattr(main, "RECORDS_MAX", 4)
    with pytest.raises(TooManyRequests, match="drop one"):
        await main.create(people, "more", {})
    with pytest.raises(TooManyRequests, match="delete some"):
        await main.create(people, "people", {})
    with pytest.raises(TooLarge, match="record: "):
        await main.update(people, "people", "ann", {"text": "x" * main.RECORD_BYTES_MAX})

    assert await main.read(people, "people", "ann") == {"id": "ann"} | PEOPLE["ann"]


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
