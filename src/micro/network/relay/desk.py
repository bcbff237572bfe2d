"""Who is at the relay, who spoke to whom, and how much each may pass.

Pure.

A relay is used by strangers. A client is its proved key: a second connection of the same key takes the place of the
first. Datagrams to somebody who is not here are dropped, as a network drops them: QUIC, which they carry, sends again.
So are those beyond a client's rate. Nothing is kept for later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from micro.trust.rates import Bucket

__all__ = ["Client", "Desk", "Limits"]

Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class Limits:
    """What strangers may take of a relay.

    Attributes:
        connections_max: open, from all together, proved or not.
        connections_per_origin_max: open, from one IPv4 address or one IPv6 network of 64 bits.
        unproved_max: open and without a proved key.
        proof_seconds: how long a client may take to prove its key.
        bytes_per_second: what one client may send in the long run.
        burst_bytes: what it may send at once.
        waiting_bytes_max: what may wait to be read by one client; more is dropped.
        correspondents_max: of how many others a client is told that they left; the one longest silent gives way.
        silence_seconds: a client that says nothing for so long, to pings neither, is gone.
    """

    connections_max: int = 4096
    connections_per_origin_max: int = 256
    unproved_max: int = 128
    proof_seconds: float = 10.0
    bytes_per_second: int = 32 * 1024 * 1024
    burst_bytes: int = 16 * 1024 * 1024
    waiting_bytes_max: int = 4 * 1024 * 1024
    correspondents_max: int = 256
    silence_seconds: float = 45.0


@dataclass(slots=True, eq=False)
class Client(Generic[Line]):
    """One client with a proved key.

    Attributes:
        key: the key, 32 bytes.
        line: its connection.
        allowance: how many bytes it may still send.
        correspondents: keys of those it sent something to.
    """

    key: bytes
    line: Line
    allowance: Bucket
    correspondents: dict[bytes, None] = field(default_factory=dict)


class Desk(Generic[Line]):
    """All clients of a relay, by key."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._clients: dict[bytes, Client[Line]] = {}

    def __len__(self) -> int:
        """Returns how many are here."""
        return len(self._clients)

    def enter(self, key: bytes, line: Line, now: float) -> tuple[Client[Line], Client[Line] | None]:
        """Takes a client in; returns it, and the one whose place it took."""
        limits = self._limits
        before = self._clients.pop(key, None)
        client = self._clients[key] = Client(key, line, Bucket(limits.bytes_per_second, limits.burst_bytes, now))
        return client, before

    def receiver(self, sender: Client[Line], key: bytes, count: int, now: float) -> Client[Line] | None:
        """Returns who is to get `count` bytes of `sender`; None where they are to be dropped."""
        receiver = self._clients.get(key)
        if receiver is None or not sender.allowance.take(now, count):
            return None
        correspondents = sender.correspondents
        if key not in correspondents:
            if len(correspondents) >= self._limits.correspondents_max:
                del correspondents[next(iter(correspondents))]
            correspondents[key] = None
        return receiver

    def leave(self, client: Client[Line]) -> list[Client[Line]]:
        """Lets a client go; returns those who are to be told. Nobody is where another took its place already."""
        if self._clients.get(client.key) is not client:
            return []
        del self._clients[client.key]
        return [self._clients[key] for key in client.correspondents if key in self._clients]
