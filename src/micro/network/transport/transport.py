"""What every transport offers and what stands on it: pipes, the receivers of their bytes, and transports between nodes.

A pipe carries bytes in order between two ends, in any chunking. It looks like a transport of asyncio, so that a link
cannot tell a socket from an iroh stream. There are two ways to get one:

* sockets (`micro.network.transport.stream`) are made by asyncio with a protocol factory, and read into the buffers of
  an `asyncio.BufferedProtocol`;
* `memory` and `iroh` make a `FreshPipe`, silent until `start` gives it a receiver, which is handed `bytes`.

A link that stands on both is an `asyncio.BufferedProtocol` that has `data_received` as well.

The contract (`tests/contract/test_transport.py`): bytes arrive in order; `connection_made` comes first and once;
`connection_lost` comes last and exactly once at both ends; above the high mark of the write buffer comes
`pause_writing`, below the low mark `resume_writing`; `close` delivers what was written, `abort` drops it and returns at
once; after either, nothing more is received.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

__all__ = ["FreshPipe", "Listening", "Pipe", "Receiver", "Relay", "Sockets", "Transport"]

Receiving = TypeVar("Receiving", bound=asyncio.BaseProtocol)


class Receiver(Protocol):
    """What stands on a pipe: a link, or anything that understands bytes."""

    def connection_made(self, transport: Any, /) -> None:
        """The pipe is open; it may be written to from now on."""

    def data_received(self, data: bytes, /) -> None:
        """Some bytes came. An exception from here ends the pipe."""

    def connection_lost(self, exc: Exception | None, /) -> None:
        """The pipe is gone: None if one end closed or aborted it on purpose here, or closed it in order there."""

    def pause_writing(self) -> None:
        """More than the high mark waits to be sent: stop writing, if that is possible."""

    def resume_writing(self) -> None:
        """Less than the low mark waits now."""


class Pipe(Protocol):
    """Bytes in order between two ends. `asyncio.Transport`, of Python and of uvloop, is one."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queues bytes and returns at once; ignored once the pipe is closing."""

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview], /) -> None:
        """Queues several pieces."""

    def close(self) -> None:
        """Stops receiving, sends what waits, then ends the pipe."""

    def abort(self) -> None:
        """Ends the pipe at once; what waits is dropped."""

    def is_closing(self) -> bool:
        """Says whether the pipe is closing or gone."""

    def get_write_buffer_size(self) -> int:
        """Returns how many bytes wait to be sent."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Sets the marks, in bytes, for `pause_writing` and `resume_writing`."""

    def pause_reading(self) -> None:
        """Receives nothing until `resume_reading`; the far end feels it as back-pressure."""

    def resume_reading(self) -> None:
        """Receives again."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Returns a fact about the pipe, or `default`.

        `peername`: the far end's address, for people. `nid`: the far end's node, proved by its key (iroh only).
        `prefix`: what whoever dialled is counted under with others, "" for nothing (iroh only).
        `path`: a function that returns how bytes travel now, `direct ip:port` or `relayed url` (iroh only).
        `socket`: the socket (stream only).
        """


class FreshPipe(Pipe, Protocol):
    """A pipe that nobody receives from yet; what comes meanwhile waits, within bounds."""

    def start(self, receiver: Receiver) -> None:
        """Gives the pipe its receiver, calls its `connection_made`, and begins to read. To be called once."""


class Transport(Protocol):
    """Pipes between nodes, each end knowing for certain who the other is."""

    @property
    def nid(self) -> str:
        """This node."""

    @property
    def port(self) -> int:
        """The port it is bound to."""

    def addresses(self) -> tuple[str, ...]:
        """Returns where this node can be reached now, as `ip:port`; for tickets and the registry."""

    @property
    def relay(self) -> str | None:
        """URL of the relay through which this node can be reached now, if there is one."""

    async def use_relays(self, relays: Sequence[str]) -> None:
        """Makes this node reachable through these relays, and no longer through others.

        Raises:
            ConfigError: a relay has a wrong form.
        """

    @property
    def relay_troubles(self) -> int:
        """How often a connection to a relay ended or could not be opened; one more is a reason to look, no proof."""

    async def is_relay_alive(self, relay: str, *, timeout_seconds: float) -> bool:
        """Says whether a relay answers in time."""

    async def dial(self, nid: str, addresses: Sequence[str], relay: str | None, *, timeout_seconds: float) -> FreshPipe:
        """Opens a pipe to a node. Whoever opens must write first: until then the other end sees nothing.

        Raises:
            BadRequest: the nid, an address or the relay has a wrong form.
            HandshakeFailed: somebody else answers there, or a program that does not speak MUCP.
            Unavailable: nobody answers in time, or the node refuses.
        """

    def listen(self, accept: Callable[[FreshPipe], None]) -> None:
        """Lets others in: `accept` is called with each pipe that was opened to this node and admitted."""

    async def close(self) -> None:
        """Ends all pipes, those that are closing in order, and the transport."""


class Relay(Protocol):
    """A relay that this node runs for others."""

    async def start(self, host: str, port: int) -> int:
        """Opens it, at port 0 for any, and returns the port; raises EngineError where it cannot listen."""

    async def stop(self) -> None:
        """Closes it."""

    def status(self) -> Mapping[str, int]:
        """Returns its figures."""


class Listening(Protocol):
    """A place that programs of this machine can dial."""

    @property
    def address(self) -> str:
        """Where they dial it."""

    def close(self) -> None:
        """Accepts no more; pipes that are open stay."""


class Sockets(Protocol):
    """Pipes between programs of one machine. `micro.network.transport.stream` is one."""

    async def dial(
        self, address: str, factory: Callable[[], Receiving], *, timeout_seconds: float
    ) -> tuple[Any, Receiving]:
        """Connects to an address; returns the pipe and the receiver that the factory made for it.

        Raises:
            BadRequest: the address has a wrong form.
            Unavailable: nobody answers there.
        """

    async def listen(self, address: str, factory: Callable[[], asyncio.BaseProtocol]) -> Listening:
        """Accepts pipes at an address, each with a receiver that the factory makes.

        Raises:
            BadRequest: the address has a wrong form.
            Conflict: somebody listens there already.
            EngineError: the address cannot be had.
        """

    def peer_uid(self, transport: asyncio.BaseTransport) -> int | None:
        """Returns the user whose program is at the other end of a pipe, or None where that cannot be told."""
