"""A node is a peer in a real go-micro v2 network: services are found and called both ways."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from micro.doors.api.access import OWNER
from micro.doors.legacy.opening import open_legacy
from micro.errors import Conflict, Fault, Forbidden, NotFound
from micro.network.transport import stream
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.local import InsideDialer
from micro.node.node import Node
from micro.service.client import Client
from micro.service.context import Context
from micro.service.running import Running
from micro.service.service import Service
from micro.service.typed import Stream
from tests.interop.matrix import Cell, Matrix
from tests.interop.programs import BUILD_SECONDS, GENERATIONS, PLACE, SOURCE, compiled, reason_not_to

TOKEN = "a-token-of-the-old-network"
WAIT_SECONDS = 60
V2 = GENERATIONS[0]


def built() -> Path:
    """Returns the program, built where it is not yet; without Go, or where that takes too long, the test is skipped."""
    if why := reason_not_to():
        pytest.skip(why)
    folder = PLACE / "programs" / "network"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(SOURCE / "network", folder, dirs_exist_ok=True)
    program = compiled(folder, BUILD_SECONDS)
    if program is None:
        pytest.skip(f"go-micro v2 is not compiled within {BUILD_SECONDS} s; run this again to go on")
    return program


class GoPeer:
    """A go-micro v2 network node that runs."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.address = address
        self.process = process

    async def said(self, what: str) -> dict[str, Any]:
        """Returns the next line of that name."""
        assert self.process.stdout is not None
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                text = await self.process.stdout.readline()
                assert text, f"it ended before it said {what}"
                if text.startswith(b"{") and json.loads(text)["did"] == what:  # the others are its log
                    return dict(json.loads(text))


