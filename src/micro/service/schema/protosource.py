"""A service's derived messages as a `.proto` file, for callers in other languages.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from micro.mucp.codec import BYTES, PROTOBUF
from micro.service.schema.json import OPEN_KEY, STREAM_KEY
from micro.service.schema.proto import Field, Inexpressible, Message, message_of

__all__ = ["proto_source"]

ENDPOINTS_MAX = 1000
LINE_CHARACTERS_MAX = 100

_IMPORTS = {"timestamp": "google/protobuf/timestamp.proto", "duration": "google/protobuf/duration.proto"}
_TYPES = {"timestamp": "google.protobuf.Timestamp", "duration": "google.protobuf.Duration"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SPACE = re.compile(r"[^\S\n]*\n\s*|[\x00-\x1f\x7f]+")


def proto_source(service: str, endpoints: Sequence[Mapping[str, Any]]) -> str:
    """Returns a proto3 file with a service's messages and methods.

    Args:
        service: the service's name; it names the package.
        endpoints: the endpoints as its description has them; those that speak no protobuf are left out, with a remark.
    """
    writer = _Writer()
    for endpoint in endpoints[:ENDPOINTS_MAX]:
        writer.take(endpoint)
    package = re.sub(r"[^a-z0-9]+", "_", service.lower()).strip("_") or "service"
    package = f"_{package}" if package[0].isdigit() else package
    return writer.written(package)


class _Writer:
    """Collects methods and messages; messages that are alike are written once."""

    def __init__(self) -> None:
        self._methods: dict[str, list[str]] = {}
        self._messages: dict[str, list[str]] = {}
        self._imports: set[str] = set()

    def take(self, endpoint: Mapping[str, Any]) -> None:
        struct, _, method = str(endpoint.get("name", "")).partition(".")
        if not (_NAME.fullmatch(struct) and _NAME.fullmatch(method)):
            return
        lines = self._methods.setdefault(struct, [])
        lines.extend(_comment(str(endpoint.get("description", "")), "  "))
        try:
            lines.append(self._method(method, f"{struct}{method}", endpoint))
        except Inexpressible as error:
            lines.extend(_comment(f"{method} speaks no protobuf: {error}", "  "))

    def _method(self, method: str, title: str, endpoint: Mapping[str, Any]) -> str:
        if PROTOBUF not in endpoint.get("content_types", [PROTOBUF]):
            raise Inexpressible("see its JSON Schema")
        request, response = endpoint.get("request", {}), endpoint.get("response", {})
        if OPEN_KEY in request:
            opening = self._message(message_of(request[OPEN_KEY], f"{title}Opening"), f"{title}Opening")
            raise Inexpressible(f"its stream is opened with {opening}, and rpc has one message type only")
        incoming = self._side(request, f"{title}Request")
        outgoing = self._side(response, f"{title}Response")
        return f"  rpc {method}({incoming}) returns ({outgoing});"

    def _side(self, schema: Mapping[str, Any], title: str) -> str:
        if schema.get("contentMediaType") == BYTES:
            raise Inexpressible("its bodies are bytes as they are")
        many = "stream " if schema.get(STREAM_KEY) else ""
        return many + self._message(message_of(schema, title), title)

    def _message(self, message: Message, title: str) -> str:
        """Writes a message and those inside it, and returns its name; another of the same name gets a longer one."""
        everything = message.everything()
        prefixes = ["", title, f"{title}{len(self._messages)}"]
        while True:
            prefix = prefixes.pop(0)
            names = {id(inner): prefix + inner.name for inner in everything}
            written = {names[id(inner)]: _message_lines(inner, names) for inner in everything}
            if not prefixes or all(self._messages.get(name, lines) == lines for name, lines in written.items()):
                break
        self._messages.update(written)
        for inner in everything:
            self._imports.update(_IMPORTS[field.kind] for field in inner.fields if field.kind in _IMPORTS)
        return names[id(message)]

    def written(self, package: str) -> str:
        blocks = [['syntax = "proto3";'], [f"package {package};"]]
        if self._imports:
            blocks.append([f'import "{name}";' for name in sorted(self._imports)])
        for struct, lines in self._methods.items():
            name = f"{struct}Service" if struct in self._messages else struct
            blocks.append([f"service {name} {{", *lines, "}"])
        blocks.extend(self._messages.values())
        return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _message_lines(message: Message, names: dict[int, str]) -> list[str]:
    lines = [*_comment(message.description, ""), f"message {names[id(message)]} {{"]
    for field in message.fields:
        lines.extend(_comment(field.description, "  "))
        lines.append(f"  {_label(field, names)} {field.name} = {field.number};")
    return [*lines, "}"]


def _label(field: Field, names: dict[int, str]) -> str:
    plain = names[id(field.message)] if field.message is not None else _TYPES.get(field.kind, field.kind)
    if field.count == "map":
        return f"map<string, {plain}>"
    return f"repeated {plain}" if field.count == "many" else f"optional {plain}"


def _comment(text: str, indent: str) -> list[str]:
    """Returns text as comment lines of bearable length."""
    lines: list[str] = []
    for word in _SPACE.sub(" ", text).split():
        if lines and len(lines[-1]) + len(word) < LINE_CHARACTERS_MAX:
            lines[-1] += f" {word}"
        else:
            lines.append(f"{indent}// {word}")
    return lines
