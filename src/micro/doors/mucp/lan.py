"""Answers go-micro programs of this machine that look for services by multicast DNS, as services of their own do.

Only programs of this machine are answered: what the network beside it asks is nobody's business here, and an address of
loopback would lead it astray.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from micro.errors import BadRequest, EngineError, Fault
from micro.service.registry.mdns import EVERYTHING, Found, answer, listing, read_question

__all__ = ["GROUP", "PORT", "Lan", "is_of_this_machine"]

GROUP, PORT = "224.0.0.251", 5353
INTERFACES = ("127.0.0.1", "0.0.0.0")  # noqa: S104 - loopback, and where the machine sends multicast by itself
LISTED_MAX = 256
ENDPOINTS_MAX = 256
METADATA = {"broker": "http", "protocol": "mucp", "registry": "mdns", "server": "mucp", "transport": "http"}

log = logging.getLogger("micro.mdns")


class Lan(asyncio.DatagramProtocol):
    """The node's services, in multicast DNS.

    Args:
        address, port: where go-micro programs are served.
        list_names: returns the names of all services in reach.
        describe: returns a service's description, or None.
    """

    def __init__(
        self,
        address: str,
        port: int,
        *,
        list_names: Callable[[], Sequence[str]],
        describe: Callable[[str], Mapping[str, Any] | None],
    ) -> None:
        self._address = address
        self._port = port
        self._list_names = list_names
        self._describe = describe
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def node_id(self) -> str:
        """The id under which the node's services are found."""
        return f"micro-{self._port}"

    async def start(self, port: int = PORT) -> int:
        """Listens, and returns the port.

        Raises:
            EngineError: there is no multicast on this machine.
        """
        try:
            found = _listening(port)
        except OSError as error:
            raise EngineError(f"multicast DNS cannot be listened to: {error}; see the setting mdns") from error
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=found)
        self._transport = transport
        return int(found.getsockname()[1])

    async def stop(self) -> None:
        """Answers nobody any more."""
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            asked = read_question(data)
        except BadRequest:
            return
        if not asked or not is_of_this_machine(addr[0]):
            return
        for name in asked:
            for packet in self._answers(name):
                cast(asyncio.DatagramTransport, self._transport).sendto(packet, addr)

    def error_received(self, exc: Exception) -> None:
        log.debug("an answer did not reach who asked: %s", exc)

    def _answers(self, name: str) -> Iterator[bytes]:
        """Yields the packets that answer a question; nothing where there is no such service."""
        try:
            if name == EVERYTHING:
                for service in list(self._list_names())[:LISTED_MAX]:
                    yield listing(service)
                return
            described = self._describe(name)
            if described is not None:
                yield answer(name, [self._found(name, described)])
        except Fault as fault:  # it cannot be described now, or its name is none of DNS
            log.debug("%s is not answered for: %s", name, fault)

    def _found(self, name: str, described: Mapping[str, Any]) -> Found:
        endpoints = [
            {"name": str(each["name"]), "metadata": {"stream": "true"} if each.get("kind") == "stream" else {}}
            for each in described.get("endpoints", ())[:ENDPOINTS_MAX]
        ]
        version = str(described.get("version") or "latest")
        return Found(name, version, self.node_id, self._address, self._port, METADATA, endpoints)


def _listening(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind(("", port))
        found.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        joined = [_join(found, interface) for interface in INTERFACES]
        if not any(joined):
            raise OSError("no interface takes part in multicast")
    except OSError:
        found.close()
        raise
    return found


def _join(found: socket.socket, interface: str) -> bool:
    group = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(interface))
    try:
        found.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    except OSError:
        return False
    return True


@lru_cache(maxsize=256)
def is_of_this_machine(address: str) -> bool:
    """Says whether an address is this machine's own: a socket can be bound to no other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return False
    return True
