"""Looks for go-micro services of this machine by multicast DNS, and has each spoken for at the node.

Questions are sent over loopback alone, so that nothing of them leaves the machine, and only what this machine answers
counts. A service that the node has already, or whose name the node does not take, is left alone.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, cast

from micro.doors.mucp.lan import GROUP, PORT, is_of_this_machine
from micro.doors.mucp.spoken import Spoken
from micro.errors import BadRequest, Fault, MicroError
from micro.mucp.http.post import BROKER
from micro.network.link import Link
from micro.service.once import call_once
from micro.service.registry.mdns import DOMAIN, EVERYTHING, Found, listed, question, read_answer
from micro.service.schema.json import STREAM_KEY

__all__ = ["Lookout"]

LOOK_SECONDS = 5.0
LEFT_SECONDS = 30.0
"""A service that does not answer for so long is gone."""

SERVICES_MAX = 256

log = logging.getLogger("micro.mdns")


class Lookout(asyncio.DatagramProtocol):
    """What go-micro services there are on this machine.

    Args:
        own: the ids of nodes that are this node's own answers.
        dial: returns a link into the node with its owner's rights, served by what is given.
        has: says whether the node has a service of that name already.
        subscribed: told of each go-micro program that subscribes to a topic, as often as it says so.
    """

    def __init__(
        self,
        own: str,
        *,
        dial: Callable[[Spoken], Awaitable[Link]],
        has: Callable[[str], bool],
        subscribed: Callable[[Found], None] = lambda found: None,
    ) -> None:
        self._own = own
        self._dial = dial
        self._has = has
        self._subscribed = subscribed
        self._transport: asyncio.DatagramTransport | None = None
        self._spoken: dict[str, tuple[Spoken, Link | None]] = {}
        self._heard: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begins to look."""
        found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        found.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        found.bind(("", 0))
        found.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=found)
        self._transport = transport
        self._start(self._look())

    async def stop(self) -> None:
        """Looks no more, and speaks for nobody."""
        for task in list(self._tasks):
            task.cancel()
        if self._transport is not None:
            self._transport.close()
        for _, link in list(self._spoken.values()):
            if link is not None:
                link.close("the node is stopping")
        await asyncio.sleep(0)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self) -> None:
        while True:
            self._ask(EVERYTHING)
            now = asyncio.get_running_loop().time()
            for node, (_, link) in list(self._spoken.items()):
                if link is not None and now - self._heard.get(node, now) > LEFT_SECONDS:
                    link.close("the go-micro service does not answer any more")
            await asyncio.sleep(LOOK_SECONDS)

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
        now = asyncio.get_running_loop().time()
        for each in nodes:
            if each.service == BROKER:
                if is_of_this_machine(each.address):
                    self._subscribed(each)
                continue
            if each.node == self._own or each.metadata.get("protocol") != "mucp":
                continue
            self._heard[each.node] = now
            is_new = each.node not in self._spoken and len(self._spoken) < SERVICES_MAX
            if is_new and is_of_this_machine(each.address) and not self._has(name_of(each.service)):
                self._speak_for(each)

    def _speak_for(self, found: Found) -> None:
        spoken = Spoken(found.service, found.address, found.port, partial(self._lost, found.node))
        self._spoken[found.node] = spoken, None
        self._start(self._registered(found, spoken))

    async def _registered(self, found: Found, spoken: Spoken) -> None:
        """Has the node know the service for as long as it answers."""
        try:
            link = await self._dial(spoken)
            self._spoken[found.node] = spoken, link
            wish = {"instance": found.node, "description": described(found)}
            await call_once(link, "registry", "Registry.Register", wish)
        except Fault as fault:  # it is remembered as long as it answers, and not asked for again
            log.info("the go-micro service %s is not spoken for: %s", found.service, fault)
        except MicroError as error:
            log.info("the go-micro service %s is not spoken for now: %s", found.service, error)
            self._spoken.pop(found.node, None)
        else:
            log.info("the go-micro service %s at %s:%d is spoken for", found.service, found.address, found.port)

    def _lost(self, node: str, spoken: Spoken) -> None:
        if self._spoken.get(node, (None,))[0] is spoken:
            del self._spoken[node]
            self._heard.pop(node, None)


def name_of(service: str) -> str:
    """Returns the name by which the node knows a go-micro service: `go.micro.srv.greeter` is `go-micro-srv-greeter`."""
    return service.lower().replace(".", "-").replace("_", "-")


def described(found: Found) -> dict[str, Any]:
    """Returns the description of a go-micro service, as the node's registry takes it.

    Any program of this machine can have itself found, and most take calls of everybody who reaches them; so strangers
    of the network are offered none of them until the owner says so.
    """
    endpoints = []
    for each in found.endpoints:
        metadata = each.get("metadata") or {}
        if not isinstance(metadata, Mapping) or metadata.get("subscriber") or "." not in str(each["name"]):
            continue
        is_stream = metadata.get("stream") == "true"
        kind = {"kind": "stream", "request": {STREAM_KEY: True}, "response": {STREAM_KEY: True}} if is_stream else {}
        text = metadata.get("description")
        endpoints.append({"name": each["name"], "description": text if isinstance(text, str) else "", **kind})
    return {
        "name": name_of(found.service),
        "version": found.version,
        "description": f"A go-micro service at {found.address}:{found.port}.",
        "metadata": {"spoken_for": DOMAIN, **{key: value for key, value in found.metadata.items() if key != "tags"}},
        "endpoints": endpoints,
        "export": False,
    }
