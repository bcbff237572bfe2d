"""Quotations come with their sources, the same one for everybody on a day."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from micro.errors import BadRequest, NotFound

Call = Callable[..., Any]


def test_every_quotation_has_a_source() -> None:
    """Five columns, a year, subjects in small letters, and no quotation twice."""
    rows = [line.split("\t") for line in Path(__file__).with_name("quotes.tsv").read_text().splitlines()]

    assert len(rows) > 130
    for said, author, source, year, subjects in rows:
        assert said == said.strip()
        assert author
        assert source
        assert -600 < int(year) < 1930
        assert subjects == subjects.lower()
    assert len({row[0] for row in rows}) == len(rows)


def test_chance_finds_one_of_them(call: Call) -> None:
    """By any part of an author's name, and about a subject."""
    found = call("Quote.Random", author="WILDE", subject="hope")

    assert found == {
        "text": "We are all in the gutter, but some of us are looking at the stars.",
        "author": "Oscar Wilde",
        "source": "Lady Windermere’s Fan, act 3",
        "year": "1892",
        "subjects": ["hope"],
    }
    assert call("Quote.Random", author="bronte")["author"].endswith("Brontë")
    assert len({call("Quote.Random")["text"] for _ in range(10)}) > 1


def test_a_day_has_one_for_everybody(call: Call) -> None:
    """Tomorrow it is another one."""
    week = [call("Quote.Day", date=f"2026-11-{day}")["text"] for day in range(20, 27)]

    assert week == [call("Quote.Day", date=f"2026-11-{day}")["text"] for day in range(20, 27)]
    assert len(set(week)) > 3
    assert call("Quote.Day")["date"] >= "2026-01-01"


def test_words_find_quotations(call: Call) -> None:
    """All of the words, whatever the apostrophe."""
    assert [one["author"] for one in call("Quote.Search", text="giants shoulders")["quotes"]] == ["Isaac Newton"]
    assert call("Quote.Search", text="world's")["quotes"] == call("Quote.Search", text="WORLD’S")["quotes"]
    found = call("Quote.Search", text="the", limit=3)
    assert len(found["quotes"]) == 3
    assert found["count"] > 20
    assert call("Quote.Search", text="teleprompter") == {"quotes": [], "count": 0}


def test_authors_and_subjects_are_listed(call: Call) -> None:
    """With how many there are of each."""
    authors = {one["name"]: one["count"] for one in call("Quote.Authors")["authors"]}
    assert authors["William Shakespeare"] >= 10
    assert list(authors) == sorted(authors)
    subjects = [one["name"] for one in call("Quote.Subjects")["subjects"]]
    assert "science" in subjects
    assert call("Quote.Random", subject="science")["subjects"]


@pytest.mark.parametrize(
    ("endpoint", "fields", "message"),
    [
        ("Quote.Day", {"date": "2026-02-30"}, "date: expected a day"),
        ("Quote.Day", {"date": "today"}, "date: expected a day"),
        ("Quote.Day", {"date": "2026-01-01T00:00"}, "date: expected a day"),
        ("Quote.Search", {"text": "?"}, "text: expected a word"),
        ("Quote.Search", {"text": "x" * 101}, "at most 100 characters"),
        ("Quote.Search", {"text": "a", "limit": 0}, "limit: expected a whole number from 1 to 50"),
        ("Quote.Random", {"author": "x" * 101}, "author: at most 100"),
        ("Quote.Random", {"mood": "good"}, "mood"),
    ],
)
def test_what_is_wrong_is_named(call: Call, endpoint: str, fields: dict[str, Any], message: str) -> None:
    """With what was expected."""
    with pytest.raises(BadRequest, match=message):
        call(endpoint, **fields)


def test_what_is_not_there_is_not_found(call: Call) -> None:
    """And what is there is named."""
    with pytest.raises(NotFound, match="beauty, books, change"):
        call("Quote.Random", subject="__proto__")
    with pytest.raises(NotFound, match="by that author"):
        call("Quote.Random", author="nobody at all")
    with pytest.raises(NotFound, match="by that author"):
        call("Quote.Search", text="a", author="(.*)+$")
