"""Starts instances, each with a badge, a door and a home of its own, and takes all of it away again when they end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from micro.errors import EngineError, reason_of
from micro.ports import Clock, Disk, Entropy
from micro.runtime.engine.engine import Engine, EngineInstance
from micro.runtime.generation import Badge, Generation, StartFailed
from micro.runtime.grants import NETWORK
from micro.runtime.logs import Logs

__all__ = ["Door", "Instance", "Launcher", "Reception"]

START_SECONDS_MAX = 30.0
"""How long an instance may take to register."""

GRACE_SECONDS = 5.0
"""How long one that is asked to end may take for it."""

STARTS_MAX = 4
"""How many instances may be between start and registration when services come back by themselves."""


@dataclass(frozen=True)
class Door:
    """Where an instance and its node meet.

    Attributes:
        address: where the instance dials its node.
        socket: where it listens itself, for callers that may skip the node; empty if it may not.
    """

    address: str
    socket: str = ""


class Reception(Protocol):
    """What the supervisor asks of the node around it."""

    async def open(self, badge: Badge) -> Door:
        """Opens a door for an instance that is about to start: whoever shows the badge's token there is it."""

    async def registered(self, instance: str) -> str:
        """Waits until the instance is registered, and returns the name it registered as."""

    async def drain(self, instance: str) -> None:
        """Sends the instance nothing new from now on, and waits until nothing is open on it."""

    async def close(self, instance: str) -> None:
        """Closes the instance's door and forgets the instance; it has ended."""

    def weigh(self, service: str, generation: int, weight: int | None) -> None:
        """Gives the instances of a generation, now and later, a part of the traffic; None is what each other gets."""

    def recall(self, service: str, generation: int) -> None:
        """Sends callers that skip the node back to it, for calls of this generation are shared out from now on."""

    def activity(self, instance: str) -> int | None:
        """Returns how often its generation was asked for so far, a number; None while something is open."""

    async def settled(self, instance: str) -> None:
        """Waits until nothing is open on the instance by callers that skip the node."""

    async def probe(self, instance: str) -> None:
        """Sees whether an instance that has registered answers. Raises a `Fault` if it does not."""


