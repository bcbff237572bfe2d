"""Where on the net something comes from: what is counted together, because one owner easily has all of it.

Pure.

Addresses that agree in 24 bits (IPv4) or 48 bits (IPv6) are one place: less is rented by the hour, more belongs to
different people (Marcus, Heilman, Goldberg 2018, on eclipsing Ethereum's nodes). Behind a relay nobody's address is
seen, so all who come through one relay are one place too, with a bound of its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from micro.errors import ConfigError

__all__ = ["Prefixes", "is_relayed", "prefix_of_host", "read_networks"]

IPV4_PREFIX_BITS: Final = 24
IPV6_PREFIX_BITS: Final = 48

NETWORKS_MAX: Final = 64
"""So many networks may be excepted."""

_RELAYED = "relayed by "

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def prefix_of_host(host: Address) -> str:
    """Returns the place of an address, as a network in CIDR form."""
    bits = IPV4_PREFIX_BITS if host.version == 4 else IPV6_PREFIX_BITS
    return str(ipaddress.ip_network((host, bits), strict=False))


def is_relayed(prefix: str) -> bool:
    """Says whether a place is a relay."""
    return prefix.startswith(_RELAYED)


def read_networks(text: str) -> tuple[Network, ...]:
    """Returns the networks of a setting, in CIDR form and separated by commas.

    Raises:
        ConfigError: one of them is none, or there are too many.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(words) > NETWORKS_MAX:
        raise ConfigError(f"{len(words)} networks are excepted; {NETWORKS_MAX} may be")
    found: list[Network] = []
    for word in words:
        try:
            found.append(ipaddress.ip_network(word))
        except ValueError as error:
            raise ConfigError(f"{word[:80]!r} is no network such as 192.168.0.0/16 or fd00::/8: {error}") from error
    return tuple(found)


class Prefixes:
    """The places of what comes in.

    Loopback is no place: whoever comes from there is on this machine already.

    Args:
        excepted: networks whose nodes are not counted together, because their owner vouches for them.
    """

    def __init__(self, excepted: Sequence[Network] = ()) -> None:
        self._excepted = tuple(excepted)

    def of(self, peername: str) -> str:
        """Returns the place of a connection, "" where it is not counted.

        Args:
            peername: `ip:port`, `[ip]:port`, or `url node` behind a relay.
        """
        where, space, _ = peername.partition(" ")
        if space:
            return f"{_RELAYED}{where}"
        try:
            host: Address = ipaddress.ip_address(where.rpartition(":")[0].strip("[]"))
        except ValueError:
            return ""
        if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
            host = host.ipv4_mapped
        if host.is_loopback or any(host in network for network in self._excepted):
            return ""
        return prefix_of_host(host)
