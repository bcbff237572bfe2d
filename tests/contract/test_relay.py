"""What the relay promises, tried with real endpoints of iroh and with clients that keep no rules."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from blake3 import blake3
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.frames import Frame
from websockets.typing import Subprotocol

from micro.errors import EngineError, Unavailable
from micro.network.relay.desk import Limits
from micro.network.relay.server import Connection, RelayServer
from micro.network.relays import Relays
from micro.network.transport.iroh import IrohEndpoint
from micro.network.transport.relay_probe import answers
from micro.node.config import NodeConfig
from micro.node.relaying import SILENT_SECONDS, Relaying
from micro.system import SystemEntropy
from micro.trust.identity import nid_of, public_key_of
from micro.trust.keys import NodeKey
from tests.contract.pipes import Recorder
from tests.waiting import until

TIMEOUT_SECONDS = 30.0
NOBODY = nid_of(NodeKey(bytes([9]) * 32).public)
CONTEXT = "iroh-relay handshake v1 challenge signature"


class Place:
    """A relay on loopback."""

    def __init__(self, server: RelayServer, port: int) -> None:
        self.server = server
        self.url = f"http://127.0.0.1:{port}"
        self.socket = f"ws://127.0.0.1:{port}/relay"


@pytest.fixture
async def relay() -> AsyncIterator[Place]:
    """A relay that is stopped in the end."""
    server = RelayServer(SystemEntropy())
    yield Place(server, await server.start("127.0.0.1", 0))
    await server.stop()


@pytest.fixture
async def small() -> AsyncIterator[Place]:
    """A relay with small limits."""
    server = RelayServer(SystemEntropy(), Limits(connections_per_origin_max=3, proof_seconds=0.2, burst_bytes=1000))
    yield Place(server, await server.start("127.0.0.1", 0))
    await server.stop()


async def endpoint(seed: int, *relays: str) -> IrohEndpoint:
    """A real endpoint that uses these relays."""
    return await IrohEndpoint.bind(bytes([seed]) * 32, 0, "127.0.0.1", relays=relays)


async def client(place: Place, seed: int) -> ClientConnection:
    """A client made by hand, with a proved key."""
    socket = await connect(place.socket, subprotocols=[Subprotocol("iroh-relay-v2")], compression=None)
    challenge = await socket.recv()
    key = NodeKey(bytes([seed]) * 32)
    message = blake3(bytes(challenge)[1:], derive_key_context=CONTEXT).digest()  # type: ignore[arg-type]
    await socket.send(b"\x01" + key.public + b"\x40" + key._private.sign(message))
    assert await socket.recv() == b"\x02"
    return socket


async def talk(ours: IrohEndpoint, theirs: IrohEndpoint, relay: Place, word: bytes, answer: bytes) -> None:
    """Has one dial the other by key and relay alone, and waits until both words have arrived."""
    accepted: list[Recorder] = []

    def accept(pipe: object) -> None:
        accepted.append(Recorder())
        pipe.start(accepted[-1])  # type: ignore[attr-defined]

    theirs.listen(accept)
    await until(lambda: len(relay.server.desk) == 2)
    pipe = await ours.dial(theirs.nid, [], relay.url, timeout_seconds=TIMEOUT_SECONDS)
    recorder = Recorder()
    pipe.start(recorder)
    pipe.write(word)
    await until(lambda: accepted and accepted[0].data == word)
    accepted[0].pipe.write(answer)
    await until(lambda: recorder.data == answer)


async def test_a_node_is_reached_by_its_key_and_relay_alone(relay: Place) -> None:
    """No address is known, and bytes arrive both ways."""
    ours, theirs = await endpoint(1, relay.url), await endpoint(2, relay.url)
    try:
        await talk(ours, theirs, relay, b"there", b"and back")
        assert relay.server.passed > 0
    finally:
        await ours.close()
        await theirs.close()


async def test_a_relay_sees_ciphertext_alone(relay: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what two nodes say through it nothing stands in any datagram that it takes or passes on."""
    seen: list[bytes] = []
    take, send = Connection._take, Connection.send

    def taken(self: Connection, frame: Frame) -> None:
        seen.append(bytes(frame.data))
        take(self, frame)

    def sent(self: Connection, frame: bytes) -> bool:
        seen.append(bytes(frame))
        return send(self, frame)

    monkeypatch.setattr(Connection, "_take", taken)
    monkeypatch.setattr(Connection, "send", sent)
    ours, theirs = await endpoint(1, relay.url), await endpoint(2, relay.url)
    words = [b"the treasure is under the oak", b"so dig at night"]
    try:
        await talk(ours, theirs, relay, *words)
    finally:
        await ours.close()
        await theirs.close()

    assert any(public_key_of(theirs.nid) in datagram for datagram in seen)  # whom it is for is no secret
    assert not any(word in datagram for word in words for datagram in seen)


