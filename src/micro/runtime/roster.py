"""Which services a node has, by name: those that run, and what is remembered of them for the next start."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from micro.errors import Conflict, NotFound, TooManyRequests
from micro.runtime.generation import Generation
from micro.runtime.keeper import Keeper
from micro.runtime.memory import Memory, Remembered
from micro.runtime.source.spec import SourceSpec

__all__ = ["Roster"]

SERVICES_MAX = 1_000
NEAR_MAX = 3


class Roster:
    """The services of one node."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._keepers: dict[str, Keeper] = {}
        self._remembered: dict[str, Remembered] = {}

    def __iter__(self) -> Iterator[Keeper]:
        return iter([self._keepers[name] for name in sorted(self._keepers)])

    def recall(self) -> list[Remembered]:
        """Reads what ran when the node stopped.

        Raises:
            ConfigError: the file cannot be read.
        """
        self._remembered = {service.name: service for service in self._memory.read()}
        return list(self._remembered.values())

    def get(self, name: str) -> Keeper | None:
        """Returns the service of that name, if there is one."""
        return self._keepers.get(name)

    def find(self, name: str) -> Keeper:
        """Returns the service of that name.

        Raises:
            NotFound: there is none; the detail names those that are called nearly so.
        """
        keeper = self._keepers.get(name)
        if keeper is None:
            near = difflib.get_close_matches(name, self._keepers, NEAR_MAX)
            hint = f"did you mean {' or '.join(near)}?" if near else "`micro status` shows what runs"
            raise NotFound(f"no service {name!r} runs on this node: {hint}")
        return keeper

    def same(self, spec: SourceSpec, name: str | None) -> Keeper | None:
        """Returns the service that runs from this source already, under this name if one is given."""
        return next((keeper for keeper in self if keeper.spec == spec and name in {None, keeper.name}), None)

    def check_free(self, name: str, spec: SourceSpec) -> None:
        """Raises `Conflict` if a service has this name, `TooManyRequests` if there are too many services."""
        taken = self._keepers.get(name)
        if taken is not None:
            raise Conflict(f"{name} runs already, from {taken.spec}: micro kill {name}, or give {spec} another --name")
        if len(self._keepers) >= SERVICES_MAX:
            raise TooManyRequests(f"{SERVICES_MAX} services run on this node: kill one first")

    def add(self, keeper: Keeper) -> None:
        """Files a service under its name."""
        self._keepers[keeper.name] = keeper

    def remove(self, keeper: Keeper) -> None:
        """Takes a service out, if it is in."""
        if self._keepers.get(keeper.name) is keeper:
            del self._keepers[keeper.name]

    def remembered(self, name: str) -> Remembered | None:
        """Returns what the next start of the node will know of a service."""
        return self._remembered.get(name)

    def remember(self, keeper: Keeper, generation: Generation) -> None:
        """Has the next start of the node run a service, at this generation.

        Raises:
            EngineError: the disk does not take it; what was remembered before still is.
        """
        service = Remembered(
            name=keeper.name,
            source=str(keeper.spec),
            named=keeper.named,
            revision=generation.revision,
            ref=generation.ref,
            generation=generation.number,
            environment=keeper.environment,
            allowed=tuple(sorted(keeper.allowed)),
            evolve=keeper.evolves,
            engine=keeper.engine,
        )
        self._write({**self._remembered, keeper.name: service})

    def evolve(self, keeper: Keeper, *, evolves: bool) -> None:
        """Has a service move by itself when its source changes, or not, from now on and after the next start.

        Raises:
            EngineError: the disk does not take it; everything is as it was.
        """
        before = self._remembered.get(keeper.name)
        if before is not None:
            self._write({**self._remembered, keeper.name: replace(before, evolve=evolves)})
        keeper.evolves = evolves

    def forget(self, name: str) -> None:
        """Has the next start of the node know nothing of a service.

        Raises:
            EngineError: the disk does not take it; it is still remembered.
        """
        if name in self._remembered:
            self._write({known: service for known, service in self._remembered.items() if known != name})

    def _write(self, services: dict[str, Remembered]) -> None:
        self._memory.write(services.values())
        self._remembered = services

    def status(self, more: Callable[[Keeper], dict[str, Any]]) -> list[dict[str, Any]]:
        """Returns all of them, as `Supervisor.status` hands them out, and `more` of each."""
        return [{**_status(keeper, self._remembered.get(keeper.name)), **more(keeper)} for keeper in self]


def _status(keeper: Keeper, remembered: Remembered | None) -> dict[str, Any]:
    generation = keeper.generation
    return {
        "name": keeper.name,
        "source": str(keeper.spec),
        "ref": generation.ref if generation else remembered.ref if remembered else "",
        "revision": keeper.revision,
        "generation": generation.number if generation else remembered.generation if remembered else 1,
        "state": keeper.state,
        "pid": keeper.instance.pid if keeper.instance else 0,
        "restarts": keeper.restarts,
        "started": keeper.started,
        "reason": keeper.reason,
    }
