"""Has the node know the go-micro services that were found or said so, each for as long as it is there."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from micro.doors.mucp.lan import OF_NODE
from micro.doors.mucp.names import name_of
from micro.doors.mucp.outbound import place_of
from micro.doors.mucp.registered import endpoints_of
from micro.doors.mucp.spoken import Spoken
from micro.errors import Fault, MicroError
from micro.network.link import Link, Serving
from micro.service.once import call_once
from micro.service.registry.mdns import DOMAIN, Found

__all__ = ["MUCP_ALONE", "Speaker", "Speaking", "described"]

Speaker = Callable[[Found, Callable[[Serving], None]], Serving]
"""Makes what asks a server: from what was found, and who is told when the link ends."""


def _by_mucp(found: Found, on_lost: Callable[[Serving], None]) -> Serving:
    return Spoken(found.service, found.address, found.port, on_lost)


MUCP_ALONE: Mapping[str, Speaker] = {"mucp": _by_mucp}

LEFT_SECONDS = 30.0
"""A service of which nothing was heard for so long is gone."""

SWEEP_SECONDS = 5.0
SERVICES_MAX = 256

log = logging.getLogger("micro.mucp")


class Voice:
    """What is said for one go-micro server.

    Attributes:
        spoken: asks it.
        link: into the node, None while there is none.
        until: when it is gone, if nothing is heard of it before.
        is_public: whether others hear of it without the node.
    """

    def __init__(self, spoken: Serving, *, is_public: bool) -> None:
        self.spoken = spoken
        self.link: Link | None = None
        self.until = -math.inf
        self.is_public = is_public


class Speaking:
    """What go-micro services the node speaks for.

    Args:
        dial: returns a link into the node with its owner's rights, served by what is given.
        has: says whether the node has a service of that name already.
        speakers: what asks a server, by the protocol that it says it speaks; others are left alone.
    """

    def __init__(
        self,
        *,
        dial: Callable[[Serving], Awaitable[Link]],
        has: Callable[[str], bool],
        speakers: Mapping[str, Speaker] = MUCP_ALONE,
    ) -> None:
        self._dial = dial
        self._has = has
        self._speakers = speakers
        self._voices: dict[tuple[str, str], Voice] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begins to forget those who left."""
        self._start(self._sweep())

    async def stop(self) -> None:
        """Speaks for nobody any more."""
        for task in list(self._tasks):
            task.cancel()
        for voice in list(self._voices.values()):
            if voice.link is not None:
                voice.link.close("the node is stopping")
        await asyncio.sleep(0)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def heard(self, found: Found, seconds: float = LEFT_SECONDS, *, is_public: bool = True) -> None:
        """Takes note that a service is there, for so many seconds; one whose name is another's is left alone.

        `is_public` says that others hear of it as the node did, so that it need not tell them.
        """
        speaker = self._speakers.get(str(found.metadata.get("protocol")))
        if speaker is None:
            return
        name, now = name_of(found.service), asyncio.get_running_loop().time()
        voice = self._voices.get((name, found.node))
        if voice is None:
            is_ours = any(known == name for known, _ in self._voices) and OF_NODE not in found.metadata
            if len(self._voices) >= SERVICES_MAX or (self._has(name) and not is_ours):
                return
            spoken = speaker(found, partial(self._lost, name, found.node))
            voice = self._voices[name, found.node] = Voice(spoken, is_public=is_public)
            self._start(self._registered(found, voice))
        voice.until = max(voice.until, now + seconds)

    def left(self, found: Found) -> None:
        """Takes note that a service said that it leaves."""
        voice = self._voices.get((name_of(found.service), found.node))
        if voice is not None and voice.link is not None:
            voice.link.close("the go-micro service said that it leaves")

    def public(self) -> set[tuple[str, str]]:
        """Returns the name and the node of each service of which others hear without the node."""
        return {key for key, voice in self._voices.items() if voice.is_public}

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = asyncio.get_running_loop().time()
            for voice in list(self._voices.values()):
                if voice.link is not None and voice.until < now:
                    voice.link.close("the go-micro service does not answer any more")

    async def _registered(self, found: Found, voice: Voice) -> None:
        """Has the node know the service for as long as it answers."""
        try:
            link = voice.link = await self._dial(voice.spoken)
            wish = {"instance": found.node, "description": described(found)}
            await call_once(link, "registry", "Registry.Register", wish)
        except Fault as fault:  # it is remembered as long as it answers, and not asked for again
            log.info("the go-micro service %s is not spoken for: %s", found.service, fault)
        except MicroError as error:
            log.info("the go-micro service %s is not spoken for now: %s", found.service, error)
            self._voices.pop((name_of(found.service), found.node), None)
        else:
            log.info("the go-micro service %s at %s:%d is spoken for", found.service, found.address, found.port)

    def _lost(self, name: str, node: str, spoken: Serving) -> None:
        voice = self._voices.get((name, node))
        if voice is not None and voice.spoken is spoken:
            del self._voices[name, node]


def described(found: Found) -> dict[str, Any]:
    """Returns the description of a go-micro service, as the node's registry takes it.

    Any program of this machine can have itself found, and most take calls of everybody who reaches them; so strangers
    of the network are offered none of them until the owner says so.
    """
    kind = "gRPC" if found.metadata.get("protocol") == "grpc" else "go-micro"
    return {
        "name": name_of(found.service),
        "version": found.version,
        "description": f"A {kind} service at {place_of(found.address, found.port)}.",
        "metadata": {"spoken_for": DOMAIN, **{key: value for key, value in found.metadata.items() if key != "tags"}},
        "endpoints": endpoints_of(found),
        "export": False,
    }