async def test_whoever_dials_needs_no_relay_of_its_own(relay: Place) -> None:
    """The one in the ticket is enough."""
    ours, theirs = await endpoint(1), await endpoint(2, relay.url)
    try:
        await until(lambda: theirs.relay == relay.url)
        assert ours.relay is None
        theirs.listen(lambda pipe: pipe.start(Recorder()))
        pipe = await ours.dial(theirs.nid, [], relay.url, timeout_seconds=TIMEOUT_SECONDS)
        assert pipe.get_extra_info("nid") == theirs.nid
    finally:
        await ours.close()
        await theirs.close()


async def test_relays_come_and_go_while_an_endpoint_lives(relay: Place) -> None:
    """A node that joins a network begins to use its relays then."""
    ours = await endpoint(1)
    try:
        await ours.use_relays([relay.url])
        await until(lambda: ours.relay == relay.url and len(relay.server.desk) == 1)
        await ours.use_relays([])
    finally:
        await ours.close()


async def test_a_relay_that_is_gone_is_left(relay: Place) -> None:
    """Its end is counted, asking it proves it, and the node is at another one, until the first may be there again."""
    other = RelayServer(SystemEntropy())
    urls = [relay.url, f"http://127.0.0.1:{await other.start('127.0.0.1', 0)}"]
    ours = await endpoint(1)
    relaying = Relaying(NodeConfig(), ours, SystemEntropy(), Relays(), None)
    try:
        await relaying.network(urls, urls)
        await until(lambda: ours.relay)
        assert not await relaying.watch(0.0, doubted=True)  # it answers
        gone, left = (relay.server, urls[1]) if ours.relay == relay.url else (other, urls[0])
        await gone.stop()

        await until(lambda: relaying.watch(1.0, doubted=False))
        await until(lambda: ours.relay == left)
        assert ours._relays == (left,)
        assert not await relaying.watch(1.0, doubted=False)
        await relaying.watch(1.0 + SILENT_SECONDS, doubted=False)
        assert sorted(ours._relays) == sorted(urls)
    finally:
        await ours.close()
        await other.stop()


async def test_the_only_relay_is_kept(relay: Place) -> None:
    """There is nothing better than to wait for it."""
    ours = await endpoint(1)
    relaying = Relaying(NodeConfig(), ours, SystemEntropy(), Relays(), None)
    try:
        await relaying.network([relay.url], [relay.url])
        await until(lambda: ours.relay == relay.url)
        await relay.server.stop()
        assert not await relaying.watch(0.0, doubted=True)
        assert ours._relays == (relay.url,)
    finally:
        await ours.close()


async def test_whatever_is_no_relay_does_not_answer_as_one(relay: Place) -> None:
    """Nobody there, somebody who says nothing, and a relay that says that there is no such page."""
    assert await answers(relay.url, timeout_seconds=TIMEOUT_SECONDS)
    assert not await answers("http://127.0.0.1:1", timeout_seconds=TIMEOUT_SECONDS)
    for said in (b"", b"HTTP/1.1 404 Not Found\r\n\r\n", b"HTTP/1.1 200 OK" * 1000):
        async with asyncio.timeout(TIMEOUT_SECONDS), await speaker(said) as server:
            port = server.sockets[0].getsockname()[1]
            assert not await answers(f"http://127.0.0.1:{port}", timeout_seconds=0.2)
            assert not await answers(f"https://127.0.0.1:{port}", timeout_seconds=0.2)


