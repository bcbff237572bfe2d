"""The words that the runtime's parts share: what is run, under which badge, and how far it has come.

Pure.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from micro.errors import MicroError

if TYPE_CHECKING:
    from micro.runtime.engine.engine import Launch
    from micro.runtime.manifest import Engine

__all__ = ["Badge", "Change", "Generation", "Progress", "StartFailed", "Wish"]


class StartFailed(MicroError):
    """An instance ended, or stayed silent, before it had registered."""

    def __init__(self, reason: str, instance: str) -> None:
        super().__init__(reason)
        self.instance = instance


@dataclass(frozen=True)
class Generation:
    """All instances of one revision.

    Attributes:
        number: counts the revisions of a service that ran on this node, from 1.
        revision: what it is the generation of, as `Revision.id` says it.
        ref: where that came from, as `Revision.ref`.
        tree: the hash of its files.
        build: the name of its build in `builds/`.
        packages: the name of what was fetched for it in `packages/`; empty where nothing was.
        kind: which engine runs it.
        launch: how, before the node adds what an instance needs.
        name: what its author calls the service.
        needs: what it needs beyond its own: `network`, if its author says so.
    """

    number: int
    revision: str
    ref: str
    tree: str
    build: str
    kind: str
    launch: Launch
    name: str = ""
    needs: frozenset[str] = frozenset()
    packages: str = ""


@dataclass(frozen=True)
class Wish:
    """What an owner says beside the source of a service that he runs.

    Attributes:
        name: what it is called, None where he leaves that to its author.
        environment: variables for its process.
        allowed: what it may beyond its own, as `micro.runtime.grants` names it.
        evolve: whether it moves by itself when its source changes, None where he does not say.
        engine: what shall run it, None where he does not say.
    """

    name: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    evolve: bool | None = None
    engine: Engine | None = None


@dataclass(frozen=True)
class Badge:
    """How an instance shows who it is.

    Attributes:
        instance: its id, never used again.
        service: the name it runs under.
        generation: the number of its generation.
        token: 64 hexadecimal digits that nobody else knows; they end with the instance.
    """

    instance: str
    service: str
    generation: int
    token: str = field(repr=False)

    def admits(self, token: str) -> bool:
        """Whether `token` is this badge's; takes the same time for every wrong one."""
        return hmac.compare_digest(self.token.encode(), token.encode())


@dataclass(frozen=True)
class Progress:
    """How far a run or an update has come.

    Attributes:
        step: `fetching`, `building`, `starting`, `waiting`, `moving`, `verifying`, `done` or `failed`.
        detail: one line for a person.
        done: whether it is the last.
        service: the service's name, once it is known for sure.
        tail: of one that failed, the last lines of its log.
        build: the name of what was built, if that was asked for.
        logged: of one that failed, whether the log of `service` tells more.
    """

    step: str
    detail: str
    done: bool = False
    service: str = ""
    tail: tuple[str, ...] = ()
    build: str = ""
    logged: bool = False

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return self.step == "failed"

    def to_dict(self) -> Mapping[str, object]:
        """Returns it as the runtime's endpoints hand it out."""
        return {
            "step": self.step,
            "detail": self.detail,
            "done": self.done,
            "failed": self.failed,
            "service": self.service,
            "tail": list(self.tail),
            "build": self.build,
            "logged": self.logged,
        }


@dataclass(frozen=True)
class Change:
    """Something that happened to a service.

    Attributes:
        kind: `started`, `registered`, `ended`, `replaced`, `stopped`, `found` (its source has a new revision) or
            `trouble`.
        service: its name.
        instance: the id of the instance it is about, if it is about one.
        detail: one line for a person.
    """

    kind: str
    service: str
    instance: str = ""
    detail: str = ""
