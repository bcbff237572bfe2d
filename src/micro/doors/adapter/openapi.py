"""Reads the OpenAPI description of a program, and believes as little of it as it can: what can be asked, and with what.

Pure.

OpenAPI 3 and Swagger 2 in JSON. An operation becomes an endpoint whose fields are its parameters and the members of its
JSON body; what this cannot say (uploads, required headers) is left out, and counted.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Optional

from micro.doors.adapter.parts import is_stream

__all__ = ["Field", "Operation", "read_openapi"]

METHODS = ("get", "post", "put", "patch", "delete")
READONLY = "x-micro-readonly"
"""By which an operation says whether it changes anything; HTTP itself says so of GET alone."""

OPERATIONS_MAX = 200
FIELDS_MAX = 64
DEPTH_MAX = 6
CHOICES_MAX = 50
WORDS = re.compile(r"[A-Za-z0-9]+")
NAME_CHARACTERS_MAX = 50
TEXT_CHARACTERS_MAX = 500
GOOD = ("200", "201", "2XX", "default")
PLAIN: Mapping[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}


@dataclass(frozen=True)
class Field:
    """One thing that an operation takes.

    Attributes:
        name: as a Python parameter.
        place: `path`, `query`, `body` (a member of it) or `whole` (all of it).
        key: what the program calls it.
        annotation: its type.
        required: whether it must be given.
        description: what it is.
    """

    name: str
    place: Literal["path", "query", "body", "whole"]
    key: str
    annotation: Any
    required: bool
    description: str


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked.

    Attributes:
        name: `Struct.Method`.
        method: as HTTP says it, in capitals.
        path: with parameters in braces.
        form: whether the body is a form instead of JSON.
        is_object: whether what comes back is a JSON object for sure.
        is_stream: whether what comes back comes bit by bit.
        fields: what it takes.
        description: what it does.
        readonly: whether it says that it changes nothing, by `x-micro-readonly`; None where it says nothing of it.
    """

    name: str
    method: str
    path: str
    form: bool
    is_object: bool
    is_stream: bool
    fields: tuple[Field, ...]
    description: str
    readonly: bool | None = None


def read_openapi(document: Any, struct: str) -> list[Operation]:
    """Returns the operations of a description; those that cannot be told are left out.

    Args:
        document: parsed JSON.
        struct: how operations without a tag are grouped.
    """
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        return []
    reader = _Reader(document, struct)
    found: dict[str, Operation] = {}
    for path, method, operation, shared in _operations(document["paths"]):
        read = reader.operation(path, method, operation, shared, found)
        if read is not None:
            found[read.name] = read
        if len(found) >= OPERATIONS_MAX:
            break
    return list(found.values())


def _operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], list[Any]]]:
    for path, item in paths.items():
        if not isinstance(item, dict) or not str(path).startswith("/") or len(str(path)) > TEXT_CHARACTERS_MAX:
            continue
        shared = item.get("parameters")
        for method in METHODS:
            operation = item.get(method)
            if isinstance(operation, dict):
                yield str(path), method, operation, shared if isinstance(shared, list) else []


def _base(document: Mapping[str, Any]) -> str:
    """Returns what stands before every path: Swagger's `basePath`, or the path of the first server."""
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
    said = str(document.get("basePath") or first.get("url") or "")
    path = re.sub(r"^[a-z]+://[^/]*", "", said[:TEXT_CHARACTERS_MAX]).rstrip("/")
    return path if path.startswith("/") and "{" not in path else ""


