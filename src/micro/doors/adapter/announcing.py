"""Tells a go-micro program that publishes where its events go: to the adapter, which publishes them at the node.

Its broker asks by multicast DNS who subscribes to a topic, and waits a tenth of a second for answers. Where there is no
route for multicast nobody hears that question, but the broker hears answers. So they are sent all the time, as often as
that wait needs it, and only for the topics that the program's text names.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from typing import Final

from micro.doors.mucp.lan import GROUP, PORT
from micro.errors import BadRequest
from micro.mucp.http.post import BROADCAST, BROKER
from micro.service.registry.mdns import Found, answer

__all__ = ["Announcing"]

SECONDS: Final = 0.05
"""At least twice in the time that a broker of go-micro waits."""


class Announcing:
    """Answers that nobody was heard to ask for.

    Args:
        topics: whose events are to come.
    """

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, host: str, port: int) -> None:
        """Begins, where there is anything to say and questions are not heard: events are to come to `host` and `port`.

        A program that is not alone on its loopback finds the subscribers of its machine, and these would hear us.
        """
        if not self._topics or has_multicast():
            return
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(host))
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        self._task = asyncio.get_running_loop().create_task(self._announce(packets(self._topics, host, port)))

    def stop(self) -> None:
        """Says nothing any more."""
        if self._task is not None:
            self._task.cancel()
        if self._socket is not None:
            self._socket.close()

    async def _announce(self, said: Sequence[bytes]) -> None:
        assert self._socket is not None
        while True:
            for packet in said:
                try:
                    self._socket.sendto(packet, (GROUP, PORT))
                except OSError:
                    pass  # nobody listens yet
            await asyncio.sleep(SECONDS)


def packets(topics: Sequence[str], host: str, port: int) -> list[bytes]:
    """Returns what answers a question for the subscribers of topics: one packet each, for go-micro reads no more."""
    said = []
    for topic in topics:
        metadata = {"broker": "http", "secure": "false", "topic": topic}
        try:
            said.append(answer(BROKER, [Found(BROKER, BROADCAST, f"{topic}-adapter", host, port, metadata)]))
        except BadRequest:
            continue  # such a name cannot be looked for either
    return said


def has_multicast() -> bool:
    """Says whether there is a route for multicast, so that what a program asks leaves it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect((GROUP, PORT))
        except OSError as error:
            return error.errno != errno.ENETUNREACH
    return True
