"""What a node remembers of the network over its restarts: its ports, its neighbours, nodes of the commons."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from micro.errors import Fault
from micro.network.peer import Peer
from micro.node.damaged import read_or_begin_anew
from micro.ports import Disk
from micro.trust.ticket import Ticket

__all__ = ["Remembered"]

DHT_NODES_MAX: Final = 32
"""So many nodes of the commons are remembered."""

log = logging.getLogger("micro.network")


class _Neighbour(msgspec.Struct):
    ticket: str
    wanted: bool
    is_anchor: bool = False
    prefix: str = ""


class _File(msgspec.Struct):
    port: int = 0
    neighbours: list[_Neighbour] = []
    parted: list[str] = []
    dht_port: int = 0
    dht_nodes: list[str] = []


class Remembered:
    """The file `network.json` of a home."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        anew = "neighbours are not remembered, and another UDP port is chosen"
        self._file = read_or_begin_anew(disk, path, _File, anew=anew) or _File()

    @property
    def port(self) -> int:
        """The UDP port that was chosen, 0 before the first start."""
        return self._file.port

    @port.setter
    def port(self, port: int) -> None:
        if port != self._file.port:
            self._file.port = port
            self._write()

    @property
    def dht_port(self) -> int:
        """The UDP port of the commons that was chosen, 0 before the first start."""
        return self._file.dht_port

    @dht_port.setter
    def dht_port(self, port: int) -> None:
        if port != self._file.dht_port:
            self._file.dht_port = port
            self._write()

    @property
    def dht_nodes(self) -> list[str]:
        """Nodes of the commons that were known, as `ip:port`, the newest last."""
        return list(self._file.dht_nodes)

    @dht_nodes.setter
    def dht_nodes(self, addresses: list[str]) -> None:
        self._file.dht_nodes = addresses[-DHT_NODES_MAX:]
        self._write()

    def load(self) -> list[Peer]:
        """Returns the neighbours, without links."""
        found: list[Peer] = []
        for neighbour in self._file.neighbours:
            try:
                ticket = Ticket.decode(neighbour.ticket)
            except Fault as fault:
                log.warning("a neighbour is forgotten: %s", fault)
            else:
                found.append(Peer(ticket, neighbour.wanted, neighbour.is_anchor, neighbour.prefix))
        return found

    @property
    def parted(self) -> list[str]:
        """The nodes that the owner disconnected."""
        return self._file.parted

    def save(self, peers: Iterable[Peer], parted: Iterable[str]) -> None:
        """Writes the neighbours down, if they changed."""
        found = [_Neighbour(peer.ticket.encode(), peer.wanted, peer.is_anchor, peer.prefix) for peer in peers]
        away = list(parted)
        if found != self._file.neighbours or away != self._file.parted:
            self._file.neighbours, self._file.parted = found, away
            self._write()

    def _write(self) -> None:
        self._disk.write(self._path, msgspec.json.encode(self._file))
