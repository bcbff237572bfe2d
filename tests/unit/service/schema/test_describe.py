"""What endpoints and services say about themselves."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from micro.service.registry.description import check_description
from micro.service.schema.describe import check_price, describe_endpoint, describe_service
from tests.unit.service.schema.samples import Address, Rich, bind, chat, count_up, say_hi


def echo(value: Rich) -> Rich:
    return value


def raw(data: bytes) -> bytes:
    return data


def test_an_endpoint_describes_itself() -> None:
    """From its docstring, its types and its options."""
    assert describe_endpoint("Say.Hi", bind(say_hi), price="0.10", idempotent=True, examples=[{"name": "Ann"}]) == {
        "name": "Say.Hi",
        "kind": "call",
        "description": "Greets somebody.",
        "idempotent": True,
        "price": "0.1",
        "content_types": ["application/protobuf", "application/json"],
        "request": {
            "type": "object",
            "title": "SayHiRequest",
            "properties": {
                "name": {"description": "who is greeted.", "type": "string", "default": "world"},
                "times": {"description": "how often", "type": "integer", "format": "int64", "default": 1},
            },
            "required": [],
            "x-micro-fields": ["name", "times"],
            "additionalProperties": False,
        },
        "response": {
            "description": "the greeting.",
            "type": "object",
            "title": "SayHiResponse",
            "properties": {"result": {"type": "string"}},
            "required": ["result"],
            "x-micro-result": True,
        },
        "examples": [{"name": "Ann"}],
    }


def test_a_description_can_be_given() -> None:
    """It stands instead of the docstring."""
    assert describe_endpoint("Say.Hi", bind(say_hi), description="Other.")["description"] == "Other."


def test_typed_examples_become_json() -> None:
    """An example may be a value of the type."""

    def move(address: Address) -> None: ...

    assert describe_endpoint("Say.Hi", bind(move), examples=[Address("a")])["examples"] == [
        {"street": "a", "city": "Berlin"}
    ]


def test_an_example_of_a_stream_is_an_item() -> None:
    """Where the stream has no parameters."""
    from tests.unit.service.schema.test_binding import words

    assert describe_endpoint("Say.Hi", bind(words), examples=["a"])["examples"] == ["a"]


@pytest.mark.parametrize("example", [{"nmae": "Ann"}, {"name": 5}, 5, 1j])
def test_an_example_that_is_wrong_is_refused(example: Any) -> None:
    """At declaration: it would mislead everybody who reads it."""
    with pytest.raises(ValueError, match=r"^example 1 of Say.Hi is not a request it takes: "):
        describe_endpoint("Say.Hi", bind(say_hi), examples=[example])


def test_examples_are_bounded() -> None:
    """A description is no data set."""
    with pytest.raises(ValueError, match="has 40 examples; at most 32"):
        describe_endpoint("Say.Hi", bind(say_hi), examples=[{}] * 40)


def test_an_endpoint_needs_a_good_name() -> None:
    """`Struct.Method`."""
    with pytest.raises(ValueError, match="cannot name an endpoint"):
        describe_endpoint("hi", bind(say_hi))


@pytest.mark.parametrize(
    ("price", "plain"),
    [
        (None, None),
        ("0", None),
        ("0.000", None),
        (0, None),
        ("0.001", "0.001"),
        ("1.50", "1.5"),
        ("007", "7"),
        (3, "3"),
        (Decimal("1E-3"), "0.001"),
        ("0.000000001", "0.000000001"),
    ],
)
def test_prices_have_one_plain_form(price: Any, plain: str | None) -> None:
    """None where there is nothing to pay."""
    assert check_price(price) == plain


@pytest.mark.parametrize(
    "price", ["-1", "1e3", "0.0000000001", "", "free", 0.1, True, Decimal("NaN"), Decimal("-1"), "1" * 13, ".5", "٣"]
)
def test_prices_that_are_none_are_refused(price: Any) -> None:
    """Negative, too fine, too large, binary fractions, words."""
    with pytest.raises(ValueError, match="write a decimal number in quotes"):
        check_price(price)


@pytest.mark.parametrize("function", [say_hi, chat, count_up, echo, raw])
def test_the_registry_takes_every_description(function: Any) -> None:
    """It checks as if a stranger had written it."""
    endpoint = describe_endpoint("Say.Hi", bind(function), price="0.001")
    description = describe_service("greeter", version="1.0.0", description="Greets.", endpoints=[endpoint])

    assert len(check_description(description).hash) == 64


def test_a_service_is_described() -> None:
    """All that it says of itself, and nothing that the registry adds."""
    topics = [{"topic": "events", "queue": ""}]

    assert describe_service("greeter", version="1.0.0", metadata={"tags": "a"}, topics=topics) == {
        "name": "greeter",
        "version": "1.0.0",
        "description": "",
        "metadata": {"tags": "a"},
        "topics": topics,
        "endpoints": [],
    }


def test_descriptions_of_equal_functions_are_equal() -> None:
    """So that their hashes are."""
    assert describe_endpoint("Say.Hi", bind(echo)) == describe_endpoint("Say.Hi", bind(echo))


def test_a_dataclass_made_at_run_time_is_described() -> None:
    """Without a module to look names up in."""
    made = dataclasses.make_dataclass("Made", [("size", int)])

    def take(made: made) -> None: ...  # type: ignore[valid-type]

    take.__annotations__ = {"made": made, "return": None}

    assert describe_endpoint("Say.Hi", bind(take))["request"]["title"] == "Made"
