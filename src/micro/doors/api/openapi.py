"""The node's services as an OpenAPI 3.1 document, made from what they say of themselves.

Pure.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

from micro.doors.api.target import Target, target_of
from micro.mucp.codec import BYTES, JSON, PROTOBUF
from micro.service.schema.json import OPEN_KEY, STREAM_KEY

__all__ = ["moved", "openapi"]

log = logging.getLogger("micro.api")

VERSION = "3.1.0"
TITLE, TEXT = "Services of a Micro node", "Every service this node reaches, callable by name."
EVENTS, LINES = "text/event-stream", "application/x-ndjson"
PARAMETERS_MAX = 64
DEPTH_MAX = 100
"""A schema may be a stranger's; what is nested deeper is left out."""


QUERY_DEPTH_MAX = 2

_UNNAMEABLE = re.compile(r"[^A-Za-z0-9._-]")
_SCALARS = frozenset({"string", "integer", "number", "boolean"})

_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
"""Bytes as they are: in 3.1 they need no schema, but what makes clients of documents asks for this one."""

_FAULT = {
    "type": "object",
    "description": "What went wrong: where, its code, one sentence for a person, the code's short name.",
    "properties": {
        "id": {"type": "string"},
        "code": {"type": "integer"},
        "detail": {"type": "string"},
        "status": {"type": "string"},
    },
    "required": ["id", "code", "detail", "status"],
}


def openapi(
    descriptions: Iterable[Mapping[str, Any]], *, version: str, url: str, title: str = TITLE, text: str = TEXT
) -> dict[str, Any]:
    """Returns the document.

    Args:
        descriptions: the services.
        version: the node's own version, or that of the one service.
        url: where the door is.
        title: what the document is called.
        text: what it is about.
    """
    schemas: dict[str, Any] = {"Fault": _FAULT}
    paths: dict[str, Any] = {}
    tags: list[dict[str, Any]] = []
    for description in descriptions:
        name = str(description["name"])
        own: dict[str, Any] = {}
        try:
            paths.update(_paths(name, description, own))
        except Exception:  # one service must not take the document from all others
            log.warning("the description of %s cannot be read; it is left out", name, exc_info=True)
            continue
        schemas.update(own)
        tags.append({"name": name, "description": str(description.get("description", ""))})
    return {
        "openapi": VERSION,
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": title,
            "version": version,
            "description": text,
        },
        "servers": [{"url": url}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "Fault": {"description": "A fault.", "content": {JSON: {"schema": {"$ref": _reference("Fault")}}}}
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "A token."}},
        },
        "security": [{}, {"token": []}],
    }


