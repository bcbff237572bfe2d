"""What the node's record is told of calls and streams, whichever way they came and however they ended."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from micro.doors.api.call import Asking, Noted
from micro.errors import LinkClosed
from tests.unit.doors.api.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def last(house: House, count: int) -> Noted:
    """Returns what was noted last, once more than `count` are."""
    async with asyncio.timeout(10):
        for _ in range(1000):
            if len(house.noted) > count:
                break
            await asyncio.sleep(0.01)
    return house.noted[-1]


async def test_a_call_by_rpc_is_noted(house: House) -> None:
    """With what it asked, as any other."""
    count = len(house.noted)
    call = {"service": "greeter", "endpoint": "Say.Hello", "request": {"name": "Ann"}}
    assert (await house.post("/rpc", call)).status == 200
    noted = await last(house, count)

    assert (noted.target.endpoint, json.loads(noted.said.body), noted.fault) == ("Say.Hello", {"name": "Ann"}, None)
    assert noted.answer_bytes == len(b'{"result":"Hello Ann"}')


@pytest.mark.parametrize(("path", "code"), [("Say.Count?to=2", None), ("Say.Breaks?after=1", 409)])
async def test_a_stream_over_a_websocket_is_noted(house: House, path: str, code: int | None) -> None:
    """With the fault that ended it."""
    count = len(house.noted)
    async with connect(f"ws://127.0.0.1:{house.port}/api/greeter/{path}") as socket:
        with contextlib.suppress(ConnectionClosed):
            async for _ in socket:
                pass
    noted = await last(house, count)

    assert (noted.target.endpoint, noted.fault and noted.fault.code) == (path.partition("?")[0], code)


async def test_a_client_that_leaves_is_noted_as_that(house: House) -> None:
    """Its call was not answered: 499."""
    count = len(house.noted)
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(f"GET /api/greeter/Say.Slow HTTP/1.1\r\nhost: 127.0.0.1:{house.port}\r\n\r\n".encode())
    async with asyncio.timeout(10):
        await house.seen.started.wait()
    writer.close()
    noted = await last(house, count)

    assert (noted.target.endpoint, noted.fault and noted.fault.code) == ("Say.Slow", 499)


async def test_a_node_that_is_out_of_reach_is_noted_as_that(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is answered: 503."""

    async def gone(*details: object) -> None:
        raise LinkClosed("the link is gone")

    monkeypatch.setattr(Asking, "call", gone)
    count = len(house.noted)
    assert (await house.post("/api/greeter/Say.Hello", {})).status == 503
    noted = await last(house, count)

    assert (noted.fault and noted.fault.code) == 503
