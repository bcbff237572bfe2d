"""A real grpcio server is called through a node like any service of its own."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.wrappers_pb2 import StringValue

from micro.doors.api.access import OWNER
from micro.doors.grpc.spoken import GrpcSpoken
from micro.doors.grpc.status import DETAILS_KEY, details_of
from micro.doors.mucp.speaking import MUCP_ALONE, Speaking
from micro.doors.opening import open_doors
from micro.errors import BadRequest, Conflict, Fault, NotFound, Unavailable
from micro.mucp.codec import PROTOBUF
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.local import InsideDialer
from micro.node.node import Node
from micro.service.client import Client
from micro.service.registry.mdns import Found
from tests.unit.doors.mucp.guest import WAIT_SECONDS, Place, open_place

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDPOINTS = (
    *({"name": f"Say.{name}", "metadata": {}} for name in ("Hello", "Fail", "Slow", "Refuse", "Json", "Raw")),
    *({"name": f"Say.{name}", "metadata": {"stream": "true"}} for name in ("Count", "Chat", "Forever", "Breaks")),
)


def message(text: str) -> bytes:
    return StringValue(value=text).SerializeToString()


class Greeter(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A server of somebody who knows gRPC and nothing else."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.cancelled = asyncio.Event()
        self.sent = 0

    def service(self, details: Any) -> Any:
        package, _, method = details.method.rpartition("/")
        if package != "/cards.v1.Say":
            return None
        kinds = {
            "Count": grpc.unary_stream_rpc_method_handler,
            "Forever": grpc.unary_stream_rpc_method_handler,
            "Breaks": grpc.unary_stream_rpc_method_handler,
            "Chat": grpc.stream_stream_rpc_method_handler,
        }
        work = getattr(self, method.lower(), None)
        if work is None:
            return None
        if method == "Raw":
            return grpc.unary_unary_rpc_method_handler(work)
        types = {"request_deserializer": StringValue.FromString, "response_serializer": StringValue.SerializeToString}
        return kinds.get(method, grpc.unary_unary_rpc_method_handler)(work, **types)

    async def hello(self, request: StringValue, context: Any) -> StringValue:
        self.metadata = dict(context.invocation_metadata())
        return StringValue(value=f"Hello {request.value}")

    async def fail(self, request: StringValue, context: Any) -> None:
        details = details_of(Conflict("it is there already", id="cards.fail"))
        await context.abort(grpc.StatusCode.UNKNOWN, "whatever", ((DETAILS_KEY, details),))

    async def refuse(self, request: StringValue, context: Any) -> None:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")

    async def json(self, request: StringValue, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNKNOWN, '{"id":"a","code":429,"detail":"slower","status":"b"}')

    async def raw(self, request: bytes, context: Any) -> bytes:
        self.metadata = dict(context.invocation_metadata())
        return request

    async def slow(self, request: StringValue, context: Any) -> StringValue:
        try:
            await asyncio.sleep(WAIT_SECONDS)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return request

    async def count(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        for number in range(3):
            yield StringValue(value=f"{request.value} {number}")

    async def breaks(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield request
        await context.abort(grpc.StatusCode.NOT_FOUND, "no more")

    async def forever(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        self.sent = 0
        try:
            while True:
                yield StringValue(value="x" * 10_000)
                self.sent += 1
        finally:
            self.cancelled.set()

    async def chat(self, requests: AsyncIterator[StringValue], context: Any) -> AsyncIterator[StringValue]:
        async for request in requests:
            yield StringValue(value=f"echo {request.value}")


@asynccontextmanager
async def serving(greeter: Greeter) -> AsyncIterator[int]:
    """Runs a server, and gives its port."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((greeter,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def found(port: int, **metadata: str) -> Found:
    return Found("cards.v1", "1", "cards-1", "127.0.0.1", port, {"protocol": "grpc", **metadata}, ENDPOINTS)


@asynccontextmanager
async def speaking(place: Place, port: int, **metadata: str) -> AsyncIterator[Client]:
    """Has a node speak for the server, and gives a client of the node."""
    opened = Speaking(
        dial=lambda spoken: InsideDialer(place.node.router, OWNER).dial(None, spoken),
        has=lambda name: place.node.catalog.lookup(name) is not None,
        speakers={**MUCP_ALONE, "grpc": GrpcSpoken},
    )
    await opened.start()
    opened.heard(found(port, **metadata))
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while place.node.catalog.lookup("cards-v1") is None:  # noqa: ASYNC110 - it happens in many places
                await asyncio.sleep(0.01)
        yield place.node.client(OWNER)
    finally:
        await opened.stop()


