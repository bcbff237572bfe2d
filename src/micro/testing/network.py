"""The network of a world: how its nodes dial each other, and how programs of one machine meet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from micro.errors import BadRequest, Conflict, EngineError, HandshakeFailed, LinkClosed, Unavailable
from micro.network.transport.transport import FreshPipe
from micro.testing.loop import LIFE
from micro.testing.relays import RelayPlace, WorldRelays
from micro.testing.wire import LOCAL, Wire, WorldPipe
from micro.trust.identity import nid_of, short
from micro.trust.keys import NodeKey
from micro.trust.ticket import canonical_address

__all__ = ["Internet", "WorldSockets", "WorldTransport"]

Receiving = TypeVar("Receiving", bound=asyncio.BaseProtocol)
FIRST_PORT = 40_000


class Internet:
    """Who listens where.

    Args:
        wire: the cables.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.taken: dict[str, None] = {}
        self.relays = WorldRelays(wire)
        self._listening: dict[str, WorldTransport] = {}
        self._ports = FIRST_PORT

    def bind(self, machine: str, host: str, key: NodeKey, port: int, *, is_hidden: bool = False) -> WorldTransport:
        """Opens a node's place at an address; a hidden one reaches and is reached through relays alone.

        Raises:
            EngineError: somebody else has the port.
        """
        if not port:
            self._ports += 1
            port = self._ports
        address = f"{host}:{port}"
        if address in self._listening or address in self.taken:
            raise EngineError(f"UDP port {port} of {host} is taken; choose another port")
        transport = WorldTransport(self, machine, address, nid_of(key.public), is_hidden=is_hidden)
        self._listening[address] = transport
        life = LIFE.get()
        if life is not None:
            life.when_over(lambda: self.leave(transport))
        return transport

    def leave(self, transport: WorldTransport) -> None:
        """Nobody listens there any more."""
        if self._listening.get(transport.address) is transport:
            del self._listening[transport.address]

    def at(self, address: str) -> WorldTransport | None:
        """Returns who listens at an address."""
        return self._listening.get(address)

    def guest_of(self, relay: str, nid: str) -> WorldTransport | None:
        """Returns the transport of a node that is at a relay, None where it is not."""
        there = [transport for transport in self._listening.values() if transport.nid == nid]
        return next((each for each in there if each.place.now() == relay and each.place.is_near(relay)), None)


