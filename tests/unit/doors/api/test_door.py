"""The door as a whole: where it listens, and how it closes."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from micro.doors.api.limits import Limits
from micro.doors.api.listener import bound
from micro.errors import EngineError
from tests.unit.doors.api.house import House, open_house
from tests.waiting import until


async def test_it_listens_on_the_port_it_was_given(home: Path) -> None:
    """A free port is taken."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    house = House(home)
    await house.start(port)
    await house.stop()

    assert house.port == port


async def test_it_listens_on_both_families_of_loopback() -> None:
    """`localhost` may mean either."""
    async with open_house() as house:
        for address in ("127.0.0.1", "::1"):
            _, writer = await asyncio.open_connection(address, house.port)
            writer.close()


async def test_it_takes_another_port_where_that_one_is_taken(home: Path) -> None:
    """The port it has is told."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        house = House(home)
        await house.start(taken.getsockname()[1])
        try:
            assert house.port != taken.getsockname()[1]
            assert (await house.get("/healthz")).status == 200
        finally:
            await house.stop()


def test_an_address_that_is_not_ours_is_told_with_its_setting() -> None:
    """Whoever configured it learns where."""
    with pytest.raises(EngineError, match="api_host"):
        bound("192.0.2.1", 0)


async def test_streams_are_told_when_the_door_closes() -> None:
    """Events end with a fault, a WebSocket with its code; nobody waits for a client."""
    async with open_house() as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(f"GET /api/greeter/Say.Forever HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n\r\n".encode())
        await reader.readuntil(b"data: ")
        wire = await connect(f"ws://127.0.0.1:{house.port}/api/greeter/Say.Room?prefix=")
        await wire.send(json.dumps({"result": "a"}))
        await wire.recv()
        reading = asyncio.create_task(reader.read())
        await house.door.stop()

        async with asyncio.timeout(20):
            last = await reading
            await wire.wait_closed()
    writer.close()
    assert b'event: fault\ndata: {"id":"api","code":503' in last
    assert wire.close_code == 4503


async def test_a_call_under_way_is_finished_when_the_door_closes() -> None:
    """Its answer still comes."""
    async with open_house() as house:
        asking = asyncio.create_task(house.post("/api/greeter/Say.Slow", {}, timeout="0.3"))
        await house.seen.started.wait()
        await house.door.stop()

        assert (await asking).status == 408


def test_nobody_pays_for_the_door_who_does_not_open_it() -> None:
    """uvicorn is loaded with the door, the WebSockets' library with the first WebSocket."""
    code = (
        "import sys, micro.node.local, micro.service.client\n"
        "assert 'uvicorn' not in sys.modules and 'httptools' not in sys.modules\n"
        "import micro.doors.api.door\n"
        "assert 'uvicorn' in sys.modules and 'websockets' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "src"})


async def test_no_stream_begins_while_the_door_closes() -> None:
    """It would never end."""
    async with open_house() as house:
        await house.door._asking.stop(0)

        assert (await house.get("/api/greeter/Say.Quiet")).status == 503


async def test_nobody_keeps_a_connection_open_when_the_door_has_closed() -> None:
    """Whoever does not read what was asked for: the socket is closed, and not left to the collector."""
    async with open_house(limits=Limits(stop_seconds=0)) as house:
        _, writer = await asyncio.open_connection("127.0.0.1", house.port)
        connections = house.door._listener._server.server_state.connections
        await until(lambda: bool(connections))
        [connection] = connections
        connection.transport.write(bytes(64 * 1024 * 1024))  # more than the system takes
        await house.door.stop()

        assert connection.transport._transport._sock is None
        writer.close()
