"""Services of a node are confined: what they see, what their owner allows, and what the node says of it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from micro.errors import MicroError
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from micro.runtime.sandbox.groups import MEMORY, Groups
from micro.runtime.sandbox.sandbox import MEGABYTE
from tests.contract.yard import forbidden
from tests.network.places import StartNode, client_of, pid_of, run, until

CURIOUS = """
import os
import socket
from pathlib import Path

from micro import Service

curious = Service("curious")


@curious.endpoint("Try.Read")
def read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        return type(error).__name__


@curious.endpoint("Try.Reach")
def reach(port: int) -> str:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError as error:
        return type(error).__name__
    return "reached"


@curious.endpoint("Try.Knock")
def knock(path: str) -> str:
    try:
        socket.socket(socket.AF_UNIX).connect(path)
    except OSError as error:
        return type(error).__name__
    return "let in"


@curious.endpoint("Try.Hog")
def hog() -> str:
    held = []
    while True:
        held.append(bytearray(os.urandom(1_000)) * 1_000)


curious.run()
"""


HOG = """
def hog() -> str:
    held = []
    while True:
        held.append(bytearray(50_000_000))
"""
"""What takes memory until it is stopped."""

HOG_LATER = f"""
from micro import Service
{HOG}
later = Service("later")
later.add("Try.Hog", hog)
later.run()
"""


@pytest.fixture
def curious_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "curious"
    folder.mkdir()
    (folder / "main.py").write_text(CURIOUS)
    return folder


@pytest.fixture(scope="module", autouse=True)
def ask_before_the_loop_runs() -> None:
    for kind in ("bubblewrap", "sandlock"):
        forbidden(kind)


@pytest.fixture(params=["bubblewrap", "sandlock"])
async def node(request: pytest.FixtureRequest, start_node: StartNode, curious_folder: Path) -> Node:
    why = forbidden(request.param)
    if why:
        pytest.skip(f"{request.param} is not permitted on this machine, so no node confines with it: {why}")
    made = await start_node(sandbox=request.param, guest_memory_bytes=134_217_728)
    await run(made, curious_folder)
    return made


async def test_a_service_sees_nothing_of_the_machine(node: Node) -> None:
    """Not the key of its node, not its owner's socket, not another port."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server, client_of(node) as client:
        port = server.sockets[0].getsockname()[1]
        assert "Error" in await client.call("curious", "Try.Read", {"path": str(node.home.path / "key")})
        assert "Error" in await client.call("curious", "Try.Read", {"path": "/etc/shadow"})
        assert "Error" in await client.call("curious", "Try.Knock", {"path": str(node.home.node_socket)})
        assert await client.call("curious", "Try.Reach", {"port": port}) != "reached"


async def test_the_node_says_how_it_confines(node: Node) -> None:
    """In its status, which the command line and the API show."""
    async with client_of(node) as client:
        isolation = (await client.call("node", "Node.Status"))["isolation"]
    assert isolation["sandbox"] == node.config.sandbox
    assert {"files", "source", "processes", "sockets", "network", "rights", "machine"} <= set(isolation["holds"])


async def test_a_hog_is_killed_and_nobody_else_notices(node: Node, greeter_folder: Path) -> None:
    """Another service answers meanwhile, and the hog starts again."""
    await run(node, greeter_folder)
    before = pid_of(node, "curious")
    async with client_of(node) as client:
        hogging = asyncio.ensure_future(client.call("curious", "Try.Hog"))
        answers = [await client.call("greeter", "Say.Hello", {"name": str(number)}) for number in range(200)]
        await asyncio.wait([hogging])
        assert hogging.exception() is not None
        await until(lambda: pid_of(node, "curious") not in {0, before})
    assert answers == [f"Hello {number}" for number in range(200)]


