"""What go-micro programs registered at the node over RPC, as they said it, each for as long as it lasts.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from micro.doors.gomicro.messages import Node, Service
from micro.errors import Forbidden, TooManyRequests

__all__ = ["Kept", "Roster"]

NODES_MAX = 1_024
BYTES_MAX = 16_777_216


@dataclass(frozen=True)
class Kept:
    """One node of a service.

    Attributes:
        service: the service as it was said, without its nodes.
        node: the node.
        by: who registered it, in words.
        until: when it is gone, on the caller's clock.
        size: what it is reckoned to take of memory, in bytes.
    """

    service: Service
    node: Node
    by: str
    until: float
    size: int


class Roster:
    """All of them."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], Kept] = {}
        self._bytes = 0
        self.number = 0
        """Grows with each change."""

    def register(self, service: Service, by: str, until: float, size: int) -> None:
        """Keeps each node of a service.

        Raises:
            Forbidden: somebody else registered a node of that id.
            TooManyRequests: there is no room for more.
        """
        bare = replace(service, nodes=[])
        for node in service.nodes:
            key = service.name, service.version, node.id
            known = self._kept.get(key)
            if known is not None and known.by != by:
                raise Forbidden(f"the node {node.id[:80]} of {service.name} was registered by {known.by}")
            more = size - (known.size if known is not None else 0)
            if (known is None and len(self._kept) >= NODES_MAX) or self._bytes + more > BYTES_MAX:
                raise TooManyRequests(f"at most {NODES_MAX} nodes with {BYTES_MAX} bytes are kept; deregister some")
            self._bytes += more
            self._kept[key] = Kept(bare, node, by, until, size)
            if known is None or (known.service, known.node) != (bare, node):
                self.number += 1

    def deregister(self, service: Service, by: str, *, anybody: bool) -> list[Kept]:
        """Forgets nodes of a service that `by` registered, or `anybody` did; returns which."""
        gone = []
        for node in service.nodes:
            known = self._kept.get((service.name, service.version, node.id))
            if known is not None and (anybody or known.by == by):
                gone.append(known)
        self._forget(gone)
        return gone

    def expire(self, now: float) -> None:
        """Forgets what lasted until now."""
        self._forget([kept for kept in self._kept.values() if kept.until <= now])

    def services(self, name: str = "") -> list[Service]:
        """Returns the services of a name, or all: one for each version, with its nodes."""
        found: dict[tuple[str, str], Service] = {}
        for kept in self.all():
            key = kept.service.name, kept.service.version
            if name in ("", key[0]):
                known = found.setdefault(key, replace(kept.service, nodes=[]))
                known.nodes.append(kept.node)
        return [found[key] for key in sorted(found)]

    def all(self) -> Iterator[Kept]:
        """Yields all nodes in the order in which they came."""
        yield from self._kept.values()

    def _forget(self, gone: list[Kept]) -> None:
        for kept in gone:
            self._kept.pop((kept.service.name, kept.service.version, kept.node.id), None)
            self._bytes -= kept.size
        self.number += bool(gone)
