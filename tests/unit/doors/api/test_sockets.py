"""Streams over WebSockets, with a real client."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from micro.doors.api.directory import Directory
from micro.errors import LinkClosed
from tests.unit.doors.api.house import TOKEN, House

pytestmark = pytest.mark.asyncio(loop_scope="module")


def opened(house: House, path: str, **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{house.port}{path}", compression=None, **options)


async def ending(socket: ClientConnection) -> tuple[list[Any], int, str]:
    """Returns the messages until the end, the close code and its reason."""
    found: list[Any] = []
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(10):
            while True:
                found.append(await socket.recv())
    return found, socket.close_code or 0, socket.close_reason or ""


async def test_messages_come_until_the_end(house: House) -> None:
    """With parameters in the query the stream is open at once; its end is a normal close."""
    async with opened(house, "/api/greeter/Say.Count?to=2") as socket:
        assert await ending(socket) == (['{"result":0}', '{"result":1}'], 1000, "")


async def test_the_first_message_holds_the_parameters(house: House) -> None:
    """Where there is no query."""
    async with opened(house, "/api/greeter/Say.Count") as socket:
        await socket.send('{"to": 1}')

        assert await ending(socket) == (['{"result":0}'], 1000, "")


async def test_a_stream_without_parameters_needs_no_message(house: House) -> None:
    """There is nothing to say."""
    async with opened(house, "/greeter/say/ticks") as socket:
        assert (await ending(socket))[0] == ['{"result":"tick"}', '{"result":"tock"}']


async def test_both_sides_speak(house: House) -> None:
    """Each message is answered before the next is sent, and an empty one ends."""
    async with opened(house, "/api/greeter/Say.Room?prefix=*") as socket:
        for word in ("a", "b"):
            await socket.send(json.dumps({"result": word}))
            assert json.loads(await socket.recv()) == {"result": f"*{word}"}
        await socket.send("")

        assert await ending(socket) == ([], 1000, "")


async def test_parameters_and_messages_may_follow_each_other(house: House) -> None:
    """The first message opens, the others are the stream's."""
    async with opened(house, "/api/greeter/Say.Room") as socket:
        await socket.send('{"prefix": "-"}')
        await socket.send(b'{"result": "a"}')
        await socket.send(b"")

        assert (await ending(socket))[0] == ['{"result":"-a"}']


async def test_many_messages_have_one_answer(house: House) -> None:
    """More than fit into any window."""
    async with opened(house, "/api/greeter/Say.Sum") as socket:
        for number in range(5000):
            await socket.send(json.dumps({"result": number}))
        await socket.send("")

        assert await ending(socket) == (['{"result":12497500}'], 1000, "")


async def test_bytes_come_as_binary_messages(house: House) -> None:
    """As they are."""
    async with opened(house, "/api/greeter/Say.Blocks?count=1") as socket:
        assert (await ending(socket))[0] == [bytes(4)]


async def test_a_fault_is_the_close_code_and_its_reason(house: House) -> None:
    """4000 and the code, with the detail."""
    async with opened(house, "/api/greeter/Say.Breaks?after=1") as socket:
        assert await ending(socket) == (['{"result":0}'], 4409, "it broke")


async def test_wrong_parameters_are_a_fault(house: House) -> None:
    """They come after the handshake, so the close says it."""
    async with opened(house, "/api/greeter/Say.Count") as socket:
        await socket.send('{"to": "x"}')

        _, code, reason = await ending(socket)
    assert (code, reason[:3]) == (4400, "to:")


async def test_messages_to_a_stream_that_takes_none_are_a_fault(house: House) -> None:
    """Nothing is dropped silently."""
    async with opened(house, "/api/greeter/Say.Forever") as socket:
        await socket.send("more")

        assert (await ending(socket))[1] == 4400


