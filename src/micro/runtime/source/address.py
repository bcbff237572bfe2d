"""Which addresses a stranger's text may make this machine talk to.

Pure.

A source names a host, and whoever names it chooses its address. Addresses of this machine, of the network it stands in
and of a cloud's metadata service are refused, also where they hide inside another notation.
"""

from __future__ import annotations

import ipaddress

__all__ = ["address_fault", "is_address"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""How the IPv4 internet appears in a network that has only IPv6: such an address is what it carries."""

CLOSED = [
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20", "5f00::/16")
]
"""Special ranges that not every version of Python counts as such."""


def is_address(host: str) -> bool:
    """Whether a host is written as an address, which nobody reads in two ways: `010.0.0.1` is none."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def address_fault(text: str) -> str:
    """Returns why an address is not one of the open internet, or an empty text."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return f"{text!r} is no address"
    address = _carried(address)
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    if special or not address.is_global or any(address in network for network in CLOSED):
        return f"{text} is an address of this machine or of the network around it"
    return ""


def _carried(address: Address) -> Address:
    """Returns the IPv4 address that an IPv6 one only wraps."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address
