"""The runtime of a node, put together for one home.

It works in `sources/`, `packages/`, `builds/`, `logs/`, `run/home/`, `services.json`, `sources.json`,
`lineages.json` and `works.json`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from micro.ports import Clock, Disk, Entropy, Processes
from micro.runtime.artefact.artefacts import Artefacts
from micro.runtime.chronicle import Chronicle
from micro.runtime.engine.confined import ConfinedEngine
from micro.runtime.engine.engine import Engine
from micro.runtime.engine.process import ProcessEngine
from micro.runtime.environments import Environments, Interpreter
from micro.runtime.evolution.evidence import Terms
from micro.runtime.generation import Change
from micro.runtime.guest.kits import Kits, cache_folder
from micro.runtime.history import History
from micro.runtime.household import Announce, Grounds, Lifetimes
from micro.runtime.instance import START_SECONDS_MAX, Launcher, Reception
from micro.runtime.keeper import DRAIN_SECONDS_MAX
from micro.runtime.logs import Logs
from micro.runtime.memory import Memory
from micro.runtime.recipe.table import recipes
from micro.runtime.roster import Roster
from micro.runtime.sandbox.confinement import Confinement
from micro.runtime.sandbox.sandbox import Bounds
from micro.runtime.seclusion import Secluded
from micro.runtime.source.directory import DirectorySource
from micro.runtime.source.git import GitSource
from micro.runtime.source.lookout import Lookout
from micro.runtime.source.pace import Pace
from micro.runtime.source.sightings import Sightings
from micro.runtime.source.source import Revision, Source
from micro.runtime.source.spec import SourceSpec
from micro.runtime.succession import Place, Succession
from micro.runtime.supervisor import Supervisor
from micro.runtime.workbench import Seclusion, Unshare
from micro.runtime.works import Works
from micro.runtime.workshop import Workshop
from micro.service.trial import Trials
from micro.trust.keys import NodeKey

__all__ = ["Evolution", "Guard", "SourceRules", "open_supervisor"]


@dataclass(frozen=True)
class SourceRules:
    """What the owner of a node says about where code comes from.

    Attributes:
        allow_private: whether it may come from the network around this machine.
        authorities: certificates to trust instead of the system's.
        evolve: whether services from repositories move by themselves where nobody says whether they shall.
        trial: whether what is found is tried beside what runs; otherwise it takes over once it has come up.
        pace: how often their sources are looked at.
    """

    allow_private: bool = False
    authorities: Path | None = None
    evolve: bool = True
    trial: bool = True
    pace: Pace = field(default_factory=Pace)

    def git(self, processes: Processes, disk: Disk, entropy: Entropy, folder: Path) -> GitSource:
        """Returns the source for repositories, which keeps its trees in `folder`."""
        return GitSource(
            processes, disk, entropy, folder, allow_private=self.allow_private, authorities=self.authorities
        )

    def lookout(
        self, workshop: Workshop, disk: Disk, file: Path, clock: Clock, entropy: Entropy
    ) -> Callable[[Callable[[SourceSpec, Revision], None]], Lookout]:
        """Returns what makes the lookout of a supervisor, which tells a function what it sees."""
        sightings = Sightings(disk, file)
        return lambda seen: Lookout(workshop.newest, seen, sightings, clock=clock, entropy=entropy, pace=self.pace)


@dataclass(frozen=True)
class Guard:
    """What keeps services and builds from the machine of their node.

    Attributes:
        confinement: returns what confines them; without it they run as the node's owner does.
        bounds: how much each service may use, where it is confined.
    """

    confinement: Callable[[], Awaitable[Confinement]] | None = None
    bounds: Bounds = field(default_factory=Bounds)

    def engine(self, processes: Processes) -> Engine:
        """Returns what runs processes."""
        return ConfinedEngine(self.confinement, self.bounds) if self.confinement else ProcessEngine(processes)

    def seclusion(self, processes: Processes) -> Seclusion:
        """Returns what runs the commands of builds."""
        return Secluded(processes, self.confinement) if self.confinement else Unshare(processes)


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
    signer: NodeKey,
    changed: Callable[[Change], None] = lambda change: None,
    guard: Guard | None = None,
    engines: Mapping[str, Engine] | None = None,
    evolution: Evolution | None = None,
    interpreter: Interpreter | None = None,
    settings: Mapping[str, str] | None = None,
    kits: str = "",
    sources: SourceRules | None = None,
    start_seconds_max: float = START_SECONDS_MAX,
    drain_seconds_max: float = DRAIN_SECONDS_MAX,
) -> Supervisor:
    """Returns the supervisor of the node with this home; `restore` it when the node is ready, `close` it at the end.

    Args:
        reception: what the node does for each instance.
        signer: the node's key, which signs what it states about builds.
        changed: is told of everything that happens; must not wait.
        guard: what keeps services and builds from the machine; nothing, unless said.
        engines: what runs a generation, by its kind; processes are there by themselves.
        evolution: how newcomers are tried; the defaults, unless said.
        interpreter: runs services; the one that runs the node, unless said.
        settings: the owner's environment variables: where his programs are, and where packages come from.
        kits: the folder for compilers of guests; in the owner's cache, unless said.
        sources: where code may come from, and how it is followed; the defaults, unless said.
        start_seconds_max: how long an instance may take to register.
        drain_seconds_max: how long an instance that is replaced may take to finish what is open on it.
    """
    sources, guard = sources or SourceRules(), guard or Guard()
    git = sources.git(processes, disk, entropy, home / "sources")
    artefacts = Artefacts(disk, clock, signer, guard.seclusion(processes), home, settings or {})
    logs = Logs(disk, clock, home / "logs")
    known = {"process": guard.engine(processes), **(engines or {})}
    ports: dict[str, Any] = {"clock": clock, "entropy": entropy}
    homes = home / "run" / "home"
    launcher = Launcher(known, reception, logs, disk=disk, homes=homes, start_seconds_max=start_seconds_max, **ports)
    own = interpreter or Interpreter.of_this_process()
    workshop = _workshop(git, artefacts, own, cache_folder(settings or {}, kits), disk)
    roster = Roster(Memory(disk, home / "services.json"))
    return Supervisor(
        workshop,
        launcher,
        Works(logs, History(disk, home / "works.json", clock), changed),
        roster,
        sources.lookout(workshop, disk, home / "sources.json", clock, entropy),
        (evolution or Evolution()).begin(roster, reception, clock, Chronicle(disk, home / "lineages.json")),
        evolve=sources.evolve,
        trial=sources.trial,
        changed=changed,
        drain_seconds_max=drain_seconds_max,
        **ports,
    )


def _workshop(git: GitSource, artefacts: Artefacts, own: Interpreter, compilers: Path | None, disk: Disk) -> Workshop:
    """Returns what makes generations, with every kind of source and every recipe that there is."""
    sources: dict[str, Source] = {"git": git, "directory": DirectorySource(disk)}
    kits = Kits(disk, own.program, artefacts.stock.folder / ".kits", compilers)
    return Workshop(sources, recipes(Environments(disk, own), kits), artefacts, own, git.trees, disk)