@pytest.fixture(scope="module")
def greeter() -> Greeter:
    return Greeter()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(greeter: Greeter) -> AsyncIterator[Client]:
    async with open_place() as place, serving(greeter) as port, speaking(place, port) as client:
        yield client


async def ask(client: Client, endpoint: str, text: str = "Ann", **options: Any) -> str:
    body = await client.call_raw("cards-v1", endpoint, message(text), content_type=PROTOBUF, **options)
    return StringValue.FromString(body).value


async def test_it_is_called_like_a_service(client: Client) -> None:
    """Many times at once, under a name that the node takes."""
    answers = await asyncio.gather(*(ask(client, "Say.Hello", str(number)) for number in range(40)))
    assert answers == [f"Hello {number}" for number in range(40)]


async def test_metadata_travels(client: Client, greeter: Greeter) -> None:
    """But not what is the node's, or HTTP/2's, and nothing that gRPC cannot spell."""
    await ask(client, "Say.Hello", headers={"X-Test": "1", "Te": "x", "X-Odd": "é", "Grpc-Timeout": "1n"})
    assert greeter.metadata["x-test"] == "1"
    assert not {"te", "x-odd", "grpc-timeout", "micro-service"} & greeter.metadata.keys()


@pytest.mark.parametrize(
    ("endpoint", "code", "detail", "id"),
    [
        ("Say.Fail", 409, "it is there already", "cards.fail"),
        ("Say.Refuse", 403, "not you", ""),
        ("Say.Json", 429, "slower", "a"),
    ],
)
async def test_its_faults_are_ours(client: Client, endpoint: str, code: int, detail: str, id: str) -> None:
    """As go-micro's error in the details or the sentence, else by gRPC's code."""
    with pytest.raises(Fault) as raised:
        await ask(client, endpoint)
    assert (raised.value.code, raised.value.detail, raised.value.id) == (code, detail, id or raised.value.id)


async def test_json_is_refused_with_the_reason(client: Client) -> None:
    """No message of protobuf is made of it."""
    with pytest.raises(BadRequest, match="in protobuf"):
        await client.call("cards-v1", "Say.Hello", {"name": "Ann"})


async def test_json_goes_to_a_server_of_go_micro(greeter: Greeter) -> None:
    """Which says so, and is told the type; what has no fields is an object without any."""
    async with open_place() as place, serving(greeter) as port, speaking(place, port, server="grpc") as client:
        assert await client.call("cards-v1", "Say.Raw", {"name": "Ann"}) == {"name": "Ann"}
        assert greeter.metadata["x-content-type"] == "application/json"
        assert await client.call_raw("cards-v1", "Say.Raw", b"") == b"{}"
        assert await ask(client, "Say.Hello") == "Hello Ann"
        assert "x-content-type" not in greeter.metadata


async def test_a_server_that_is_none_is_forgotten() -> None:
    """It takes connections, and speaks something else."""

    left = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")
        with contextlib.suppress(OSError):
            await reader.read()
            writer.close()
            await writer.wait_closed()
        left.set()

    async with (
        open_place() as place,
        await asyncio.start_server(speak, "127.0.0.1", 0) as server,
        speaking(place, server.sockets[0].getsockname()[1]) as client,
    ):
        with pytest.raises((Unavailable, NotFound)):
            await ask(client, "Say.Hello")
        assert place.node.catalog.lookup("cards-v1") is None
        async with asyncio.timeout(WAIT_SECONDS):
            await left.wait()


