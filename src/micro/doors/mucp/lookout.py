"""Looks for go-micro services and subscribers of this machine by multicast DNS.

Questions are sent over loopback alone, so that nothing of them leaves the machine, and only what this machine answers
counts.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, cast

from micro.doors.mucp.lan import GROUP, PORT, is_of_this_machine
from micro.errors import BadRequest
from micro.mucp.http.post import BROKER
from micro.service.registry.mdns import EVERYTHING, Found, listed, question, read_answer

__all__ = ["Lookout"]

LOOK_SECONDS = 5.0
SERVICES_MAX = 256

log = logging.getLogger("micro.mdns")


class Lookout(asyncio.DatagramProtocol):
    """What go-micro programs there are on this machine.

    Args:
        own: the ids of nodes that are this node's own answers.
        served: told of each program that serves, whatever it speaks, as often as it says so.
        subscribed: told of each program that subscribes to a topic, as often as it says so.
    """

    def __init__(self, own: str, *, served: Callable[[Found], None], subscribed: Callable[[Found], None]) -> None:
        self._own = own
        self._served = served
        self._subscribed = subscribed
        self._transport: asyncio.DatagramTransport | None = None
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to look."""
        found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        found.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        found.bind(("", 0))
        found.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=found)
        self._looking = loop.create_task(self._look())

    async def stop(self) -> None:
        """Looks no more."""
        if self._looking is not None:
            self._looking.cancel()
        if self._transport is not None:
            self._transport.close()
        await asyncio.sleep(0)

    async def _look(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Looks now."""
        self._ask(EVERYTHING)

    def _ask(self, name: str) -> None:
        try:
            cast(asyncio.DatagramTransport, self._transport).sendto(question(name), (GROUP, PORT))
        except (BadRequest, OSError) as error:
            log.debug("nobody could be asked for %s: %s", name, error)

    def error_received(self, exc: Exception) -> None:
        log.debug("nobody could be asked: %s", exc)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if not is_of_this_machine(addr[0]):
            return
        try:
            names, nodes = listed(data), read_answer(data)
        except BadRequest:
            return
        for name in names[:SERVICES_MAX]:
            self._ask(name)
        for each in nodes:
            if each.node == self._own or not is_of_this_machine(each.address):
                continue
            if each.service == BROKER:
                self._subscribed(each)
            else:
                self._served(each)
