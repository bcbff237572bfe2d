"""protobuf, read as values of known types."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from micro.service.schema.protodecode import typed_reader
from micro.service.schema.protoencode import typed_encoder
from micro.service.schema.shape import shape_of
from micro.service.schema.source import NotDirect
from micro.service.schema.wire import message_class
from tests.unit.service.schema.samples import Address, Bounded, Options, Price, Tree, message, rich


@dataclass(kw_only=True)
class Named:
    name: str
    tags: list[str] = field(default_factory=list)


class Ordered(msgspec.Struct, kw_only=True):
    first: int = 1
    second: str


class Sparse(msgspec.Struct):
    size: int | msgspec.UnsetType = msgspec.UNSET


def again(annotation: Any, value: Any) -> Any:
    made, shape = message(annotation), shape_of(annotation, "test")
    root = message_class(made)
    return typed_reader(made, shape)(root.FromString(typed_encoder(made, root, shape)(value)))


@pytest.mark.parametrize("value", [Address("a"), Price(Decimal("1.50")), rich(nick="b", parts=[rich()])])
def test_values_come_back(value: Any) -> None:
    """Dataclasses and structs."""
    assert again(type(value), value) == value


def test_named_fields_are_passed_by_name() -> None:
    """Where the class takes them no other way."""
    assert again(Named, Named(name="a", tags=["b"])) == Named(name="a", tags=["b"])


def test_the_order_of_the_class_counts() -> None:
    """A struct may have its required fields last."""
    assert again(Ordered, Ordered(second="b")) == Ordered(second="b")


def test_a_type_that_contains_itself_comes_back() -> None:
    """By a function that calls itself."""
    tree = Tree("a", [Tree("b"), Tree("c", [Tree("d")])])

    assert again(Tree, tree) == tree


def test_absent_fields_get_their_defaults() -> None:
    """Fresh ones."""
    made = message(Named)
    read = typed_reader(made, shape_of(Named, "test"))
    body = message_class(made)(f1="a")

    assert read(body).tags is not read(body).tags


def test_an_absent_required_field_is_an_error() -> None:
    """Which the general way explains."""
    made = message(Address)
    with pytest.raises(Exception, match=r"^$"):
        typed_reader(made, shape_of(Address, "test"))(message_class(made)())


@pytest.mark.parametrize("annotation", [Bounded, Options])
def test_constraints_take_the_general_way(annotation: Any) -> None:
    """There they are checked as in JSON."""
    with pytest.raises(NotDirect):
        typed_reader(message(annotation), shape_of(annotation, "test"))


def test_a_wrapped_value_comes_out_alone() -> None:
    """Where it stands under `result`."""
    around = message(msgspec.defstruct("Around", [("result", list[Address])]))
    read = typed_reader(around, shape_of(list[Address], "test"), result=True)

    assert read(message_class(around)(f1=[{"f1": "a", "f2": "b"}])) == [Address("a", "b")]


def test_an_absent_wrapped_value_is_an_error() -> None:
    """An answer without its result is none."""
    around = message(msgspec.defstruct("Around", [("result", int)]))
    with pytest.raises(Exception, match=r"^$"):
        typed_reader(around, shape_of(int, "test"), result=True)(message_class(around)())


def test_what_may_be_unset_is_unset_when_absent() -> None:
    """msgspec's own mark for it."""
    assert again(Sparse, Sparse()) == Sparse()


def test_a_type_of_several_kinds_takes_the_general_way() -> None:
    """One field of the message holds one kind."""
    nullable = message(msgspec.defstruct("Loose", [("name", str | None)]))
    with pytest.raises(NotDirect):
        typed_reader(nullable, shape_of(msgspec.defstruct("Tight", [("name", str | int)]), "test"))
