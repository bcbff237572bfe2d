"""Starts a program written with go-micro, and hears what it registers.

go-micro registers and looks by multicast DNS where nobody says otherwise. In its confinement the program is alone with
its adapter on a loopback without a route for multicast: its own questions do not leave it, but what the adapter asks
over loopback reaches it and is answered. So its services and subscribers are found as a node finds those of its
machine, and it is told the one thing that it could not find: where to call others (`MICRO_PROXY`).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from micro.doors.adapter.listening import listening_ports
from micro.doors.adapter.program import Program, child_environment
from micro.doors.adapter.started import Started, start
from micro.doors.mucp.lookout import Lookout
from micro.errors import EngineError
from micro.ports import Processes
from micro.service.registry.mdns import Found

__all__ = ["GoMicroProgram"]

REGISTER_SECONDS_MAX = 25.0
"""How long a program may take until it registers: less than its node waits."""

LOOK_SECONDS = 0.1
"""How often it is looked for until then."""

STOP_SECONDS = 3.0
"""How long it may take to leave, once nothing is under way any more."""

ANY_PORT = "127.0.0.1:0"
PROC = Path("/proc/net")


class GoMicroProgram:
    """One program that serves as go-micro programs do.

    Args:
        program: what is started.
        processes: starts it.
        environment: the adapter's own variables.
        subscribed: told of each topic that it subscribes to, as often as it says so.
    """

    def __init__(
        self,
        program: Program,
        processes: Processes,
        environment: Mapping[str, str],
        subscribed: Callable[[Found], None],
    ) -> None:
        self._program = program
        self._processes = processes
        self._environment = environment
        self._subscribed = subscribed
        self._started: Started | None = None
        self._registered: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._lookout = Lookout("", served=self._heard, subscribed=self._heard_subscriber)

    async def start(self, proxy: str) -> Found:
        """Starts it, and returns what it registers.

        Args:
            proxy: where it is to call others, as `host:port`.

        Raises:
            EngineError: it cannot be started, ends, or registers nothing.
        """
        variables = {
            **child_environment(self._program, self._environment),
            "MICRO_PROXY": proxy,
            "MICRO_SERVER_ADDRESS": ANY_PORT,
            "MICRO_BROKER_ADDRESS": ANY_PORT,
        }
        self._started = await start(
            self._processes, self._program.command, directory=self._program.directory, environment=variables
        )
        await self._lookout.start()
        return await self._started.until(self._found(), "it registered a service")

    async def wait(self) -> int:
        """Waits for the program's end and returns its exit code."""
        assert self._started is not None
        return await self._started.wait()

    async def stop(self) -> None:
        """Has it leave, and waits for a moment until it has."""
        await self._lookout.stop()
        if self._started is not None:
            self._started.signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._started.wait()
            except TimeoutError:
                self._started.signal(signal.SIGKILL)

    async def _found(self) -> Found:
        try:
            async with asyncio.timeout(REGISTER_SECONDS_MAX):
                while not self._registered.done():
                    self._lookout.look()
                    await asyncio.wait((self._registered,), timeout=LOOK_SECONDS)
        except TimeoutError:
            raise EngineError(
                f"the program registered no service within {REGISTER_SECONDS_MAX:g} seconds, or with another registry"
                " than go-micro's default, which needs multicast; next: leave the registry to go-micro"
            ) from None
        return self._registered.result()

    def _heard(self, found: Found) -> None:
        if not self._registered.done() and self._is_its_own(found):
            self._registered.set_result(found)

    def _heard_subscriber(self, found: Found) -> None:
        if self._is_its_own(found):
            self._subscribed(found)

    def _is_its_own(self, found: Found) -> bool:
        """Says whether the program itself listens there: without a confinement others of the machine are heard too."""
        assert self._started is not None
        return not PROC.is_dir() or found.port in listening_ports(self._started.session)
