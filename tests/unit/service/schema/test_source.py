"""Python source in the making."""

from __future__ import annotations

from micro.service.schema.source import Source


def test_lines_become_a_function() -> None:
    """With the names it was given."""
    source = Source(one=1)
    source.add(0, "def add(value):")
    source.add(1, "return value + one")

    assert source.compiled("add")(2) == 3


def test_a_bound_value_has_a_name_of_its_own() -> None:
    """Values from outside never become code."""
    source = Source()

    assert source.bind("a") != source.bind("a")