class Instance:
    """One that runs."""

    def __init__(self, badge: Badge, engine_instance: EngineInstance, started: float, home: Path) -> None:
        self.badge = badge
        self.started = started
        self.home = home
        self._engine_instance = engine_instance

    @property
    def id(self) -> str:
        return self.badge.instance

    @property
    def pid(self) -> int:
        return self._engine_instance.pid

    async def wait(self) -> int:
        """Waits for its end and returns the exit code."""
        return await self._engine_instance.wait()

    def describe_end(self, code: int) -> str:
        """Returns why it ended, in words that follow `it ended`; `code` is what `wait` returned."""
        return self._engine_instance.cause or describe_end(code)

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Ends it: politely, then not."""
        await self._engine_instance.stop(grace_seconds)


class Launcher:
    """Starts the instances of one node."""

    def __init__(
        self,
        engines: Mapping[str, Engine],
        reception: Reception,
        logs: Logs,
        *,
        disk: Disk,
        clock: Clock,
        entropy: Entropy,
        homes: Path,
        start_seconds_max: float = START_SECONDS_MAX,
    ) -> None:
        """Starts with the engine that `engines` has for a generation's kind; each instance's home is in `homes`."""
        self._engines = engines
        self._reception = reception
        self._logs = logs
        self._disk = disk
        self._clock = clock
        self._entropy = entropy
        self._homes = homes
        self._start_seconds_max = start_seconds_max
        self._live: dict[str, Instance] = {}
        self._badges: dict[str, Badge] = {}
        self._names: dict[str, str] = {}
        self._doors: dict[str, Door] = {}
        self.starts = asyncio.Semaphore(STARTS_MAX)

    def clear(self) -> None:
        """Removes the homes of instances that died with the node; none may be running."""
        self._disk.remove(self._homes)

    def badge(self, token: str) -> Badge | None:
        """Returns the badge of the live instance that has this token."""
        found = None
        for badge in self._badges.values():
            found = badge if badge.admits(token) else found  # looks at all of them: time tells nothing
        return found

    def rename(self, instance: str, service: str) -> None:
        """Files what the instance writes from now on under the name that it registered as."""
        self._names[instance] = service

    async def start(
        self,
        service: str,
        generation: Generation,
        environment: Mapping[str, str],
        *,
        named: bool,
        allowed: frozenset[str] = frozenset(),
    ) -> Instance:
        """Starts an instance; it has not registered yet.

        Args:
            service: the name it is filed under.
            environment: what the owner gave it.
            named: whether it is told to register as `service`, else it chooses.
            allowed: what its owner allows it beyond its own.

        Raises:
            StartFailed: it cannot be started.
        """
        random = self._entropy.random_bytes(36)
        instance = f"{service}-{generation.number}-{random[:4].hex()}"
        badge = Badge(instance, service, generation.number, random[4:].hex())
        home = self._homes / instance
        engine = self._engines.get(generation.kind)
        if engine is None:
            raise StartFailed(f"this node has no engine for a {generation.kind}", instance)
        self._badges[instance] = badge
        self._names[instance] = service
        try:
            self._disk.make_folder(home)
            door = await self._reception.open(badge)
            self._doors[instance] = door
            variables = {**self._variables(badge, door, home, named=named), **environment}
            launch = replace(
                generation.launch,
                environment={**generation.launch.environment, **variables},
                network=NETWORK in allowed,
                door=Path(door.address.removeprefix("unix:")),
                private=home,
            )
            running = await engine.start(launch, lambda stream, line: self._log(instance, stream, line))
        except (EngineError, OSError) as error:
            await self._forget(instance, home)
            raise StartFailed(reason_of(error), instance) from error
        except BaseException:
            await self._forget(instance, home)
            raise
        self._live[instance] = Instance(badge, running, self._clock.monotonic(), home)
        return self._live[instance]

    async def confirm(self, instance: Instance) -> str:
        """Waits until an instance has registered, and returns the name it registered as.

        Raises:
            StartFailed: it ended before, or took too long; it is gone.
        """
        registering = asyncio.ensure_future(self._reception.registered(instance.id))
        ending = asyncio.ensure_future(instance.wait())
        try:
            await asyncio.wait(
                (registering, ending), timeout=self._start_seconds_max, return_when=asyncio.FIRST_COMPLETED
            )
            if registering.done() and not registering.cancelled():
                return registering.result()
            reason = f"it did not register within {self._start_seconds_max:g} seconds"
            if ending.done():
                reason = f"it ended before it registered, {instance.describe_end(ending.result())}"
        except BaseException:
            await self.stop(instance)
            raise
        finally:
            registering.cancel()
            ending.cancel()
        await self.stop(instance)
        raise StartFailed(reason, instance.id)

    async def stop(self, instance: Instance) -> None:
        """Ends an instance, if it has not ended, and clears away what it had; who stops waiting waits for that."""
        ending = asyncio.ensure_future(self._end(instance))
        try:
            await asyncio.shield(ending)
        finally:
            await asyncio.wait([ending])

    async def _end(self, instance: Instance) -> None:
        try:
            await instance.stop()
        finally:
            await self._forget(instance.id, instance.home)

    async def settled(self, instance: Instance) -> None:
        """Waits until nothing is open on an instance by callers that skip the node."""
        await self._reception.settled(instance.id)

    async def drain(self, instance: Instance, seconds_max: float | None) -> bool:
        """Returns whether the instance became idle in time, if there is any; nothing new reaches it in any case.

        What callers have open that skip the node counts as well.
        """
        try:
            async with asyncio.timeout(seconds_max):
                await self._reception.drain(instance.id)
                await self._reception.settled(instance.id)
        except TimeoutError:
            return False
        return True

    def _variables(self, badge: Badge, door: Door, home: Path, *, named: bool) -> dict[str, str]:
        found = {
            "HOME": str(home),
            "TMPDIR": str(home),
            "LANG": "C.UTF-8",
            "MICRO_ADDRESS": door.address,
            "MICRO_TOKEN": badge.token,
            "MICRO_INSTANCE": badge.instance,
        }
        if door.socket:
            found["MICRO_SOCKET"] = door.socket
        if named:
            found["MICRO_SERVICE"] = badge.service
        return found

    async def _log(self, instance: str, stream: str, line: str) -> None:
        name = self._names.get(instance)
        if name:
            await self._logs.write(name, stream, line, instance)

    async def _forget(self, instance: str, home: Path) -> None:
        self._badges.pop(instance, None)
        self._live.pop(instance, None)
        self._names.pop(instance, None)
        door = self._doors.pop(instance, None)
        await self._reception.close(instance)  # first, as whoever waits for the disk may be stopped in that
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._disk.remove, home)
            if door is not None and door.socket:
                self._disk.remove(Path(door.socket))


def describe_end(code: int) -> str:
    """Returns an exit code in words."""
    if code >= 0:
        return f"with code {code}"
    try:
        return f"by signal {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
