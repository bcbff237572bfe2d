"""A line that can be typed as it is: a call of an endpoint with values that make sense.

Pure.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from micro.doors.cli.naming import dashed, spelled
from micro.doors.cli.output import as_line
from micro.service.schema.fields import ABSENT, Field, is_raw, read_fields

__all__ = ["example_line", "example_request", "opening_of", "option_of", "takes_items", "yields_items"]

_SAMPLES: dict[str, Any] = {"text": "hello", "integer": 1, "number": 1.5, "flag": True, "json": {}, "any": "hello"}
_FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "partial-time": "12:00:00",
    "duration": "PT1M30S",
    "uuid": "018f3f9e-7b1a-7c3d-9e4f-1a2b3c4d5e6f",
    "decimal": "1.5",
    "email": "ann@example.com",
    "uri": "https://example.com",
}


def opening_of(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the schema of what opens the exchange: the request, or a stream's parameters."""
    request = endpoint.get("request")
    schema: dict[str, Any] = dict(request) if isinstance(request, Mapping) else {}
    if schema.get("x-micro-stream"):
        opening = schema.get("x-micro-open")
        return dict(opening) if isinstance(opening, Mapping) else {}
    return schema


def takes_items(endpoint: Mapping[str, Any]) -> bool:
    """Returns whether the endpoint reads a stream of its caller's."""
    request = endpoint.get("request")
    return isinstance(request, Mapping) and bool(request.get("x-micro-stream"))


def yields_items(endpoint: Mapping[str, Any]) -> bool:
    """Returns whether the endpoint answers with a stream."""
    response = endpoint.get("response")
    return isinstance(response, Mapping) and bool(response.get("x-micro-stream"))


def option_of(field: Field) -> str:
    """Returns the option with which a field is typed, such as `--address.city`."""
    return "--" + ".".join(dashed(name) for name in field.path)


def example_request(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a request that makes sense: the service's own first example, else a sample of each required field."""
    for example in endpoint.get("examples") or ():
        if isinstance(example, Mapping):
            return dict(example)
    request: dict[str, Any] = {}
    for field in read_fields(opening_of(endpoint)):
        if field.required:
            place = request
            for name in field.path[:-1]:
                place = place.setdefault(name, {})
            place[field.path[-1]] = _sample(field)
    return request


def example_line(description: Mapping[str, Any], endpoint: Mapping[str, Any]) -> str:
    """Returns the command that calls an endpoint, such as `micro greeter hello --name Ann`.

    Args:
        description: the service's.
        endpoint: one of its `endpoints`.
    """
    names = [known["name"] for known in description.get("endpoints", ())]
    line = f"micro {shlex.quote(str(description.get('name', '')))} {spelled(names, endpoint['name'])}"
    schema = opening_of(endpoint)
    if is_raw(schema):
        return f"{line} @FILE"
    request = example_request(endpoint)
    words = [word for field in read_fields(schema) for word in _words(field, request)]
    return " ".join([line, *map(shlex.quote, words)])


def _words(field: Field, request: Any) -> list[str]:
    """Returns the words that give a field the value it has in the request, none where it has none."""
    for name in field.path:
        if not isinstance(request, Mapping) or name not in request:
            return []
        request = request[name]
    option = option_of(field)
    if field.kind == "flag" and isinstance(request, bool):
        return [option if request else f"--no-{option[2:]}"]
    if field.kind == "pairs" and isinstance(request, Mapping):
        return [word for key, value in request.items() for word in (option, f"{key}={_text(value)}")]
    many = field.many and isinstance(request, Sequence) and not isinstance(request, str)
    values = request if many else [request]
    return [word for value in values for word in (option, _bytes(value) if field.kind == "bytes" else _text(value))]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else as_line(value)


def _bytes(value: Any) -> str:
    """Returns what is typed for bytes: their text, or a file to read where they are none."""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (TypeError, ValueError):
        return "@FILE"


def _sample(field: Field) -> Any:
    if field.default is not ABSENT and field.default is not None:
        return field.default
    if field.kind == "choice":
        value: Any = field.choices[0]
    elif field.kind == "bytes":
        value = "aGVsbG8="
    elif field.kind == "pairs":
        return {"key": _SAMPLES.get(field.value, "hello")}
    elif field.kind == "text":
        value = _FORMATS.get(field.format) or (field.path[-1] if not field.format else "hello")
    else:
        value = _SAMPLES[field.kind]
    return [value] if field.many else value
