"""The services of a go-micro v2 network as services of the node: called like any, and asked through the tunnel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final, Protocol

from micro.doors.grpc.flow import Flow
from micro.doors.legacy.routes import fnv64
from micro.doors.mucp.names import name_of
from micro.errors import BadRequest, Fault, MicroError
from micro.mucp import headers as names
from micro.mucp.codec import JSON
from micro.mucp.event import Hello, Opened, Published
from micro.mucp.message import Form
from micro.network.link import Link
from micro.service.once import call_once

__all__ = ["Network", "Spoken", "SpokenFor"]

SERVICES_MAX: Final = 256
TASKS_MAX: Final = 256
SECONDS: Final = 30.0
VERSION: Final = "latest"
"""A route says no version; this is what go-micro calls the one that nobody named."""

_OURS = ("Micro-", "Content-Type")

log = logging.getLogger("micro.legacy")


class Network(Protocol):
    """Calls and streams services of the network; raises a fault where it fails."""

    async def ask(
        self, service: str, endpoint: str, body: bytes, *, content_type: str, headers: Mapping[str, str], seconds: float
    ) -> bytes: ...

    def stream(
        self,
        service: str,
        endpoint: str,
        body: bytes,
        requests: AsyncIterator[bytes],
        *,
        content_type: str,
        headers: Mapping[str, str],
    ) -> AsyncGenerator[bytes, None]: ...


class Spoken:
    """Serves a link of the node by asking one service of the network.

    Args:
        service: as the network calls it.
        network: asks it.
    """

    def __init__(self, service: str, network: Network) -> None:
        self._service = service
        self._network = network
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def greeted(self, link: Link, hello: Hello) -> None:
        """The node is known."""

    def published(self, link: Link, event: Published) -> None:
        """Events are for the broker."""

    def going(self, link: Link, reason: str) -> None:
        """The link ends soon."""

    def lost(self, link: Link, reason: str) -> None:
        for task in list(self._tasks.values()):
            task.cancel()

    def withdrawn(self, link: Link, number: int) -> None:
        task = self._tasks.pop(number, None)
        if task is not None:
            task.cancel()

    def opened(self, link: Link, event: Opened) -> None:
        if event.form not in (Form.CALL, Form.STREAM) or len(self._tasks) >= TASKS_MAX:
            what = "a service of a go-micro v2 network is called and streamed, nothing else, and not too often"
            link.fail(event.number, BadRequest(what, id="legacy"), refused=True)
            return
        number, loop = event.number, asyncio.get_running_loop()
        if event.exchange is None:
            task = loop.create_task(self._call(link, event))
        else:
            flow = event.exchange.owner = Flow(link, event.exchange, _parameters(event.body), None)
            task = loop.create_task(self._stream(link, event, flow))
            flow.on_over = task.cancel
        self._tasks[number] = task
        task.add_done_callback(lambda done: self._tasks.pop(number, None))

    async def _call(self, link: Link, event: Opened) -> None:
        endpoint, content_type, passed = _asked(event)
        milliseconds = event.timeout_milliseconds
        try:
            body = await self._network.ask(
                self._service,
                endpoint,
                event.body,
                content_type=content_type,
                headers=passed,
                seconds=milliseconds / 1_000 if milliseconds else SECONDS,
            )
        except Fault as fault:
            link.fail(event.number, fault)
        else:
            link.reply(event.number, body)

    async def _stream(self, link: Link, event: Opened, flow: Flow) -> None:
        endpoint, content_type, passed = _asked(event)
        said = self._network.stream(
            self._service, endpoint, event.body, flow.requests(), content_type=content_type, headers=passed
        )
        try:
            async with aclosing(said):
                await flow.carry(said)
        except Fault as fault:
            link.fail(event.number, fault)


def _asked(event: Opened) -> tuple[str, str, Mapping[str, str]]:
    said: dict[str, str] = {**event.block.headers, **(event.extra or {})}
    passed = {name: value for name, value in said.items() if not name.startswith(_OURS)}
    return said.get(names.ENDPOINT, ""), said.get(names.CONTENT_TYPE, JSON), passed


def _parameters(body: bytes) -> bytes:
    """Returns what is said again as the first item, since go-micro throws away what opens a stream."""
    return b"" if body.strip() == b"{}" else body


class SpokenFor:
    """Which services of one neighbour the node has.

    Args:
        place: the neighbour, by which its instances are told from those of others.
        network: asks it.
        dial: returns a link into the node with its owner's rights, served by what is given.
        has: says whether the node has a service of that name already.
    """

    def __init__(
        self, place: str, network: Network, *, dial: Callable[[Spoken], Awaitable[Link]], has: Callable[[str], bool]
    ) -> None:
        self._place = place
        self._network = network
        self._dial = dial
        self._has = has
        self._links: dict[str, Link | None] = {}
        self._wanted: frozenset[str] = frozenset()
        self._tasks: set[asyncio.Task[None]] = set()

    def names(self) -> frozenset[str]:
        """Returns the names under which the node has them."""
        return frozenset(map(name_of, self._links))

    def update(self, services: Iterable[str]) -> None:
        """Has the node know these services, and no others."""
        self._wanted = frozenset(services)
        for service in [service for service in self._links if service not in self._wanted]:
            link = self._links.pop(service)
            if link is not None:
                link.close("the go-micro network does not have the service any more")
        for service in sorted(self._wanted - self._links.keys()):
            name = name_of(service)
            if len(self._links) >= SERVICES_MAX or self._has(name) or name in self.names():
                continue
            self._links[service] = None
            task = asyncio.get_running_loop().create_task(self._register(service))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _register(self, service: str) -> None:
        try:
            link = await self._dial(Spoken(service, self._network))
            wish = {
                "instance": f"legacy-{fnv64(self._place + service):016x}",
                "description": _described(service, self._place),
            }
            await call_once(link, "registry", "Registry.Register", wish)
        except (Fault, MicroError) as error:  # it is not asked for again before it comes anew
            log.info("the service %a of a go-micro network is not spoken for: %s", service[:80], error)
            return
        if service not in self._links:  # it went meanwhile
            link.close("the go-micro network does not have the service any more")
            return
        self._links[service] = link
        log.info("the service %s of the go-micro network at %s is spoken for", service, self._place)

    def stop(self) -> None:
        """Speaks for nobody any more."""
        for task in list(self._tasks):
            task.cancel()
        self.update(())


def _described(service: str, place: str) -> dict[str, Any]:
    """Returns a description; a route says of a service that it is there, and nothing else.

    Strangers are not offered it: this node is no way from one network to another unless its owner says so.
    """
    return {
        "name": name_of(service),
        "version": VERSION,
        "description": f"A service of the go-micro v2 network at {place}.",
        "metadata": {"spoken_for": "legacy network"},
        "endpoints": [],
        "export": False,
    }
