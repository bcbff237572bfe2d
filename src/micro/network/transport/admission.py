"""Who may knock: connections are counted before their handshake is paid for, so that strangers cannot use up a node."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from micro.network.prefix import is_relayed

__all__ = ["Admission", "Limits", "Verdict", "origin_of"]

IPV6_NETWORK_BITS: Final = 64
"""Whoever has one IPv6 address has all of its /64, so they count as one."""


class Verdict(Enum):
    """What to do with a connection that begins."""

    ADMIT = auto()
    REFUSE = auto()
    RETRY = auto()
    """Let it prove first that its address is its own: that costs us nothing, and a forged address cannot."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections a node takes from others; those it opens itself do not count.

    An origin is one IPv4 address, one IPv6 network of 64 bits, or one node behind a relay. A prefix is what
    `micro.network.prefix` counts together: many origins, that one owner may have all the same.

    Attributes:
        connections_max: open, from all together.
        connections_per_origin_max: open, from one origin.
        connections_per_prefix_max: open, from one prefix of addresses.
        connections_per_relay_max: open, from all nodes behind one relay, none of whose addresses is known.
        connections_per_node_max: open, from one node, once it has proved its key; two may cross while they reconnect.
        handshakes_max: begun and not finished, from all together.
        handshakes_per_origin_max: begun and not finished, from one origin.
        handshakes_per_prefix_max: begun and not finished, from one prefix or relay.
        handshakes_unproved_max: above so many unfinished ones, addresses must be proved first.
    """

    connections_max: int = 1024
    connections_per_origin_max: int = 64
    connections_per_prefix_max: int = 128
    connections_per_relay_max: int = 512
    connections_per_node_max: int = 4
    handshakes_max: int = 128
    handshakes_per_origin_max: int = 16
    handshakes_per_prefix_max: int = 32
    handshakes_unproved_max: int = 32


@dataclass(slots=True)
class Admission:
    """Counts connections from their first packet to their end.

    `knock`; if that admits, either `give_up` (the handshake failed) or `enter`; if that is granted, at last `leave`.
    """

    limits: Limits
    handshakes: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)
    handshakes_by_prefix: Counter[str] = field(default_factory=Counter)
    connections_by_prefix: Counter[str] = field(default_factory=Counter)

    def knock(self, origin: str, prefix: str = "", *, proved: bool) -> Verdict:
        """Decides on a connection that begins.

        Args:
            origin: where it comes from, as `origin_of` says it.
            prefix: what that is counted under with others, "" for nothing.
            proved: whether the address is known to be the sender's own.
        """
        limits = self.limits
        handshakes, connections = self.handshakes.total(), self.connections.total()
        if handshakes >= limits.handshakes_max or handshakes + connections >= limits.connections_max:
            return Verdict.REFUSE
        crowded = self._is_crowded(origin, prefix)
        if crowded and proved:
            return Verdict.REFUSE
        if not proved and (crowded or handshakes >= limits.handshakes_unproved_max):
            return Verdict.RETRY  # also where crowded: a forged address must not lock out its owner
        self.handshakes[origin] += 1
        self.handshakes_by_prefix[prefix] += 1
        return Verdict.ADMIT

    def _is_crowded(self, origin: str, prefix: str) -> bool:
        limits = self.limits
        begun, together = self.handshakes[origin], self.handshakes[origin] + self.connections[origin]
        if begun >= limits.handshakes_per_origin_max or together >= limits.connections_per_origin_max:
            return True
        if not prefix:
            return False
        together_max = limits.connections_per_relay_max if is_relayed(prefix) else limits.connections_per_prefix_max
        begun = self.handshakes_by_prefix[prefix]
        return begun >= limits.handshakes_per_prefix_max or begun + self.connections_by_prefix[prefix] >= together_max

    def give_up(self, origin: str, prefix: str = "") -> None:
        """A handshake came to nothing."""
        _decrease(self.handshakes, origin)
        _decrease(self.handshakes_by_prefix, prefix)

    def enter(self, origin: str, nid: str, prefix: str = "") -> bool:
        """A handshake is done and the node known; False if that node has connections enough, and this one must go."""
        self.give_up(origin, prefix)
        if self.nodes[nid] >= self.limits.connections_per_node_max:
            return False
        self.connections[origin] += 1
        self.connections_by_prefix[prefix] += 1
        self.nodes[nid] += 1
        return True

    def leave(self, origin: str, nid: str, prefix: str = "") -> None:
        """A connection that entered is gone."""
        _decrease(self.connections, origin)
        _decrease(self.connections_by_prefix, prefix)
        _decrease(self.nodes, nid)


def origin_of(address: str) -> str:
    """Returns what connections from `ip:port` are counted under; text of another form as it is."""
    host, _, _port = address.rpartition(":")
    try:
        found = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_NETWORK_BITS), strict=False))


def _decrease(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
