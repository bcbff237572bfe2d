"""Generations of a service on a machine of a world: the node's own succession, with versions that a test wrote.

Nothing is fetched and nothing is built, and an instance is no process; everything else is what a node does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from micro.node.client import NodeDialer
from micro.runtime.chronicle import Chronicle
from micro.runtime.engine.engine import Engine, EngineInstance, Launch, Output
from micro.runtime.evolution.evidence import Terms
from micro.runtime.generation import Generation
from micro.runtime.household import Grounds, Lifetimes
from micro.runtime.instance import Launcher
from micro.runtime.keeper import Keeper
from micro.runtime.memory import Memory
from micro.runtime.roster import Roster
from micro.runtime.source.source import Report, Revision, silent
from micro.runtime.source.spec import SourceSpec
from micro.runtime.succession import Place, Succession
from micro.runtime.turns import Turns
from micro.service.running import Running
from micro.service.service import Service
from micro.service.trial import Trial
from micro.testing.ground import unspent
from micro.testing.machine import Machine

__all__ = ["Descent"]

KIND = "world"
FOLDER = Path("/world/descent")

Version = Callable[[], Service]
"""Makes a service of one version."""


class _Instance(EngineInstance):
    """A version that runs."""

    pid = 1

    def __init__(self, running: Running, generation: int) -> None:
        self.generation = generation
        self._running = running
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> int:
        try:
            await self._running.run()
        except asyncio.CancelledError:
            return -9
        except Exception:  # noqa: BLE001 - a process that ends, ends with a code
            return 1
        return 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._task.done()

    @property
    def cause(self) -> str:
        return ""

    async def wait(self) -> int:
        await asyncio.wait((self._task,))
        return self._task.result()

    def signal(self, number: int) -> None:
        """Ends it, whatever the number is."""
        self._task.cancel()

    async def stop(self, grace_seconds: float) -> int:
        self._running.stop()
        await asyncio.wait((self._task,), timeout=grace_seconds)
        self._task.cancel()
        return await self.wait()


class _Versions(Engine):
    """Starts the versions of a service."""

    def __init__(self, machine: Machine) -> None:
        self.versions: dict[str, Version] = {}
        self.running: list[_Instance] = []
        self._machine = machine

    async def start(self, launch: Launch, output: Output) -> EngineInstance:
        machine, told = self._machine, launch.environment
        machine.known[machine.nid][told["MICRO_SERVICE"], told["MICRO_INSTANCE"]] = None
        dialer = NodeDialer(
            told["MICRO_ADDRESS"],
            token=told["MICRO_TOKEN"],
            service=told["MICRO_SERVICE"],
            sockets=machine.sockets,
        )
        running = Running(
            self.versions[launch.command[0]](),
            dialer=dialer,
            clock=machine.clock,
            entropy=machine.entropy,
            instance=told["MICRO_INSTANCE"],
            socket=told["MICRO_SOCKET"],
            uid=os.getuid(),
            sockets=machine.sockets,
            stay=False,
            spending=unspent,
        )
        number = int(launch.command[1])
        self.running = [instance for instance in self.running if not instance.is_over]
        self.running.append(instance := _Instance(running, number))
        return instance


class Descent(Place):
    """The generations of one service on a machine that is up; over with that.

    Attributes:
        succession: decides.
        told: what was announced of generations, in order.
    """

    def __init__(
        self, machine: Machine, name: str, *, terms: Terms | None = None, lifetimes: Lifetimes | None = None
    ) -> None:
        node = machine.node
        assert node is not None, "the machine is up"
        self.name = name
        self.told: list[dict[str, Any]] = []
        self._machine = machine
        self._node = node
        self._engine = _Versions(machine)
        self._turns = Turns()
        self._roster = Roster(Memory(machine.disk, FOLDER / "services.json"))
        self._launcher = Launcher(
            {KIND: self._engine},
            node.reception,
            node.supervisor.logs,
            disk=machine.disk,
            clock=machine.clock,
            entropy=machine.entropy,
            homes=FOLDER / "homes",
        )
        grounds = Grounds(
            self._roster,
            node.reception,
            node.trials,
            machine.clock,
            self.told.append,
            lifetimes or Lifetimes(),
            terms or Terms(),
        )
        self.succession = Succession(self, grounds, Chronicle(machine.disk, FOLDER / "lineages.json"))

    async def begin(self, version: Version) -> None:
        """Runs the first generation; it serves when this returns."""
        self._engine.versions["first"] = version
        keeper = self._new_keeper()
        self._roster.add(keeper)
        generation = await self.make(keeper, Revision("first"), 1, silent)
        await keeper.begin(generation, silent)
        self._roster.remember(keeper, generation)
        keeper.keep()

    async def offer(self, revision: str, version: Version) -> str:
        """Has another version be tried; returns what came of it, in words."""
        self._engine.versions[revision] = version
        async with self.turn(self.name):
            return await self.succession.offer(self._roster.find(self.name), Revision(revision), silent)

    def generation(self, number: int) -> dict[str, Any]:
        """Returns what is known of a generation."""
        members = self.succession.status(self._roster.find(self.name))["generations"]
        return next(member for member in members if member["generation"] == number)

    def rollback(self, number: int | None = None) -> str:
        """Gives all calls to a generation that lives, as its owner would; returns what was done, in words."""
        return self.succession.rollback(self._roster.find(self.name), number)

    def crash(self, number: int) -> None:
        """Ends the instances of a generation that run, as a crash would."""
        for instance in self._engine.running:
            if instance.generation == number:
                instance.signal(9)

    @property
    def trial(self) -> Trial | None:
        """The trial that is held now, if there is one."""
        return self._node.trials.get(self.name)

    async def end(self) -> None:
        """Stops all of them."""
        await self.succession.close()
        for keeper in self._roster:
            await keeper.end()

    # -- what the succession asks -------------------------------------------------------------------------------------

    def keeper_beside(self, keeper: Keeper) -> Keeper:
        return self._new_keeper()

    async def make(self, keeper: Keeper, revision: Revision, number: int, report: Report) -> Generation:
        launch = Launch((revision.id, str(number)), FOLDER)
        return Generation(number, revision.id, "", revision.id, "", KIND, launch, self.name)

    def advance(self, keeper: Keeper, generation: Generation) -> str:
        raise AssertionError("each revision has files of its own here")

    def turn(self, name: str) -> contextlib.AbstractAsyncContextManager[None]:
        return self._turns.take(name)

    def _new_keeper(self) -> Keeper:
        return Keeper(
            self.name,
            SourceSpec("directory", str(FOLDER)),
            self._launcher,
            self._node.supervisor.logs,
            named=True,
            environment={},
            allowed=frozenset(),
            evolves=False,
            clock=self._machine.clock,
            entropy=self._machine.entropy,
            changed=lambda change: None,
        )
