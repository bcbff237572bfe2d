"""The runtime of a node, put together for one home."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from micro.ports import Clock, Disk, Entropy, Processes
from micro.runtime.artefact.artefacts import Artefacts
from micro.runtime.engine.engine import Engine
from micro.runtime.engine.process import ProcessEngine
from micro.runtime.environments import Environments, Interpreter
from micro.runtime.generation import Change
from micro.runtime.instance import START_SECONDS_MAX, Launcher, Reception
from micro.runtime.keeper import DRAIN_SECONDS_MAX
from micro.runtime.logs import Logs
from micro.runtime.memory import Memory
from micro.runtime.recipe.table import recipes
from micro.runtime.roster import Roster
from micro.runtime.source.directory import DirectorySource
from micro.runtime.source.git import GitSource
from micro.runtime.source.source import Source
from micro.runtime.supervisor import Supervisor
from micro.runtime.workbench import Seclusion, Unshare
from micro.runtime.workshop import Workshop
from micro.trust.keys import NodeKey

__all__ = ["open_supervisor"]


def open_supervisor(
    home: Path,
    reception: Reception,
    *,
    processes: Processes,
    disk: Disk,
    clock: Clock,
    entropy: Entropy,
    signer: NodeKey,
    changed: Callable[[Change], None] = lambda change: None,
    engines: Mapping[str, Engine] | None = None,
    interpreter: Interpreter | None = None,
    settings: Mapping[str, str] | None = None,
    seclusion: Seclusion | None = None,
    allow_private: bool = False,
    authorities: Path | None = None,
    start_seconds_max: float = START_SECONDS_MAX,
    drain_seconds_max: float = DRAIN_SECONDS_MAX,
) -> Supervisor:
    """Returns the supervisor of the node with this home; `restore` it when the node is ready, `close` it at the end.

    It works in `sources/`, `packages/`, `builds/`, `logs/`, `run/home/` and `services.json`.

    Args:
        reception: what the node does for each instance.
        signer: the node's key, which signs what it states about builds.
        changed: is told of everything that happens; must not wait.
        engines: what runs a generation, by its kind; processes are there by themselves.
        interpreter: runs services; the one that runs the node, unless said.
        settings: the owner's environment variables: where his programs are, and where packages come from.
        seclusion: what keeps a build from the network; the system's `unshare`, unless said.
        allow_private: whether sources may come from the network around this machine.
        authorities: certificates to trust for sources instead of the system's.
        start_seconds_max: how long an instance may take to register.
        drain_seconds_max: how long an instance that is replaced may take to finish what is open on it.
    """
    own = interpreter or Interpreter.of_this_process()
    git = GitSource(processes, disk, entropy, home / "sources", allow_private=allow_private, authorities=authorities)
    artefacts = Artefacts(disk, clock, signer, seclusion or Unshare(processes), home, settings or {})
    logs = Logs(disk, clock, home / "logs")
    launcher = Launcher(
        {"process": ProcessEngine(processes), **(engines or {})},
        reception,
        logs,
        disk=disk,
        clock=clock,
        entropy=entropy,
        homes=home / "run" / "home",
        start_seconds_max=start_seconds_max,
    )
    return Supervisor(
        _workshop(git, artefacts, own, disk),
        launcher,
        logs,
        Roster(Memory(disk, home / "services.json")),
        clock=clock,
        entropy=entropy,
        changed=changed,
        drain_seconds_max=drain_seconds_max,
    )


def _workshop(git: GitSource, artefacts: Artefacts, own: Interpreter, disk: Disk) -> Workshop:
    """Returns what makes generations, with every kind of source and every recipe that there is."""
    sources: dict[str, Source] = {"git": git, "directory": DirectorySource(disk)}
    return Workshop(sources, recipes(Environments(disk, own)), artefacts, own, git.trees, disk)
