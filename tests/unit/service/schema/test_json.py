"""JSON Schemas of types."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
import pytest
from msgspec import Meta

from tests.unit.service.schema.samples import (
    Address,
    Bounded,
    Cat,
    Color,
    Dog,
    Level,
    Model,
    Options,
    Point,
    Positive,
    Price,
    Rich,
    Tree,
    schema,
)


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer", "format": "int64"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (Any, {}),
        (bytes, {"type": "string", "contentEncoding": "base64"}),
        (dt.datetime, {"type": "string", "format": "date-time"}),
        (dt.date, {"type": "string", "format": "date"}),
        (dt.time, {"type": "string", "format": "partial-time"}),
        (Annotated[dt.time, Meta(tz=True)], {"type": "string", "format": "time"}),
        (dt.timedelta, {"type": "string", "format": "duration"}),
        (uuid.UUID, {"type": "string", "format": "uuid"}),
        (int | None, {"anyOf": [{"type": "integer", "format": "int64"}, {"type": "null"}]}),
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (dict[str, bool], {"type": "object", "additionalProperties": {"type": "boolean"}}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"enum": [1, "a"]}),
        (Level, {"type": "integer", "enum": [1, 2], "title": "Level"}),
        (Color, {"type": "string", "enum": ["red", "blue"], "title": "Color", "description": "The colours there are."}),
        (Annotated[str, Meta(min_length=1, max_length=3)], {"type": "string", "minLength": 1, "maxLength": 3}),
        (Annotated[bytes, Meta(max_length=4)], {"type": "string", "contentEncoding": "base64", "maxLength": 8}),
        (Annotated[list[bool], Meta(max_length=4)], {"type": "array", "items": {"type": "boolean"}, "maxItems": 4}),
    ],
)
def test_plain_types(annotation: Any, found: dict[str, Any]) -> None:
    """Each has one schema, written the same everywhere."""
    assert schema(annotation) == found


def test_a_decimal_is_a_string_of_a_pattern() -> None:
    """So that no number is lost on the way, and none is a trap."""
    assert schema(Decimal)["pattern"].startswith("^-?[0-9]")


def test_the_root_is_written_out() -> None:
    """A form needs no reference to begin with."""
    assert schema(Address)["properties"]["city"] == {"description": "its name.", "type": "string", "default": "Berlin"}


def test_a_class_describes_itself_and_its_fields() -> None:
    """With its docstring."""
    assert (schema(Address)["description"], schema(Address)["properties"]["street"]["description"]) == (
        "Where somebody lives.",
        "with the number.",
    )


def test_what_a_dataclass_writes_itself_is_no_description() -> None:
    """`Positive(value: int)` says nothing."""
    assert "description" not in schema(Positive)


def test_remarks_of_annotations_are_kept() -> None:
    """`Meta` adds what a type cannot say."""
    assert schema(Bounded)["properties"]["count"]["description"] == "How many."


def test_required_fields_are_named() -> None:
    """Whatever has no default."""
    assert schema(Options)["required"] == ["depth"]


def test_the_order_of_fields_is_said() -> None:
    """It numbers the fields of the derived message."""
    assert schema(Address)["x-micro-fields"] == ["street", "city"]


def test_requests_are_closed() -> None:
    """Unknown fields are refused, and the schema says so."""
    assert schema(Address)["additionalProperties"] is False


def test_answers_are_open() -> None:
    """They may grow."""
    assert "additionalProperties" not in schema(Address, closed=False)


def test_nested_types_stand_once_in_definitions() -> None:
    """However often they are used."""
    assert sorted(schema(Rich)["$defs"]) == ["Address", "Rich"]


def test_two_types_of_one_name_are_kept_apart() -> None:
    """Neither takes the place of the other."""
    other = msgspec.defstruct("Address", [("zip", int)])

    assert sorted(schema(tuple[Address, other])["$defs"]) == ["Address", "Address2"]


def test_a_model_describes_itself() -> None:
    """pydantic's own schema, with the order of its fields."""
    assert schema(Model)["x-micro-fields"] == ["age", "nick"]


def test_definitions_of_a_model_stand_at_the_root() -> None:
    """References lead there from everywhere."""

    class Owner(Model):
        pet: Model

    assert "Model" in schema(list[Owner])["$defs"]


def test_a_tagged_union_tells_its_members_apart() -> None:
    """By the tag, which is required."""
    assert schema(Cat | Dog)["$defs"]["Cat"]["required"] == ["type", "lives"]


def test_a_named_tuple_is_an_array() -> None:
    """As msgspec writes it."""
    assert (schema(Point)["type"], schema(Point)["minItems"]) == ("array", 1)


def test_a_default_that_is_no_value_of_the_type_is_left_out() -> None:
    """A mark for absence is nobody's business."""
    marked = msgspec.defstruct("Marked", [("value", int, None)])

    assert schema(marked)["properties"]["value"] == {"type": "integer", "format": "int64"}


@pytest.mark.parametrize(
    "annotation", [Rich, Tree, Bounded, Price, Options, Point, Model, Cat | Dog, dict[int, Address]]
)
def test_every_schema_is_a_schema(annotation: Any) -> None:
    """Of the dialect of 2020-12."""
    jsonschema.Draft202012Validator.check_schema(schema(annotation))
