"""What every engine that is measured offers: a server in processes of its own, and workloads for a client process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

__all__ = [
    "BODY",
    "LARGE_BODY",
    "NAME",
    "STREAM_ITEM_BYTES",
    "SUBSCRIBERS",
    "Call",
    "Flow",
    "Peer",
    "Place",
    "Probe",
    "Workloads",
    "load_peer",
]

BODY = b"x" * 100
"""The body of a small call or event, in raw bytes."""

STREAM_ITEM_BYTES = 1024
LARGE_BODY = b"y" * 1_000_000
NAME = "Ann of the hundred bytes, who is greeted over and over again until the clock says stop"
"""What a typed call carries: one string field."""

SUBSCRIBERS = 4

Call = Callable[[], Awaitable[object]]
"""Makes one call and waits for its answer."""

Flow = Callable[[float], Awaitable[int]]
"""Lets items flow for so many seconds, and returns how many arrived."""

Probe = Callable[[], Awaitable[float]]
"""Finds one figure, in seconds."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is.

    Attributes:
        address: what its workloads need to reach it.
        pids: all processes that work for it, whose processor time is counted.
    """

    address: str
    pids: tuple[int, ...]


@dataclass(slots=True)
class Workloads:
    """What a client process can do with one engine, by name."""

    calls: dict[str, Call] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)


class Peer(Protocol):
    """An engine; each is a module of this package."""

    def serve(self, folder: Path) -> AbstractAsyncContextManager[Place]:
        """Runs its server in fresh processes that keep their files in `folder`."""

    def workloads(self, address: str) -> AbstractAsyncContextManager[Workloads]:
        """Connects to its server and returns what can be measured."""


def load_peer(name: str) -> Peer:
    """Returns an engine by the name of its module; its packages are imported only now."""
    return cast("Peer", import_module(f"benchmarks.peers.{name}"))
