"""The runtime of a node, put together for one home."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from micro.ports import Clock, Disk, Entropy, Processes
from micro.runtime.build import Builder, Interpreter
from micro.runtime.engine.confined import ConfinedEngine
from micro.runtime.engine.process import ProcessEngine
from micro.runtime.generation import Change
from micro.runtime.instance import START_SECONDS_MAX, Launcher, Reception
from micro.runtime.keeper import DRAIN_SECONDS_MAX
from micro.runtime.logs import Logs
from micro.runtime.memory import Memory
from micro.runtime.roster import Roster
from micro.runtime.sandbox.confinement import Confinement
from micro.runtime.sandbox.sandbox import Bounds
from micro.runtime.source.directory import DirectorySource
from micro.runtime.source.git import GitSource
from micro.runtime.supervisor import Supervisor
from micro.runtime.workshop import Workshop

__all__ = ["open_supervisor"]


def open_supervisor(
    home: Path,
    reception: Reception,
    *,
    processes: Processes,
    disk: Disk,
    clock: Clock,
    entropy: Entropy,
    changed: Callable[[Change], None] = lambda change: None,
    confinement: Callable[[], Awaitable[Confinement]] | None = None,
    bounds: Bounds | None = None,
    interpreter: Interpreter | None = None,
    settings: Mapping[str, str] | None = None,
    allow_private: bool = False,
    authorities: Path | None = None,
    start_seconds_max: float = START_SECONDS_MAX,
    drain_seconds_max: float = DRAIN_SECONDS_MAX,
) -> Supervisor:
    """Returns the supervisor of the node with this home; `restore` it when the node is ready, `close` it at the end.

    It works in `sources/`, `builds/`, `logs/`, `run/home/` and `services.json`.

    Args:
        reception: what the node does for each instance.
        changed: is told of everything that happens; must not wait.
        confinement: returns what confines services; without it they run as the node's owner does.
        bounds: how much each service may use, where they are confined.
        interpreter: runs services; the one that runs the node, unless said.
        settings: the owner's environment variables, of which pip gets what says where packages come from.
        allow_private: whether sources may come from the network around this machine.
        authorities: certificates to trust for sources instead of the system's.
        start_seconds_max: how long an instance may take to register.
        drain_seconds_max: how long an instance that is replaced may take to finish what is open on it.
    """
    own = interpreter or Interpreter.of_this_process()
    git = GitSource(processes, disk, entropy, home / "sources", allow_private=allow_private, authorities=authorities)
    builder = Builder(processes, disk, home / "builds", own, settings=settings)
    logs = Logs(disk, clock, home / "logs")
    launcher = Launcher(
        {"process": ConfinedEngine(confinement, bounds or Bounds()) if confinement else ProcessEngine(processes)},
        reception,
        logs,
        disk=disk,
        clock=clock,
        entropy=entropy,
        homes=home / "run" / "home",
        start_seconds_max=start_seconds_max,
    )
    return Supervisor(
        Workshop({"git": git, "directory": DirectorySource(disk)}, builder, git.trees, disk),
        launcher,
        logs,
        Roster(Memory(disk, home / "services.json")),
        clock=clock,
        entropy=entropy,
        changed=changed,
        drain_seconds_max=drain_seconds_max,
    )