async def test_a_server_that_stops_answers_what_it_began(greeter: Greeter) -> None:
    """And the next call reaches the one that is there then."""
    async with open_place() as place:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((greeter,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with speaking(place, port) as client:
            stream = await client.stream_raw("cards-v1", "Say.Chat", b"", content_type=PROTOBUF)
            async with stream:
                messages = stream.messages()
                await stream.send(message("a"))
                assert await anext(messages) == message("echo a")
                stopping = asyncio.get_running_loop().create_task(server.stop(WAIT_SECONDS))
                await asyncio.sleep(0.2)
                await stream.send(message("b"))
                assert await anext(messages) == message("echo b")
                await stream.end()
                assert [each async for each in messages] == []
            await stopping


async def test_a_call_that_is_given_up_ends_there(client: Client, greeter: Greeter) -> None:
    """Nobody works for a caller that is gone."""
    greeter.cancelled.clear()
    with pytest.raises(Fault, match="no answer within"):
        await ask(client, "Say.Slow", timeout_seconds=0.2)
    async with asyncio.timeout(WAIT_SECONDS):
        await greeter.cancelled.wait()


async def stream_of(client: Client, endpoint: str, body: bytes = b"") -> Any:
    return await client.stream_raw("cards-v1", endpoint, body, content_type=PROTOBUF)


async def test_a_method_that_only_sends(client: Client) -> None:
    """Its request is what opens the stream."""
    async with await stream_of(client, "Say.Count", message("Ann")) as stream:
        said = [StringValue.FromString(each).value async for each in stream]
    assert said == ["Ann 0", "Ann 1", "Ann 2"]


async def test_an_empty_request_is_one(client: Client) -> None:
    """Whoever says nothing, and that no more comes, has said the message whose fields are all absent."""
    async with await stream_of(client, "Say.Count") as stream:
        await stream.end()
        assert [StringValue.FromString(each).value async for each in stream] == [" 0", " 1", " 2"]


async def test_streams_go_both_ways(client: Client) -> None:
    """What is sent is answered, and both ends are told."""
    async with await stream_of(client, "Say.Chat") as stream:
        messages = stream.messages()
        for word in ("a", "b"):
            await stream.send(message(word))
            assert await anext(messages) == message(f"echo {word}")
        await stream.end()
        assert [each async for each in messages] == []


async def test_a_stream_that_fails_there_fails_here(client: Client) -> None:
    """After the messages that came before it."""
    async with await stream_of(client, "Say.Breaks", message("a")) as stream:
        messages = stream.messages()
        assert await anext(messages) == message("a")
        with pytest.raises(NotFound, match="no more"):
            await anext(messages)


async def test_a_stream_that_is_left_ends_there(client: Client, greeter: Greeter) -> None:
    """And a caller that reads nothing holds back the server meanwhile."""
    greeter.cancelled.clear()
    async with await stream_of(client, "Say.Forever", message("a")) as stream:
        await anext(stream.messages())
        sent = -1
        async with asyncio.timeout(WAIT_SECONDS):
            while sent != greeter.sent:
                sent = greeter.sent
                await asyncio.sleep(0.5)
        assert not greeter.cancelled.is_set()
    async with asyncio.timeout(WAIT_SECONDS):
        await greeter.cancelled.wait()


async def test_a_server_that_is_gone_is_forgotten() -> None:
    """The first call that does not reach it ends the service here, and was not done."""
    async with open_place() as place:
        async with serving(Greeter()) as port:
            pass
        async with speaking(place, port) as client:
            with pytest.raises((Unavailable, NotFound)):  # it is asked for again, and is not there by then
                await ask(client, "Say.Hello")
            assert place.node.catalog.lookup("cards-v1") is None


async def test_a_server_that_somebody_registers_is_called() -> None:
    """At a node whose settings open the doors, and with nothing else done on either side."""
    with tempfile.TemporaryDirectory(prefix="micro-") as home:
        config = NodeConfig(home=home, api=False, network=False, mucp=True, mucp_port=0, grpc=True, grpc_port=0)
        node = Node(config, system_ports())
        await node.start()
        try:
            await open_doors(node)
            async with serving(Greeter()) as port:
                said = {
                    "name": "cards.v1",
                    "version": "1",
                    "nodes": [{"id": "n", "address": f"127.0.0.1:{port}", "metadata": {"protocol": "grpc"}}],
                    "endpoints": [{"name": "Say.Hello"}],
                }
                client = node.client(OWNER)
                await client.call("go-micro-registry", "Registry.Register", said)
                async with asyncio.timeout(WAIT_SECONDS):
                    while node.catalog.lookup("cards-v1") is None:  # noqa: ASYNC110 - it happens in many places
                        await asyncio.sleep(0.01)
                assert await ask(client, "Say.Hello") == "Hello Ann"
                (told,) = node.describe("cards-v1")["endpoints"]
                assert told["content_types"] == [PROTOBUF]
        finally:
            await node.stop()


async def test_who_does_not_speak_grpc_leaves_its_services_alone() -> None:
    """Without the setting nobody could ask them."""
    async with open_place() as place:
        opened = Speaking(dial=lambda spoken: InsideDialer(place.node.router, OWNER).dial(None, spoken), has=bool)
        opened.heard(found(1))
        assert opened.public() == set()
