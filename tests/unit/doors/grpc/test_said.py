"""What paths mean, how faults are said, and what descriptions become."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, timestamp_pb2

from micro.doors.api.path import Wanted
from micro.doors.grpc.access import address_of
from micro.doors.grpc.descriptors import file_of, grpc_services
from micro.doors.grpc.path import package_of, readings
from micro.doors.grpc.status import code_of, details_of, sentence_of
from micro.errors import Fault
from micro.service.schema.protosource import proto_source
from micro.service.service import Service
from tests.unit.doors.api.house import Seen, greeter


@dataclass
class Place:
    """A place, and those next to it."""

    name: str
    near: list[Place]
    at: dt.datetime
    lasting: dt.timedelta
    notes: dict[str, str]
    size: float | None = None


def everything() -> Service:
    service = Service("every-thing")

    @service.endpoint("Say.Say")
    async def say(place: Place) -> Place:
        return place

    @service.endpoint("Say.Again")
    async def again(places: list[Place], say: bool = False) -> dict[str, int]:
        return {}

    return service


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/greeter.Say/Hello", [Wanted("greeter", "Say.Hello")]),
        ("/go.micro.srv.greeter.Say/Hello", [Wanted("go-micro-srv-greeter", "Say.Hello")]),
        ("/greeting_cards.Say/Hello", [Wanted("greeting_cards", "Say.Hello"), Wanted("greeting-cards", "Say.Hello")]),
        ("/greeter.SayService/Hello", [Wanted("greeter", "SayService.Hello"), Wanted("greeter", "Say.Hello")]),
        ("/Say/Hello", []),
        ("/greeter.Say/Hello/More", []),
        ("/greeter.Say", []),
        ("greeter.Say/Hello", []),
        ("/greeter.Say/Hel%6co", []),
        ("/" + "a" * 300 + ".Say/Hello", []),
        ("/greeter.Say/Hello\n", []),
    ],
)
def test_a_path_means_an_endpoint(path: str, meant: list[Wanted]) -> None:
    """Or nothing."""
    assert list(readings(path, ["greeter", "greeting-cards"])) == meant


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[fe80::1%25eth0]:5000", "fe80::1%eth0"),
        ("unix:/tmp/x", ""),
        ("", ""),
    ],
)
def test_a_peer_has_an_address(peer: str, address: str) -> None:
    """As gRPC spells it."""
    assert address_of(peer) == address


def test_a_fault_is_said_in_three_ways() -> None:
    """The code, the sentence and the details; what is long is cut, so that trailers hold it."""
    fault = Fault.make(404, "x" * 2_000, id="greeter.Say")

    assert code_of(fault) == 5
    assert sentence_of(fault, as_json=False) == "x" * 1_000
    assert len(details_of(fault)) < 3_000
    assert code_of(Fault.make(418, "a teapot")) == 2


@pytest.mark.parametrize("service", [greeter(Seen()), everything()], ids=["greeter", "everything"])
def test_a_description_becomes_a_file(service: Service) -> None:
    """protobuf takes it, and it names what `micro describe --proto` names."""
    described = service.describe()
    file = file_of(service.name, described["endpoints"])

    assert isinstance(file, descriptor_pb2.FileDescriptorProto)
    pool = descriptor_pool.DescriptorPool()
    for known in (timestamp_pb2, duration_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    text = proto_source(service.name, described["endpoints"])
    assert f"package {package_of(service.name)};" in text
    for each in file.service:
        assert f"service {each.name} {{" in text
        for method in each.method:
            names = (method.input_type, method.output_type)
            incoming, outgoing = (name.removeprefix(f".{file.package}.") for name in names)
            takes, gives = (
                "stream " if streams else "" for streams in (method.client_streaming, method.server_streaming)
            )
            assert f"  rpc {method.name}({takes}{incoming}) returns ({gives}{outgoing});" in text
    for message in file.message_type:
        assert f"message {message.name} {{" in text


def test_what_speaks_no_protobuf_is_left_out() -> None:
    """A stream that is opened with parameters and takes messages has no method in protobuf."""
    (name,) = grpc_services("greeter", greeter(Seen()).describe()["endpoints"])

    assert name == "greeter.Say"
    assert "Room" not in {
        method.name for method in file_of("greeter", greeter(Seen()).describe()["endpoints"]).service[0].method
    }


def test_a_description_of_a_stranger_is_borne() -> None:
    """Names and shapes that nobody means."""
    endpoints = [
        {"name": "Say.Hello", "request": {"type": "object", "properties": {"1": {"type": "string"}}}, "response": {}},
        {"name": "no name"},
        {"name": "Say.Any", "request": {}, "response": {}},
        {},
    ]

    assert file_of("x" * 100, endpoints).package == "x" * 100
