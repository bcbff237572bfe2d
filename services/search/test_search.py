"""Documents are found by their words, the best first, and always as they are now."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, NotFound, TooManyRequests

RECIPES = {
    "soup": ("Tomato soup", "Cook tomatoes, an onion and basil. Serve hot."),
    "salad": ("Salad", "Cut cold tomatoes. Add basil, oil and salt."),
    "fish": ("Fried fish", "Fry the fish in oil. A soup goes well with it."),
    "crème": ("Crème brûlée", "Cream, sugar, eggs; don't hurry."),
}


@pytest.fixture(autouse=True)
def nothing_in_memory(main: ModuleType) -> None:
    """Each test begins as a new process does."""
    main._indexes.clear()


@pytest.fixture
async def recipes(main: ModuleType, context: Any) -> Any:
    """Keeps some recipes, and returns the context to search them."""
    for id, (title, text) in RECIPES.items():
        await main.add(context, "recipes", id.replace("è", "e"), text, title, {"of": id})
    return context


async def found(main: ModuleType, context: Any, query: str, **options: Any) -> list[str]:
    return [one.id for one in await main.find(context, "recipes", query, **options)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("basil", ["salad", "soup"]),
        ("BASIL", ["salad", "soup"]),
        ("tomato", ["soup", "salad"]),
        ("soup", ["soup", "fish"]),
        ("cooking tomatoes", ["soup"]),
        ("tomato fish", []),
        ("tom*", ["soup", "salad"]),
        ("tom", []),
        ('"cold tomatoes"', ["salad"]),
        ('"tomatoes cold"', []),
        ("tomatoes -onion", ["salad"]),
        ("oil -fish -salad", []),
        ("creme brulee", ["creme"]),
        ("don't", ["creme"]),
        ("basil AND", ["salad", "soup"]),
        ("cut-cold", ["salad"]),
        ("title:soup", []),
        ("soup) OR (basil", []),
        ('sou"p', []),
    ],
)
async def test_documents_are_found_by_words(main: ModuleType, recipes: Any, query: str, expected: list[str]) -> None:
    """All of a query's, in any form; and nothing in it is a command to the engine below."""
    assert sorted(await found(main, recipes, query)) == sorted(expected)


async def test_the_best_comes_first(main: ModuleType, recipes: Any) -> None:
    """A word in the title counts for more; and pages follow each other."""
    best = await main.find(recipes, "recipes", "soup")

    assert [one.id for one in best] == ["soup", "fish"]
    assert best[0].score > best[1].score > 0
    assert [await found(main, recipes, "soup", limit=1, offset=at) for at in (0, 1, 2)] == [["soup"], ["fish"], []]


async def test_a_snippet_shows_the_place(main: ModuleType, context: Any) -> None:
    """Each word that was found is between stars; and what was kept beside the text comes with it."""
    text = "one two three " * 30 + "needle\n\nin the hay \x02 " + "four five six " * 30
    await main.add(context, "recipes", "x", text, "Hay", {"page": 7})
    (one,) = await main.find(context, "recipes", "needle hay")

    assert "*needle* in the *hay*" in one.snippet
    assert (len(one.snippet) < 120, one.snippet.count("*")) == (True, 4)
    assert (one.title, one.data, one.snippet[0], "\x02" in one.snippet) == ("Hay", {"page": 7}, "…", False)


async def test_a_document_is_replaced(main: ModuleType, recipes: Any) -> None:
    """It is found by its new words only, and kept once."""
    before = await found(main, recipes, "onion")
    await main.add(recipes, "recipes", "soup", "Cook lentils.", "Lentil soup")

    assert (before, await found(main, recipes, "onion")) == (["soup"], [])
    assert (await found(main, recipes, "lentils"), await main.count(recipes, "recipes")) == (["soup"], 4)
    assert (await main.read(recipes, "recipes", "soup")).text == "Cook lentils."
    assert len(await recipes.store.list(table=main.DOCUMENTS)) == 4


async def test_a_document_is_deleted(main: ModuleType, recipes: Any) -> None:
    """It is not found any more, and cannot be deleted again."""
    before = await found(main, recipes, "basil")

    assert [await main.delete(recipes, "recipes", "soup") for _ in range(2)] == [True, False]
    assert (sorted(before), await found(main, recipes, "basil")) == (["salad", "soup"], ["salad"])
    with pytest.raises(NotFound, match="search query --index recipes"):
        await main.read(recipes, "recipes", "soup")


async def test_what_another_process_changed_is_seen(main: ModuleType, recipes: Any) -> None:
    """The store has the truth: what is in memory follows it, each way."""
    await found(main, recipes, "soup")
    ours = main._indexes.copy()
    main._indexes.clear()
    await main.add(recipes, "recipes", "stew", "A stew with beans.")
    await main.add(recipes, "recipes", "soup", "No longer hot.")
    await main.delete(recipes, "recipes", "fish")
    main._indexes.update(ours)

    assert [await found(main, recipes, query) for query in ("beans", "onion", "fish")] == [["stew"], [], []]


