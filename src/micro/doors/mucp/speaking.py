"""Has the node know the go-micro services that were found or said so, each for as long as it is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from micro.doors.mucp.names import name_of
from micro.doors.mucp.spoken import Spoken
from micro.errors import Fault, MicroError
from micro.network.link import Link
from micro.service.once import call_once
from micro.service.registry.mdns import DOMAIN, Found
from micro.service.schema.json import STREAM_KEY

__all__ = ["Speaking", "described"]

LEFT_SECONDS = 30.0
"""A service of which nothing was heard for so long is gone."""

SWEEP_SECONDS = 5.0
SERVICES_MAX = 256

log = logging.getLogger("micro.mucp")


class Speaking:
    """What go-micro services the node speaks for.

    Args:
        dial: returns a link into the node with its owner's rights, served by what is given.
        has: says whether the node has a service of that name already.
    """

    def __init__(self, *, dial: Callable[[Spoken], Awaitable[Link]], has: Callable[[str], bool]) -> None:
        self._dial = dial
        self._has = has
        self._spoken: dict[str, tuple[Spoken, Link | None]] = {}
        self._names: dict[str, str] = {}
        self._until: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begins to forget those who left."""
        self._start(self._sweep())

    async def stop(self) -> None:
        """Speaks for nobody any more."""
        for task in list(self._tasks):
            task.cancel()
        for _, link in list(self._spoken.values()):
            if link is not None:
                link.close("the node is stopping")
        await asyncio.sleep(0)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def heard(self, found: Found, seconds: float = LEFT_SECONDS) -> None:
        """Takes note that a service is there, for so many seconds; one whose name is another's is left alone."""
        name = name_of(found.service)
        if found.node not in self._spoken:
            is_ours = name in self._names.values()
            if len(self._spoken) >= SERVICES_MAX or (self._has(name) and not is_ours):
                return
            spoken = Spoken(found.service, found.address, found.port, partial(self._lost, found.node))
            self._spoken[found.node] = spoken, None
            self._names[found.node] = name
            self._start(self._registered(found, spoken))
        self._until[found.node] = asyncio.get_running_loop().time() + seconds

    def left(self, node: str) -> None:
        """Takes note that a service said that it leaves."""
        _, link = self._spoken.get(node, (None, None))
        if link is not None:
            link.close("the go-micro service said that it leaves")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = asyncio.get_running_loop().time()
            for node, (_, link) in list(self._spoken.items()):
                if link is not None and self._until.get(node, now) < now:
                    link.close("the go-micro service does not answer any more")

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
            self._forget(found.node)
        else:
            log.info("the go-micro service %s at %s:%d is spoken for", found.service, found.address, found.port)

    def _lost(self, node: str, spoken: Spoken) -> None:
        if self._spoken.get(node, (None,))[0] is spoken:
            self._forget(node)

    def _forget(self, node: str) -> None:
        self._spoken.pop(node, None)
        self._names.pop(node, None)
        self._until.pop(node, None)


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
