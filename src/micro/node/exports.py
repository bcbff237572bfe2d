"""Which topics of this node are whose, and which of them other nodes may ask for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from micro.errors import Conflict, TooManyRequests
from micro.node.damaged import read_or_begin_anew
from micro.node.logs import LOGS_MAX
from micro.service.broker.broker import check_name
from micro.service.copies.naming import check_replicas

if TYPE_CHECKING:
    from micro.ports import Disk
    from micro.service.broker.directory import LogDirectory

__all__ = ["Exports", "Owned"]

log = logging.getLogger("micro.node")


class Owned(msgspec.Struct, frozen=True):
    """A topic that belongs to somebody.

    Attributes:
        topic: its name.
        service: the service it belongs to, "" where it is the node's own.
        exported: whether its owner lets other nodes ask for it.
        ruled: whether the node's owner said so himself, so that a service no longer changes it.
        replicas: how many super nodes keep a copy of its log, if it is exported.
    """

    topic: str
    service: str = ""
    exported: bool = False
    ruled: bool = False
    replicas: int = 0


class Exports:
    """The file `exports.json` of a home; a topic that is not in it is the node's own, and local.

    Args:
        disk, path: where the file is.
        directory: what announces the logs.
        changed: told after each change.
    """

    def __init__(self, disk: Disk, path: Path, directory: LogDirectory, changed: Callable[[], None]) -> None:
        self._disk = disk
        self._path = path
        self._directory = directory
        self._changed = changed
        kept = read_or_begin_anew(disk, path, list[Owned], anew="no topic is open to other nodes") or []
        self._owned = {owned.topic: owned for owned in kept[:LOGS_MAX]}
        for topic in self._owned:
            self._announce(topic)

    def is_exported(self, topic: str) -> bool:
        """Says whether other nodes may ask for a topic."""
        owned = self._owned.get(topic)
        return owned is not None and owned.exported

    def replicas(self, topic: str) -> int:
        """Returns how many super nodes are to keep a copy of a topic's log."""
        owned = self._owned.get(topic)
        return owned.replicas if owned is not None and owned.exported else 0

    def copied(self) -> dict[str, int]:
        """Returns the topics of which copies are to be kept, each with how many."""
        return {topic: count for topic in sorted(self._owned) if (count := self.replicas(topic))}

    def all(self) -> list[Owned]:
        """Returns the topics that belong to somebody, by name."""
        return [self._owned[topic] for topic in sorted(self._owned)]

    def declare(self, service: str, logs: Iterable[Mapping[str, Any]]) -> None:
        """Takes what a service says of the topics that are its own; those it no longer names are the node's again.

        Raises:
            Conflict: one belongs to another service.
            TooManyRequests: more topics have owners than may.
            BadRequest: a topic has no possible name, or no possible number of copies.
        """
        said = {str(each["topic"]): (bool(each.get("export")), int(each.get("replicas", 0))) for each in logs}
        for topic, (exported, replicas) in said.items():
            check_name("topic", topic)
            check_replicas(topic, replicas, exported=exported)
            owned = self._owned.get(topic)
            if owned is not None and owned.service not in ("", service):
                raise Conflict(f"the topic {topic} belongs to the service {owned.service}; choose another name for it")
        after = {topic: owned for topic, owned in self._owned.items() if owned.service != service}
        for topic, owned in self._owned.items():
            if owned.service == service and owned.ruled:  # what the node's owner said stays
                after[topic] = msgspec.structs.replace(owned, service="")
        for topic, (exported, replicas) in said.items():
            before = self._owned.get(topic)
            if before is not None and before.ruled:
                after[topic] = msgspec.structs.replace(before, service=service)
            else:
                after[topic] = Owned(topic, service, exported, replicas=replicas)
        self._keep(after)

    def export(self, topic: str, *, exported: bool, replicas: int | None = None) -> Owned:
        """Opens a topic to other nodes, or closes it, on the word of the node's owner, which counts above a service's.

        Args:
            topic: which.
            exported: whether other nodes may ask for it.
            replicas: how many super nodes keep a copy of its log; None leaves that as it is.

        Raises:
            TooManyRequests: more topics have owners than may.
            BadRequest: the topic has no possible name, or no possible number of copies.
        """
        check_name("topic", topic)
        before = self._owned.get(topic, Owned(topic))
        count = (before.replicas if exported else 0) if replicas is None else replicas
        check_replicas(topic, count, exported=exported)
        said = msgspec.structs.replace(before, exported=exported, ruled=True, replicas=count)
        self._keep({**self._owned, topic: said})
        return said

    def _keep(self, owned: dict[str, Owned]) -> None:
        if owned == self._owned:
            return
        if len(owned) > LOGS_MAX:
            raise TooManyRequests(f"{LOGS_MAX} topics have an owner, which is the limit; use an existing one")
        changed = [topic for topic in {**self._owned, **owned} if self._owned.get(topic) != owned.get(topic)]
        self._disk.write(self._path, msgspec.json.encode([owned[topic] for topic in sorted(owned)]))
        self._owned = owned
        for topic in changed:
            self._announce(topic)
        self._changed()

    def _announce(self, topic: str) -> None:
        if self.is_exported(topic):
            self._directory.announce(topic)
        else:
            self._directory.withdraw(topic)
