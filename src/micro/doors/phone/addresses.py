"""The addresses and the name under which machines of the same house reach this one."""

from __future__ import annotations

import re
import socket

from micro.trust.authority import is_private

__all__ = ["ADDRESSES_MAX", "local_name", "private_addresses"]

ADDRESSES_MAX = 16
"""A machine with many virtual networks has many addresses; phones need one of the first."""

OUTSIDE = ("192.0.2.1", 9)
"""An address that nobody has (RFC 5737): nothing is sent there, only the way to it is looked up."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def private_addresses() -> list[str]:
    """Returns the private addresses of this machine: the one that leads out of the house first, then by family."""
    import ifaddr

    found = {str(each.ip) for adapter in ifaddr.get_adapters() for each in adapter.ips if each.is_IPv4}
    found |= {str(each.ip[0]) for adapter in ifaddr.get_adapters() for each in adapter.ips if each.is_IPv6}
    first = _way_out()
    ordered = sorted(filter(is_private, found), key=lambda address: (address != first, ":" in address, address))
    return ordered[:ADDRESSES_MAX]


def _way_out() -> str:
    """Returns the address with which this machine would ask the world, "" where there is no way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect(OUTSIDE)
            return str(trial.getsockname()[0])
        except OSError:
            return ""


def local_name() -> str:
    """Returns what multicast DNS calls this machine, where it is spoken (RFC 6762); "" where it has no such name."""
    label = socket.gethostname().partition(".")[0].lower()
    return f"{label}.local" if _LABEL.fullmatch(label) and label != "localhost" else ""
