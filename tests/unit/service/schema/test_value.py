"""The caller's side."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest

from micro.errors import BadRequest, InternalError
from micro.mucp.codec import BYTES, JSON, PROTOBUF
from micro.service.schema.proto import Inexpressible
from micro.service.schema.value import ValueCodec, decode_value, encode_value
from tests.unit.service.schema.samples import Address, Model, Rich, bind, rich, schema
from tests.unit.service.schema.test_binding import add, echo


@dataclass
class Partial:
    """Some fields of `Rich`, in another order."""

    count: int
    name: str


@dataclass
class Longer(Address):
    zip: int = 0


@dataclass
class Sum:
    one: int
    two: int


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (None, b"{}"),
        ({"a": 1}, b'{"a":1}'),
        (Address("a"), b'{"street":"a","city":"Berlin"}'),
        (Model(age=1), b'{"age":1,"nick":null}'),
        ("a", b'{"result":"a"}'),
        ([1], b'{"result":[1]}'),
        (b"\x00", b'{"result":"AA=="}'),
    ],
)
def test_values_become_json(value: Any, body: bytes) -> None:
    """Objects as they are, everything else under `result`."""
    assert encode_value(value, JSON) == body


def test_bytes_stay_bytes() -> None:
    """In their own content type."""
    assert encode_value(b"\x00", BYTES) == b"\x00"


@pytest.mark.parametrize(
    ("value", "content_type"), [("a", BYTES), ({}, PROTOBUF), ({}, "text/plain"), (1j, JSON), ({"a": "\ud800"}, JSON)]
)
def test_values_without_such_a_form_are_refused(value: Any, content_type: str) -> None:
    """Before anything is sent."""
    with pytest.raises(BadRequest):
        encode_value(value, content_type)


def test_answers_are_json_values() -> None:
    """As they come."""
    assert decode_value(b'{"result": 1}', JSON) == {"result": 1}


def test_a_wrapped_answer_is_unwrapped() -> None:
    """Where the description says that it is wrapped."""
    assert decode_value(b'{"result": 1}', JSON, wrapped=True) == 1


@pytest.mark.parametrize(
    ("body", "returns", "value"),
    [
        (b'{"result": "a"}', str, "a"),
        (b'{"result": null}', int | None, None),
        (b'{"result": [{"street": "a"}]}', list[Address], [Address("a")]),
        (b'{"street": "a", "new": 1}', Address, Address("a")),
        (b'{"age": 1}', Model, Model(age=1)),
        (b'{"a": {"street": "b"}}', dict[str, Address], {"a": Address("b")}),
        (b'{"result": "AA=="}', bytes, b"\x00"),
    ],
)
def test_answers_become_types(body: bytes, returns: Any, value: Any) -> None:
    """Fields that are new are no error."""
    assert decode_value(body, JSON, returns) == value


def test_an_answer_of_bytes_is_bytes() -> None:
    """Nothing is done to it."""
    assert decode_value(b"{", BYTES) == b"{"


@pytest.mark.parametrize(
    ("body", "content_type", "returns", "words"),
    [
        (b'{"street": 5}', JSON, Address, "does not fit the type it was to be: street: expected a string, got 5"),
        (b"{", JSON, Address, "not JSON"),
        (b"{", JSON, None, "not JSON"),
        (b"\x00", PROTOBUF, Address, "needs the description"),
    ],
)
def test_answers_that_do_not_fit_are_the_services_fault(
    body: bytes, content_type: str, returns: Any, words: str
) -> None:
    """A 500, with the place."""
    with pytest.raises(InternalError, match=words):
        decode_value(body, content_type, returns)


def test_a_type_that_cannot_travel_is_the_callers_mistake() -> None:
    """Not the service's."""
    with pytest.raises(TypeError, match="complex cannot travel"):
        decode_value(b"{}", JSON, complex)


def test_a_dict_is_sent_as_protobuf() -> None:
    """With the service's own numbers."""
    binding = bind(add)
    body = ValueCodec(binding.request).encode({"times": 5, "one": 2})

    assert binding.codec(PROTOBUF).invoke(body) == 15


def test_a_typed_value_is_sent_as_protobuf() -> None:
    """Fields are matched by name, not by the order of the caller's class."""
    binding = bind(add)

    assert binding.codec(PROTOBUF).invoke(ValueCodec(binding.request).encode(Sum(2, 3))) == 5


def test_an_answer_in_protobuf_is_unwrapped() -> None:
    """As the schema says."""
    binding = bind(add)

    assert ValueCodec(binding.response).decode(binding.codec(PROTOBUF).encode(7)) == 7


def test_an_answer_in_protobuf_becomes_a_type() -> None:
    """Of the caller's choice."""
    binding = bind(add)

    assert ValueCodec(binding.response).decode(binding.codec(PROTOBUF).encode(7), int) == 7


@pytest.mark.parametrize("returns", [Rich, Partial])
def test_a_rich_answer_becomes_a_type(returns: Any) -> None:
    """All of its fields, or some."""
    binding = bind(echo)
    found = ValueCodec(binding.response).decode(binding.codec(PROTOBUF).encode(rich()), returns)

    assert (found.name, found.count) == ("Ann", -3)


def test_a_rich_answer_is_the_same_in_both_codecs() -> None:
    """JSON-like values do not tell which one was spoken."""
    binding = bind(echo)
    value = rich(nick="b", parts=[rich()], moment=dt.datetime(2026, 1, 31, tzinfo=dt.UTC))

    assert ValueCodec(binding.response).decode(binding.codec(PROTOBUF).encode(value)) == decode_value(
        binding.codec(JSON).encode(value)
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"street": "a", "sity": "b"}, "sity: unknown field"),
        ({}, "street: required"),
        (None, "street: required"),
        ({"street": 5}, "."),
        (Longer("a", zip=1), "zip: unknown field"),
        (5, "expected an object"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_sent(value: Any, words: str) -> None:
    """With the field, where it can be told."""
    with pytest.raises(BadRequest, match=words):
        ValueCodec(schema(Address)).encode(value)


@pytest.mark.parametrize(("body", "returns"), [(b"\xff", None), (b"", Address), (b"", Partial)])
def test_an_answer_that_is_no_such_message_is_the_services_fault(body: bytes, returns: Any) -> None:
    """Broken bytes, or fields that are missing."""
    with pytest.raises(InternalError):
        ValueCodec(schema(Address, closed=False)).decode(body, returns)


def test_what_protobuf_cannot_say_is_sent_as_json() -> None:
    """The codec says so when it is made."""
    with pytest.raises(Inexpressible):
        ValueCodec(schema(dict[str, Any]))


def test_a_wrapped_item_is_sent() -> None:
    """As it is, or under `result` already."""
    binding = bind(add)
    codec = ValueCodec(binding.response)

    assert codec.encode(7) == codec.encode({"result": 7})