async def test_a_crash_while_adding_leaves_one(main: ModuleType, recipes: Any) -> None:
    """The older self was not deleted yet: only the newer is found."""
    await recipes.store.write("recipes/soup/0", b"{}", table=main.VERSIONS)

    assert (await found(main, recipes, "onion"), await main.count(recipes, "recipes")) == (["soup"], 4)
    await main.delete(recipes, "recipes", "soup")
    assert await main.count(recipes, "recipes") == 3


async def test_few_indexes_are_in_memory(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that gave way are found again."""
    monkeypatch.setattr(main, "IN_MEMORY_MAX", 2)
    for index in "abcd":
        await main.add(context, index, "x", f"word {index}")
    for index in "abcda":
        assert [one.id for one in await main.find(context, index, index)] == ["x"]

    assert len(main._indexes) == 2


async def test_large_indexes_give_way(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few they are; what was deleted counts no more."""
    monkeypatch.setattr(main, "IN_MEMORY_BYTES_MAX", 3000)
    for index in "abc":
        await main.add(context, index, "x", f"word {index * 2000}")
        await main.find(context, index, "word")
    assert [place[-1] for place in main._indexes] == ["b", "c"]

    for index in "bc":
        await main.add(context, index, "x", "word")
    for index in "bca":
        assert [one.id for one in await main.find(context, index, "word")] == ["x"]
    assert [place[-1] for place in main._indexes] == ["b", "c", "a"]


async def test_indexes_are_listed_and_dropped(main: ModuleType, recipes: Any) -> None:
    """With all their documents, and nothing of others."""
    await main.add(recipes, "recipes-2", "x", "word")

    assert await main.indexes(recipes) == ["recipes", "recipes-2"]
    assert [await main.drop(recipes, "recipes") for _ in range(2)] == [True, False]
    with pytest.raises(NotFound, match="search indexes"):
        await found(main, recipes, "soup")
    assert (await main.count(recipes, "recipes"), await main.count(recipes, "recipes-2")) == (0, 1)


async def test_callers_have_their_own(main: ModuleType, recipes: Any, stranger: Any) -> None:
    """An index of the same name is another, in memory too."""
    await found(main, recipes, "soup")
    await main.add(stranger, "recipes", "mine", "A soup.")

    assert await found(main, stranger, "soup") == ["mine"]
    assert await found(main, recipes, "soup") == ["soup", "fish"]


async def test_documents_that_are_added_at_once_are_all_found(main: ModuleType, context: Any) -> None:
    """More of them than are read at once."""
    await asyncio.gather(*(main.add(context, "recipes", f"d{n}", f"word number{n}") for n in range(50)))

    assert len(await found(main, context, "word", limit=100)) == 50
    assert await found(main, context, "number7") == ["d7"]


@pytest.mark.parametrize("query", ["", "  ", "-word", "***", '""', "'", "x" * 501])
async def test_a_query_has_a_word(main: ModuleType, recipes: Any, query: str) -> None:
    """The fault says so."""
    with pytest.raises(BadRequest, match="query: expected"):
        await main.find(recipes, "recipes", query)


@pytest.mark.parametrize(
    "fields",
    [
        {"index": ""},
        {"index": "a/b"},
        {"index": "x" * 61},
        {"id": ""},
        {"id": "a/b"},
        {"id": "x" * 101},
        {"text": "  "},
        {"text": "x" * 50_001},
        {"title": "x" * 301},
        {"title": "a\nb"},
        {"data": "x" * 4096},
    ],
)
async def test_a_document_is_bounded(main: ModuleType, context: Any, fields: dict[str, Any]) -> None:
    """The fault names the field, and nothing is kept."""
    with pytest.raises(BadRequest, match=rf"^{next(iter(fields))}: expected"):
        await main.add(context, **({"index": "i", "id": "x", "text": "word"} | fields))

    assert await main.indexes(context) == []


async def test_what_is_kept_is_bounded(main: ModuleType, recipes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents and indexes; those there are can still be replaced."""
    monkeypatch.setattr(main, "DOCUMENTS_MAX", 4)
    monkeypatch.setattr(main, "INDEXES_MAX", 1)
    await main.add(recipes, "recipes", "soup", "word")
    with pytest.raises(TooManyRequests, match="delete some"):
        await main.add(recipes, "recipes", "more", "word")
    with pytest.raises(TooManyRequests, match="drop one"):
        await main.add(recipes, "more", "x", "word")


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])


async def test_documents_at_once_are_counted(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many that come at the same moment are no more than may be, and one that is refused leaves nothing."""
    monkeypatch.setattr(main, "DOCUMENTS_MAX", 4)
    tried = await asyncio.gather(
        *(main.add(context, "recipes", f"d{number}", "word") for number in range(9)), return_exceptions=True
    )

    assert [type(one) for one in tried].count(TooManyRequests) == 5
    assert len(await context.store.list("recipes/", table=main.DOCUMENTS)) == 4
