"""Words for what is wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from micro.errors import BadRequest
from micro.service.schema.jsonbody import json_reader
from micro.service.schema.shape import shape_of
from tests.unit.service.schema.samples import Address, Cat, Color, Dog, Model, Options, Point, Positive, Price, Tree


def complaint(annotation: Any, value: Any) -> str:
    read = json_reader(annotation, shape_of(annotation, "test"))
    with pytest.raises(BadRequest) as caught:
        read(value if isinstance(value, bytes) else msgspec.json.encode(value))
    return caught.value.detail


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (Address, {"street": 5}, "street: expected a string, got 5 (an integer)"),
        (Address, {}, "street: required, a string"),
        (Address, {"street": None}, "street: expected a string, got null"),
        (Address, {"street": ["a"]}, "street: expected a string, got a list of 1"),
        (Address, {"street": {}}, "street: expected a string, got an empty object"),
        (Address, {"street": True}, "street: expected a string, got true"),
        (Address, {"street": 1.5}, "street: expected a string, got 1.5 (a number)"),
        (Address, [], "the body: expected an object, got an empty list"),
        (Address, {"street": "a", "sity": "b"}, "sity: unknown field; did you mean city? The fields are street, city"),
        (Address, {"street": "a", "q": "b"}, "q: unknown field; the fields are street, city"),
        (Options, {"depth": "x"}, 'depth: expected an integer, got "x" (a string)'),
        (dict[str, Address], {"a": {"street": "b"}, "c": {}}, '["c"].street: required, a string'),
        (list[Address], [{"street": "a"}, {"street": 1}], "[1].street: expected a string, got 1 (an integer)"),
        (Tree, {"name": "a", "children": [{"name": 1}]}, "children[0].name: expected a string, got 1 (an integer)"),
        (
            Price,
            {"amount": "much"},
            'amount: expected a decimal number in a string, such as "1.5", got "much" (a string)',
        ),
        (Price, {"amount": "1", "currency": "DM"}, 'currency: expected one of "EUR", "USD", got "DM" (a string)'),
        (Color, "green", 'the body: expected one of "red", "blue", got "green" (a string)'),
        (Point, [1, "a"], '[1]: expected a number, got "a" (a string)'),
        (tuple[int, str], [1, 2], "[1]: expected a string, got 2 (an integer)"),
        (Cat, {"lives": 9}, 'type: required, "Cat"'),
        (Cat | Dog, {"type": "Cat", "lives": "x"}, 'lives: expected an integer, got "x" (a string)'),
        (
            dict[str, Cat | Dog],
            {"a": {"type": "Cow"}},
            '["a"].type: expected one of "Cat", "Dog", got "Cow" (a string)',
        ),
        (Cat | Dog | None, {"lives": 1}, 'type: required, one of "Cat", "Dog"'),
        (Address | None, {"street": 1}, "street: expected a string, got 1 (an integer)"),
        (Positive, {"value": -1}, "the body: value must not be negative"),
        (list[Positive], [{"value": -1}], "[0]: value must not be negative"),
        (Model, {"age": "x"}, "age: input should be a valid integer, unable to parse string as an integer"),
        (int, 2**63, "the body: expected an integer, got 9223372036854775808 (an integer of more than 64 bits)"),
        (int, 10**40, "the body: expected an integer, got a very large number (an integer of more than 64 bits)"),
    ],
)
def test_the_field_what_was_expected_and_what_came(annotation: Any, value: Any, words: str) -> None:
    """In one sentence that begins with the place."""
    assert complaint(annotation, value) == words


def test_a_key_that_is_wrong_is_said_to_be_one() -> None:
    """Keys have no path of their own."""
    assert complaint(dict[int, str], {"a": "b"}).startswith("the body: a key is wrong: expected `int`")


def test_a_long_value_is_cut() -> None:
    """Whatever is sent, the error stays short."""
    assert len(complaint(int, "x" * 10_000)) < 120


def test_control_characters_are_not_repeated() -> None:
    """A terminal that shows the error obeys nothing."""
    assert "\x1b" not in complaint(int, "\x1b[31m")


def test_a_strange_unknown_name_is_quoted_and_cut() -> None:
    """Nothing that was sent can look like a part of the sentence."""
    assert complaint(Address, {"street": "a", "x\n" * 500: 1}).startswith('["x\\nx\\n')


def test_many_fields_are_cut() -> None:
    """Twenty are enough to find the right one."""
    many = msgspec.defstruct("Many", [(f"field{number}", int, 0) for number in range(50)])

    assert complaint(many, {"x": 1}).endswith("field19, …")


def test_an_entry_of_a_large_dict_is_not_looked_for() -> None:
    """The search is bounded; the place says that it is one of many."""
    assert complaint(dict[str, int], {str(number): "x" for number in range(500)}).startswith("[…]: expected")


def test_of_a_very_large_body_only_the_place_is_said() -> None:
    """It is not read a second time."""
    assert complaint(list[int], ["x"] * 50_000) == "[0]: expected `int`, got `str`"


def test_a_field_with_a_dot_in_its_name_is_found() -> None:
    """The longest name that fits is the one."""
    dotted = msgspec.defstruct("Dotted", [("b", Address), ("a", dict[str, int], {})], rename={"b": "a.b"})

    assert complaint(dotted, {"a.b": {"street": 1}}) == "a.b.street: expected a string, got 1 (an integer)"
