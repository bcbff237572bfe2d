"""Shapes of types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from micro.service.schema.shape import (
    is_object,
    is_pydantic,
    is_recursive,
    is_struct,
    members_certain,
    shape_of,
    walk,
    words,
)
from tests.unit.service.schema.samples import (
    Address,
    Bounded,
    Cat,
    Color,
    Dog,
    Model,
    Options,
    Point,
    Price,
    Rich,
    Tree,
)


@pytest.mark.parametrize("annotation", [Address, Price, Options, Model, Annotated[Address, Meta(title="A")]])
def test_structs_are_told(annotation: Any) -> None:
    """Dataclasses, msgspec structs, TypedDicts and pydantic models have named fields."""
    assert is_struct(shape_of(annotation, "test"))


@pytest.mark.parametrize("annotation", [dict[str, int], Point, int, list[Address], Address | None])
def test_other_types_are_no_structs(annotation: Any) -> None:
    """Free keys, arrays, and what may be null."""
    assert not is_struct(shape_of(annotation, "test"))


@pytest.mark.parametrize("annotation", [Address, dict[str, int], dict, Cat | Dog, Model])
def test_objects_are_told(annotation: Any) -> None:
    """Whatever is always a JSON object."""
    assert is_object(shape_of(annotation, "test"))


@pytest.mark.parametrize("annotation", [Point, int, Any, Address | None, Cat | Dog | str])
def test_what_need_not_be_an_object_is_none(annotation: Any) -> None:
    """It will be wrapped."""
    assert not is_object(shape_of(annotation, "test"))


def test_models_are_told_without_importing_pydantic() -> None:
    """By what they have."""
    assert (is_pydantic(Model), is_pydantic(Address)) == (True, False)


@pytest.mark.parametrize("annotation", [Tree, list[Tree], Rich])
def test_types_that_contain_themselves_are_told(annotation: Any) -> None:
    """Their values may be of any depth."""
    assert is_recursive(shape_of(annotation, "test"))


def test_a_type_used_twice_does_not_contain_itself() -> None:
    """Only what is above counts."""
    assert not is_recursive(shape_of(tuple[Address, Address], "test"))


def test_a_walk_over_a_type_that_contains_itself_ends() -> None:
    """Each shape is met once."""
    assert [path for path, _ in walk(shape_of(Tree, "test"))] == ["", ".name", ".children"]


@pytest.mark.parametrize(
    ("annotation", "count"), [(Address, 1), (Price, 1), (Options, 1), (dict[str, int], 0), (Tree, 0)]
)
def test_certain_members_are_counted(annotation: Any, count: int) -> None:
    """Required ones; a type that contains itself is left out, to be on the safe side."""
    assert members_certain(shape_of(annotation, "test")) == count


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (str, "a string"),
        (Annotated[str, Meta(min_length=1, max_length=3)], "a string of 1 to 3 characters"),
        (Annotated[str, Meta(min_length=1)], "a string of at least 1 characters"),
        (Annotated[bytes, Meta(max_length=3)], "bytes as base64 of at most 3 bytes"),
        (Annotated[list[int], Meta(max_length=3)], "a list of at most 3 items"),
        (Annotated[int, Meta(ge=1, le=9)], "an integer from 1 to 9"),
        (Annotated[float, Meta(gt=0)], "a number greater than 0"),
        (int | None, "an integer or null"),
        (Color, 'one of "red", "blue"'),
        (Literal[1, 2], "one of 1, 2"),
        (tuple[int, str], "a list of 2 items"),
        (Point, "a list"),
        (Bounded, "an object"),
        (Any, "any value"),
    ],
)
def test_types_are_said_in_words(annotation: Any, text: str) -> None:
    """As a person would say what is expected."""
    assert words(shape_of(annotation, "test")) == text


def test_many_choices_are_cut() -> None:
    """An error is no catalogue."""
    assert words(shape_of(Literal[tuple(range(50))], "test")).endswith("19, …")