async def test_what_used_too_much_memory_is_told_so(start_node: StartNode, tmp_path: Path) -> None:
    """At its start and later, with the setting that allows more; not that some signal ended it."""
    groups = Groups(f"test-{tmp_path.name}")
    counted = groups.counted
    groups.close()
    if MEMORY not in counted:
        pytest.skip("memory is not counted here over all processes of a guest")
    for name, text in (("later", HOG_LATER), ("early", f"{HOG}\nhog()\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(text)
    node = await start_node(guest_memory_bytes=128 * MEGABYTE)
    told = "for it used more than guest_memory_bytes (128 MiB): that setting of the node raises it"

    progress = [step async for step in node.supervisor.run(str(tmp_path / "early"))]
    assert progress[-1].detail == f"it ended before it registered, {told}"
    await run(node, tmp_path / "later")
    async with client_of(node) as client:
        with pytest.raises(MicroError):
            await client.call("later", "Try.Hog")
        await until(lambda: node.supervisor.status()[0]["restarts"] > 0)
    lines = [entry.line for entry in await node.supervisor.tail("later")]
    assert any(line.startswith(f"it ended {told}; starts again") for line in lines), lines


async def test_the_network_for_who_is_allowed_it(start_node: StartNode, curious_folder: Path) -> None:
    """And for nobody else."""
    node = await start_node()
    async for progress in node.supervisor.run(str(curious_folder), allow=["network"]):
        assert not progress.failed, progress
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server, client_of(node) as client:
        port = server.sockets[0].getsockname()[1]
        assert await client.call("curious", "Try.Reach", {"port": port}) == "reached"


async def test_direct_calls_reach_a_confined_service(start_node: StartNode, greeter_folder: Path) -> None:
    """At a socket that the node made, which goes with the service."""
    if forbidden("bubblewrap"):
        pytest.skip(f"bubblewrap is not permitted on this machine: {forbidden('bubblewrap')}")
    node = await start_node(sandbox="bubblewrap")
    await run(node, greeter_folder)
    async with client_of(node) as client:
        route = await client.call("registry", "Registry.Route", {"name": "greeter"})
        assert await client.call("greeter", "Say.Hello") == "Hello world"
        places = [place for place in os.listdir(node.home.sockets) if place.endswith(".d")]
        assert [Path(address).name for address in route["addresses"]] == places
        await client.call("runtime", "Runtime.Kill", {"name": "greeter"})
    await until(lambda: os.listdir(node.home.sockets) == [])


LIAR = """
import asyncio
import os

from micro import Service
from micro.network.transport import stream

liar = Service("liar", metadata={"isolation": "a bank vault", "tags": "trust"})
stream.Listener.address = property(lambda self: os.environ["ELSEWHERE"], lambda self, value: None)
liar.run()
"""


async def test_a_guest_names_neither_its_sandbox_nor_its_address(start_node: StartNode, tmp_path: Path) -> None:
    """The owner's programs would dial whatever socket it wants them to; and believe what it says of itself."""
    folder = tmp_path / "liar"
    folder.mkdir()
    (folder / "main.py").write_text(LIAR)
    node = await start_node()
    elsewhere = f"unix:{node.home.node_socket}"
    async for progress in node.supervisor.run(str(folder), None, {"ELSEWHERE": elsewhere}):
        assert not progress.failed, progress
    async with client_of(node) as client:
        route = await client.call("registry", "Registry.Route", {"name": "liar"})
        described = await client.call("registry", "Registry.Get", {"name": "liar"})
    assert route["addresses"] == []
    assert described["metadata"] == {"isolation": node.status()["isolation"]["sandbox"], "tags": "trust"}


async def test_where_nothing_confines_nothing_is_started(home: Path, greeter_folder: Path) -> None:
    """Unless the owner says that he wants it so; and the node itself runs."""
    ports = replace(system_ports(), sandboxes=lambda config, home: [])
    config = NodeConfig(home=str(home), network=False, api=False)
    node = Node(config, ports)
    await node.start()
    try:
        progress = [step async for step in node.supervisor.run(str(greeter_folder))]
        assert progress[-1].failed
        assert 'sandbox = "none"' in progress[-1].detail
        assert node.status()["isolation"]["sandbox"] == "refused"
    finally:
        await node.stop()


async def test_an_owner_who_insists(start_node: StartNode, curious_folder: Path, tmp_path: Path) -> None:
    """Gets services that can do what he can, and is told so."""
    (tmp_path / "letter").write_text("to read")
    node = await start_node(sandbox="none")
    await run(node, curious_folder)
    async with client_of(node) as client:
        assert await client.call("curious", "Try.Read", {"path": str(tmp_path / "letter")}) == "to read"
        assert (await client.call("node", "Node.Status"))["isolation"]["sandbox"] == "none"