async def test_a_long_reason_is_cut(house: House) -> None:
    """A close frame has little room."""
    async with opened(house, f"/api/greeter/Say.Count?{'ä' * 60}=1") as socket:
        _, code, reason = await ending(socket)

    assert (code, len(reason.encode()) <= 123) == (4400, True)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/greeter/Say.Hello", 400),
        ("/api/gretter/Say.Hello", 404),
        ("/", 404),
        ("/api/greeter/Debug.Log", 401),
        ("/api/subscribe/topic", 401),
        ("/api/subscribe/topic/more", 404),
    ],
)
async def test_what_is_no_stream_is_refused_before_it_begins(house: House, path: str, status: int) -> None:
    """The handshake is answered with the fault."""
    with pytest.raises(InvalidStatus) as refused:
        await opened(house, path)

    response = refused.value.response
    assert (response.status_code, json.loads(response.body or b"")["code"]) == (status, status)


async def test_a_node_that_is_out_of_reach_is_a_fault(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with a reason, as over plain HTTP, and counted; not a connection that ends without a word."""

    def gone(directory: Directory, path: str) -> None:
        raise LinkClosed("the link is gone")

    monkeypatch.setattr(Directory, "recall", gone)
    with pytest.raises(InvalidStatus) as refused:
        await opened(house, "/api/greeter/Say.Ticks")

    response = refused.value.response
    assert (response.status_code, "the link is gone" in json.loads(response.body or b"")["detail"]) == (503, True)


async def test_a_page_from_elsewhere_opens_nothing(house: House) -> None:
    """A browser sends Origin with every WebSocket."""
    with pytest.raises(InvalidStatus) as refused:
        await opened(house, "/api/greeter/Say.Ticks", origin=websockets.Origin("http://evil.example"))

    assert refused.value.response.status_code == 403


async def test_the_owner_shows_his_token_in_a_header(house: House) -> None:
    """Then every endpoint is open to him."""
    async with opened(
        house, "/api/greeter/Debug.Log?count=1", additional_headers={"Authorization": f"Bearer {TOKEN}"}
    ) as socket:
        assert (await ending(socket))[1] == 1000


async def test_a_client_that_goes_away_ends_the_stream(house: House) -> None:
    """The service stops at once."""
    socket = await opened(house, "/api/greeter/Say.Forever")
    await socket.recv()
    socket.transport.abort()

    async with asyncio.timeout(10):
        await house.seen.cancelled.wait()


async def test_a_client_that_closes_ends_the_stream(house: House) -> None:
    """Politely or not makes no difference."""
    async with opened(house, "/api/greeter/Say.Forever") as socket:
        await socket.recv()

    async with asyncio.timeout(10):
        await house.seen.cancelled.wait()


async def test_a_client_that_does_not_read_holds_the_service_back(house: House) -> None:
    """What is under way is bounded from the service to the socket."""
    async with opened(house, "/api/greeter/Say.Forever", max_queue=1) as socket:
        sent = -1
        while sent != house.seen.sent:  # until it is held back
            sent = house.seen.sent
            await asyncio.sleep(0.3)

        assert sent * 1000 < 20_000_000
        socket.transport.abort()


async def test_a_socket_has_a_place_until_it_closes(house: House) -> None:
    """It counts as a connection although the guard does not read it any more."""
    places = house.door._listener.rules.places
    async with opened(house, "/api/greeter/Say.Room?prefix="), opened(house, "/api/greeter/Say.Room?prefix="):
        most = len(places)

    for _ in range(500):
        if len(places) <= most - 2:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("their places were not given back")


async def test_a_message_that_is_too_large_ends_it(house: House) -> None:
    """1009 is WebSocket's own word for it."""
    async with opened(house, "/api/greeter/Say.Sum", max_size=None) as socket:
        with contextlib.suppress(ConnectionClosed):
            await socket.send(b" " * 4_300_000)

        assert (await ending(socket))[1] == 1009


async def test_a_client_that_leaves_a_silent_stream_ends_it(house: House) -> None:
    """Nothing has to be sent to notice."""
    async with opened(house, "/api/greeter/Say.Quiet") as socket:
        await socket.recv()

    async with asyncio.timeout(10):
        await house.seen.cancelled.wait()
