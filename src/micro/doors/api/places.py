"""The places at the door: how many connections there are, of whom, and whether each still does what it came for."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Protocol

from micro.doors.api.limits import Limits
from micro.doors.api.refusal import Refused

__all__ = ["Guest", "Places", "group_of"]

NETWORK_BYTES = 8
"""An IPv6 customer has a /64, so all of it counts as one address."""


class Guest(Protocol):
    """A connection that has a place."""

    @property
    def gone(self) -> bool:
        """Whether its connection has ended, or is about to."""

    def check(self, now: float) -> None:
        """Looks at its clocks, and ends it where one ran out. `now` is the loop's time."""

    def end(self) -> None:
        """Ends it at once."""


LOCAL = "local"
"""What connections of programs on this machine have in common."""


def group_of(address: str) -> str:
    """Returns what connections of one client have in common: the IPv4 address, or the /64 of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback:
        return LOCAL
    return found.packed[:NETWORK_BYTES].hex() if isinstance(found, ipaddress.IPv6Address) else str(found)


class Places:
    """Gives places to connections, takes them back, and looks round now and then while there is anybody."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._guests: dict[Guest, str] = {}
        self._groups: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.bodies_bytes = 0
        """The bodies of requests that are being read or answered."""

    def __len__(self) -> int:
        """Returns how many connections have a place."""
        return len(self._guests)

    def guests(self) -> list[Guest]:
        """Returns who has a place."""
        return list(self._guests)

    def take(self, guest: Guest, address: str) -> None:
        """Gives a connection a place.

        Raises:
            Refused: 503 if all are taken, 429 if this client has enough of them.
        """
        group = group_of(address)
        limits = self._limits
        most = limits.connections_local_max if group == LOCAL else limits.connections_address_max
        if len(self._guests) >= limits.connections_max or self._groups.get(group, 0) >= most:
            self._clear()
        if len(self._guests) >= limits.connections_max:
            raise Refused(503, f"all {limits.connections_max} connections are taken; try again soon")
        if self._groups.get(group, 0) >= most:
            whose = "programs on this machine" if group == LOCAL else "one address"
            told = f"{most} connections of {whose} are open, and no more are served; nothing was done"
            raise Refused(429, f"{told}; next: have fewer open at once, and try again")
        self._guests[guest] = group
        self._groups[group] = self._groups.get(group, 0) + 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(limits.sweep_seconds, self._sweep)

    def leave(self, guest: Guest) -> None:
        """Takes a place back; nothing happens if it has none."""
        group = self._guests.pop(guest, None)
        if group is None:
            return
        self._groups[group] -= 1
        if not self._groups[group]:
            del self._groups[group]

    def _clear(self) -> None:
        for guest in [guest for guest in self._guests if guest.gone]:
            self.leave(guest)

    def _sweep(self) -> None:
        self._clear()
        loop = asyncio.get_running_loop()
        now = loop.time()
        for guest in list(self._guests):
            guest.check(now)
        self._timer = loop.call_later(self._limits.sweep_seconds, self._sweep) if self._guests else None

    def reserve(self, count: int) -> None:
        """Books memory for a body; give it back with `release`.

        Raises:
            Refused: 503, there is too much under way already.
        """
        if self.bodies_bytes + count > self._limits.bodies_bytes_max:
            raise Refused(503, f"requests under way hold {self._limits.bodies_bytes_max} bytes already; try again soon")
        self.bodies_bytes += count

    def release(self, count: int) -> None:
        """Gives booked memory back."""
        self.bodies_bytes -= count

    def close(self) -> None:
        """Ends all connections at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for guest in list(self._guests):
            guest.end()
        self._guests.clear()
        self._groups.clear()
