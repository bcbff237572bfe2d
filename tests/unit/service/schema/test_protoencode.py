"""Values of known types, written as protobuf."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from micro.service.schema.protodict import dict_reader
from micro.service.schema.protoencode import typed_encoder
from micro.service.schema.shape import shape_of
from micro.service.schema.source import NotDirect
from micro.service.schema.wire import message_class
from tests.unit.service.schema.samples import Address, Cat, Model, Options, Rich, message, rich


def encoded(annotation: Any, value: Any) -> dict[str, Any]:
    made = message(annotation)
    root = message_class(made)
    body = typed_encoder(made, root, shape_of(annotation, "test"))(value)
    return dict_reader(made, native=False)(root.FromString(body))


def test_every_kind_of_field_is_written() -> None:
    """And read back as the JSON it stands for."""
    found = encoded(Rich, rich(tags=["a"], sizes={"b": 0}, parts=[rich()]))

    assert (found["moment"], found["data"], found["exact"], found["parts"][0]["count"]) == (
        "2026-01-31T12:30:00.250000Z",
        "AP8=",
        "1.50",
        -3,
    )


def test_none_is_absence() -> None:
    """Which reads as null."""
    assert encoded(Rich, rich(nick=None))["nick"] is None


def test_empty_is_not_absence() -> None:
    """Empty texts, zeros and False are values."""
    assert encoded(Rich, rich(nick="", count=0))["nick"] == ""


def test_an_empty_message_is_there() -> None:
    """Presence does not hang on what is inside."""

    @dataclasses.dataclass
    class Note:
        text: str | None = None

    @dataclasses.dataclass
    class Page:
        note: Note

    annotation = dataclasses.make_dataclass("Page", [("note", Note)])
    del Page

    assert encoded(annotation, annotation(Note())) == {"note": {"text": None}}


def test_sets_are_written_in_order() -> None:
    """The same value is the same bytes."""
    strings = dataclasses.make_dataclass("Strings", [("all", set[str])])

    assert encoded(strings, strings(set("edcba"))) == {"all": list("abcde")}


def test_a_tag_is_written() -> None:
    """JSON has it too."""
    assert encoded(Cat, Cat(9)) == {"type": "Cat", "lives": 9}


@pytest.mark.parametrize(
    "value",
    [
        rich(name=5),
        rich(name=None),
        rich(count=2**63),
        rich(share=float("nan")),
        rich(home={"street": "a"}),
        Address("a"),
    ],
)
def test_what_is_not_of_the_type_is_refused(value: Any) -> None:
    """By protobuf's own checks, or by ours for what it would let pass."""
    with pytest.raises((TypeError, ValueError, AttributeError)):
        encoded(Rich, value)


@pytest.mark.parametrize("annotation", [Options, Model])
def test_types_without_attributes_take_the_general_way(annotation: Any) -> None:
    """The short code is for dataclasses and structs."""
    with pytest.raises(NotDirect):
        encoded(annotation, None)
