"""The gRPC door, asked by a real grpcio client that learns all it knows by reflection."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2

from micro.doors.grpc import calling
from micro.doors.grpc.door import GrpcDoor
from micro.doors.opening import open_doors
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from micro.service.service import Service
from tests.unit.doors.api.house import Seen, greeter

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAIT_SECONDS = 30
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


class Town:
    """A node with a gRPC door, and what its services saw."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.seen = Seen()
        self.address = ""


def cards() -> Service:
    service = Service("greeting-cards")

    @service.endpoint("Say.Hello")
    async def hello() -> str:
        return "a card"

    return service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town() -> AsyncIterator[Town]:
    with tempfile.TemporaryDirectory(prefix="micro-") as folder:
        node = Node(NodeConfig(home=folder, api=False, mucp=False, network=False), system_ports())
        await node.start()
        town = Town(node)
        for service in (greeter(town.seen), cards()):
            node.platform.add(service)
        door = GrpcDoor(
            client_for=node.client,
            describe=node.platform.describe,
            list_services=lambda: [{"name": each["name"]} for each in node.platform.describe_all()],
            token=node.token,
            user=lambda token: node.gate.visit(token).caller,
        )
        town.address = f"127.0.0.1:{await door.start('127.0.0.1', 0)}"
        try:
            yield town
        finally:
            await door.stop()
            await node.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def channel(town: Town) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(town.address) as channel:
        yield channel


