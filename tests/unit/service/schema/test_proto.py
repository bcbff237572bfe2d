"""proto3 messages, derived from schemas."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, defstruct

from micro.service.schema.proto import Inexpressible, message_of
from tests.unit.service.schema.samples import Address, Cat, Dog, Model, Options, Point, Rich, Tree, message


def shown(annotation: Any) -> dict[str, str]:
    return {
        field.name: f"{field.number} {field.kind} {field.count}{' null' if field.nullable else ''}"
        for field in message(annotation).fields
    }


def test_every_kind_of_field() -> None:
    """Numbered in the order of declaration."""
    assert shown(Rich) == {
        "name": "1 string one",
        "count": "2 int64 one",
        "share": "3 double one",
        "good": "4 bool one",
        "data": "5 bytes one",
        "color": "6 string one",
        "level": "7 int64 one",
        "moment": "8 timestamp one",
        "day": "9 string one",
        "clock": "10 string one",
        "span": "11 duration one",
        "key": "12 string one",
        "exact": "13 string one",
        "home": "14 message one",
        "unit": "15 string one",
        "nick": "16 string one null",
        "second": "17 message one null",
        "tags": "18 string many",
        "points": "19 double many",
        "homes": "20 message many",
        "sizes": "21 int64 map",
        "places": "22 message map",
        "colors": "23 string many",
        "numbers": "24 int64 many",
        "parts": "25 message many",
    }


def test_a_type_used_twice_is_one_message() -> None:
    """As in the schema's definitions."""
    fields = {field.name: field.message for field in message(Rich).fields}

    assert fields["home"] is fields["homes"]


def test_a_message_may_contain_itself() -> None:
    """Its list of all messages ends."""
    assert len(message(Tree).everything()) == 2


def test_a_model_is_a_message() -> None:
    """pydantic's schemas are schemas."""
    assert shown(Model) == {"age": "1 int64 one", "nick": "2 string one null"}


def test_a_tag_is_a_field_of_one_value() -> None:
    """It comes first."""
    assert message(Cat).fields[0].constant == "Cat"


def test_the_order_is_that_of_the_list_and_not_of_the_properties() -> None:
    """JSON objects have no order, and no hash covers it."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "x-micro-fields": ["b", "a"],
    }

    assert [field.name for field in message_of(schema, "Test").fields] == ["b", "a"]


def one(schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": schema}, "required": ["x"] if required else []}


@pytest.mark.parametrize(
    "schema",
    [
        one({}),
        one({"type": "null"}),
        one({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        one({"type": ["string", "integer"]}),
        one({"type": "array", "items": {"type": "array", "items": {"type": "string"}}}),
        one({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}),
        one({"type": "array", "prefixItems": [{"type": "string"}]}),
        one({"type": "array"}),
        one({"type": "object"}),
        one({"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"pattern": "^-?[0-9]+$"}}),
        one({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}),
        one({"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}}),
        one({"enum": ["a", 1]}),
        one({"type": "string", "format": "binary"}),
        one({"$ref": "https://elsewhere.example/schema"}),
        one({"$ref": "#/$defs/Missing"}),
        one({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}),
        one({"type": "array", "items": {"type": "string"}}, required=False),
        one({"type": "array", "items": {"type": "string"}, "default": ["a"]}, required=False),
        one({"anyOf": [{"type": "string"}, {"type": "null"}]}, required=False),
        one({"anyOf": [{"type": "string"}, {"type": "null"}], "default": "a"}, required=False),
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a-b": {"type": "string"}}},
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
        {
            "type": "object",
            "properties": {"aB": {"type": "string"}, "a_b": {"type": "string"}},
            "x-micro-fields": ["aB", "a_b"],
        },
        {"type": "object", "properties": {"a": {"type": "string"}}, "x-micro-fields": ["b"]},
        {"type": "object", "properties": {"a": 5}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"type": "string"},
    ],
)
def test_what_proto3_cannot_say_is_refused(schema: dict[str, Any]) -> None:
    """Several types, anything, lists of lists, free keys, and absence that could mean two things."""
    with pytest.raises(Inexpressible):
        message_of(schema, "Test")


def test_a_field_that_may_be_absent_is_a_field() -> None:
    """Absence is what `optional` says."""
    assert shown(Options) == {"depth": "1 int64 one", "note": "2 string one"}


@pytest.mark.parametrize("annotation", [Point, Cat | Dog, dict[str, int]])
def test_types_without_a_message(annotation: Any) -> None:
    """Arrays, unions, free keys."""
    with pytest.raises(Inexpressible):
        message(annotation)


def test_a_naive_moment_is_text() -> None:
    """It is no point in time."""
    assert shown(defstruct("Local", [("at", Annotated[dt.datetime, Meta(tz=False)])])) == {"at": "1 string one"}


def test_a_choice_or_null_is_nullable() -> None:
    """Null is absence."""
    assert shown(defstruct("Choice", [("of", Literal["a"] | None)])) == {"of": "1 string one null"}


def test_messages_of_one_name_are_numbered() -> None:
    """Titles are the stranger's choice."""
    inner = {"type": "object", "title": "Body", "properties": {"x": {"type": "string"}}}
    schema = {"type": "object", "title": "Body", "properties": {"x": inner}}

    assert [found.name for found in message_of(schema, "Test").everything()] == ["Body", "Body2"]


def test_endless_nesting_is_refused() -> None:
    """Schemas come from strangers."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(100):
        schema = one(schema)
    with pytest.raises(Inexpressible, match="nested too deeply"):
        message_of(schema, "Test")


def test_an_address_has_a_description() -> None:
    """It is written into the `.proto` file."""
    assert message(Address).description == "Where somebody lives."


def test_a_list_of_types_with_null_is_nullable() -> None:
    """The shorter way to write it."""
    schema = one({"type": ["string", "null"]})

    assert [(field.kind, field.nullable) for field in message_of(schema, "Test").fields] == [("string", True)]


def test_a_list_of_choices_with_null_is_nullable() -> None:
    """Null is absence, whatever the others are."""
    schema = one({"enum": ["a", None]})

    assert [(field.kind, field.nullable) for field in message_of(schema, "Test").fields] == [("string", True)]
