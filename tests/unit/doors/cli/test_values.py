"""From typed text to values."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from micro.doors.cli.values import parse_field, parse_json, parse_value
from micro.service.schema.fields import Field


def read(name: str) -> bytes:
    """Stands for the files of a person."""
    return {"notes.json": b'{"a": 1}', "photo": b"\xff\xd8"}[name]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", "5", "5"),
        ("text", "@home", "@home"),
        ("integer", "-5", -5),
        ("number", "1.5", 1.5),
        ("number", "9007199254740993", 9007199254740993),
        ("number", "1e3", 1000.0),
        ("flag", "Yes", True),
        ("flag", "off", False),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("json", "@notes.json", {"a": 1}),
        ("any", "5", 5),
        ("any", "five", "five"),
        ("bytes", "hello", base64.b64encode(b"hello").decode()),
        ("bytes", "@photo", base64.b64encode(b"\xff\xd8").decode()),
    ],
)
def test_text_becomes_a_value(kind: str, text: str, value: Any) -> None:
    """Each kind in its own way."""
    found = parse_value(kind, text, read)

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text", "complaint"),
    [
        ("integer", "1.5", "no integer"),
        ("integer", "five", "no integer"),
        ("number", "much", "no number"),
        ("number", "nan", "no number that JSON can hold"),
        ("number", "inf", "no number that JSON can hold"),
        ("flag", "maybe", "neither true nor false"),
        ("json", "{", "no JSON"),
        ("json", "NaN", "no JSON"),
        ("json", "[" * 100_000, "nested too deeply"),
    ],
)
def test_wrong_text_is_refused(kind: str, text: str, complaint: str) -> None:
    """The message says what was expected."""
    with pytest.raises(ValueError, match=complaint):
        parse_value(kind, text, read)


def test_a_choice_is_one_of_few() -> None:
    """Numbers are meant as numbers, and the case of letters does not count."""
    assert parse_value("choice", "2", read, (1, 2)) == 2
    assert parse_value("choice", "SMALL", read, ("small", "large")) == "small"
    with pytest.raises(ValueError, match="not one of small, large"):
        parse_value("choice", "huge", read, ("small", "large"))


def test_a_choice_prefers_the_exact_spelling() -> None:
    """Where two differ in case only, each can be meant."""
    assert [parse_value("choice", text, read, ("a", "A")) for text in "aA"] == ["a", "A"]


def test_a_list_is_typed_item_by_item_or_as_json() -> None:
    """Text is never taken for JSON."""
    numbers = Field(("n",), "integer", many=True)

    assert parse_field(numbers, ["1", "2"], read) == [1, 2]
    assert parse_field(numbers, ["[1, 2]"], read) == [1, 2]
    assert parse_field(Field(("t",), "text", many=True), ["[1, 2]"], read) == ["[1, 2]"]


def test_the_last_of_several_counts_where_one_is_wanted() -> None:
    """As everywhere on a command line."""
    assert parse_field(Field(("n",), "integer"), ["1", "2"], read) == 2


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (['{"name": "Ann", "age": 31}'], {"name": "Ann", "age": 31}),
        (["name=Ann", '{"tags": ["a=b"]}'], {"name": "Ann", "tags": ["a=b"]}),
        (['{"name": "Ann"}', "name=Bob"], {"name": "Bob"}),
        (["@notes.json"], {"a": 1}),
        (["@a=1"], {"@a": 1}),
        (["{a=1"], {"{a": 1}),
        (["{}"], {}),
    ],
)
def test_a_map_is_typed_in_pairs_or_as_json(texts: list[str], value: dict[str, Any]) -> None:
    """One after the other, and what comes later counts."""
    assert parse_field(Field(("record",), "pairs", value="any"), texts, read) == value


@pytest.mark.parametrize(
    ("text", "complaint"), [("{a: 1}", "no JSON"), ("{name}", "no JSON"), ("@photo", "utf-8"), ("name", "JSON object")]
)
def test_a_map_that_is_none_is_refused(text: str, complaint: str) -> None:
    """The message says what was expected."""
    with pytest.raises(ValueError, match=complaint):
        parse_field(Field(("record",), "pairs", value="any"), [text], read)


def test_pairs_make_an_object() -> None:
    """The first equals sign divides."""
    field = Field(("labels",), "pairs", value="any")

    assert parse_field(field, ["a=1", "b=x=y", "c="], read) == {"a": 1, "b": "x=y", "c": ""}
    with pytest.raises(ValueError, match="KEY=VALUE"):
        parse_field(field, ["a"], read)


def test_json_names_the_place_of_its_mistake() -> None:
    """A person finds it without counting from zero."""
    with pytest.raises(ValueError, match="at character 7"):
        parse_json('{"a": }')
