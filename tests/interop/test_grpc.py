"""go-micro v2 speaks gRPC by itself: its default client asks a node, and its default server is asked by one."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from micro.doors.api.access import OWNER
from micro.doors.grpc.door import GrpcDoor
from micro.doors.opening import open_doors
from micro.errors import Conflict
from micro.mucp.codec import PROTOBUF
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from tests.interop.programs import BUILD_SECONDS, PLACE, SOURCE, compiled, reason_not_to
from tests.unit.doors.api.house import Seen, greeter

PROGRAM = Path(__file__).parent / "grpc" / "main.go"
RUN_SECONDS = 90

EXPECTED = {
    "call": {"result": "Hello Go"},
    "fault": ["greeter.Say.Fail", 409, "it is there already", "Conflict"],
    "count": [{"result": 0}, {"result": 1}, {"result": 2}],
    "room": {"result": "*a"},
}


def built() -> Path:
    """Returns the program, built where it is not yet; without Go, or where that takes too long, the test is skipped."""
    if why := reason_not_to():
        pytest.skip(why)
    folder = PLACE / "programs" / "grpc"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(SOURCE / "v2" / name, folder / name)
    shutil.copyfile(PROGRAM, folder / "main.go")
    program = compiled(folder, BUILD_SECONDS)
    if program is None:
        pytest.skip(f"go-micro v2 is not compiled within {BUILD_SECONDS} s; run this again to go on")
    return program


async def test_go_micro_2_asks_as_it_is() -> None:
    """A call, a structured error, a stream of the server's and one in both directions."""
    program = await asyncio.to_thread(built)
    with tempfile.TemporaryDirectory(prefix="micro-") as home:
        node = Node(NodeConfig(home=home, api=False, mucp=False, network=False), system_ports())
        await node.start()
        node.platform.add(greeter(Seen()))
        door = GrpcDoor(
            client_for=node.client,
            describe=node.platform.describe,
            list_services=lambda: [{"name": each["name"]} for each in node.platform.describe_all()],
            token=node.token,
            user=lambda token: node.gate.visit(token).caller,
        )
        try:
            port = await door.start("127.0.0.1", 0)
            asking = await asyncio.create_subprocess_exec(
                program, f"127.0.0.1:{port}", stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            async with asyncio.timeout(RUN_SECONDS):
                said, complaints = await asking.communicate()
        finally:
            await door.stop()
            await node.stop()

    assert asking.returncode == 0, complaints.decode()
    assert json.loads(said) == EXPECTED


async def test_go_micro_2_is_asked_as_it_is() -> None:
    """Its default server registers where two variables say: calls in protobuf and JSON, an error, a stream."""
    program = await asyncio.to_thread(built)
    with tempfile.TemporaryDirectory(prefix="micro-") as home:
        settings: dict[str, Any] = {"mucp_port": 0, "mucp_trust": True, "grpc": True, "grpc_port": 0}
        node = Node(NodeConfig(home=home, api=False, network=False, **settings), system_ports())
        await node.start()
        serving = None
        try:
            await open_doors(node)
            told = {
                "INTEROP_DO": "serve",
                "MICRO_REGISTRY": "service",
                "MICRO_REGISTRY_ADDRESS": node.condition.addresses["grpc"],
                "MICRO_SERVER_ADDRESS": "127.0.0.1:0",
            }
            serving = await asyncio.create_subprocess_exec(
                program, env={**os.environ, **told}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            async with asyncio.timeout(RUN_SECONDS):
                while node.catalog.lookup("go-cards") is None:  # noqa: ASYNC110 - it happens in another process
                    await asyncio.sleep(0.05)
                client = node.client(OWNER)
                found = await client.call_raw("go-cards", "Pb.Hello", message("John"), content_type=PROTOBUF)
                plain = await client.call("go-cards", "Say.Hello", {"name": "John"})
                with pytest.raises(Conflict) as raised:
                    await client.call_raw("go-cards", "Pb.Fail", message("John"), content_type=PROTOBUF)
                stream = await client.stream_raw("go-cards", "Pb.Chat", content_type=PROTOBUF)
                async with stream:
                    for word in ("a", "b"):
                        await stream.send(message(word))
                    await stream.end()
                    echoes = [each async for each in stream]
        finally:
            if serving is not None:
                serving.terminate()
                await serving.wait()
            await node.stop()

    assert found == message("Hello John")
    assert plain == {"msg": "Hello John"}
    assert (raised.value.id, raised.value.detail) == ("greeter.Pb.Fail", "no name John")
    assert echoes == [message("echo a"), message("echo b")]


def message(text: str) -> bytes:
    return StringValue(value=text).SerializeToString()
