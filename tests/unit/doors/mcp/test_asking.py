"""Forms: which fields a person can be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from micro.doors.mcp.asking import field_of


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "string", "maxLength": 5, "x": 1}, {"type": "string", "maxLength": 5}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "string", "format": "decimal"}, {"type": "string"}),
        ({"type": "integer", "format": "int64", "minimum": 1}, {"type": "integer", "minimum": 1}),
        ({"type": "boolean", "description": "Loud?"}, {"type": "boolean", "description": "Loud?"}),
        ({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string"}),
    ],
)
def test_plain_values_can_be_asked_for(schema: dict[str, Any], field: dict[str, Any]) -> None:
    """With the bounds that a form knows."""
    assert field_of(schema) == field


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        {"type": "object"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "string", "contentEncoding": "base64"},
        {"enum": [1, 2]},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"$ref": "#/$defs/Point"},
        {"type": ["string", "null"]},
    ],
)
def test_what_nests_cannot(schema: Any) -> None:
    """Forms are flat, and nobody types base64."""
    assert field_of(schema) is None
