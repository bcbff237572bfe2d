"""Derived protobuf and dicts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from micro.service.schema.protodict import dict_encoder, dict_reader
from micro.service.schema.wire import message_class
from tests.unit.service.schema.samples import Address, Model, Rich, message, rich

ADDRESS = message(Address)
RICH = message(Rich)


def again(value: Any, *, native: bool = False) -> dict[str, Any]:
    root = message_class(RICH)
    return dict_reader(RICH, native=native)(root.FromString(dict_encoder(RICH, root)(value)))


def encode(value: Any) -> bytes:
    return dict_encoder(ADDRESS, message_class(ADDRESS))(value)


def test_a_typed_value_becomes_its_json() -> None:
    """A dataclass is written field by field."""
    assert again(rich())["home"] == {"street": "Lane 1", "city": ""}


def test_json_values_come_back_unchanged() -> None:
    """Texts of moments, durations and bytes included."""
    assert again(again(rich())) == again(rich())


def test_native_values_are_pythons_own() -> None:
    """For the checks that a type makes."""
    found = again(rich(), native=True)

    assert (found["data"], found["moment"], found["span"]) == (rich().data, rich().moment, rich().span)


def test_native_values_are_written_too() -> None:
    """A dict may hold either."""
    assert (
        again({**again(rich()), "moment": dt.datetime(2026, 1, 31, tzinfo=dt.UTC)})["moment"] == "2026-01-31T00:00:00Z"
    )


def test_a_model_is_written() -> None:
    """By its own JSON."""
    made = message(Model)
    root = message_class(made)

    assert dict_reader(made, native=False)(root.FromString(dict_encoder(made, root)(Model(age=1)))) == {
        "age": 1,
        "nick": None,
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"street": "a", "sity": "b"}, "sity: unknown field; the fields are street, city"),
        ({"city": "b"}, "street: required"),
        (["a"], "expected an object, got list"),
    ],
)
def test_what_does_not_fit_is_named(value: Any, words: str) -> None:
    """A field with a typing mistake is not silently lost."""
    with pytest.raises((ValueError, TypeError), match=words):
        encode(value)


@pytest.mark.parametrize("value", [{"street": 5}, {"street": None}, {"street": "\ud800"}])
def test_values_of_another_kind_are_refused(value: Any) -> None:
    """By protobuf's own checks."""
    with pytest.raises((ValueError, TypeError)):
        encode(value)


def test_absent_fields_are_left_out() -> None:
    """Except where absence is null."""
    read = dict_reader(RICH, native=False)(message_class(RICH)())

    assert read == {
        "nick": None, "second": None, "tags": [], "points": [], "homes": [], "sizes": {}, "places": {}, "colors": [],
        "numbers": [], "parts": [],
    }  # fmt: skip
