"""JSON bodies, read and written."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from micro.errors import BadRequest, InternalError
from micro.service.schema.jsonbody import DEPTH_MAX, json_reader, json_writer
from micro.service.schema.shape import shape_of
from tests.unit.service.schema.samples import Address, Color, Model, Rich, Tree, rich


def read(annotation: Any, body: bytes) -> Any:
    return json_reader(annotation, shape_of(annotation, "test"))(body)


def write(annotation: Any, value: Any, *, wrapped: bool = False) -> bytes:
    shape = shape_of(annotation, "test")
    if wrapped:
        shape = shape_of(msgspec.defstruct("Around", [("result", annotation)]), "test")
    return json_writer(shape, wrapped=wrapped, what="the result of say_hi")(value)


class Rude:
    """A value that fails while it is looked at."""


def test_a_body_is_read_as_its_type() -> None:
    """The user's own class comes out."""
    assert read(Address, b'{"street": "a"}') == Address("a")


def test_what_is_written_is_read_again() -> None:
    """Every kind of field."""
    assert read(Rich, write(Rich, rich())) == rich()


def test_a_model_is_read_as_pydantic_reads() -> None:
    """With its own checks."""
    assert read(Model, b'{"age": 3}') == Model(age=3)


def test_an_empty_body_is_an_empty_object() -> None:
    """A POST without a body is a call without arguments."""
    assert read(Tree | None, b"null") is None


def test_an_empty_body_lacks_what_is_required() -> None:
    """It is no different from `{}`."""
    with pytest.raises(BadRequest, match="street: required, a string"):
        read(Address, b"")


@pytest.mark.parametrize(
    "body",
    [
        b'{"street": "a", "street": "b"}',
        b'{"street": "a", "\\u0073treet": "b"}',
        b'{"street": "a:b", "city": "a", "city": "b:c"}',
        b'{"street": "\\u003a", "city": "a", "city": "b"}',
    ],
)
def test_duplicate_keys_are_refused(body: bytes) -> None:
    """Readers differ in which of the two they believe, however they are written."""
    with pytest.raises(BadRequest, match="given twice"):
        read(Address, body)


def test_a_duplicate_key_is_named() -> None:
    """So that it can be found."""
    with pytest.raises(BadRequest, match="city: given twice"):
        read(dict[str, Address], b'{"a": {"street": "b", "city": "c", "city": "d"}}')


def test_a_duplicate_in_a_large_body_is_found_but_not_named() -> None:
    """Looking for its name would cost the memory of the whole."""
    with pytest.raises(BadRequest, match="an object has a key twice"):
        read(dict[str, str], b'{"a": "' + b"x" * 70_000 + b'", "b": "", "b": ""}')


@pytest.mark.parametrize(
    "body",
    [
        b'{"street": "a:b:c", "city": "d:e"}',
        b'{"street": "\\":", "city": "\\\\"}',
        b'{"street": "\\u003a", "city": ""}',
        b'{ "street" : "x" , "city" : "y" }',
    ],
)
def test_colons_and_quotes_in_strings_are_no_duplicates(body: bytes) -> None:
    """Only members count."""
    assert read(Address, body)


def test_the_same_key_in_two_objects_is_no_duplicate() -> None:
    """Each object has its own."""
    assert len(read(list[Address], b'[{"street": "a"}, {"street": "b"}]')) == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"street": NaN}', "not JSON"),
        (b'{"street": "a"', "not JSON: Input data was truncated"),
        (b'{"street": "\xff"}', "it is no UTF-8 text"),
        (b"\xff\xfe{\x00}\x00", "not JSON"),
        (b'{"street": "a"} x', "trailing characters"),
        (b'{"street": "\\ud800"}', "not JSON"),
    ],
)
def test_what_is_no_json_is_refused(body: bytes, words: str) -> None:
    """With the place where it stops being JSON."""
    with pytest.raises(BadRequest, match=words):
        read(Address, body)