def _paths(name: str, description: Mapping[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        f"/api/{name}/{endpoint['name']}": _operations(
            name, endpoint, target_of(name, endpoint["name"], description), schemas
        )
        for endpoint in description.get("endpoints", ())
    }


def _operations(service: str, endpoint: Mapping[str, Any], target: Target, schemas: dict[str, Any]) -> dict[str, Any]:
    name = f"{service}.{endpoint['name']}"
    request = _filed(f"{name}.Request", target.parameters or {"type": "object"}, schemas)
    answered = endpoint.get("response")
    response = _filed(f"{name}.Response", answered if isinstance(answered, Mapping) else {}, schemas)
    text = str(endpoint.get("description", ""))
    shared: dict[str, Any] = {
        "tags": [service],
        "summary": text.strip().partition("\n")[0][:120] or endpoint["name"],
        "description": text,
        "responses": {"200": _answer(endpoint, target, response), "default": {"$ref": "#/components/responses/Fault"}},
    }
    if endpoint.get("price"):
        shared["x-micro-price"] = endpoint["price"]
    found = {"post": {**shared, "operationId": name, "requestBody": _body(endpoint, target, request, schemas)}}
    parameters = _parameters(target)
    if parameters is not None and target.idempotent:
        found["get"] = {**shared, "operationId": f"{name}.get", "parameters": parameters}
    return found


def _body(endpoint: Mapping[str, Any], target: Target, schema: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if target.raw_request:
        return {"required": True, "content": {BYTES: _BINARY}}
    content: dict[str, Any] = {JSON: {"schema": schema}}
    examples = endpoint.get("examples") or []
    if examples and not target.takes_stream:
        content[JSON]["examples"] = {f"example{number}": {"value": one} for number, one in enumerate(examples, 1)}
    if PROTOBUF in endpoint.get("content_types", ()):
        content[PROTOBUF] = _BINARY
    if target.takes_stream:
        item = _filed(f"{target.id}.Item", endpoint["request"], schemas)
        content[LINES] = {"schema": {"description": "One message a line.", "$ref": item["$ref"]}}
    return {"required": False, "content": content}


def _answer(endpoint: Mapping[str, Any], target: Target, schema: Any) -> dict[str, Any]:
    if target.stream:
        lines = {BYTES: _BINARY} if target.raw_response else {LINES: {"schema": schema}}
        return {
            "description": "Messages as they come: events, or one a line. Over a WebSocket at this path both ways.",
            "content": {EVENTS: {"schema": schema}, **lines},
        }
    if target.raw_response:
        return {"description": "Bytes; an image is sent as what it is.", "content": {BYTES: _BINARY}}
    content: dict[str, Any] = {JSON: {"schema": schema}}
    if PROTOBUF in endpoint.get("content_types", ()):
        content[PROTOBUF] = _BINARY
    return {"description": "The answer.", "content": content}


def _parameters(target: Target) -> list[dict[str, Any]] | None:
    """Returns the request as query parameters, or None where it does not fit into a query."""
    schema = target.parameters
    if target.raw_request:
        return None
    properties: Mapping[str, Any] = (schema or {}).get("properties", {})
    if len(properties) > PARAMETERS_MAX:
        return None
    required = (schema or {}).get("required", ())
    found = []
    for name, one in properties.items():
        if not _fits_a_query(one):
            return None
        about = {"description": one["description"]} if one.get("description") else {}
        found.append({"name": name, "in": "query", "required": name in required, "schema": _plain(one), **about})
    return found


def _fits_a_query(schema: Any, depth: int = 0) -> bool:
    """Returns whether a field is a plain value, a choice of some, or a list of them; what nests deeper is for JSON."""
    if not isinstance(schema, Mapping) or depth > QUERY_DEPTH_MAX:
        return False
    if "anyOf" in schema:
        return all(_fits_a_query(choice, depth + 1) or choice == {"type": "null"} for choice in schema["anyOf"])
    if schema.get("type") == "array":
        return _fits_a_query(schema.get("items"), depth + 1)
    kind = schema.get("type")
    return (isinstance(kind, str) and kind in _SCALARS) or "enum" in schema


def _filed(name: str, schema: Mapping[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Files a schema and its definitions under `components`, and returns a reference to it."""
    prefix = _UNNAMEABLE.sub("_", name)
    names = {definition: f"{prefix}.{_UNNAMEABLE.sub('_', definition)}" for definition in schema.get("$defs", {})}
    for definition, inner in schema.get("$defs", {}).items():
        schemas[names[definition]] = moved(inner, names)
    schemas[prefix] = moved({key: value for key, value in schema.items() if key != "$defs"}, names)
    return {"$ref": _reference(prefix)}


def moved(schema: Any, names: Mapping[str, str], depth: int = 0) -> Any:
    """Returns a schema whose references lead to where its definitions are filed now."""
    if depth > DEPTH_MAX:
        return {}
    if isinstance(schema, Mapping):
        left_out = (OPEN_KEY, STREAM_KEY)
        found = {key: moved(value, names, depth + 1) for key, value in schema.items() if key not in left_out}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            found["$ref"] = _reference(names.get(reference.removeprefix("#/$defs/"), "Fault"))
        return found
    if isinstance(schema, list):
        return [moved(value, names, depth + 1) for value in schema]
    return schema


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "description"}


def _reference(name: str) -> str:
    return f"#/components/schemas/{name}"
