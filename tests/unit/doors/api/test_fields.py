"""Names and texts that become a request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.doors.api.fields import FIELDS_MAX, request_of
from micro.errors import BadRequest

INTEGER, TEXT = {"type": "integer"}, {"type": "string"}
POINT = {"type": "object", "properties": {"x": INTEGER, "y": {"type": "number"}}, "additionalProperties": False}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "count": INTEGER,
        "ratio": {"type": "number"},
        "loud": {"type": "boolean"},
        "color": {"enum": ["red", "green", 3, True]},
        "tags": {"type": "array", "items": TEXT},
        "numbers": {"type": "array", "items": INTEGER},
        "maybe": {"anyOf": [INTEGER, {"type": "null"}]},
        "either": {"anyOf": [TEXT, INTEGER]},
        "listed": {"type": ["integer", "null"]},
        "point": {"$ref": "#/$defs/Point"},
        "points": {"type": "array", "items": {"$ref": "#/$defs/Point"}},
        "pair": {"type": "array", "prefixItems": [TEXT, INTEGER], "items": False},
        "data": {"type": "string", "contentEncoding": "base64"},
        "scores": {"type": "object", "additionalProperties": INTEGER},
        "anything": {},
    },
    "additionalProperties": False,
    "$defs": {"Point": POINT},
}


def read(text: str) -> dict[str, Any]:
    pairs = [(name, value) for name, _, value in (part.partition("=") for part in text.split("&") if part)]
    return request_of(pairs, SCHEMA)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("", {}),
        ("name=Ann", {"name": "Ann"}),
        ("name=3", {"name": "3"}),
        ("name=", {"name": ""}),
        ("count=3", {"count": 3}),
        ("count=-9223372036854775808", {"count": -(2**63)}),
        ("ratio=1.5e3", {"ratio": 1500.0}),
        ("ratio=2", {"ratio": 2}),
        ("loud=true", {"loud": True}),
        ("loud", {"loud": True}),
        ("loud=OFF", {"loud": False}),
        ("color=red", {"color": "red"}),
        ("color=3", {"color": 3}),
        ("color=true", {"color": True}),
        ("tags=a&tags=b", {"tags": ["a", "b"]}),
        ("tags=a", {"tags": ["a"]}),
        ("numbers=1&numbers=2", {"numbers": [1, 2]}),
        ("maybe=1", {"maybe": 1}),
        ("maybe=null", {"maybe": None}),
        ("maybe=", {"maybe": None}),
        ("either=1", {"either": 1}),
        ("either=one", {"either": "one"}),
        ("listed=4", {"listed": 4}),
        ("point.x=1&point.y=2.5", {"point": {"x": 1, "y": 2.5}}),
        ("points.0.x=1&points.1.x=2", {"points": [{"x": 1}, {"x": 2}]}),
        ("pair=a&pair=2", {"pair": ["a", 2]}),
        ("scores.ann=3", {"scores": {"ann": 3}}),
        ("anything=3", {"anything": "3"}),
        ("anything=3&anything=4", {"anything": ["3", "4"]}),
    ],
)
def test_texts_become_what_the_schema_says(text: str, request_: dict[str, Any]) -> None:
    """Numbers, truth, lists by repetition, objects by dots."""
    assert read(text) == request_


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("count=x", "count: expected a whole number, got x"),
        ("count=1.0", "count: expected a whole number"),
        ("count=99999999999999999999", "count: expected a whole number"),
        ("count=1&count=2", "count: expected one value, got 2"),
        ("ratio=nan", "ratio: expected a number"),
        ("ratio=1e999", "ratio: expected a number"),
        ("loud=maybe", "loud: expected true or false"),
        ("color=blue", "color: expected one of red, green, 3, True, got blue"),
        ("nam=Ann", "nam: there is no such field; there is name"),
        ("point.z=1", "point.z: there is no such field; there is x, y"),
        ("point=1", "point: expected fields"),
        ("count.x=1", "count: expected a whole number, got fields"),
        ("point=1&point.x=1", "point: it has a value, and fields"),
        ("points.1.x=1", "points: the items of a list are numbered"),
        ("pair=a&pair=2&pair=3", "pair: expected 2 values, got 3"),
        ("numbers=1&numbers=x", "numbers.1: expected a whole number"),
        ("a..b=1", "a..b: expected a name"),
        ("maybe=x", "maybe: expected a whole number"),
        ("scores.ann=x", "scores.ann: expected a whole number"),
    ],
)
def test_a_wrong_field_is_named(text: str, complaint: str) -> None:
    """The detail begins with the field, then says what was expected and what came."""
    with pytest.raises(BadRequest) as refused:
        read(text)
    assert refused.value.detail.startswith(complaint)


def test_a_file_becomes_base64_where_bytes_are_expected() -> None:
    """JSON has no bytes."""
    assert request_of([("data", b"\0\1")], SCHEMA) == {"data": "AAE="}


def test_a_file_of_other_bytes_is_no_text() -> None:
    """What cannot be text is refused where text is expected."""
    with pytest.raises(BadRequest, match="name: expected text in UTF-8"):
        request_of([("name", b"\xff")], SCHEMA)


def test_fields_are_bounded_in_number() -> None:
    """More belong into a body of JSON."""
    with pytest.raises(BadRequest, match="at most 256 fields"):
        request_of([("a", "b")] * (FIELDS_MAX + 1), None)


def test_a_hostile_schema_costs_no_more_than_an_honest_one() -> None:
    """Choices within choices that never fit are given up."""
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}
    schema["$defs"] = {"A": {"anyOf": [{"$ref": "#/$defs/B"}] * 50}, "B": {"anyOf": [INTEGER] * 900}}

    with pytest.raises(BadRequest, match="too many ways"):
        request_of([("a", "b")], schema)


def test_a_schema_that_leads_to_itself_is_given_up() -> None:
    """A choice that is itself its own choice has no end."""
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}
    schema["$defs"] = {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}

    with pytest.raises(BadRequest, match="too many ways"):
        request_of([("a", "b")], schema)


@given(st.lists(st.tuples(st.text("abc.01", max_size=8), st.text(max_size=5)), max_size=6))
def test_any_fields_are_a_request_or_refused(fields: list[tuple[str, str | bytes]]) -> None:
    """Nothing else comes of them, with or without a schema."""
    for schema in (None, SCHEMA):
        try:
            assert isinstance(request_of(fields, schema), dict)
        except BadRequest:
            pass
