"""Notes are kept, changed, found and deleted."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, NotFound, TooManyRequests


async def test_what_was_written_is_read(main: ModuleType, context: Any) -> None:
    """All of it."""
    made = await main.create(context, "Shopping", "Milk.", ["home"])
    note = await main.read(context, made.id)

    assert (note.title, note.text, note.tags, note.created == note.updated) == ("Shopping", "Milk.", ["home"], True)


async def test_a_change_leaves_the_rest(main: ModuleType, context: Any) -> None:
    """What is not given stays, and the change is dated."""
    made = await main.create(context, "Shopping", "Milk.", ["home"])
    await asyncio.sleep(0.002)
    note = await main.update(context, made.id, text="Honey.")

    assert (note.title, note.text, note.tags, note.created) == ("Shopping", "Honey.", ["home"], made.created)
    assert note.updated > note.created
    assert await main.read(context, made.id) == note


async def test_a_text_can_be_emptied(main: ModuleType, context: Any) -> None:
    """Nothing and no change are different things."""
    made = await main.create(context, "Shopping", "Milk.", ["home"])
    note = await main.update(context, made.id, text="", tags=[])

    assert (note.text, note.tags) == ("", [])


async def test_changes_at_once_are_all_kept(main: ModuleType, context: Any) -> None:
    """Neither undoes the other."""
    made = await main.create(context, "a")
    await asyncio.gather(main.update(context, made.id, text="text"), main.update(context, made.id, title="title"))
    note = await main.read(context, made.id)

    assert (note.title, note.text) == ("title", "text")


async def test_a_deleted_note_is_gone(main: ModuleType, context: Any) -> None:
    """And cannot be deleted again."""
    made = await main.create(context, "Shopping")

    assert [await main.delete(context, made.id), await main.delete(context, made.id)] == [True, False]
    with pytest.raises(NotFound, match="notes list"):
        await main.read(context, made.id)


@pytest.mark.parametrize("id", ["", "x", "../../key", "0" * 28])
async def test_an_unknown_note_is_not_found(main: ModuleType, context: Any, id: str) -> None:
    """Whatever its id looks like."""
    with pytest.raises(NotFound):
        await main.update(context, id, text="x")


async def test_notes_are_listed_page_by_page(main: ModuleType, context: Any) -> None:
    """In the order in which they were made."""
    for number in range(5):
        await main.create(context, f"note {number}")
        await asyncio.sleep(0.002)
    titles = [[note.title for note in await main.list_notes(context, limit=2, offset=offset)] for offset in (0, 2, 4)]

    assert titles == [["note 0", "note 1"], ["note 2", "note 3"], ["note 4"]]


async def test_notes_are_listed_by_tag(main: ModuleType, context: Any) -> None:
    """Only those that bear it."""
    await main.create(context, "a", tags=["home"])
    await main.create(context, "b", tags=["work"])

    assert [note.title for note in await main.list_notes(context, tag="work")] == ["b"]


@pytest.mark.parametrize(
    ("query", "expected"), [("milk", ["a"]), ("MILK bread", ["a"]), ("work", ["b"]), ("milk work", [])]
)
async def test_notes_are_found(main: ModuleType, context: Any, query: str, expected: list[str]) -> None:
    """By all words of a query, wherever they stand."""
    await main.create(context, "a", "Milk, bread.")
    await main.create(context, "b", "Nothing.", ["work"])

    assert [found.title for found in await main.search(context, query)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("short", "short"), ("x " * 100 + "word " + "y " * 100, "…x x x x x x x x x x x x x word y y"), ("", "")],
)
def test_a_snippet_shows_the_place(main: ModuleType, text: str, expected: str) -> None:
    """With a little of what is around it."""
    assert main.snippet(text, "word").startswith(expected)
    assert len(main.snippet(text, "word")) <= 82


@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""},
        {"title": "  "},
        {"title": "a\nb"},
        {"title": "x" * 201},
        {"title": "a", "text": "x" * 50_001},
        {"title": "a", "tags": ["x"] * 17},
        {"title": "a", "tags": [""]},
        {"title": "a", "tags": ["x" * 41]},
    ],
)
async def test_a_note_is_bounded(main: ModuleType, context: Any, fields: dict[str, Any]) -> None:
    """The fault names the field, and nothing is kept."""
    with pytest.raises(BadRequest, match=r"^(title|text|tags): expected"):
        await main.create(context, **fields)

    assert await main.list_notes(context) == []


async def test_the_number_of_notes_is_bounded(main: ModuleType, context: Any) -> None:
    """One caller cannot fill the store."""
    keys = [f"{number:028x}" for number in range(main.NOTES_MAX)]
    await asyncio.gather(*(context.store.write(key, b"{}", table="notes") for key in keys))
    with pytest.raises(TooManyRequests, match="delete one"):
        await main.create(context, "one more")


async def test_long_notes_are_found_too(main: ModuleType, context: Any) -> None:
    """Where notes are long, the store lists few of them at once."""
    long = "milk " * 10_000
    await asyncio.gather(*(main.create(context, f"note {number}", long) for number in range(100)))

    assert len(await context.store.list(limit=1000, table="notes")) < 100
    assert len(await main.search(context, "milk", limit=100)) == 100
    assert len(await main.list_notes(context, limit=10, offset=95)) == 5


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (101, 0), (1, -1), (1, 1001)])
async def test_a_page_is_bounded(main: ModuleType, context: Any, limit: int, offset: int) -> None:
    """The fault says what is allowed."""
    with pytest.raises(BadRequest, match=r"expected [01] to"):
        await main.list_notes(context, limit=limit, offset=offset)


async def test_a_search_needs_a_word(main: ModuleType, context: Any) -> None:
    """Everything is what the list is for."""
    with pytest.raises(BadRequest, match="query"):
        await main.search(context, "  ")


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])


async def test_a_limit_holds_however_many_come_at_once(
    main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody slips in between counting and writing."""
    monkeypatch.setattr(main, "NOTES_MAX", 5)
    made = await asyncio.gather(*(main.create(context, f"note {n}") for n in range(20)), return_exceptions=True)

    assert sum(isinstance(one, main.Note) for one in made) == 5
    assert sum(isinstance(one, TooManyRequests) for one in made) == 15
