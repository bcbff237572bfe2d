"""From the JSON Schema of a request to the fields that can be typed, and back to a request."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from micro.doors.cli.example import opening_of
from micro.service.schema.fields import ABSENT, FIELDS_MAX, Field, assemble, is_raw, missing, read_fields
from micro.service.service import Service


class Size(enum.Enum):
    """How large."""

    SMALL = "small"
    LARGE = "large"


@dataclass
class City:
    name: str
    zip_code: int = 0


@dataclass
class Address:
    city: City
    street: str = ""


@dataclass
class Tree:
    name: str
    left: Tree | None = None


def fields_of(function: Any) -> dict[str, Field]:
    """Returns the fields of an endpoint's request by their dotted names, through a real description."""
    service = Service("example")
    service.endpoint("Example.Do")(function)
    endpoint = service.describe()["endpoints"][0]
    return {".".join(found.path): found for found in read_fields(opening_of(endpoint))}


def test_plain_types_have_their_kinds() -> None:
    """Each is typed in its own way."""

    async def do(
        name: str, count: int, ratio: float, deep: bool, data: list[bytes], size: Size, way: Literal["up", "down"]
    ) -> None: ...

    found = fields_of(do)

    kinds = {name: each.kind for name, each in found.items()}
    assert kinds == {
        "name": "text",
        "count": "integer",
        "ratio": "number",
        "deep": "flag",
        "data": "bytes",
        "size": "choice",
        "way": "choice",
    }
    assert found["size"].choices == ("small", "large")
    assert found["data"].many
    assert all(each.required for each in found.values())


def test_the_order_is_the_services() -> None:
    """Not that of the alphabet."""

    async def do(zebra: str, apple: str, mango: str) -> None: ...

    assert list(fields_of(do)) == ["zebra", "apple", "mango"]


def test_defaults_and_descriptions_are_known() -> None:
    """They are what the help shows."""

    async def do(name: str = "world", nickname: str | None = None) -> None:
        """Do.

        Args:
            name: who it is.
        """

    found = fields_of(do)

    assert (found["name"].default, found["name"].description, found["name"].required) == ("world", "who it is.", False)
    assert (found["nickname"].kind, found["nickname"].required) == ("text", False)


def test_a_nested_struct_becomes_longer_paths() -> None:
    """However deep it lies."""

    async def do(address: Address, note: str = "") -> None: ...

    found = fields_of(do)

    assert list(found) == ["address.city.name", "address.city.zip_code", "address.street", "note"]
    assert found["address.city.name"].required
    assert not found["address.city.zip_code"].required


def test_what_an_optional_struct_requires_is_not_required() -> None:
    """The request may leave the whole struct out."""

    async def do(address: Address | None = None) -> None: ...

    assert not fields_of(do)["address.city.name"].required


def test_a_single_struct_is_the_request_itself() -> None:
    """Its fields are not nested."""

    async def do(city: City) -> None: ...

    assert list(fields_of(do)) == ["name", "zip_code"]


def test_a_type_that_contains_itself_ends() -> None:
    """The inner one is typed as JSON."""

    async def do(tree: Tree, depth: int) -> None: ...

    found = fields_of(do)

    assert found["tree.left"].kind == "json"


@pytest.mark.parametrize(
    ("annotation", "kind", "many"),
    [
        (list[str], "text", True),
        (list[int], "integer", True),
        (list[City], "json", True),
        (list[list[str]], "json", True),
        (dict[str, int], "pairs", False),
        (tuple[str, int], "json", False),
        (int | str, "any", False),
        (Any, "any", False),
        (decimal.Decimal, "text", False),
        (dt.datetime, "text", False),
    ],
)
def test_compound_types_have_their_kinds(annotation: Any, kind: str, many: bool) -> None:
    """What has no form of its own is JSON."""

    async def do(value: str) -> None: ...

    do.__annotations__["value"] = annotation
    do.__annotations__["other"] = str
    found = fields_of(do)["value"]

    assert (found.kind, found.many) == (kind, many)


def test_a_map_knows_the_kind_of_its_values() -> None:
    """`--count a=1` is a number there."""

    async def do(count: dict[str, int]) -> None: ...

    assert fields_of(do)["count"].value == "integer"


def test_bytes_alone_are_no_fields() -> None:
    """They travel as they are."""

    async def do(data: bytes) -> bytes:
        return data

    service = Service("example")
    service.endpoint("Example.Do")(do)
    endpoint = service.describe()["endpoints"][0]

    assert is_raw(endpoint["request"])
    assert read_fields(endpoint["request"]) == []


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"properties": 5},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/Gone"}, "b": 5}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"type": "object", "properties": {"a": {"anyOf": []}, "b": {"enum": [[1]]}}, "required": None},
    ],
)
def test_a_strangers_schema_does_no_harm(schema: dict[str, Any]) -> None:
    """Whatever it says, there is an answer."""
    assert all(found.kind in ("json", "any", "text") for found in read_fields(schema))


def test_the_number_of_fields_is_bounded() -> None:
    """A schema that doubles at each level makes no endless list."""
    definitions: dict[str, Any] = {"L5": {"type": "object", "properties": {"end": {"type": "string"}}}}
    for level in range(4, -1, -1):
        wide = {f"f{index}": {"$ref": f"#/$defs/L{level + 1}"} for index in range(10)}
        definitions[f"L{level}"] = {"type": "object", "properties": wide}

    assert len(read_fields({"$ref": "#/$defs/L0", "$defs": definitions})) == FIELDS_MAX


def test_values_come_to_a_request() -> None:
    """On top of what was given as JSON, which stays as it was."""
    body = {"name": "Ann", "address": {"street": "Long", "city": {"name": "Rome"}}}

    request = assemble({("address", "city", "zip"): 5, ("name",): "Bea"}, body)

    assert request == {"name": "Bea", "address": {"street": "Long", "city": {"name": "Rome", "zip": 5}}}
    assert body["address"] == {"street": "Long", "city": {"name": "Rome"}}


def test_a_missing_field_is_found() -> None:
    """Only the required ones, and only where nothing stands in their place."""
    fields = [Field(("name",), "text", required=True), Field(("a", "b"), "text", required=True), Field(("c",), "text")]

    assert missing(fields, {}) == fields[:2]
    assert missing(fields, {"name": "", "a": {"b": None}}) == []
    assert missing(fields, {"name": "", "a": 5}) == []


def test_the_absent_default_is_no_value() -> None:
    """A default of null is one."""
    assert Field(("a",), "text").default is ABSENT
    assert repr(ABSENT) == "ABSENT"