@pytest.mark.parametrize("body", [b"1e999", b"1" * 400, b"Infinity", b"-Infinity", b"NaN"])
def test_numbers_that_are_none_are_refused(body: bytes) -> None:
    """Neither by name nor by size."""
    with pytest.raises(BadRequest):
        read(float, body)


@pytest.mark.parametrize("annotation", [Any, dict])
def test_long_integers_are_refused_where_anything_goes(annotation: Any) -> None:
    """64 bits are what every language holds."""
    body = b'{"a": [18446744073709551616]}'
    with pytest.raises(BadRequest, match="more than 64 bits"):
        read(annotation, body)


def test_long_digits_that_are_no_integer_pass() -> None:
    """A string of digits, and a number with many decimals."""
    assert read(Any, b'["18446744073709551616", 0.18446744073709551616]')


def test_the_deepest_allowed_nesting_passes() -> None:
    """Brackets in strings and beside each other do not count."""
    assert read(Any, b"[" * (DEPTH_MAX - 1) + b'"[[[{", [], {}' + b"]" * (DEPTH_MAX - 1))


@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 500, 100_000])
def test_deeper_nesting_is_refused(depth: int) -> None:
    """A few levels too many, and so many that a naive reader would crash."""
    with pytest.raises(BadRequest, match="nested more than 32 deep"):
        read(Any, b"[" * depth + b"]" * depth)


def test_a_type_that_contains_itself_is_bounded_too() -> None:
    """Its depth is the sender's choice."""
    deep = b'{"name": "a", "children": [' * 40 + b'{"name": "z"}' + b"]}" * 40
    with pytest.raises(BadRequest, match="nested more than 32 deep"):
        read(Tree, deep)


def test_a_check_that_breaks_is_no_crash() -> None:
    """Whatever a type's own check raises is about this body, and tells nothing of the service."""

    class Breaks(msgspec.Struct):
        name: str

        def __post_init__(self) -> None:
            raise ZeroDivisionError("internal")

    with pytest.raises(BadRequest, match=r"^the body: a check of its type failed on it \(ZeroDivisionError\)$"):
        read(Breaks, b'{"name": "a"}')


def test_a_value_is_wrapped() -> None:
    """What is no object stands under `result`."""
    assert write(str, "a", wrapped=True) == b'{"result":"a"}'


def test_sets_are_written_in_order() -> None:
    """The same value is the same bytes."""
    assert write(set[str], set("edcba")) == b'["a","b","c","d","e"]'


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (Address, Address(5), "street: expected a string, got 5"),  # type: ignore[arg-type]
        (Address, Address(None), "street: expected a string, got null"),  # type: ignore[arg-type]
        (Address, None, "expected an object, got null"),
        (Address, Rude(), "it has no JSON form: a value of type Rude cannot travel"),
        (list[float], [float("nan")], r"\[0\]: expected a number, got null"),
        (list[int], [2**64], r"\[0\]: expected an integer"),
        (dict[str, Any], {"a": {1, 2}, "b": Rude()}, "a value of type Rude cannot travel"),
        (list[dt.datetime], [dt.datetime(2026, 1, 31)], "expected a date and time with its offset"),  # noqa: DTZ001
        (Color, "green", 'expected one of "red"'),
        (str, "\ud800", "it has no JSON form"),
    ],
)
def test_a_result_that_is_not_what_was_declared_is_refused(annotation: Any, value: Any, words: str) -> None:
    """The service is told, and its callers never get it."""
    with pytest.raises(InternalError, match=f"^the result of say_hi is not what the endpoint declares: .*{words}"):
        write(annotation, value)


@pytest.mark.parametrize("value", [5, None, ["a"], True])
def test_a_wrapped_result_is_checked_too(value: object) -> None:
    """Only what is a string by class needs no check."""
    with pytest.raises(InternalError, match="result: expected a string"):
        write(str, value, wrapped=True)


def test_an_answer_may_have_more_fields() -> None:
    """A subclass of what was declared is not wrong."""

    class More(Address):
        pass

    more = More("a")
    assert write(Address, more) == b'{"street":"a","city":"Berlin"}'
