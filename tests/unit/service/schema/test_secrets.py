"""Secrets of a request, as its schema tells."""

from __future__ import annotations

from typing import Any

import pytest

from micro.service.schema.secrets import MASK, has_secrets, masked

SECRET = {"type": "string", "format": "password"}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"properties": {"a": SECRET, "b": {}}}, {"a": "x", "b": "y"}, {"a": MASK, "b": "y"}),
        ({"properties": {"a": {"writeOnly": True}}}, {"a": {"b": 1}}, {"a": MASK}),
        ({"properties": {"a": {"$ref": "#/$defs/S"}}, "$defs": {"S": SECRET}}, {"a": "x"}, {"a": MASK}),
        ({"properties": {"a": {"anyOf": [SECRET, {"type": "null"}]}}}, {"a": "x"}, {"a": MASK}),
        ({"properties": {"a": {"items": {"properties": {"b": SECRET}}}}}, {"a": [{"b": 1, "c": 2}]}, None),
        ({"additionalProperties": SECRET}, {"a": "x"}, {"a": MASK}),
        ({"properties": {"a": {"prefixItems": [{}, SECRET]}}}, {"a": [1, 2]}, {"a": [1, MASK]}),
    ],
)
def test_a_secret_is_masked_where_it_is(schema: dict[str, Any], value: Any, expected: Any) -> None:
    """At any depth, behind references and in unions; what stands beside it is kept."""
    assert has_secrets(schema)
    assert masked(value, schema) == (expected or {"a": [{"b": MASK, "c": 2}]})


def test_a_schema_that_leads_in_circles_comes_to_an_end() -> None:
    """What lies deeper than anybody nests is taken for secret."""
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a", "properties": {"a": {"$ref": "#/$defs/a"}}}}}
    value: Any = "deep"
    for _ in range(50):
        value = {"a": value}
    assert not has_secrets(schema)
    assert "deep" not in str(masked(value, schema))
