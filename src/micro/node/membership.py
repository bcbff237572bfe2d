"""What a node remembers of its network over restarts: whose it is, its maps, what it offered, and its sequence.

The sequence is written in steps ahead of its use, so that no number is ever given twice, whenever the node is killed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from micro.errors import ConfigError, EngineError, Fault
from micro.ports import Disk
from micro.trust.ticket import Ticket

__all__ = ["Membership"]

SEQUENCE_STEP: Final = 1000
TICKETS_MAX: Final = 4

HOMES_MAX: Final = 4
"""So many super nodes that were a home for long are remembered, to be asked first after a restart."""

log = logging.getLogger("micro.backbone")


class _File(msgspec.Struct):
    network: str = ""
    maps: list[bytes] = []
    tickets: list[str] = []
    sequence: int = 0
    homes: list[str] = []
    offered: dict[str, tuple[str, tuple[str, ...]]] = {}


class Membership:
    """The file `backbone.json` of a home.

    Raises:
        ConfigError: it is there and cannot be read. It is not begun anew, because the sequence in it must not fall.
    """

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        try:
            self._file = msgspec.json.decode(disk.read(path) or b"{}", type=_File)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{path} cannot be read: {error}; put it back from your backup") from error
        self._sequence = self._reserved = self._file.sequence

    @property
    def network(self) -> str:
        """The node id of the keeper of the network that the node is in, "" for none."""
        return self._file.network

    @property
    def maps(self) -> list[bytes]:
        """The newest sealed map and the one before, as far as they are known."""
        return list(self._file.maps)

    @property
    def tickets(self) -> list[str]:
        """Where the node came into the network."""
        return list(self._file.tickets)

    @property
    def homes(self) -> list[Ticket]:
        """Where those super nodes were that served as a home, the last one first."""
        found: list[Ticket] = []
        for text in self._file.homes:
            try:
                found.append(Ticket.decode(text))
            except Fault as fault:
                log.warning("a former home is forgotten: %s", fault)
        return found

    def served(self, home: Ticket) -> None:
        """Takes note of a super node that was a home for long."""
        texts = [home.encode(), *(other.encode() for other in self.homes if other.nid != home.nid)][:HOMES_MAX]
        if texts != self._file.homes:
            self._file.homes = texts
            self._write()

    def enter(self, network: str, tickets: Sequence[str]) -> None:
        """Takes note of a network, and where to ask for its maps."""
        self._file.network, self._file.maps, self._file.tickets = network, [], list(tickets)
        self._file.homes = []
        self._write()

    def met(self, ticket: str) -> None:
        """Takes note of one more place where to ask, before the others."""
        self._file.tickets = [ticket, *(known for known in self._file.tickets if known != ticket)][:TICKETS_MAX]
        self._write()

    def leave(self) -> None:
        """Forgets the network; the sequence goes on."""
        self.enter("", ())

    def keep(self, maps: Sequence[bytes]) -> None:
        """Takes note of sealed maps, the newest first."""
        self._file.maps = list(maps)
        self._write()

    @property
    def offered(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """The services that the network was told of, each with its version and words."""
        return dict(self._file.offered)

    def offers(self, offered: Mapping[str, tuple[str, tuple[str, ...]]]) -> None:
        """Takes note of what the network is about to be told."""
        self._file.offered = dict(offered)
        self._write()

    def next_sequence(self) -> int:
        """Returns the next number of the sequence."""
        if self._sequence >= self._reserved:
            self._reserved = self._file.sequence = self._sequence + SEQUENCE_STEP
            self._write()
        self._sequence += 1
        return self._sequence

    def _write(self) -> None:
        try:
            self._disk.write(self._path, msgspec.json.encode(self._file))
        except OSError as error:
            raise EngineError(f"{self._path.name} could not be written: {error.strerror}; check the disk") from error