@asynccontextmanager
async def go_peer() -> AsyncIterator[GoPeer]:
    program = await asyncio.to_thread(built)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        program,
        env={"PATH": "", "INTEROP_PEER": address, "INTEROP_TOKEN": TOKEN, "INTEROP_WANTED": "py-greeter"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        peer = GoPeer(process, address)
        await peer.said("ready")
        yield peer
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@dataclass
class Named:
    name: str


@dataclass
class Said:
    msg: str


def greeter(asked: list[tuple[str, str]]) -> Service:
    service = Service("py-greeter")

    @service.endpoint("Say.Hello")
    async def hello(context: Context, name: str) -> dict[str, str]:
        asked.append((context.caller.kind, context.caller.nid))
        return {"msg": f"Hello {name} from Python"}

    @service.endpoint("Say.Fail")
    async def fail(name: str) -> dict[str, str]:
        raise Conflict(f"{name} is there already")

    @service.endpoint("Say.Chat")
    async def chat(names: Stream[Named], name: str = "") -> AsyncIterator[Said]:
        async for each in names:
            if each.name == "bye":
                return
            yield Said(f"echo {each.name}")

    @service.endpoint("Say.Count")
    async def count(names: Stream[Named], name: str = "") -> AsyncIterator[Said]:
        async for each in names:
            for number in range(3):
                yield Said(f"{each.name} {number}")
                await asyncio.sleep(0.1)  # the gateway's own server may send the last of several at once for each
            return

    return service


@asynccontextmanager
async def node_of(address: str, token: str = TOKEN) -> AsyncIterator[Node]:
    with tempfile.TemporaryDirectory(prefix="micro-") as home:
        config = NodeConfig(home=home, api=False, mucp=False, network=False, legacy_network=address, legacy_token=token)
        node = Node(config, system_ports())
        await node.start()
        try:
            await open_legacy(node)
            yield node
        finally:
            await node.stop()


@asynccontextmanager
async def serving(node: Node, service: Service) -> AsyncIterator[None]:
    """Runs a service of the owner at the node."""
    running = Running(
        service,
        dialer=InsideDialer(node.router, OWNER),
        clock=node.ports.clock,
        entropy=node.ports.entropy,
        instance="one",
        socket=None,
        uid=os.getuid(),
        sockets=stream,
        stay=False,
    )
    task = asyncio.get_running_loop().create_task(running.run())
    try:
        await until(lambda: node.catalog.lookup(service.name) is not None)
        yield
    finally:
        running.stop()
        await task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():  # noqa: ASYNC110 - it happens in many places
            await asyncio.sleep(0.05)


STREAMED = {
    "bidirectional stream": ("Say.Chat", ["a", "b", "bye"], 1, ["echo a", "echo b"]),
    "server stream": ("Say.Count", ["John"], 3, ["John 0", "John 1", "John 2"]),
}


async def asked_by(peer: GoPeer) -> dict[str, bool]:
    """Says of each thing that a Go peer asks of us whether it came to what it should."""
    found = {"unary JSON": (await peer.said("Say.Hello"))["value"] == "Hello John from Python"}
    fault = Fault.parse((await peer.said("Say.Fail"))["error"])
    found["structured error"] = (fault.code, fault.detail) == (409, "John is there already")
    for what, (endpoint, _, _, wanted) in STREAMED.items():
        found[what] = (await peer.said(endpoint))["value"] == [*wanted, "EOF"]
    return found


async def asked_of(client: Client) -> dict[str, bool]:
    """Says the same of what we ask of the Go service there."""
    answer = await client.call_raw("go-greeter", "Say.Hello", b'{"name":"John"}')
    found = {"unary JSON": json.loads(answer) == {"msg": "Hello John"}}
    with pytest.raises(Fault) as raised:
        await client.call_raw("go-greeter", "Say.Fail", b'{"name":"John"}')
    fault = raised.value
    wanted = (409, "go.greeter.Say.Fail", "no name John")
    found["structured error"] = (fault.code, fault.id, fault.detail) == wanted
    for what, (endpoint, said, answers, echoes) in STREAMED.items():
        found[what] = await talk(client, endpoint, said, answers) == echoes
    return found


async def test_a_node_and_a_go_peer_call_each_other(matrix: Matrix) -> None:
    """What one has the other finds, calls and streams, failures stay failures, and what goes is gone."""
    asked: list[tuple[str, str]] = []
    async with go_peer() as peer, node_of(peer.address) as node:
        async with serving(node, greeter(asked)):
            route = (await peer.said("route"))["value"]
            assert (route["Service"], route["Router"], route["Link"]) == ("py-greeter", node.nid, "network")
            theirs = await asked_by(peer)
            await until(lambda: node.catalog.lookup("go-greeter") is not None)
            ours = await asked_of(node.client(OWNER))
        await peer.said("gone")
    for direction, found in (("Go asks us in its network", theirs), ("we ask Go in its network", ours)):
        for what, well in found.items():
            matrix.note(Cell(what, direction, V2.name), well=well)
    assert asked == [("peer", "go-micro-v2-network")]
    assert all(theirs.values()), theirs
    assert all(ours.values()), ours


async def talk(client: Client, endpoint: str, said: list[str], answers: int) -> list[str]:
    """Streams, and returns what was answered until the stream was over."""
    found = []
    async with await client.stream_raw("go-greeter", endpoint) as stream:
        messages = stream.messages()
        for name in said:
            await stream.send(json.dumps({"name": name}).encode())
            count = answers if name != "bye" else 0
            found += [json.loads(await anext(messages))["msg"] for _ in range(count)]
        return found + [json.loads(each)["msg"] async for each in messages]


async def test_a_service_goes_with_its_peer() -> None:
    """The node has nothing of a peer that is not there."""
    async with go_peer() as peer, node_of(peer.address) as node:
        await until(lambda: node.catalog.lookup("go-greeter") is not None)
        with pytest.raises((NotFound, Forbidden)):
            await node.client(OWNER).call_raw("go-nobody", "Say.Hello", b"{}")
    async with go_peer() as first:
        address = first.address
        async with node_of(address) as node:
            await until(lambda: node.catalog.lookup("go-greeter") is not None)
            first.process.kill()
            await until(lambda: node.catalog.lookup("go-greeter") is None)


async def test_another_token_finds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """And its owner is told why."""
    async with go_peer() as peer, node_of(peer.address, "another") as node:
        await until(lambda: "legacy_token" in caplog.text)
        assert node.catalog.lookup("go-greeter") is None
