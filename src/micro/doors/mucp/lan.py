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
from functools import lru_cache, partial
from typing import Any, cast

from micro.errors import BadRequest, EngineError, Fault
from micro.mucp.http.post import BROADCAST, BROKER
from micro.service.registry.mdns import EVERYTHING, Found, answer, listing, read_question

__all__ = ["GROUP", "OF_NODE", "PORT", "Lan", "is_of_this_machine"]

GROUP, PORT = "224.0.0.251", 5353
INTERFACES = ("127.0.0.1", "0.0.0.0")  # noqa: S104 - loopback, and where the machine sends multicast by itself
LISTED_MAX = 256
ENDPOINTS_MAX = 256
TOPICS_MAX = 64
OF_NODE = "micro"
"""In the metadata of what is a node, which gives to go-micro programs what it has from others."""

METADATA = {"broker": "http", "protocol": "mucp", "registry": "mdns", "server": "mucp", "transport": "http"}

log = logging.getLogger("micro.mdns")


class Lan(asyncio.DatagramProtocol):
    """The node's services, in multicast DNS.

    Args:
        address, port: where go-micro programs are served.
        list_names: returns the names of all services in reach.
        describe: returns a service's description, or None.
        list_topics: returns the topics whose events go-micro programs are to post to this node.
    """

    def __init__(
        self,
        address: str,
        port: int,
        *,
        list_names: Callable[[], Sequence[str]],
        describe: Callable[[str], Mapping[str, Any] | None],
        list_topics: Callable[[], Sequence[str]] = list,
    ) -> None:
        self._address = address
        self._port = port
        self._list_names = list_names
        self._describe = describe
        self._list_topics = list_topics
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
        for spelled in self._said(name):
            try:
                packet = spelled()
            except Fault as fault:  # it cannot be described now, or its name is none of DNS
                log.debug("%s is not answered for: %s", name, fault)
                continue
            if packet:
                yield packet

    def _said(self, name: str) -> Iterator[Callable[[], bytes]]:
        """Yields what spells each packet that answers a question."""
        if name == EVERYTHING:
            for service in list(self._list_names())[:LISTED_MAX]:
                yield partial(listing, service)
            if self.topics():
                yield partial(listing, BROKER)
        elif name == BROKER:
            for topic in self.topics():
                yield partial(self._subscribed, topic)
        else:
            yield partial(self._described, name)

    def _described(self, name: str) -> bytes:
        described = self._describe(name)
        return b"" if described is None else answer(name, [self.found(name, described)])

    def _subscribed(self, topic: str) -> bytes:
        return answer(BROKER, [self.subscriber(topic)])

    def subscriber(self, topic: str) -> Found:
        """Returns this node as go-micro's brokers know a subscriber of a topic."""
        metadata = {"broker": "http", "secure": "false", "topic": topic, OF_NODE: self.node_id}
        return Found(BROKER, BROADCAST, f"{topic}-{self.node_id}", self._address, self._port, metadata)

    def topics(self) -> list[str]:
        """Returns the topics whose events go-micro programs are to post to this node."""
        return list(self._list_topics())[:TOPICS_MAX]

    def found(self, name: str, described: Mapping[str, Any]) -> Found:
        """Returns a service of the node, by whatever name it was asked for, as go-micro programs find it."""
        endpoints = [
            {"name": str(each["name"]), "metadata": {"stream": "true"} if each.get("kind") == "stream" else {}}
            for each in described.get("endpoints", ())[:ENDPOINTS_MAX]
        ]
        version = str(described.get("version") or "latest")
        metadata = {**METADATA, OF_NODE: self.node_id}
        return Found(name, version, self.node_id, self._address, self._port, metadata, endpoints)


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
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
    except OSError:
        return False
    return True
