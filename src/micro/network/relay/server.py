"""The relay's socket: WebSockets over TCP, each with a client that proves its key and then sends datagrams.

The protocol of the WebSocket is the one of `websockets` without its IO, so that a frame is passed on where it is read,
with no task and no queue in between: what a client does not read waits in its socket, and beyond a bound is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any, cast

from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from micro.errors import BadRequest, EngineError, Fault
from micro.network.relay import protocol
from micro.network.relay.desk import Client, Desk, Limits
from micro.network.transport.admission import origin_of
from micro.ports import Entropy

__all__ = ["PATH", "RelayServer"]

PATH = "/relay"
"""Where clients connect."""

PING_SECONDS = 15.0
"""How often a silent client is asked whether it is there: half of what QUIC waits before it gives up."""

_ALIVE = ("/ping", "/generate_204", "/healthz")
"""Paths that endpoints ask to learn whether a relay lives."""

log = logging.getLogger(__name__)
_frames = logging.getLogger(f"{__name__}.frames")
_frames.setLevel(logging.WARNING)  # else every connection, and at debug every datagram, would be told


class RelayServer:
    """A relay that serves from `start` to `stop`.

    Args:
        entropy: for challenges.
        limits: on clients.
    """

    def __init__(self, entropy: Entropy, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.desk: Desk[Connection] = Desk(self.limits)
        self.entropy = entropy
        self.connections: set[Connection] = set()
        self.origins: Counter[str] = Counter()
        self.passed = self.dropped = 0
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens, and returns the TCP port.

        Args:
            host: an IP address of this machine, or `0.0.0.0` for all.
            port: 0 takes any free one.

        Raises:
            EngineError: the address cannot be bound.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Connection(self, loop), host, port)
        except OSError as error:
            raise EngineError(
                f"the relay cannot listen on TCP port {port} of {host}: {error.strerror}; choose another (relay_port)"
            ) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Ends all connections."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()

    def status(self) -> dict[str, int]:
        """Returns figures: clients there, frames of datagrams passed on, and dropped."""
        return {"clients": len(self.desk), "passed": self.passed, "dropped": self.dropped}


class Connection(asyncio.Protocol):
    """One TCP connection to the relay."""

    def __init__(self, relay: RelayServer, loop: asyncio.AbstractEventLoop) -> None:
        self._relay = relay
        self._loop = loop
        self._socket: ServerProtocol = ServerProtocol(
            subprotocols=[Subprotocol(name) for name in protocol.SUBPROTOCOLS],
            max_size=protocol.FRAME_BYTES_MAX,
            logger=_frames,
        )
        self._transport: asyncio.Transport | None = None
        self._origin = ""
        self._challenge = b""
        self._client: Client[Connection] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0

    # -- life -------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        relay, limits = self._relay, self._relay.limits
        self._transport = cast(asyncio.Transport, transport)
        self._origin = _origin(transport.get_extra_info("peername"))
        relay.origins[self._origin] += 1
        relay.connections.add(self)
        crowded = len(relay.connections) - len(relay.desk) > limits.unproved_max
        if (
            crowded
            or len(relay.connections) > limits.connections_max
            or relay.origins[self._origin] > limits.connections_per_origin_max
        ):
            self.abort()
            return
        self._timer = self._loop.call_later(limits.proof_seconds, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        relay = self._relay
        relay.connections.discard(self)
        relay.origins[self._origin] -= 1
        if relay.origins[self._origin] <= 0:
            del relay.origins[self._origin]
        if self._timer is not None:
            self._timer.cancel()
        if self._client is not None:
            for other in relay.desk.leave(self._client):
                other.line.send(protocol.gone_frame(self._client.key))

    def abort(self) -> None:
        """Ends the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _keep_alive(self) -> None:
        now = self._loop.time()
        if now - self._heard > self._relay.limits.silence_seconds:
            self.abort()
            return
        if now - self._heard >= PING_SECONDS:
            self.send(protocol.ping_frame(self._relay.entropy.random_bytes(protocol.PING_BYTES)))
        self._timer = self._loop.call_later(PING_SECONDS, self._keep_alive)

    # -- bytes ------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._socket.receive_data(data)
        for event in self._socket.events_received():
            try:
                if isinstance(event, Frame):
                    self._take(event)
                elif isinstance(event, Request):
                    self._answer(event)
            except Fault as fault:
                self._refuse(fault.detail)
                return
        self._flush()

    def eof_received(self) -> bool:
        self._socket.receive_eof()
        return False

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        for piece in self._socket.data_to_send():
            if piece:
                transport.write(piece)
            else:
                transport.close()

    def send(self, frame: bytes) -> bool:
        """Sends a frame; False where the client does not read fast enough, and the frame is dropped."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > self._relay.limits.waiting_bytes_max:
            return False
        try:
            self._socket.send_binary(frame)
        except WebSocketException:  # it is closing already
            return False
        self._flush()
        return True

    # -- what is said -----------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> None:
        """Opens the WebSocket, or says that the relay lives."""
        path = request.path.partition("?")[0]
        if path in _ALIVE:
            response = self._socket.reject(204 if path == "/generate_204" else 200, "")
        elif path != PATH:
            response = self._socket.reject(404, f"a relay is at {PATH}\n")
        else:
            response = self._socket.accept(request)
        self._socket.send_response(response)
        if response.status_code == 101:
            self._challenge = self._relay.entropy.random_bytes(protocol.CHALLENGE_BYTES)
            self._socket.send_binary(protocol.challenge_frame(self._challenge))

    def _take(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.BINARY:
            return  # pings and closing are answered by the WebSocket itself; text says nothing here
        if not frame.fin:
            raise BadRequest("a frame of the relay is one whole message")
        data = bytes(frame.data)
        if self._client is None:
            self._let_in(data)
            return
        found = protocol.addressed(data, self._client.key)
        if found is None:
            answer = protocol.pong_frame(data)
            if answer is not None:
                self.send(answer)
            return
        relay = self._relay
        receiver = relay.desk.receiver(self._client, found[0], len(data), self._heard)
        if receiver is not None and receiver.line.send(found[1]):
            relay.passed += 1
        else:
            relay.dropped += 1

    def _let_in(self, data: bytes) -> None:
        key = protocol.authenticate(data, self._challenge)
        self._client, before = self._relay.desk.enter(key, self, self._heard)
        if before is not None:
            before.line.replaced()
        self._socket.send_binary(protocol.CONFIRMED)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(PING_SECONDS, self._keep_alive)

    def replaced(self) -> None:
        """Tells the client that another connection of its key took this one's place, and ends this one."""
        self._client = None
        self.send(protocol.replaced_frame(self._socket.subprotocol))
        self._close(1000, "replaced")

    def _refuse(self, reason: str) -> None:
        log.debug("a client of the relay from %s is turned away: %s", self._origin, reason)
        if self._client is None:
            self.send(protocol.denied_frame(reason))
        self._close(1008, reason)

    def _close(self, code: int, reason: str) -> None:
        try:
            self._socket.send_close(code, reason[:100])
        except WebSocketException:
            pass  # it was never opened, or is closing already
        self._flush()
        if self._transport is not None:
            self._transport.close()


def _origin(peername: Any) -> str:
    host = str(peername[0]) if peername else ""
    return origin_of(f"[{host}]:0" if ":" in host else f"{host}:0")