class _Reader:
    """Reads the operations of one document."""

    def __init__(self, document: dict[str, Any], struct: str) -> None:
        self._document = document
        self._struct = struct
        self._base = _base(document)

    def operation(
        self, path: str, method: str, said: dict[str, Any], shared: list[Any], taken: Mapping[str, Operation]
    ) -> Operation | None:
        listed = said.get("parameters")
        fields: dict[str, Field] = {}
        for parameter in [*shared, *(listed if isinstance(listed, list) else [])]:
            found = self._parameter(self._resolved(parameter))
            if found is None:
                continue
            if found.place == "whole" and found.name == "":
                return None  # a required header: nobody here could give it
            fields[found.name] = found
        form = False
        body = self._resolved(said.get("requestBody"))
        if body:
            read = self._body(body, fields)
            if read is None:
                return None
            form = read
        if len(fields) > FIELDS_MAX:
            return None
        name = self._name(path, method, said, taken)
        text = str(said.get("description") or said.get("summary") or f"{method.upper()} {path}")
        return Operation(
            name=name,
            method=method.upper(),
            path=self._base + path,
            form=form,
            is_object=self._is_object(said),
            is_stream=any(is_stream(str(kind)) for kind in self._answers(said)),
            fields=tuple(sorted(fields.values(), key=lambda field: not field.required)),
            description=text[:TEXT_CHARACTERS_MAX],
            readonly=readonly if isinstance(readonly := said.get(READONLY), bool) else None,
        )

    def _name(self, path: str, method: str, said: dict[str, Any], taken: Mapping[str, Operation]) -> str:
        """Returns `Struct.Method`: the author's own words where they are short, else method and path."""
        tags = said.get("tags")
        tag = tags[0] if isinstance(tags, list) and tags and isinstance(tags[0], str) else ""
        struct = _camel(tag) or self._struct
        words = [str(said.get("operationId") or ""), str(said.get("summary") or "")]
        if "__" in words[0] or words[0].endswith(f"_{method}"):  # frameworks make such ids out of paths
            words.reverse()
        for word in (*words, f"{method} {path}"):
            name = _camel(word)
            if name and f"{struct}.{name}" not in taken:
                return f"{struct}.{name}"
        return f"{struct}.{_camel(f'{method} {path}')}{len(taken)}"

    def _parameter(self, said: dict[str, Any]) -> Field | None:
        place, key = said.get("in"), str(said.get("name") or "")
        required = said.get("required") is True
        if place == "header" and required:
            return Field("", "whole", key, str, required=True, description="")
        if place == "body":  # Swagger 2
            schema = self._resolved(said.get("schema"))
            return Field("body", "whole", key, self._annotation(schema), required, _text(said))
        if place not in ("path", "query") or not key:
            return None
        schema = self._resolved(said.get("schema")) or said
        required = required or place == "path"
        return Field(_identifier(key), place, key, self._annotation(schema), required, _text(said))

    def _body(self, body: dict[str, Any], fields: dict[str, Field]) -> bool | None:
        """Adds the fields of a body, and returns whether it is a form; None where it is neither that nor JSON."""
        content = body.get("content")
        if not isinstance(content, dict):
            return None
        kind = next((kind for kind in content if str(kind).partition(";")[0].endswith("json")), "")
        form = not kind and "application/x-www-form-urlencoded" in content
        kind = kind or ("application/x-www-form-urlencoded" if form else "")
        media = content.get(kind)
        if not kind or not isinstance(media, dict):
            return None
        schema = self._resolved(media.get("schema"))
        members = schema.get("properties")
        names = {_identifier(str(key)) for key in members} if isinstance(members, dict) else set()
        if not isinstance(members, dict) or not members or names & set(fields) or len(names) != len(members):
            required = body.get("required") is True
            fields["body"] = Field("body", "whole", "", self._annotation(schema), required, _text(body))
            return form
        listed = schema.get("required")
        wanted = set(map(str, listed)) if isinstance(listed, list) else set()
        for key, value in members.items():
            member = self._resolved(value)
            name = _identifier(str(key))
            fields[name] = Field(
                name, "body", str(key), self._annotation(member), required=str(key) in wanted, description=_text(member)
            )
        return form

    def _answer(self, said: dict[str, Any]) -> dict[str, Any]:
        """Returns what is said of the answer that comes when all is well."""
        responses = said.get("responses")
        if not isinstance(responses, dict):
            return {}
        return self._resolved(next((responses[code] for code in GOOD if code in responses), None))

    def _answers(self, said: dict[str, Any]) -> list[Any]:
        """Returns the content types of that answer; Swagger 2 says them beside it, or for all."""
        content = self._answer(said).get("content")
        produced = said.get("produces", self._document.get("produces"))
        return [*content] if isinstance(content, dict) else (produced if isinstance(produced, list) else [])

    def _is_object(self, said: dict[str, Any]) -> bool:
        first = self._answer(said)
        content = first.get("content")
        media = content.get("application/json") if isinstance(content, dict) else first
        schema = self._resolved(media.get("schema")) if isinstance(media, dict) else {}
        return schema.get("type") == "object" or isinstance(schema.get("properties"), dict)

    def _annotation(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """Returns the Python type of a schema, as exactly as it helps somebody who fills in a form."""
        if depth > DEPTH_MAX:
            return Any
        choices = schema.get("enum")
        if isinstance(choices, list) and 0 < len(choices) <= CHOICES_MAX and all(type(one) is str for one in choices):
            return Literal[tuple(choices)]
        for key in ("anyOf", "oneOf"):
            members = schema.get(key)
            if isinstance(members, list) and len(members) == 2:
                kinds = [self._resolved(one) for one in members]
                other = [one for one in kinds if one.get("type") != "null"]
                if len(other) == 1:
                    return Optional[self._annotation(other[0], depth + 1)]  # noqa: UP045 - made, not written
        kind = schema.get("type")
        if isinstance(kind, str) and kind in PLAIN:
            return PLAIN[kind]
        if kind == "array":
            return list[self._annotation(self._resolved(schema.get("items")), depth + 1)]  # type: ignore[misc]
        return dict[str, Any] if kind == "object" else Any

    def _resolved(self, said: Any) -> dict[str, Any]:
        """Follows references inside the document."""
        for _ in range(DEPTH_MAX):
            if not isinstance(said, dict):
                return {}
            reference = said.get("$ref")
            if not isinstance(reference, str):
                return said
            said = self._document
            for step in reference.removeprefix("#/").split("/"):
                said = said.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(said, dict) else None
        return {}


def _camel(text: str) -> str:
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text[:200])
    name = "".join(word[:1].upper() + word[1:] for word in WORDS.findall(split))[:NAME_CHARACTERS_MAX]
    return name if name[:1].isalpha() else ""


def _identifier(key: str) -> str:
    name = "_".join(WORDS.findall(key))[:NAME_CHARACTERS_MAX] or "value"
    name = name if name[0].isalpha() else f"value_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def _text(said: Mapping[str, Any]) -> str:
    return " ".join(str(said.get("description") or said.get("title") or "").split())[:TEXT_CHARACTERS_MAX]
