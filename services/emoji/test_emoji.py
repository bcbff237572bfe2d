"""Emoji are found by words, and come back as they went through names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from micro.errors import BadRequest, NotFound

Call = Callable[..., Any]


def names(found: dict[str, Any]) -> list[str]:
    return [one["name"] for one in found["emoji"]]


def test_words_find_what_people_mean(call: Call) -> None:
    """A name that fits comes first; every word must fit."""
    assert names(call("Emoji.Search", text="red heart"))[0] == "red heart"
    assert "rocket" in names(call("Emoji.Search", text="NASA", limit=100))
    assert names(call("Emoji.Search", text="pizza"))[0] == "pizza"
    assert call("Emoji.Search", text="rocket zzz") == {"emoji": [], "count": 0}


def test_a_beginning_of_a_word_is_enough(call: Call) -> None:
    """And the count is that of all, however few are shown."""
    found = call("Emoji.Search", text="fla", limit=2)
    assert len(found["emoji"]) == 2
    assert found["count"] > 200


@pytest.mark.parametrize("said", ["🚀", ":rocket:", "rocket", ":ROCKET:", " 🚀 "])
def test_an_emoji_is_described(call: Call, said: str) -> None:
    """By itself or by its shortcode."""
    found = call("Emoji.Describe", emoji=said)

    assert (found["emoji"], found["name"], found["shortcode"]) == ("🚀", "rocket", ":rocket:")
    assert found["codepoints"] == ["U+1F680"]
    assert not found["skin_tones"]


def test_tones_and_marks_of_presentation_do_not_hide_an_emoji(call: Call) -> None:
    """What is shown is what was asked for."""
    thumb = call("Emoji.Describe", emoji="👍🏽")
    assert (thumb["name"], thumb["tones"], thumb["skin_tones"]) == ("thumbs up", ["medium"], True)
    assert call("Emoji.Describe", emoji="\u2764")["name"] == "red heart"
    assert call("Emoji.Describe", emoji="👩‍🚀")["name"] == "woman astronaut"


def test_shortcodes_become_emoji_and_come_back(call: Call) -> None:
    """What is no shortcode stays as it is."""
    there = call("Emoji.Replace", text="a :red_heart: :rocket::rocket: :nope: 10:30:00")
    assert there == {"text": "a ❤️ 🚀🚀 :nope: 10:30:00", "replaced": 3}

    back = call("Emoji.Name", text=there["text"])
    assert back["text"] == "a :red_heart: :rocket::rocket: :nope: 10:30:00"
    assert [(one["name"], one["times"]) for one in back["emoji"]] == [("red heart", 1), ("rocket", 2)]


def test_digits_and_signs_are_no_emoji(call: Call) -> None:
    """Unicode counts them as parts of emoji."""
    assert call("Emoji.Name", text="1 # * é ©")["text"].startswith("1 # * é")


def test_groups_hold_everything(call: Call) -> None:
    """And chance stays in the group that is asked for."""
    groups = call("Emoji.Groups")["groups"]
    assert sum(one["count"] for one in groups) > 1_800
    assert {call("Emoji.Random", group="flags")["group"] for _ in range(5)} == {"Flags"}
    assert len({call("Emoji.Random")["emoji"] for _ in range(10)}) > 1


@pytest.mark.parametrize(
    ("endpoint", "fields", "message"),
    [
        ("Emoji.Search", {"text": " - "}, "text: expected words"),
        ("Emoji.Search", {"text": "x" * 101}, "at most 100 characters"),
        ("Emoji.Search", {"text": "x", "limit": 101}, "limit: expected a whole number from 1 to 100"),
        ("Emoji.Search", {}, "text"),
        ("Emoji.Search", {"text": "x", "x": 1}, "x"),
        ("Emoji.Replace", {"text": "x" * 100_001}, "at most 100000 characters"),
        ("Emoji.Replace", {"text": 5}, "text"),
    ],
)
def test_what_is_wrong_is_named(call: Call, endpoint: str, fields: dict[str, Any], message: str) -> None:
    """With what was expected."""
    with pytest.raises(BadRequest, match=message):
        call(endpoint, **fields)


@pytest.mark.parametrize("said", ["__proto__", "constructor", ":hasOwnProperty:", "", "x\r\ny", "\ud7ff\u0000", "😀😀"])
def test_what_is_no_emoji_is_not_found(call: Call, said: str) -> None:
    """Least of all what JavaScript itself knows."""
    with pytest.raises(NotFound, match="no emoji and no shortcode"):
        call("Emoji.Describe", emoji=said)


def test_a_group_that_is_none_brings_those_there_are(call: Call) -> None:
    """Whoever mistyped sees them."""
    with pytest.raises(NotFound, match="Smileys & Emotion"):
        call("Emoji.Random", group="Smile")


def test_long_hostile_texts_are_done_in_time(call: Call) -> None:
    """Colons without an end, and marks on marks."""
    assert call("Emoji.Replace", text=":a" * 50_000)["replaced"] == 0
    assert call("Emoji.Name", text="e" + "\u0301" * 50_000)["emoji"] == []
    assert call("Emoji.Name", text="👍\u200d" * 30_000)["text"]
