"""Server reflection: what there is, told to programs that know nothing of it before, such as grpcurl.

Version 1 and 1alpha have the same messages under two names.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, duration_pb2, timestamp_pb2
from grpc_reflection.v1alpha import reflection_pb2

from micro.doors.api.directory import Directory
from micro.doors.grpc.access import Access
from micro.doors.grpc.calling import Context, metadata_of
from micro.doors.grpc.descriptors import file_of, grpc_services
from micro.doors.grpc.path import package_of
from micro.doors.grpc.status import ERROR_FILE, ERROR_URL, error_file

__all__ = ["PATHS", "Reflection"]

_SERVICE: Final = "grpc.reflection.{}.ServerReflection"
OWN: Final = tuple(_SERVICE.format(version) for version in ("v1", "v1alpha"))
PATHS: Final = tuple(f"/{name}/ServerReflectionInfo" for name in OWN)
SERVICES_MAX: Final = 1_000
KEPT_SECONDS: Final = 1.0
"""How long the list of all services may lag behind: making it takes a while, and nobody may keep the node at it."""

FILES_KEPT_MAX: Final = 256
NAME_CHARACTERS_MAX: Final = 256
NOT_FOUND, UNIMPLEMENTED = 5, 12


def _first_version() -> bytes:
    """Returns the file of version 1: that of 1alpha under other names, which is all that differs."""
    data: bytes = reflection_pb2.DESCRIPTOR.serialized_pb
    file = descriptor_pb2.FileDescriptorProto.FromString(data)
    file.name, file.package = "grpc/reflection/v1/reflection.proto", "grpc.reflection.v1"
    file.ClearField("options")
    fields = [field for message in file.message_type for field in message.field]
    for place, name in [
        *((field, "type_name") for field in fields if field.type_name),
        *((method, name) for method in file.service[0].method for name in ("input_type", "output_type")),
    ]:
        setattr(place, name, getattr(place, name).replace(".v1alpha.", ".v1."))
    found: bytes = file.SerializeToString()
    return found


_KNOWN: Final[dict[str, bytes]] = {
    "google/protobuf/timestamp.proto": timestamp_pb2.DESCRIPTOR.serialized_pb,
    "google/protobuf/duration.proto": duration_pb2.DESCRIPTOR.serialized_pb,
    "grpc/reflection/v1/reflection.proto": _first_version(),
    "grpc_reflection/v1alpha/reflection.proto": reflection_pb2.DESCRIPTOR.serialized_pb,
    ERROR_FILE: error_file(),
}
_SYMBOLS: Final = {
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    "google.protobuf.Duration": "google/protobuf/duration.proto",
}
_PACKAGES: Final = {
    "grpc.reflection.v1.": "grpc/reflection/v1/reflection.proto",
    "grpc.reflection.v1alpha.": "grpc_reflection/v1alpha/reflection.proto",
}


class Reflection:
    """Answers questions about what there is.

    Args:
        access: tells who asks.
        directory: what there is.
    """

    def __init__(self, access: Access, directory: Directory) -> None:
        self._access = access
        self._directory = directory
        self._listed: list[str] = []
        self._files: dict[str, bytes] = {}
        self._until = 0.0

    async def answer(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """Answers questions until no more come.

        Raises:
            Fault: whoever asks may not.
        """
        self._access.caller(metadata_of(context), context.peer())
        async for data in requests:
            now = asyncio.get_running_loop().time()
            if now > self._until:
                self._listed, self._until = [], now + KEPT_SECONDS
                self._files.clear()
            await context.write(self._reply(data).SerializeToString())

    def _reply(self, data: bytes) -> Any:
        answer = reflection_pb2.ServerReflectionResponse()
        try:
            request = reflection_pb2.ServerReflectionRequest.FromString(data)
        except Exception:  # noqa: BLE001 - protobuf's own error; it is told as what it is
            return _unknown(answer, UNIMPLEMENTED, "the question cannot be read")
        answer.original_request.CopyFrom(request)
        answer.valid_host = request.host
        kind = request.WhichOneof("message_request")
        if kind == "list_services":
            for name in self._names():
                answer.list_services_response.service.add(name=name)
            return answer
        if kind == "file_by_filename":
            found = self._file(request.file_by_filename)
        elif kind == "file_containing_symbol":
            found = self._symbol(request.file_containing_symbol)
        else:
            return _unknown(answer, UNIMPLEMENTED, "there are no extensions")
        if found is None:
            return _unknown(answer, NOT_FOUND, "there is nothing of this name")
        answer.file_descriptor_response.file_descriptor_proto.append(found)
        return answer

    def _described(self) -> list[Mapping[str, Any]]:
        names = [str(each["name"]) for each in self._directory.list_services()[:SERVICES_MAX]]
        return [found for name in names if (found := self._directory.describe(name)) is not None]

    def _names(self) -> list[str]:
        if not self._listed:
            self._listed = list(OWN)
            for each in self._described():
                self._listed += grpc_services(str(each["name"]), each.get("endpoints", ()))
        return self._listed

    def _file(self, name: str) -> bytes | None:
        return _KNOWN.get(name) or self._package(name.removesuffix(".proto"))

    def _symbol(self, symbol: str) -> bytes | None:
        for prefix, name in _PACKAGES.items():
            if symbol.startswith(prefix):
                return _KNOWN[name]
        if symbol in _SYMBOLS:
            return _KNOWN[_SYMBOLS[symbol]]
        found = self._package(symbol.partition(".")[0])
        return _KNOWN[ERROR_FILE] if found is None and symbol == ERROR_URL else found

    def _package(self, package: str) -> bytes | None:
        known = self._files.get(package)
        if known is not None:
            return known
        for summary in self._directory.list_services():
            name = str(summary["name"])
            if package_of(name) == package[:NAME_CHARACTERS_MAX] and (found := self._directory.describe(name)):
                data: bytes = file_of(name, found.get("endpoints", ())).SerializeToString()
                if len(self._files) < FILES_KEPT_MAX:
                    self._files[package] = data
                return data
        return None


def _unknown(answer: Any, code: int, why: str) -> Any:
    answer.error_response.error_code = code
    answer.error_response.error_message = why
    return answer
