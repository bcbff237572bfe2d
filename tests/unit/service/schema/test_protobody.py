"""protobuf bodies, read and written."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from micro.errors import BadRequest, InternalError
from micro.service.schema.jsonbody import json_writer
from micro.service.schema.protobody import protobuf_reader, protobuf_writer
from micro.service.schema.shape import shape_of
from micro.service.schema.wire import message_class
from tests.unit.service.schema.samples import Address, Bounded, Model, Options, Positive, Rich, Tree, message, rich


def read(annotation: Any, body: bytes) -> Any:
    return protobuf_reader(message(annotation), annotation, shape_of(annotation, "test"))(body)


def write(annotation: Any, value: Any) -> bytes:
    shape = shape_of(annotation, "test")
    slow = json_writer(shape, wrapped=False, what="the result of say_hi")
    return protobuf_writer(message(annotation), shape, slow, wrapped=False, what="the result of say_hi")(value)


@pytest.mark.parametrize(
    "value", [rich(), rich(second=Address("a"), parts=[rich()]), Address("a"), Model(age=3), Bounded(3), {"depth": 1}]
)
def test_what_is_written_is_read_again(value: Any) -> None:
    """By the short code or the general way."""
    annotation = Options if isinstance(value, dict) else type(value)

    assert read(annotation, write(annotation, value)) == value


@pytest.mark.parametrize(
    ("annotation", "body", "words"),
    [
        (Address, b"", "^street: required, a string$"),
        (Address, b"\x0a\x05a", "^the body is not the protobuf message that this endpoint takes$"),
        (Address, b"\x0a\x01\xff", "^the body is not the protobuf message that this endpoint takes$"),
        (Bounded, b"\x08\x00", r"^count: expected an integer from 1 to 9, got 0 \(an integer\)$"),
        (Positive, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "^the body: value must not be negative$"),
        (Model, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "age: input should be greater than or equal to 0"),
        (msgspec.defstruct("Share", [("of", float)]), b"\x09\x00\x00\x00\x00\x00\x00\xf8\x7f", "not a number"),
    ],
)
def test_what_is_wrong_is_said_as_for_json(annotation: Any, body: bytes, words: str) -> None:
    """The field, what was expected, and what came."""
    with pytest.raises(BadRequest, match=words):
        read(annotation, body)


def test_of_a_large_body_is_not_told_which_field() -> None:
    """Looking for it would cost a multiple of its size."""
    with pytest.raises(BadRequest, match="a field is missing or does not fit; send less than 65536 bytes"):
        read(Tree, b"\x0a\x01a" + b"\x12\x00" * 40_000)


def test_unknown_numbers_are_ignored() -> None:
    """A newer caller may send more."""
    assert read(Address, write(Address, Address("a")) + b"\x78\x01") == Address("a")


def test_a_choice_that_is_none_is_refused() -> None:
    """The message says which there are."""
    root = message_class(message(Rich))
    body = root.FromString(write(Rich, rich()))
    body.f6 = "green"
    with pytest.raises(BadRequest, match=r'color: expected one of "red", "blue", got "green"'):
        read(Rich, body.SerializeToString())


def test_a_dict_that_fits_is_written() -> None:
    """As JSON would take it."""
    assert read(Address, write(Address, {"street": "a"})) == Address("a")


@pytest.mark.parametrize("value", [Address(5), None, 5, {"sity": "a"}])  # type: ignore[arg-type]
def test_a_result_that_is_not_what_was_declared_is_refused(value: Any) -> None:
    """In the words that JSON would use."""
    with pytest.raises(InternalError, match=r"^the result of say_hi is not what the endpoint declares: "):
        write(Address, value)
