"""A service's derived messages and methods as protobuf describes files to programs: what reflection gives out.

Pure. `micro describe --proto` says the same to people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from micro.doors.grpc.path import package_of
from micro.mucp.codec import BYTES, PROTOBUF
from micro.service.schema.json import OPEN_KEY, STREAM_KEY
from micro.service.schema.proto import Field, Inexpressible, Message, message_of

__all__ = ["file_of", "grpc_services"]

ENDPOINTS_MAX: Final = 1_000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KINDS: Final = {"double": 1, "int64": 3, "bool": 8, "string": 9, "bytes": 12}
_MESSAGE: Final = 11
_OPTIONAL, _REPEATED = 1, 3
_WELL_KNOWN: Final = {
    "timestamp": ("google/protobuf/timestamp.proto", ".google.protobuf.Timestamp"),
    "duration": ("google/protobuf/duration.proto", ".google.protobuf.Duration"),
}


def grpc_services(service: str, endpoints: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the full names of a service's structs, as gRPC calls services."""
    file = file_of(service, endpoints)
    return [f"{file.package}.{each.name}" for each in file.service]


def file_of(service: str, endpoints: Sequence[Mapping[str, Any]]) -> Any:
    """Returns the FileDescriptorProto of a service; endpoints that speak no protobuf are left out."""
    from google.protobuf import descriptor_pb2

    package = package_of(service)
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    writer = _Writer(file)
    for endpoint in endpoints[:ENDPOINTS_MAX]:
        writer.take(endpoint)
    writer.close()
    return file


class _Writer:
    """Fills a file; messages that are alike are written once."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._methods: dict[str, list[tuple[str, str, str, bool, bool]]] = {}
        self._messages: dict[str, bytes] = {}

    def take(self, endpoint: Mapping[str, Any]) -> None:
        struct, _, method = str(endpoint.get("name", "")).partition(".")
        if not (_NAME.fullmatch(struct) and _NAME.fullmatch(method)):
            return
        request, response = endpoint.get("request", {}), endpoint.get("response", {})
        if OPEN_KEY in request or PROTOBUF not in endpoint.get("content_types", [PROTOBUF]):
            return
        if BYTES in (request.get("contentMediaType"), response.get("contentMediaType")):
            return
        try:
            incoming = message_of(request, f"{struct}{method}Request")
            outgoing = message_of(response, f"{struct}{method}Response")
        except Inexpressible:
            return
        names = (
            self._message(incoming, f"{struct}{method}Request"),
            self._message(outgoing, f"{struct}{method}Response"),
        )
        streams = (bool(request.get(STREAM_KEY)), bool(response.get(STREAM_KEY)))
        self._methods.setdefault(struct, []).append((method, *names, *streams))

    def _message(self, message: Message, title: str) -> str:
        """Writes a message and those inside it, and returns its name; another of the same name gets a longer one."""
        everything = message.everything()
        prefixes = ["", title, f"{title}{len(self._messages)}"]
        while True:
            prefix = prefixes.pop(0)
            names = {id(inner): prefix + inner.name for inner in everything}
            made = [self._made(inner, names) for inner in everything]
            if not prefixes or all(self._messages.get(each.name, data) == data for each, data in made):
                break
        for each, data in made:
            if each.name not in self._messages:
                self._messages[each.name] = data
                self._file.message_type.append(each)
        return names[id(message)]

    def _made(self, message: Message, names: dict[int, str]) -> tuple[Any, bytes]:
        from google.protobuf import descriptor_pb2

        made = descriptor_pb2.DescriptorProto(name=names[id(message)])
        for field in message.fields:
            self._add(made, field, names)
        return made, made.SerializeToString()

    def _add(self, made: Any, field: Field, names: dict[int, str]) -> None:
        target, label = made, _OPTIONAL if field.count == "one" else _REPEATED
        name, number = field.name, field.number
        package = self._file.package
        if field.count == "map":
            entry = made.nested_type.add(name=f"{field.name.replace('_', ' ').title().replace(' ', '')}Entry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, type=_KINDS["string"], label=_OPTIONAL)
            place = f".{package}.{made.name}.{entry.name}"
            made.field.add(name=name, number=number, type=_MESSAGE, label=_REPEATED, type_name=place)
            target, label, name, number = entry, _OPTIONAL, "value", 2
        added = target.field.add(name=name, number=number, type=_KINDS.get(field.kind, _MESSAGE), label=label)
        if field.message is not None:
            added.type_name = f".{package}.{names[id(field.message)]}"
        elif field.kind in _WELL_KNOWN:
            file, added.type_name = _WELL_KNOWN[field.kind]
            if file not in self._file.dependency:
                self._file.dependency.append(file)
        if field.count == "one":
            added.proto3_optional = True
            added.oneof_index = len(made.oneof_decl)
            made.oneof_decl.add(name=f"_{field.name}")

    def close(self) -> None:
        """Writes the methods."""
        package = self._file.package
        for struct, methods in self._methods.items():
            made = self._file.service.add(name=f"{struct}Service" if struct in self._messages else struct)
            for name, incoming, outgoing, takes, gives in methods:
                made.method.add(
                    name=name,
                    input_type=f".{package}.{incoming}",
                    output_type=f".{package}.{outgoing}",
                    client_streaming=takes,
                    server_streaming=gives,
                )
