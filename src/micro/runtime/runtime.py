"""The runtime of a node, put together for one home."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from micro.ports import Clock, Disk, Entropy, Processes
from micro.runtime.build import Builder, Interpreter
from micro.runtime.chronicle import Chronicle
from micro.runtime.engine.engine import Engine
from micro.runtime.engine.process import ProcessEngine
from micro.runtime.evolution.evidence import Terms
from micro.runtime.generation import Change
from micro.runtime.household import Announce, Grounds, Lifetimes
from micro.runtime.instance import START_SECONDS_MAX, Launcher, Reception
from micro.runtime.keeper import DRAIN_SECONDS_MAX
from micro.runtime.logs import Logs
from micro.runtime.memory import Memory
from micro.runtime.roster import Roster
from micro.runtime.source.directory import DirectorySource
from micro.runtime.source.git import GitSource
from micro.runtime.succession import Place, Succession
from micro.runtime.supervisor import Supervisor
from micro.runtime.workshop import Workshop
from micro.service.trial import Trials

__all__ = ["Evolution", "open_supervisor"]


@dataclass(frozen=True)
class Evolution:
    """How newcomers are tried on a node.

    Attributes:
        trials: where those on trial are entered, for the router.
        announce: is told what becomes of generations; must not wait.
        lifetimes: how long generations live that get no traffic.
        terms: by what newcomers are judged.
    """

    trials: Trials = field(default_factory=dict)
    announce: Announce = lambda said: None
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    terms: Terms = field(default_factory=Terms)

    def begin(
        self, roster: Roster, reception: Reception, clock: Clock, chronicle: Chronicle
    ) -> Callable[[Place], Succession]:
        """Returns what makes the succession of a supervisor."""
        grounds = Grounds(roster, reception, self.trials, clock, self.announce, self.lifetimes, self.terms)
        return lambda place: Succession(place, grounds, chronicle)


def open_supervisor(
    home: Path,
    reception: Reception,
    *,
    processes: Processes,
    disk: Disk,
    clock: Clock,
    entropy: Entropy,
    changed: Callable[[Change], None] = lambda change: None,
    evolution: Evolution | None = None,
    engines: Mapping[str, Engine] | None = None,
    interpreter: Interpreter | None = None,
    settings: Mapping[str, str] | None = None,
    allow_private: bool = False,
    authorities: Path | None = None,
    start_seconds_max: float = START_SECONDS_MAX,
    drain_seconds_max: float = DRAIN_SECONDS_MAX,
) -> Supervisor:
    """Returns the supervisor of the node with this home; `restore` it when the node is ready, `close` it at the end.

    It works in `sources/`, `builds/`, `logs/`, `run/home/`, `services.json` and `lineages.json`.

    Args:
        reception: what the node does for each instance.
        changed: is told of everything that happens; must not wait.
        evolution: how newcomers are tried; the defaults, unless said.
        engines: what runs a generation, by its kind; processes are there by themselves.
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
        {"process": ProcessEngine(processes), **(engines or {})},
        reception,
        logs,
        disk=disk,
        clock=clock,
        entropy=entropy,
        homes=home / "run" / "home",
        start_seconds_max=start_seconds_max,
    )
    roster = Roster(Memory(disk, home / "services.json"))
    return Supervisor(
        Workshop({"git": git, "directory": DirectorySource(disk)}, builder, git.trees, disk),
        launcher,
        logs,
        roster,
        (evolution or Evolution()).begin(roster, reception, clock, Chronicle(disk, home / "lineages.json")),
        clock=clock,
        entropy=entropy,
        changed=changed,
        drain_seconds_max=drain_seconds_max,
    )