async def reflected(channel: grpc.aio.Channel, path: str = REFLECTION, **question: Any) -> Any:
    """Asks the reflection service one thing."""
    ask = channel.stream_stream(
        path,
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    call = ask(timeout=WAIT_SECONDS)
    await call.write(reflection_pb2.ServerReflectionRequest(**question))
    await call.done_writing()
    (answer,) = [each async for each in call]
    return answer


class Known:
    """Methods of a gRPC service, as reflection tells them."""

    def __init__(self, channel: grpc.aio.Channel, file: bytes, name: str) -> None:
        self._channel = channel
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(file)
        self._service = pool.FindServiceByName(name)

    def method(self, name: str) -> Any:
        """Returns a callable for a method, and its request's class."""
        found = self._service.methods_by_name[name]
        request, response = (message_factory.GetMessageClass(each) for each in (found.input_type, found.output_type))
        kind = f"{'stream' if found.client_streaming else 'unary'}_{'stream' if found.server_streaming else 'unary'}"
        made = getattr(self._channel, kind)(
            f"/{self._service.full_name}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return made, request


async def known(channel: grpc.aio.Channel, name: str = "greeter.Say") -> Known:
    answer = await reflected(channel, file_containing_symbol=name)
    (file,) = answer.file_descriptor_response.file_descriptor_proto
    return Known(channel, file, name)


def raw(channel: grpc.aio.Channel, path: str) -> Any:
    """Returns a callable in bytes."""
    return channel.unary_unary(path, request_serializer=None, response_deserializer=None)


async def refused(call: Any) -> tuple[str, str, Any]:
    """Returns the code, the sentence, and the fault in the details, of a call that fails."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    details = dict(error.value.trailing_metadata() or ()).get("grpc-status-details-bin")
    return error.value.code().name, error.value.details() or "", details


async def test_reflection_lists_what_there_is(channel: grpc.aio.Channel) -> None:
    """In both of its versions."""
    for path in (REFLECTION, REFLECTION.replace("v1", "v1alpha")):
        answer = await reflected(channel, path, list_services="*")
        names = {each.name for each in answer.list_services_response.service}
        own = {f"grpc.reflection.{version}.ServerReflection" for version in ("v1", "v1alpha")}
        assert {"greeter.Say", "greeting_cards.Say", *own} <= names


@pytest.mark.parametrize("name", ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"])
async def test_reflection_tells_of_itself(channel: grpc.aio.Channel, name: str) -> None:
    """By the messages of each version, in a file that needs no other."""
    ask, request = (await known(channel, name)).method("ServerReflectionInfo")
    call = ask(timeout=WAIT_SECONDS)
    await call.write(request(file_containing_symbol=name))
    await call.done_writing()
    (answer,) = [each async for each in call]
    (file,) = answer.file_descriptor_response.file_descriptor_proto
    package = descriptor_pb2.FileDescriptorProto.FromString(file).package
    assert (package, answer.DESCRIPTOR.full_name) == (name.rpartition(".")[0], f"{package}.ServerReflectionResponse")


async def test_reflection_knows_what_faults_are_made_of(channel: grpc.aio.Channel) -> None:
    """So that details are read by whoever learned all else by reflection."""
    answer = await reflected(channel, file_containing_symbol="errors.Error")
    (file,) = answer.file_descriptor_response.file_descriptor_proto
    (error,) = descriptor_pb2.FileDescriptorProto.FromString(file).message_type
    assert [(field.name, field.number) for field in error.field] == [
        ("id", 1),
        ("code", 2),
        ("detail", 3),
        ("status", 4),
    ]


async def test_reflection_says_what_it_does_not_know(channel: grpc.aio.Channel) -> None:
    """And goes on."""
    answer = await reflected(channel, file_containing_symbol="nobody.Say")
    assert answer.error_response.error_code == 5
    answer = await reflected(channel, all_extension_numbers_of_type="x")
    assert answer.error_response.error_code == 12
    answer = await reflected(channel, file_by_filename="google/protobuf/timestamp.proto")
    assert len(answer.file_descriptor_response.file_descriptor_proto) == 1


async def test_a_call_with_reflected_types(channel: grpc.aio.Channel, town: Town) -> None:
    """Nobody wrote a `.proto` file."""
    hello, request = (await known(channel)).method("Hello")

    answer = await hello(request(name="Ann", times=2, tags=["a"]), timeout=WAIT_SECONDS)

    assert answer.result == "Hello Ann, Hello Ann #a"


async def test_a_name_with_dashes_is_found(channel: grpc.aio.Channel) -> None:
    """By the package that it has in protobuf, and as it is."""
    hello, request = (await known(channel, "greeting_cards.Say")).method("Hello")

    assert (await hello(request(), timeout=WAIT_SECONDS)).result == "a card"
    answer = await raw(channel, "/greeting-cards.Say/Hello")(b"{}", timeout=WAIT_SECONDS)
    assert json.loads(answer) == {"result": "a card"}


async def test_json_is_spoken_too(channel: grpc.aio.Channel) -> None:
    """A message that begins with `{` is JSON, and so is its answer."""
    answer = await raw(channel, "/greeter.Say/Hello")(b'{"name":"Bo"}', timeout=WAIT_SECONDS)

    assert json.loads(answer) == {"result": "Hello Bo"}


async def test_a_server_stream(channel: grpc.aio.Channel) -> None:
    """Its parameters are the one request."""
    count, request = (await known(channel)).method("Count")

    assert [each.result async for each in count(request(to=3), timeout=WAIT_SECONDS)] == [0, 1, 2]


async def test_a_stream_in_both_directions(channel: grpc.aio.Channel) -> None:
    """Turn by turn, and the end of one is no end of the other."""
    total, request = (await known(channel)).method("Sum")
    call = total(timeout=WAIT_SECONDS)
    for number in range(2_000):
        await call.write(request(result=number))
    await call.done_writing()

    assert [each.result async for each in call] == [sum(range(2_000))]


async def test_a_fault_has_a_code_a_sentence_and_details(channel: grpc.aio.Channel) -> None:
    """go-micro reads the details, people the sentence."""
    code, sentence, details = await refused(raw(channel, "/greeter.Say/Fail")(b'{"code":409}', timeout=WAIT_SECONDS))

    assert (code, sentence) == ("ALREADY_EXISTS", "it is there already")
    assert b"type.googleapis.com/errors.Error" in details
    assert b"it is there already" in details


async def test_go_micro_is_told_in_json(channel: grpc.aio.Channel) -> None:
    """Who says its codec as go-micro does looks for the fault in the sentence."""
    call = raw(channel, "/greeter.Say/Fail")(
        b'{"code":409}', metadata=(("x-content-type", "application/grpc+json"),), timeout=WAIT_SECONDS
    )

    code, sentence, _ = await refused(call)

    assert code == "ALREADY_EXISTS"
    assert json.loads(sentence)["code"] == 409


@pytest.mark.parametrize("path", ["/nobody.Say/Hello", "/greeter.Say/Nothing", "/Say/Hello", "/greeter/Say/Hello"])
async def test_what_is_not_there_is_unimplemented(channel: grpc.aio.Channel, path: str) -> None:
    """As gRPC says it."""
    code, sentence, details = await refused(raw(channel, path)(b"{}", timeout=WAIT_SECONDS))

    assert code == "UNIMPLEMENTED"
    assert sentence
    assert details[:2] == b"\x08\x0c", "grpc-go makes Internal of a status whose details say another code"


async def test_without_a_token_one_is_anonymous(channel: grpc.aio.Channel) -> None:
    """And may not what is the owner's."""
    who = raw(channel, "/greeter.Say/Who")
    assert json.loads(await who(b"{}", timeout=WAIT_SECONDS)) == {"result": "an anonymous caller"}

    code, _, _ = await refused(raw(channel, "/node.Node/Stop")(b"{}", timeout=WAIT_SECONDS))
    assert code == "UNAUTHENTICATED"


async def test_a_token_in_the_metadata_says_who_asks(channel: grpc.aio.Channel, town: Town) -> None:
    """A wrong one is refused, whatever is asked."""
    who = raw(channel, "/greeter.Say/Who")
    right = (("authorization", f"Bearer {town.node.token}"),)
    answer = await who(b"{}", metadata=right, timeout=WAIT_SECONDS)
    assert json.loads(answer) == {"result": "the owner"}

    code, _, _ = await refused(who(b"{}", metadata=(("authorization", "Bearer wrong"),), timeout=WAIT_SECONDS))
    assert code == "UNAUTHENTICATED"


async def test_a_call_that_takes_too_long_is_withdrawn(channel: grpc.aio.Channel, town: Town) -> None:
    """The handler hears of it."""
    code, _, _ = await refused(raw(channel, "/greeter.Say/Slow")(b"{}", timeout=0.5))

    assert code == "DEADLINE_EXCEEDED"
    async with asyncio.timeout(WAIT_SECONDS):
        await town.seen.cancelled.wait()


async def test_a_client_that_says_nothing_is_not_waited_for(
    channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opened a call, and sends no message."""
    monkeypatch.setattr(calling, "OPENING_SECONDS", 0.2)
    call = channel.stream_unary("/greeter.Say/Hello", request_serializer=None, response_deserializer=None)()

    code, sentence, _ = await refused(call)

    assert (code, sentence) == ("DEADLINE_EXCEEDED", "no message came within 0.2 s")


async def test_a_client_that_does_not_read_is_not_waited_for(
    channel: grpc.aio.Channel, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stream ends, at the service too."""
    monkeypatch.setattr(calling, "STALL_SECONDS", 0.5)
    town.seen.cancelled.clear()
    call = channel.unary_stream("/greeter.Say/Forever", request_serializer=None, response_deserializer=None)(b"{}")
    assert await call.read()

    async with asyncio.timeout(WAIT_SECONDS):
        await town.seen.cancelled.wait()
    call.cancel()


async def test_a_message_that_is_too_large_is_refused(channel: grpc.aio.Channel) -> None:
    """Before any service sees it."""
    code, _, _ = await refused(raw(channel, "/greeter.Say/Hello")(bytes(4_194_305), timeout=WAIT_SECONDS))

    assert code == "RESOURCE_EXHAUSTED"


async def test_a_wrong_message_is_a_fault_of_the_caller(channel: grpc.aio.Channel) -> None:
    """Bytes that are no message of the endpoint."""
    code, _, _ = await refused(raw(channel, "/greeter.Say/Hello")(b"\xff\xff\xff", timeout=WAIT_SECONDS))

    assert code == "INVALID_ARGUMENT"


async def test_a_node_opens_it_where_its_settings_say() -> None:
    """And tells its address; the services are those of the catalogue."""
    with tempfile.TemporaryDirectory(prefix="micro-") as folder:
        config = NodeConfig(home=folder, api=False, mucp=False, network=False, grpc=True, grpc_port=0)
        node = Node(config, system_ports())
        await node.start()
        try:
            await open_doors(node)
            async with grpc.aio.insecure_channel(node.status()["grpc"]) as channel:
                answer = await reflected(channel, list_services="*")
                listed = json.loads(await raw(channel, "/registry.Registry/List")(b"{}", timeout=WAIT_SECONDS))
        finally:
            await node.stop()

    assert [each.name for each in answer.list_services_response.service]
    assert "services" in listed
