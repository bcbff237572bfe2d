"""`.proto` files of services."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from micro.mucp.codec import PROTOBUF
from micro.service.schema.describe import describe_endpoint
from micro.service.schema.protosource import proto_source
from tests.unit.service.schema.samples import Address, Rich, Stream, bind, chat, rich, say_hi

protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed")


def echo(value: Rich) -> Rich:
    return value


async def talk(lines: Stream[Address]) -> AsyncIterator[str]:
    yield ""


def anything(value: Any) -> None: ...


def raw(data: bytes) -> bytes:
    return data


def described(name: str, function: Callable[..., Any], **options: Any) -> dict[str, Any]:
    return describe_endpoint(name, bind(function), **options)


def compiled(source: str, folder: Path) -> descriptor_pb2.FileDescriptorProto:
    """Returns what Google's own compiler makes of a file."""
    (folder / "service.proto").write_text(source)
    made = folder / "made"
    include = Path(protoc.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{folder}", f"-I{include}", f"--descriptor_set_out={made}", "service.proto"]
    assert protoc.main(arguments) == 0, source
    found = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes())
    return found.file[0]


ALL = [
    described("Say.Hi", say_hi, description='Greets.\n\n"; } message Evil { // */'),
    described("Say.Echo", echo),
    described("Say.Talk", talk),
    described("Say.Chat", chat),
    described("Say.Anything", anything),
    described("Blob.Put", raw),
]


def test_the_compiler_takes_it(tmp_path: Path) -> None:
    """Whatever the descriptions say."""
    assert compiled(proto_source("word-count", ALL), tmp_path).package == "word_count"


def test_methods_have_their_streams(tmp_path: Path) -> None:
    """Those that speak protobuf."""
    found = compiled(proto_source("greeter", ALL), tmp_path)

    assert [(method.name, method.client_streaming, method.server_streaming) for method in found.service[0].method] == [
        ("Hi", False, False),
        ("Echo", False, False),
        ("Talk", True, True),
    ]


def test_those_left_out_are_told(tmp_path: Path) -> None:
    """In a comment, with the reason."""
    assert re.findall(r"// (\w+) speaks no protobuf", proto_source("greeter", ALL)) == ["Chat", "Anything", "Put"]


def test_what_the_compiler_made_reads_what_the_endpoint_writes(tmp_path: Path) -> None:
    """The file and the wire agree: the same bytes, read by the printed definitions."""
    from google.protobuf import (
        descriptor_pool,
        duration_pb2,
        message_factory,
        timestamp_pb2,
    )

    file = compiled(proto_source("prober", [described("Say.Echo", echo)]), tmp_path)
    pool = descriptor_pool.DescriptorPool()
    for known in (timestamp_pb2, duration_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    cls = message_factory.GetMessageClass(pool.FindMessageTypeByName("prober.Rich"))
    value = rich(sizes={"a": 1}, parts=[rich()])
    found = cls.FromString(bind(echo).codec(PROTOBUF).encode(value))

    assert (found.name, found.moment.ToJsonString(), found.span.ToJsonString(), found.parts[0].home.street) == (
        "Ann",
        "2026-01-31T12:30:00.250Z",
        "-86399.999995s",
        "Lane 1",
    )


def test_messages_that_are_alike_are_written_once() -> None:
    """However many endpoints use them."""
    source = proto_source("greeter", [described("Say.Echo", echo), described("Say.Again", echo)])

    assert source.count("message Address {") == 1


def test_messages_of_one_name_that_differ_are_told_apart(tmp_path: Path) -> None:
    """The second is named after its endpoint."""
    other = {"type": "object", "title": "Rich", "properties": {"x": {"type": "string"}}}
    endpoint = {"name": "Say.Other", "request": other, "response": other}
    source = proto_source("greeter", [described("Say.Echo", echo), endpoint])

    assert {message.name for message in compiled(source, tmp_path).message_type} >= {"Rich", "OtherRequestRich"} or (
        "message SayOtherRequestRich {" in source
    )


def test_a_struct_named_like_a_message_is_told_apart(tmp_path: Path) -> None:
    """protobuf has one space of names."""
    source = proto_source("greeter", [described("Address.Move", talk)])

    assert compiled(source, tmp_path).service[0].name == "AddressService"


@pytest.mark.parametrize("name", ["", "a.b.c", "x y.z", "A.b\nservice"])
def test_strange_names_are_left_out(name: str) -> None:
    """A stranger's description cannot write what it likes into the file."""
    assert "service" not in proto_source("greeter", [{**described("Say.Hi", say_hi), "name": name}])


def test_descriptions_become_comments() -> None:
    """Where a reader of the file looks for them."""
    source = proto_source("greeter", [described("Say.Hi", say_hi)])

    assert "  // Greets somebody.\n  rpc Hi(SayHiRequest)" in source
