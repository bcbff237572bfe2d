"""What schemas and codecs promise, for values and bytes of every kind."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from micro.errors import BadRequest, Fault, InternalError
from micro.mucp.codec import JSON, PROTOBUF
from micro.service.schema.binding import Binding
from micro.service.schema.proto import Inexpressible
from micro.service.schema.signature import signature_of
from micro.service.schema.strict import INTEGER_MAX, INTEGER_MIN
from micro.service.schema.value import ValueCodec, decode_value
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
)


def binding_of(annotation: Any) -> Binding:
    def identity(value: Any) -> Any:
        return value

    identity.__annotations__ = {"value": annotation, "return": annotation}
    return Binding(signature_of(identity))


RICH = binding_of(Rich)
MANY = {
    str(annotation): binding_of(annotation)
    for annotation in (
        Rich, Tree, Any, Model, Bounded, Positive, Price, Options, Point, Cat | Dog, dict[str, Address],
        dict[int, float],
        list[Any], int | str | None, tuple[int, str], set[Color], float, bytes | None,
    )
}  # fmt: skip

RICH_CODEC = ValueCodec(RICH.response)
RICH_ANSWER = jsonschema.Draft202012Validator(RICH.response)
SCHEMAS = {name: jsonschema.Draft202012Validator(binding.request) for name, binding in MANY.items()}

each_of_many = settings(max_examples=settings().max_examples // 3)
"""What runs for every type takes a share of the examples for each."""

texts = some.text(some.characters(exclude_categories=["Cs"]), max_size=12)
integers = some.integers(INTEGER_MIN, INTEGER_MAX)
numbers = some.floats(allow_nan=False, allow_infinity=False)
moments = some.datetimes(timezones=some.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30))])).filter(
    lambda moment: dt.datetime(2, 1, 1, tzinfo=dt.UTC) < moment < dt.datetime(9998, 1, 1, tzinfo=dt.UTC)
)
addresses = some.builds(Address, texts, texts)


def riches(parts: Any) -> Any:
    return some.builds(
        Rich,
        name=texts,
        count=integers,
        share=numbers,
        good=some.booleans(),
        data=some.binary(max_size=20),
        color=some.sampled_from(Color),
        level=some.sampled_from(Level),
        moment=moments,
        day=some.dates(),
        clock=some.times(),
        span=some.timedeltas(dt.timedelta(days=-10_000), dt.timedelta(days=10_000)),
        key=some.uuids(),
        exact=some.decimals(allow_nan=False, allow_infinity=False, places=4),
        home=addresses,
        unit=some.sampled_from(["m", "km"]),
        nick=some.none() | texts,
        second=some.none() | addresses,
        tags=some.lists(texts, max_size=3),
        points=some.lists(numbers, max_size=3),
        homes=some.lists(addresses, max_size=2),
        sizes=some.dictionaries(texts, integers, max_size=3),
        places=some.dictionaries(texts, addresses, max_size=2),
        colors=some.sets(some.sampled_from(Color)),
        numbers=some.lists(integers, max_size=3).map(tuple),
        parts=parts,
    )


rich_values = riches(some.lists(riches(some.just([])), max_size=2))
json_values = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**65), 2**65) | numbers | texts,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
likely_keys = some.sampled_from(["street", "city", "name", "children", "count", "code", "value", "age", "nick", "depth",
                                 "amount", "type", "lives", "tricks", "1", "x"])  # fmt: skip
likely_values = some.recursive(
    some.sampled_from([None, True, 0, 1, -1, 1.5, "a", "ab", "red", "Cat", "Dog", "1.5", "2026-01-31", 2**63]),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(likely_keys, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
@given(value=rich_values)
def test_a_value_goes_there_and_back(content_type: str, value: Rich) -> None:
    """Whatever its fields hold, in both codecs."""
    codec = RICH.codec(content_type)

    assert codec.decode(codec.encode(value)) == value


@given(value=rich_values)
def test_both_codecs_say_the_same(value: Rich) -> None:
    """A caller without types cannot tell which one was spoken, except that protobuf has moments in UTC."""
    value = dataclasses.replace(value, moment=value.moment.astimezone(dt.UTC), colors=set(), parts=[])
    codec = ValueCodec(RICH.response)
    plain = decode_value(RICH.codec(JSON).encode(value))

    assert codec.decode(codec.encode(plain)) == plain == codec.decode(RICH.codec(PROTOBUF).encode(value))


@given(value=rich_values)
def test_what_is_written_fits_its_schema(value: Rich) -> None:
    """The description is no decoration."""
    RICH_ANSWER.validate(json.loads(RICH.codec(JSON).encode(value)))


def fields_of(binding: Binding, value: Any) -> Any:
    return value if binding.signature.request == "body" else {"value": value}


@pytest.mark.parametrize("name", MANY)
@each_of_many
@given(value=json_values | likely_values)
def test_what_is_read_fits_its_schema(name: str, value: Any) -> None:
    """Nothing is accepted that the description excludes."""
    binding = MANY[name]
    fields = fields_of(binding, value)
    try:
        binding.codec(JSON).decode(json.dumps(fields).encode())
    except BadRequest:
        return
    SCHEMAS[name].validate(fields)


@pytest.mark.parametrize("name", MANY)
@each_of_many
@given(value=json_values | likely_values)
def test_what_was_read_can_be_answered(name: str, value: Any) -> None:
    """A value that came in can go out."""
    binding = MANY[name]
    codec = binding.codec(JSON)
    try:
        found = codec.decode(json.dumps(fields_of(binding, value)).encode())
    except BadRequest:
        return
    codec.encode(found if binding.signature.request == "body" else found.value)


def complaint(decode: Callable[[], Any], kind: type[Fault]) -> str:
    """Returns the detail of the fault that a body leads to, or a word where it is right."""
    try:
        decode()
    except kind as error:
        return error.detail
    return "right"


def is_clear(binding: Binding, content_type: str, body: bytes) -> bool:
    text = complaint(lambda: binding.codec(content_type).decode(body), BadRequest)
    return bool(text) and text.isprintable()


@pytest.mark.parametrize("name", MANY)
@each_of_many
@given(body=some.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_value_or_a_clear_error_in_json(name: str, body: bytes) -> None:
    """Never another exception."""
    assert is_clear(MANY[name], JSON, body)


@pytest.mark.parametrize("name", [name for name, binding in MANY.items() if not binding.json_only])
@each_of_many
@given(body=some.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_clear_error_in_protobuf(name: str, body: bytes) -> None:
    """Never another exception."""
    assert is_clear(MANY[name], PROTOBUF, body)


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
@given(value=rich_values, place=some.integers(0, 10_000), change=some.binary(max_size=3), cut=some.integers(0, 3))
def test_a_damaged_body_is_a_value_or_a_clear_error(
    content_type: str, value: Rich, place: int, change: bytes, cut: int
) -> None:
    """Bytes lost, changed or put in between."""
    body = RICH.codec(content_type).encode(value)
    place %= len(body) + 1
    assert is_clear(RICH, content_type, body[:place] + change + body[place + cut :])


@given(body=some.binary(max_size=60))
def test_any_answer_is_a_value_or_the_services_fault(body: bytes) -> None:
    """Callers are protected too."""
    texts = [
        complaint(lambda: decode_value(body, JSON, Rich), InternalError),
        complaint(lambda: RICH_CODEC.decode(body, Rich), InternalError),
    ]

    assert all(text.isprintable() for text in texts)


@given(pairs=some.lists(some.tuples(texts, likely_values), min_size=1, max_size=5), repeat=some.integers(0, 4))
def test_a_key_given_twice_is_always_found(pairs: list[tuple[str, Any]], repeat: int) -> None:
    """However the members look, and whatever is inside them."""
    unique = dict(pairs)
    key = list(unique)[repeat % len(unique)]
    members = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in unique.items()]
    twice = "{" + ", ".join([*members, f"{json.dumps(key)}: 0"]) + "}"
    with pytest.raises(BadRequest, match=r"given twice|64 bits"):
        MANY[str(Any)].codec(JSON).decode(f'{{"value": {twice}}}'.encode())


parts_of_schemas = some.recursive(
    some.sampled_from([None, True, 1, "string", "integer", "number", "object", "array", "null", "date-time"])
    | some.sampled_from(["base64", "a"])
    | some.sampled_from(["#/$defs/A", "#/$defs/B", "binary", "a-b", "from", "__class__", "')+x("]),
    lambda inner: some.lists(inner, max_size=3)
    | some.dictionaries(
        some.sampled_from(["type", "properties", "items", "required", "x-micro-fields", "additionalProperties", "$ref"])
        | some.sampled_from(["anyOf", "enum", "const", "default", "format", "contentEncoding", "title", "a", "from"]),
        inner,
        max_size=5,
    ),
    max_leaves=15,
)  # fmt: skip


@settings(max_examples=settings().max_examples * 2)
@given(fields=some.dictionaries(some.sampled_from(["a", "from", "a-b", "self", "x"]), parts_of_schemas, max_size=3),
       definition=parts_of_schemas, order=some.none() | parts_of_schemas, required=parts_of_schemas)  # fmt: skip
def test_any_schema_is_a_message_or_has_none(fields: Any, definition: Any, order: Any, required: Any) -> None:
    """Descriptions come from strangers; code is made of them."""
    schema = {
        "type": "object",
        "properties": fields,
        "required": required,
        "x-micro-fields": list(fields) if order is None else order,
        "$defs": {"A": definition, "B": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}},
    }
    try:
        codec = ValueCodec(schema)
    except Inexpressible:
        return
    assert isinstance(codec.decode(b""), dict)


@given(value=some.decimals(allow_nan=False, allow_infinity=False))
def test_every_decimal_that_is_read_can_be_written(value: Decimal) -> None:
    """Those of unbearable size are refused at the door."""
    codec = binding_of(Price).codec(JSON)
    try:
        found = codec.decode(msgspec.json.encode({"amount": str(value)}))
    except BadRequest:
        return
    assert codec.decode(codec.encode(found)) == found
