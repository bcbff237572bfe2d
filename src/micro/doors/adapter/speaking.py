"""Has a go-micro program be a service of its node: registered with what it said of itself, called, and calling.

Its node links with the adapter as with any service; each call becomes one that go-micro's own clients would make, and
each event one that its HTTP broker would bring. The other way round the program asks the adapter, as it would ask a
node in `MICRO_PROXY`, and is answered with the rights of its service.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from micro.doors.adapter.announcing import Announcing
from micro.doors.adapter.ending import told_end
from micro.doors.adapter.gomicro import GoMicroProgram
from micro.doors.adapter.nearby import Nearby
from micro.doors.adapter.program import Program, free_name
from micro.doors.mucp.door import MucpDoor
from micro.doors.mucp.names import name_of
from micro.doors.mucp.posting import Postings
from micro.doors.mucp.speaking import MUCP_ALONE, Speaker, described
from micro.errors import EngineError, NoNode, NotFound
from micro.mucp import headers as names
from micro.mucp.codec import encode_json
from micro.mucp.event import Opened
from micro.network.link import Link, Serving
from micro.node.client import NodeDialer
from micro.node.front import Client
from micro.runtime.recipe.gomicro import SPEAKS_GRPC
from micro.service.once import call_once
from micro.service.registry.mdns import Found
from micro.system import SystemEntropy, SystemProcesses
from micro.trust.policy import Caller

__all__ = ["serve_go_micro"]

HOST: Final = "127.0.0.1"
NAMELESS: Final = ("go-micro-server", "go-micro-service")
"""What go-micro calls a program that gave itself no name."""

OWN: Final = "Debug."
HEALTH: Final = "Debug.Health"

DRAIN_SECONDS: Final = 5.0
"""How long what is under way may go on after the adapter was told to stop."""

LOOK_SECONDS: Final = 0.05
TOKEN_BYTES: Final = 32


async def serve_go_micro(program: Program) -> None:
    """Serves a program until the node says stop, or it ends.

    Raises:
        EngineError: it cannot be started, registers nothing, or has ended.
        NoNode: the node is gone.
    """
    client = Client()
    nearby = Nearby(client)
    postings = Postings("", client.subscribe_raw)
    running = GoMicroProgram(program, SystemProcesses(), os.environ, postings.heard)
    doors = _doors(program, client, nearby)
    voice = Voice(program, running)
    announcing = Announcing(program.topics)
    try:
        nearby.start()
        await postings.start()
        ports = [await door.start(HOST, 0) for door in doors]
        announcing.start(HOST, ports[0])
        await voice.speak(await running.start(f"{HOST}:{ports[-1]}"))
    finally:
        announcing.stop()
        await postings.stop()
        await running.stop()
        for door in doors:
            await door.stop()
        nearby.stop()
        await client.close()


def _doors(program: Program, client: Client, nearby: Nearby) -> list[Any]:
    """Returns the doors at which the program is heard: the first takes its events, and the last its calls.

    Whatever token it shows, it asks as its service.
    """
    kinds: list[Any] = [MucpDoor, *((_grpc().GrpcDoor,) if program.serves == SPEAKS_GRPC else ())]
    own = Caller(service=program.name)
    return [
        kind(
            client_for=lambda caller: client,
            describe=nearby.describe,
            list_services=nearby.list_services,
            token=SystemEntropy().random_bytes(TOKEN_BYTES).hex(),
            user=lambda token: own,
        )
        for kind in kinds
    ]


def _speaker(protocol: str) -> Speaker:
    """Returns what asks a server that speaks so."""
    return MUCP_ALONE[protocol] if protocol in MUCP_ALONE else _grpc().GrpcSpoken


def _grpc() -> Any:
    """Returns the door for gRPC, which is loaded only where it is needed."""
    try:
        from micro.doors.grpc import opening
    except ImportError as missing:
        raise EngineError(
            "the program speaks gRPC, which needs an extra; next: pip install 'micro-network[grpc]' for the node"
        ) from missing
    return opening


class Answering:
    """Serves a link of the node: what every service answers of itself is answered here, the rest by the program.

    Args:
        spoken: asks the program.
        name, version: of the service.
    """

    def __init__(self, spoken: Serving, name: str, version: str) -> None:
        self._spoken = spoken
        self._health = encode_json({"status": "ok", "service": name, "version": version})
        self.greeted, self.published, self.going = spoken.greeted, spoken.published, spoken.going
        self.lost, self.withdrawn = spoken.lost, spoken.withdrawn

    def opened(self, link: Link, event: Opened) -> None:
        """Answers, or has the program asked."""
        endpoint = event.block.headers.get(names.ENDPOINT, "")
        if not endpoint.startswith(OWN):
            self._spoken.opened(link, event)
        elif endpoint == HEALTH and event.exchange is None:
            link.reply(event.number, self._health)
        else:
            link.fail(
                event.number, NotFound(f"a go-micro program has no {endpoint[:64]}; its log is kept"), refused=True
            )


class Voice:
    """What is said for a program at its node."""

    def __init__(self, program: Program, running: GoMicroProgram) -> None:
        self._program = program
        self._running = running
        self._stopping = asyncio.Event()
        self._gone = asyncio.Event()

    async def speak(self, found: Found) -> None:
        """Registers the service, and has it called until somebody stops it or it ends; see `serve_go_micro`."""
        serving = _speaker(str(found.metadata.get("protocol")))(found, lambda lost: self._gone.set())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        description = described_of(self._program, found, os.environ.get("MICRO_SERVICE", ""))
        answering = Answering(serving, description["name"], description["version"])
        link = await self._registered(description, answering)
        waits = {
            "stop": loop.create_task(self._stopping.wait()),
            "lost": loop.create_task(self._gone.wait()),
            "end": loop.create_task(self._running.wait()),
        }
        await asyncio.wait(waits.values(), return_when=asyncio.FIRST_COMPLETED)
        ended = waits["end"].result() if waits["end"].done() else None
        for wait in waits.values():
            wait.cancel()
        if self._stopping.is_set():
            await self._leave(link)
        elif ended is not None:
            raise EngineError(f"the program {told_end(int(ended))}")
        else:
            raise NoNode(f"the link to the node is gone: {link.closed}")

    @staticmethod
    async def _registered(description: Mapping[str, Any], serving: Serving) -> Link:
        instance = os.environ.get("MICRO_INSTANCE", "")
        link = await NodeDialer().dial(None, serving, instance=instance)
        wish = {"instance": instance, "description": description}
        await call_once(link, "registry", "Registry.Register", wish)
        return link

    async def _leave(self, link: Link) -> None:
        """Lets what is under way finish, and takes nothing new."""
        link.session.go_away(f"{self._program.name} is stopping")
        link.flush()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while link.closed is None and (link.session.serving or link.session.exchanges):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            pass  # a stream may last for ever
        link.close("the service has stopped")


def described_of(program: Program, found: Found, given: str) -> dict[str, Any]:
    """Returns the description under which a program is registered.

    Args:
        program: what is known of it.
        found: what it registered.
        given: the name that its owner gave it, "" where he gave none.
    """
    own = free_name(name_of(found.service))
    named = program.name if own in NAMELESS else own
    description = described(replace(found, service=given or named))
    del description["export"]  # it is a service like others here, and no stranger's of this machine
    description["description"] = program.description or f"A go-micro service, {found.service}."
    description["metadata"] = {key: value for key, value in description["metadata"].items() if key in KEPT}
    return description


KEPT: Final = ("protocol", "server", "transport")
