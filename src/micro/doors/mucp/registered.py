"""The endpoints of a go-micro server as it registered them, in the words of our registry.

Pure.

A server says of each endpoint which fields its request and its answer have: `{"name", "type", "values"}`, where
`values` are the fields inside. It reads them off Go types, three levels deep. Of a type that has no fields there is
only its name, and of a list only what it is made of, so that such a field may hold anything.

Source: `server/extractor.go` of go-micro v2.9.1, v3.7.1 and v4.11.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from micro.mucp.codec import JSON, PROTOBUF
from micro.service.registry.mdns import Found
from micro.service.schema.json import STREAM_KEY

__all__ = ["endpoints_of", "schema_of"]

DEPTH_MAX: Final = 4
FIELDS_MAX: Final = 128
NAME_CHARACTERS_MAX: Final = 128

_INTEGERS: Final = ("int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64")
_KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "float32": {"type": "number"},
    "float64": {"type": "number"},
    "[]uint8": {"type": "string", "contentEncoding": "base64"},
    **{kind: {"type": "integer"} for kind in _INTEGERS},
}
"""What Go's own types are in JSON."""


def endpoints_of(found: Found) -> list[dict[str, Any]]:
    """Returns the endpoints of a server as the node's registry takes them; what subscribes to a topic is none."""
    is_grpc = found.metadata.get("protocol") == "grpc"
    is_go_micro = found.metadata.get("server") == "grpc"  # whose endpoints take JSON by gRPC, some of them alone
    types = {"content_types": [JSON, PROTOBUF] if is_go_micro else [PROTOBUF]} if is_grpc else {}
    endpoints: list[dict[str, Any]] = []
    for each in found.endpoints:
        metadata = each.get("metadata") or {}
        if not isinstance(metadata, Mapping) or metadata.get("subscriber") or "." not in str(each["name"]):
            continue
        kind: dict[str, Any] = {}
        if metadata.get("stream") == "true":
            kind = {"kind": "stream", "request": {STREAM_KEY: True}, "response": {STREAM_KEY: True}}
        else:
            fields = {part: schema_of(each.get(part)) for part in ("request", "response")}
            kind = {part: schema for part, schema in fields.items() if schema is not None}
        text = metadata.get("description")
        endpoints.append({"name": each["name"], "description": text if isinstance(text, str) else "", **kind, **types})
    return endpoints


def schema_of(value: object) -> dict[str, Any] | None:
    """Returns the JSON Schema of a request or an answer, None where nothing is known of its fields."""
    if not isinstance(value, Mapping) or value.get("type") in ("", None, *_KINDS):
        return None
    found = _schema(value, 0)
    return found if found.get("properties") else {"type": "object", "properties": {}}


def _schema(value: Mapping[str, Any], depth: int) -> dict[str, Any]:
    kind, inside = str(value.get("type", "")), value.get("values")
    if kind in _KINDS:
        return dict(_KINDS[kind])
    if kind.startswith("[]"):
        return {"type": "array", "items": dict(_KINDS.get(kind[2:], {}))}
    if not isinstance(inside, list | tuple) or depth >= DEPTH_MAX:
        return {}
    properties = {
        str(each["name"]): _schema(each, depth + 1)
        for each in inside[:FIELDS_MAX]
        if isinstance(each, Mapping) and 0 < len(str(each.get("name", ""))) <= NAME_CHARACTERS_MAX
    }
    return {"type": "object", "properties": properties}
