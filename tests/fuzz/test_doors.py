"""What the doors read besides links, on inputs that are nearly right: go-micro's wrappings, multicast DNS, and gRPC.

`make test` runs a share of each campaign, `make prove` a million inputs.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from micro.doors.gomicro.messages import Service as GoService
from micro.doors.grpc.path import readings
from micro.errors import BadRequest, Fault, TooLarge
from micro.mucp.codec import JSON, PROTOBUF
from micro.mucp.http.wrapping import unwrap_answer, unwrap_request, wrap_answer, wrap_request
from micro.service.registry.mdns import EVERYTHING, Found, answer, listed, listing, question, read_answer, read_question
from micro.service.schema.binding import Binding
from micro.service.schema.signature import signature_of
from tests.conftest import Fuzzing
from tests.fuzz.driving import drive
from tests.fuzz.mutation import mutants

SHARE = 10_000

WRAPPINGS = ("application/json-rpc", "application/proto-rpc", "application/grpc+json", "application/json", "")
BODY = b'{"name":"John","tags":["a",{"b":null}]}'
REQUESTS = [wrap_request(kind, "Say.Hello", 7, BODY) for kind in WRAPPINGS]
ANSWERS = [wrap_answer(kind, unwrap_request(kind, said), BODY) for kind, said in zip(WRAPPINGS, REQUESTS, strict=True)]
ANSWERS += [
    b'{"id":"7","result":null,"error":"{\\"id\\":\\"a\\",\\"code\\":404}"}',
    b'{"id":7,"result":null,"error":{"code":5}}',
]


def read_request(data: bytes) -> None:
    """A request is taken out of its wrapping, or refused."""
    for kind in WRAPPINGS:
        try:
            found = unwrap_request(kind, data)
        except (BadRequest, TooLarge):
            continue
        assert len(found.body) <= max(len(data), len(b"{}"))


def read_reply(data: bytes) -> None:
    """An answer is taken out of its wrapping, or is a fault."""
    for kind in WRAPPINGS:
        try:
            found = unwrap_answer(kind, data)
        except Fault:
            continue
        assert len(found) <= max(len(data), len(b"null"))


FOLDER = Path(__file__).parents[1] / "vectors" / "mdns"
NODE = Found(
    "greeter", "1.2.3", "greeter-1", "192.0.2.7", 9_911, {"protocol": "mucp"}, ({"name": "Say.Hello", "metadata": {}},)
)
PACKETS = [
    *(path.read_bytes() for path in sorted(FOLDER.glob("*.bin"))),
    question(EVERYTHING),
    listing("greeter"),
    answer("greeter", [NODE, NODE]),
]


def read_packet(data: bytes) -> None:
    """Whatever comes over the local network, no more than a refusal comes of it."""
    for read in (read_question, read_answer, listed):
        try:
            read(data)
        except BadRequest:
            continue


async def registered(service: GoService) -> GoService:
    """Is an endpoint that takes and gives a message with messages, lists and maps inside."""
    return service


async def greeted(name: str, times: int = 1, ratio: float = 1.0, data: bytes = b"", tags: list[str] = []) -> str:  # noqa: B006
    """Is an endpoint that takes each kind of field."""
    return name


BINDINGS = [Binding(signature_of(function)) for function in (registered, greeted)]
VALUES: Sequence[bytes] = (
    b"\x0a\x07greeter\x12\x011\x1a\x06\x0a\x01a\x12\x01b\x22\x0b\x0a\x09Say.Hello\x2a\x07\x0a\x01n\x12\x02a:\x32\x02\x08\x5a",
    b"\x0a\x03Ann\x10\x02\x19" + struct.pack("<d", 0.5) + b"\x22\x02\x00\xff\x2a\x01a\x2a\x01b",
    b'{"name":"greeter","nodes":[{"id":"n","address":"127.0.0.1:1","metadata":{"a":"b"}}]}',
    b'{"name":"Ann","times":2,"ratio":0.5,"data":"AP8=","tags":["a"]}',
)


def read_body(data: bytes) -> None:
    """A body of a typed endpoint is its arguments, or refused."""
    for binding in BINDINGS:
        for kind in (PROTOBUF, JSON):
            try:
                binding.codec(kind).decode(data)
            except BadRequest:
                continue


PATHS = [b"/greeter.Say/Hello", b"/greeting_cards.SayService/Hello", b"/go.micro.registry.Registry/GetService", b"/"]


def read_path(data: bytes) -> None:
    """A path means a few endpoints, or none."""
    path = data.decode("latin-1")
    found = readings(path, ["greeter", "greeting-cards"])
    assert len(found) <= 6
    assert all(each.endpoint.count(".") == 1 for each in found)


READERS: list[tuple[str, Callable[[bytes], Any], Sequence[bytes]]] = [
    ("requests in go-micro's wrappings", read_request, REQUESTS),
    ("answers in go-micro's wrappings", read_reply, ANSWERS),
    ("packets of mDNS", read_packet, PACKETS),
    ("bodies of typed endpoints", read_body, VALUES),
    ("paths of gRPC", read_path, PATHS),
]


@pytest.mark.parametrize(("name", "read", "seeds"), READERS, ids=[name for name, _, _ in READERS])
def test_it_is_read_or_refused(
    name: str, read: Callable[[bytes], Any], seeds: Sequence[bytes], fuzzing: Fuzzing
) -> None:
    """No input makes a reader fail in a way that it does not declare, or is remembered."""
    count = fuzzing(f"mutated {name}", share=SHARE)
    drive(chain(seeds, mutants(seeds, count, len(name))), read)
