"""pydantic models that stand in for themselves."""

from __future__ import annotations

import pydantic
import pytest

from micro.service.schema.pydantic import builtins_of, decode_hook, encode_hook, pydantic_schema
from tests.unit.service.schema.samples import Address, Model


class Lenient(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    age: int


class Aliased(pydantic.BaseModel):
    own: int = pydantic.Field(alias="theirs")


def test_a_model_is_made_of_plain_values() -> None:
    """As if they had been read from JSON."""
    assert decode_hook(Model, {"age": 1}) == Model(age=1)


def test_a_model_that_is_one_already_stays() -> None:
    """Nothing is done twice."""
    model = Model(age=1)

    assert decode_hook(Model, model) is model


def test_unknown_fields_of_a_model_are_refused() -> None:
    """As for every other type."""
    with pytest.raises(ValueError, match="x: extra inputs are not permitted"):
        decode_hook(Model, {"age": 1, "x": 2})


def test_a_model_may_settle_it_otherwise() -> None:
    """Its own configuration wins."""
    assert decode_hook(Lenient, {"age": 1, "x": 2}).model_extra == {"x": 2}


def test_the_first_complaint_is_told() -> None:
    """In one line, with its place."""
    with pytest.raises(ValueError, match=r"^age: input should be greater than or equal to 0$"):
        decode_hook(Model, {"age": -1})


def test_a_model_travels_under_its_public_names() -> None:
    """By alias, both ways."""
    assert encode_hook(decode_hook(Aliased, {"theirs": 1})) == {"theirs": 1}


def test_what_is_no_model_does_not_travel() -> None:
    """The class is named."""
    with pytest.raises(TypeError, match="a value of type complex cannot travel"):
        encode_hook(1j)


def test_plain_values_are_what_json_gives() -> None:
    """Whatever they were."""
    assert builtins_of([Model(age=1), Address("a"), {2}]) == [
        {"age": 1, "nick": None},
        {"street": "a", "city": "Berlin"},
        [2],
    ]


class Counted(pydantic.BaseModel):
    size: int

    @pydantic.computed_field
    def double(self) -> int:
        return self.size * 2


def test_what_a_model_answers_is_described_as_it_is_written() -> None:
    """With what it computes."""
    assert list(pydantic_schema(Counted, "x-micro-fields", given=False)["properties"]) == ["size", "double"]


def test_what_a_model_takes_is_described_as_it_is_read() -> None:
    """Without what it computes."""
    assert list(pydantic_schema(Counted, "x-micro-fields", given=True)["properties"]) == ["size"]
