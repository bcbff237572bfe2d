"""The kinds of bodies of an endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from micro.service.schema.part import answer_part, item_part, request_part
from tests.unit.service.schema.samples import Address, Stream, chat, read, say_hi


def raw(data: bytes) -> bytes:
    """Reverses.

    Args:
        data: what is reversed.
    """
    return data[::-1]


def whole(address: Address) -> Address:
    return address


async def upload(name: str, chunks: Stream[bytes]) -> AsyncIterator[bytes]:
    yield b""


def changing(tags: list[str] = [], sizes: dict[str, int] = {"a": 1}) -> None:  # noqa: B006 - that is what is tested
    ...


def late(one: int = 1, *, two: str) -> None: ...


def test_parameters_are_a_struct() -> None:
    """With their descriptions and defaults."""
    assert request_part(read(say_hi)).schema["properties"]["name"] == {
        "type": "string",
        "description": "who is greeted.",
        "default": "world",
    }


def test_plain_parameters_have_a_strict_struct() -> None:
    """One pass reads and checks them."""
    assert request_part(read(say_hi)).strict is not None


def test_a_field_may_be_called_as_python_calls_none() -> None:
    """`from_` is the field `from`, in the schema and in what is read."""

    def walk(from_: str, to: str) -> None: ...

    part = request_part(read(walk))
    assert list(part.schema["properties"]) == ["from", "to"]
    assert part.schema["required"] == ["from", "to"]
    assert part.strict is not None
    assert msgspec.json.decode(b'{"from": "a", "to": "b"}', type=part.strict).from_ == "a"
    assert msgspec.json.encode(msgspec.convert({"from": "a", "to": "b"}, part.annotation)) == b'{"from":"a","to":"b"}'


def test_other_parameters_have_none() -> None:
    """Their classes are made in a second pass."""

    def two(address: Address, loud: bool) -> None: ...

    assert request_part(read(two)).strict is None


def test_a_struct_is_the_body() -> None:
    """There is nothing around it."""
    assert request_part(read(whole)).annotation is Address


def test_bytes_are_the_body() -> None:
    """The schema says so."""
    assert request_part(read(raw)).schema == {
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/octet-stream",
        "description": "what is reversed.",
    }


def test_a_plain_result_is_wrapped() -> None:
    """And marked."""
    schema = answer_part(read(say_hi)).schema

    assert (schema["x-micro-result"], schema["required"]) == (True, ["result"])


def test_the_result_is_described() -> None:
    """By the docstring's `Returns:`."""
    assert answer_part(read(say_hi)).schema["description"] == "the greeting."


def test_an_incoming_item_is_a_part() -> None:
    """It may be an object or bytes."""
    parts = [item_part(read(chat)), item_part(read(upload))]

    assert [part.raw for part in parts if part] == [False, True]


def test_no_stream_no_item() -> None:
    """A call has none."""
    assert item_part(read(say_hi)) is None


@pytest.mark.parametrize(("name", "default"), [("tags", []), ("sizes", {"a": 1})])
def test_a_default_that_can_change_is_fresh(name: str, default: Any) -> None:
    """One caller cannot spoil it for the next."""
    declared = request_part(read(changing)).annotation
    getattr(declared(), name).clear()

    assert getattr(declared(), name) == default


def test_a_required_parameter_may_come_late() -> None:
    """After one that has a default."""
    assert request_part(read(late)).schema["required"] == ["two"]
