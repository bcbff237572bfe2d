"""Strict twins of types."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from micro.service.schema.shape import shape_of
from micro.service.schema.strict import strict_twin
from tests.unit.service.schema.samples import Address, Cat, Color, Dog, Options, Point, Positive, Price, Tree


def takes(annotation: Any, body: str, *, closed: bool = True) -> bool:
    twin, _ = strict_twin(shape_of(annotation, "test"), closed=closed)
    try:
        msgspec.json.decode(body, type=twin)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("annotation", "body"),
    [
        (Address, '{"street": "a", "cit": "b"}'),
        (Options, '{"depth": 1, "x": 1}'),
        (Point, "[1, 2, 3]"),
        (int, str(2**63)),
        (int, str(-(2**63) - 1)),
        (dict[str, int], f'{{"a": {2**63}}}'),
        (dict[int, str], f'{{"{2**63}": "a"}}'),
        (dt.datetime, '"2026-01-31T12:00:00"'),
        (dt.time, '"12:00:00Z"'),
        (Decimal, '"NaN"'),
        (Decimal, '"1e1000"'),
        (Decimal, "1.5"),
        (Cat, '{"lives": 1}'),
        (Tree, '{"name": "a", "children": [{"name": "b", "x": 1}]}'),
        (Cat | Dog, '{"type": "Cat", "lives": 1, "x": 1}'),
        (Annotated[int, Meta(ge=1)], "0"),
        (Literal["a"], '"b"'),
        (Color, '"green"'),
    ],
)
def test_what_msgspec_would_overlook_is_refused(annotation: Any, body: str) -> None:
    """Unknown fields at every depth, large integers, naive moments, numbers that are none."""
    assert not takes(annotation, body)


@pytest.mark.parametrize(
    ("annotation", "body"),
    [
        (Address, '{"street": "a"}'),
        (Options, '{"depth": 1}'),
        (Point, "[1]"),
        (int, str(2**63 - 1)),
        (int, str(-(2**63))),
        (dt.datetime, '"2026-01-31T12:00:00+02:00"'),
        (dt.time, '"12:00:00"'),
        (Decimal, '"-1.50E-7"'),
        (Cat, '{"type": "Cat", "lives": 1}'),
        (Tree, '{"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}'),
        (Cat | Dog, '{"type": "Dog"}'),
        (Positive, '{"value": -1}'),
        (tuple[int, str], '[1, "a"]'),
        (set[str], '["a"]'),
        (frozenset[str], '["a"]'),
        (Annotated[int, Meta(gt=4)], "5"),
    ],
)
def test_what_is_right_is_taken(annotation: Any, body: str) -> None:
    """And no code of the type itself has run."""
    assert takes(annotation, body)


def test_an_open_twin_takes_new_fields() -> None:
    """An answer may have grown some."""
    assert takes(Address, '{"street": "a", "new": 1}', closed=False)


@pytest.mark.parametrize("annotation", [int, dict[str, list[int]], Color, dt.datetime, Any])
def test_a_twin_of_plain_types_gives_their_values(annotation: Any) -> None:
    """One pass is enough for them."""
    assert strict_twin(shape_of(annotation, "test"), closed=True)[1]


@pytest.mark.parametrize("annotation", [Address, list[Price], Decimal, Point])
def test_a_twin_of_other_types_does_not(annotation: Any) -> None:
    """The type itself is read afterwards."""
    assert not strict_twin(shape_of(annotation, "test"), closed=True)[1]
