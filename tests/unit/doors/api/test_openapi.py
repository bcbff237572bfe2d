"""The OpenAPI document."""

from __future__ import annotations

from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from micro.doors.api.openapi import DEPTH_MAX, openapi

POINT = {"type": "object", "properties": {"x": {"type": "integer"}}}
LINE = {"type": "object", "properties": {"a": {"$ref": "#/$defs/Point"}}, "$defs": {"Point": POINT}}


def described(**endpoint: Any) -> dict[str, Any]:
    return {"name": "draw", "endpoints": [{"name": "Pen.Line", "kind": "call", "request": LINE, **endpoint}]}


def document(*descriptions: dict[str, Any]) -> dict[str, Any]:
    found = openapi(descriptions, version="1.0.0", url="http://127.0.0.1:8080")
    OpenAPIV31SpecValidator(found).validate()
    return found


def test_no_service_is_a_valid_document_too() -> None:
    """A node that has just begun has one."""
    assert document()["paths"] == {}


def test_types_of_a_service_are_components_of_their_own() -> None:
    """Two services may call different things `Point`."""
    other = {**described(), "name": "other"}

    schemas = document(described(), other)["components"]["schemas"]

    assert (
        schemas["draw.Pen.Line.Request"]["properties"]["a"]["$ref"]
        == "#/components/schemas/draw.Pen.Line.Request.Point"
    )
    assert "other.Pen.Line.Request.Point" in schemas


def test_a_schema_without_an_end_is_cut() -> None:
    """Whoever describes himself cannot make the document fail."""
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(DEPTH_MAX * 30):
        deep = {"type": "array", "items": deep}

    openapi([described(request={"type": "object", "properties": {"a": deep}})], version="1", url="")


def test_what_fits_a_query_and_may_be_repeated_has_a_get() -> None:
    """An idempotent endpoint with plain fields; one with fields of fields has none."""
    flat = {"type": "object", "properties": {"x": {"type": "integer", "description": "where"}}, "required": ["x"]}

    plain = document(described(request=flat, idempotent=True))["paths"]["/api/draw/Pen.Line"]
    nested = document(described(idempotent=True))["paths"]["/api/draw/Pen.Line"]

    assert plain["get"]["parameters"] == [
        {"name": "x", "in": "query", "required": True, "schema": {"type": "integer"}, "description": "where"}
    ]
    assert "get" not in nested
    assert "get" not in document(described(request=flat))["paths"]["/api/draw/Pen.Line"]
    assert "get" not in document(described(request=flat, kind="stream"))["paths"]["/api/draw/Pen.Line"]


def test_streams_and_bytes_say_what_they_are() -> None:
    """By the content types of their answers."""
    binary = {"type": "string", "format": "binary"}
    stream = document(described(kind="stream", response={"type": "object"}))["paths"]["/api/draw/Pen.Line"]["post"]
    raw = document(described(request=binary, response=binary))["paths"]["/api/draw/Pen.Line"]["post"]

    assert list(stream["responses"]["200"]["content"]) == ["text/event-stream", "application/x-ndjson"]
    assert list(raw["requestBody"]["content"]) == ["application/octet-stream"]
