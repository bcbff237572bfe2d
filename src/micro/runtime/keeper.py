"""Keeps one service alive: starts it, starts it again when it ends, and moves it to a new generation.

At any time one generation serves. While it moves, the next one starts beside it; only when that has registered does
the old one get nothing new, finish what is open, and end. If the next one does not start, nothing has happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from micro.errors import reason_of
from micro.ports import Clock, Entropy
from micro.runtime.backoff import Backoff
from micro.runtime.generation import Change, Generation, StartFailed
from micro.runtime.instance import Instance, Launcher
from micro.runtime.lingering import Lingering
from micro.runtime.logs import Logs
from micro.runtime.manifest import Engine
from micro.runtime.source.source import Report, silent
from micro.runtime.source.spec import SourceSpec

__all__ = ["Keeper", "Make"]

DRAIN_SECONDS_MAX = 30.0
"""How long the old generation may take to finish what is open on it."""

FAREWELL_SECONDS = 3_600.0
"""How long a retired one on which nothing is open may take to end when it is asked."""

Make = Callable[[], Awaitable[Generation]]


class Keeper:
    """One service of a node."""

    def __init__(
        self,
        name: str,
        spec: SourceSpec,
        launcher: Launcher,
        logs: Logs,
        *,
        named: bool,
        environment: Mapping[str, str],
        allowed: frozenset[str],
        evolves: bool,
        engine: Engine | None = None,
        revision: str = "",
        clock: Clock,
        entropy: Entropy,
        changed: Callable[[Change], None],
        drain_seconds_max: float = DRAIN_SECONDS_MAX,
    ) -> None:
        """Keeps a service that runs nothing yet.

        Args:
            named: whether its owner or author chose the name.
            environment: variables that its owner gave it.
            allowed: what its owner allows it beyond its own.
            evolves: whether it moves by itself when its source changes.
            engine: what its owner wants to run it, None where he did not say.
            revision: what it ran when the node stopped.
        """
        self.name = name
        self.spec = spec
        self.named = named
        self.environment = dict(environment)
        self.allowed = allowed
        self.evolves = evolves
        self.engine = engine
        self.generation: Generation | None = None
        self.instance: Instance | None = None
        self.state = "starting"
        self.restarts = 0
        self.started = 0.0
        self.reason = ""
        self._before = revision
        self._launcher = launcher
        self._logs = logs
        self._clock = clock
        self._entropy = entropy
        self._changed = changed
        self._drain_seconds_max = drain_seconds_max
        self._keeping: asyncio.Task[None] | None = None
        self.lingering = Lingering(launcher, self._tell)

    @property
    def revision(self) -> str:
        """The revision it runs, or ran when the node stopped; "" where there is none yet."""
        return self.generation.revision if self.generation is not None else self._before

    def is_at(self, revision: str) -> bool:
        """Whether it runs, and at this revision."""
        return self.state == "running" and self.generation is not None and self.generation.revision == revision

    def has_files_of(self, generation: Generation) -> bool:
        """Whether it runs, and the files, packages and command of that generation are those it runs already."""
        mine = self.generation
        if self.state != "running" or mine is None:
            return False
        return (mine.tree, mine.build, mine.launch) == (generation.tree, generation.build, generation.launch)

    async def begin(self, generation: Generation, report: Report) -> str:
        """Starts the first instance and returns the name it registered as; `keep` it then.

        Raises:
            StartFailed: it did not come up, and is gone.
        """
        instance, name = await self._up(generation, report, free=not self.named)
        self._serve(generation, instance)
        return name

    def keep(self) -> None:
        """From now on, an instance that ends is followed by another."""
        self._keeping = asyncio.ensure_future(self._keep(self.instance, None))

    def resume(self, make: Make) -> None:
        """Brings back a service that ran before: makes its generation and starts it, as often as it takes."""
        self._keeping = asyncio.ensure_future(self._keep(None, make))

    async def replace(self, generation: Generation, report: Report, promise: Callable[[], None]) -> bool:
        """Moves to another generation, and returns whether the old one had finished what was open on it.

        Args:
            generation: the new one.
            report: told of each step.
            promise: called when the new one has come up; where it raises the new one ends, and the old one goes on.

        Raises:
            StartFailed: the new one did not come up, and the old one goes on.
        """
        instance, _ = await self._up(generation, report)
        try:
            promise()
        except BaseException:
            await self._launcher.stop(instance)
            raise
        old, before, keeping, idle = self.instance, self.generation, self._keeping, False
        self._serve(generation, instance)
        self.keep()
        try:
            await _cancel(keeping)
            if old is None:
                return True
            self._tell("replaced", old, f"generation {generation.number} takes over")
            report("moving", "what is open finishes where it began")
            idle = await self._launcher.drain(old, self._drain_seconds_max)
        finally:
            if old is not None and idle:
                await self._launcher.stop(old)
            elif old is not None:
                self.lingering.take(old, before)
        return idle

    def retire(self) -> None:
        """From now on, an instance that ends is followed by none, and this one stays as long as it lives."""
        self._keeping = asyncio.ensure_future(self._outlive(self._keeping))

    def revive(self) -> None:
        """Is kept again: a retired one whose instance lives."""
        if self._keeping is not None:
            self._keeping.cancel()
        self.state = "running"
        self.keep()

    async def leave(self) -> None:
        """Has the instance of a retired generation end: nothing new reaches it, and what is open takes its time."""
        instance = self.instance
        if instance is not None:
            await self._launcher.settled(instance)
            await self._launcher.drain(instance, None)
            await instance.stop(FAREWELL_SECONDS)

    async def end(self) -> None:
        """Stops the service."""
        self.state = "stopping"
        try:
            await _cancel(self._keeping)
        finally:  # a process must not outlive its keeper, whoever loses patience
            if self.instance is not None:
                instance, self.instance = self.instance, None
                await self._launcher.stop(instance)
                self._tell("stopped", instance, "stopped")
            await self.lingering.end()

    async def _up(self, generation: Generation, report: Report = silent, *, free: bool = False) -> tuple[Instance, str]:
        """Starts an instance, waits until it has registered, and returns it with the name it did so under.

        Args:
            free: whether it may choose the name.
        """
        report("starting", f"generation {generation.number}")
        instance = await self._launcher.start(
            self.name, generation, self.environment, named=self.named, allowed=self.allowed
        )
        self._tell("started", instance, f"generation {generation.number}, process {instance.pid}")
        report("waiting", f"process {instance.pid} has to register")
        name = await self._launcher.confirm(instance)
        if name != self.name and not free:
            await self._launcher.stop(instance)
            raise StartFailed(f"it registered as {name}, and it is to be {self.name}", instance.id)
        self._tell("registered", instance, f"registered as {name}")
        return instance, name

    def _serve(self, generation: Generation, instance: Instance) -> None:
        self.generation = generation
        self.instance = instance
        self.state = "running"
        self.reason = ""
        self.started = self._clock.now()

    async def _keep(self, instance: Instance | None, make: Make | None) -> None:
        backoff = Backoff()
        while True:
            began = self._clock.monotonic()
            try:
                instance = instance or await self._again(make)
                began = instance.started
                reason = f"it ended {instance.describe_end(await instance.wait())}"
                self.instance = None
                await self._launcher.stop(instance)
            except Exception as error:  # noqa: BLE001 - whatever it was, the service is tried again
                reason = reason_of(error)
            instance = None
            self.restarts += 1
            self.state, self.reason = "waiting", reason
            now = self._clock.monotonic()
            delay = backoff.delay(now, now - began, int.from_bytes(self._entropy.random_bytes(4), "big") / 2**32)
            detail = f"{reason}; starts again in {delay:.1f} s"
            self._logs.note(self.name, detail)
            self._changed(Change("ended", self.name, detail=detail))
            await asyncio.sleep(delay)
            self.state = "starting"

    async def _outlive(self, keeping: asyncio.Task[None] | None) -> None:
        await _cancel(keeping)
        instance, reason = self.instance, "it was not running"
        if instance is not None:
            self.state = "retired"
            reason = f"it ended {instance.describe_end(await instance.wait())}"
            self.instance = None
            await self._launcher.stop(instance)
            self._tell("ended", instance, f"{reason}; a retired generation is not started again")
        self.state, self.reason = "ended", reason

    async def _again(self, make: Make | None) -> Instance:
        async with self._launcher.starts:
            generation = self.generation
            if generation is None:
                assert make is not None
                generation = await make()
            instance, _ = await self._up(generation)
        self._serve(generation, instance)
        return instance

    def _tell(self, kind: str, instance: Instance, detail: str) -> None:
        self._logs.note(self.name, detail, instance=instance.id)
        self._changed(Change(kind, self.name, instance.id, detail))


async def _cancel(task: asyncio.Task[None] | None) -> None:
    """Ends a watch, and a start that it may be in; an instance that runs goes on."""
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