async def speaker(said: bytes) -> asyncio.Server:
    """A server that says always the same, and hears until the other side goes."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()

    return await asyncio.start_server(speak, "127.0.0.1", 0)


async def test_nobody_is_reached_who_is_not_at_the_relay(relay: Place) -> None:
    """A dial ends with an error that says so."""
    ours = await endpoint(1, relay.url)
    try:
        with pytest.raises(Unavailable, match="did not answer"):
            await ours.dial(NOBODY, [], relay.url, timeout_seconds=1.0)
    finally:
        await ours.close()


async def test_a_datagram_comes_with_the_key_of_its_sender(relay: Place) -> None:
    """Whatever a client writes, the receiver sees the key that was proved."""
    ann, bob = await client(relay, 1), await client(relay, 2)
    await ann.send(b"\x04" + NodeKey(bytes([2]) * 32).public + b"\x00sealed")
    assert await bob.recv() == b"\x06" + NodeKey(bytes([1]) * 32).public + b"\x00sealed"
    await ann.close()
    assert await bob.recv() == b"\x08" + NodeKey(bytes([1]) * 32).public
    await bob.close()


async def test_a_false_key_is_turned_away(relay: Place) -> None:
    """The signature of another key lets nobody in."""
    socket = await connect(relay.socket, subprotocols=[Subprotocol("iroh-relay-v2")])
    await socket.recv()
    await socket.send(b"\x01" + NodeKey(b"\x01" * 32).public + b"\x40" + bytes(64))
    assert bytes(await socket.recv())[:1] == b"\x03"  # type: ignore[arg-type]
    with pytest.raises(ConnectionClosed):
        await socket.recv()
    assert len(relay.server.desk) == 0


async def test_the_last_connection_of_a_key_counts(relay: Place) -> None:
    """The one before is told, and closed."""
    first = await client(relay, 1)
    second = await client(relay, 1)
    assert await first.recv() == b"\x0d\x01"
    with pytest.raises(ConnectionClosed):
        await first.recv()
    assert len(relay.server.desk) == 1
    await second.send(b"\x09abcdefgh")
    assert await second.recv() == b"\x0aabcdefgh"
    await second.close()


@pytest.mark.parametrize("bad", [b"\x04", b"\x05" + bytes(33)])
async def test_a_broken_frame_ends_its_connection_alone(relay: Place, bad: bytes) -> None:
    """Others go on."""
    ann, bob = await client(relay, 1), await client(relay, 2)
    await ann.send(bad)
    with pytest.raises(ConnectionClosed):
        await ann.recv()
    await bob.send(b"\x09abcdefgh")
    assert await bob.recv() == b"\x0aabcdefgh"
    await bob.close()


async def test_a_frame_that_is_too_large_ends_its_connection(relay: Place) -> None:
    """Nothing larger than datagrams can be is read."""
    ann = await client(relay, 1)
    await ann.send(b"\x04" + bytes(200_000))
    with pytest.raises(ConnectionClosed):
        await ann.recv()


async def test_who_proves_nothing_is_disconnected(small: Place) -> None:
    """A silent connection does not hold a place."""
    socket = await connect(small.socket, subprotocols=[Subprotocol("iroh-relay-v1")])
    await socket.recv()
    with pytest.raises(ConnectionClosed):
        await socket.recv()
    await until(lambda: not small.server.connections)


async def test_one_origin_has_so_many_connections(small: Place) -> None:
    """The next is cut before anything is said."""
    held = [await client(small, seed) for seed in (1, 2, 3)]
    with pytest.raises((ConnectionClosed, InvalidMessage, OSError)):
        await client(small, 4)
    for socket in held:
        await socket.close()


async def test_more_than_the_rate_is_dropped(small: Place) -> None:
    """Like in a network that is full; the connection stays."""
    ann, bob = await client(small, 1), await client(small, 2)
    frame = b"\x04" + NodeKey(bytes([2]) * 32).public + b"\x00" + bytes(800)
    await ann.send(frame)
    await bob.recv()
    server = small.server
    await ann.send(frame + bytes(1000))
    await until(lambda: server.dropped == 1)
    await ann.close()
    await bob.close()


async def test_it_says_that_it_lives(relay: Place) -> None:
    """Endpoints ask before they connect; elsewhere there is nothing."""
    for path, status in (("healthz", 200), ("generate_204", 204), ("ping", 200), ("else", 404)):
        with pytest.raises(InvalidStatus) as refused:
            await connect(relay.url.replace("http", "ws") + f"/{path}")
        assert refused.value.response.status_code == status


async def test_a_taken_port_is_said(relay: Place) -> None:
    """With what to do next."""
    port = int(relay.url.rpartition(":")[2])
    with pytest.raises(EngineError, match="choose another"):
        await RelayServer(SystemEntropy()).start("127.0.0.1", port)