class WorldTransport:
    """`micro.network.transport.transport.Transport` of one node."""

    def __init__(self, internet: Internet, machine: str, address: str, nid: str, *, is_hidden: bool) -> None:
        self.machine = machine
        self.is_hidden = is_hidden
        self.place = RelayPlace(internet.relays, machine)
        self.address = address
        self.life = LIFE.get()
        self.accept: Callable[[FreshPipe], None] | None = None
        self._internet = internet
        self._nid = nid
        self._pipes: list[WorldPipe] = []
        self._closed = False

    @property
    def nid(self) -> str:
        return self._nid

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def addresses(self) -> tuple[str, ...]:
        return (self.address,)

    @property
    def relay(self) -> str | None:
        return self.place.now() or None

    @property
    def relay_troubles(self) -> int:
        return self.place.count()

    async def is_relay_alive(self, relay: str, *, timeout_seconds: float) -> bool:
        wire = self._internet.wire
        is_near = self.place.is_near(relay)
        await asyncio.sleep(2 * wire.delay(wire.weather) if is_near else timeout_seconds)
        return is_near

    async def use_relays(self, relays: Sequence[str]) -> None:
        self.place.use(tuple(relays))

    async def dial(self, nid: str, addresses: Sequence[str], relay: str | None, *, timeout_seconds: float) -> WorldPipe:
        known = [canonical_address(address) for address in addresses]
        if nid == self._nid:
            raise BadRequest("this is the node's own ticket; a node does not dial itself")
        wire = self._internet.wire
        whom = f"the node {short(nid)} at {', '.join(known)}"
        await asyncio.sleep(2 * wire.delay(wire.weather))
        if self._closed:
            raise LinkClosed("this endpoint was closed")
        if wire.chance.random() < wire.weather.dial_failure:
            raise Unavailable(f"{whom} cannot be reached: the network is out of order; try again later")
        found, through = next((there for there in map(self._internet.at, known) if self._hears(there)), None), ""
        if found is None and relay is not None:
            through = self._internet.relays.passes(self.machine, relay)
            found = self._internet.guest_of(relay, nid) if through else None
        if found is None or found.accept is None:
            await asyncio.sleep(timeout_seconds)
            raise Unavailable(f"{whom} did not answer within {timeout_seconds:g} s; is it running?")
        if found.nid != nid:
            raise HandshakeFailed(f"{whom} could not prove that key, so somebody else answers there")
        return self._pipe(found, found.accept, through)

    def _hears(self, there: WorldTransport | None) -> bool:
        wire = self._internet.wire
        if there is None or self.is_hidden or there.is_hidden:
            return False
        if wire.is_cut(self.machine, there.machine) or wire.is_cut(there.machine, self.machine):
            return False
        return there.life is None or there.life.alive

    def _pipe(self, found: WorldTransport, accept: Callable[[FreshPipe], None], through: str) -> WorldPipe:
        pipe = self._internet.wire.pair(
            (self.machine, self.life, {"nid": found.nid, "peername": found.address}),
            (found.machine, found.life, {"nid": self._nid, "peername": self.address}),
            accept,
            through=through,
        )
        self._keep(pipe)
        found._keep(pipe.far)
        return pipe

    def _keep(self, pipe: WorldPipe) -> None:
        self._pipes = [known for known in self._pipes if not known.is_closing()]
        self._pipes.append(pipe)

    def listen(self, accept: Callable[[FreshPipe], None]) -> None:
        self.accept = accept

    async def close(self) -> None:
        self._closed = True
        self._internet.leave(self)
        for pipe in self._pipes:
            if not pipe.is_closing():
                pipe.abort()


class _Listener:
    """A socket of a machine at which a program listens."""

    def __init__(self, sockets: WorldSockets, address: str, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self.address = address
        self.factory = factory
        self.life = LIFE.get()
        self._sockets = sockets

    def close(self) -> None:
        self._sockets.leave(self)


class WorldSockets:
    """`micro.network.transport.transport.Sockets` of one machine, on which all programs are one user's."""

    def __init__(self, wire: Wire, machine: str) -> None:
        self._wire = wire
        self._machine = machine
        self._listening: dict[str, _Listener] = {}

    async def listen(self, address: str, factory: Callable[[], asyncio.BaseProtocol]) -> _Listener:
        if address in self._listening:
            raise Conflict(f"somebody listens at {address} already; stop it first, or choose another path")
        listener = self._listening[address] = _Listener(self, address, factory)
        if listener.life is not None:
            listener.life.when_over(listener.close)
        return listener

    def leave(self, listener: _Listener) -> None:
        """Nobody listens there any more."""
        if self._listening.get(listener.address) is listener:
            del self._listening[listener.address]

    async def dial(
        self, address: str, factory: Callable[[], Receiving], *, timeout_seconds: float
    ) -> tuple[Any, Receiving]:
        await asyncio.sleep(self._wire.delay(LOCAL))
        listener = self._listening.get(address)
        if listener is None:
            raise Unavailable(f"{address} cannot be reached (no such file or directory); is anybody listening there?")

        def accept(pipe: WorldPipe) -> None:
            pipe.start(listener.factory())  # type: ignore[arg-type] # a link takes what comes by any pipe

        here = LIFE.get()
        pipe = self._wire.pair((self._machine, here, {}), (self._machine, listener.life, {}), lambda pipe: None)
        self._wire.loop.call_soon(accept, pipe.far, context=pipe.far.context)
        receiver = factory()
        pipe.start(receiver)  # type: ignore[arg-type] # as above
        return pipe, receiver

    def peer_uid(self, transport: asyncio.BaseTransport) -> int | None:
        return os.getuid() if isinstance(transport, WorldPipe) else None
