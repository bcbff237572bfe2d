"""Finds the address of a source's host once, checks it, and so settles where git may connect to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from micro.errors import SourceError
from micro.runtime.source.address import address_fault

__all__ = ["Resolve", "check_host", "resolve_host"]

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host name and port; raises OSError where there are none."""

LOOKUP_SECONDS_MAX = 10.0
ADDRESSES_MAX = 8


async def resolve_host(host: str, port: int) -> list[str]:
    """`Resolve` of the operating system."""
    found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), port, proto=6)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


async def check_host(host: str, port: int, resolve: Resolve, *, allow_private: bool) -> list[str]:
    """Returns the addresses of `host` that git may use.

    Raises:
        SourceError: there are none, or one of them is not of the open internet and `allow_private` is not set.
    """
    try:
        async with asyncio.timeout(LOOKUP_SECONDS_MAX):
            addresses = (await resolve(host, port))[:ADDRESSES_MAX]
    except (OSError, TimeoutError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or f"no answer within {LOOKUP_SECONDS_MAX:g} s"
        raise SourceError(f"cannot find the host {host!r}: {reason}; check its spelling and the network") from error
    if not addresses:
        raise SourceError(f"the host {host!r} has no address; check its spelling")
    for address in addresses:
        fault = address_fault(address)
        if fault and not allow_private:
            raise SourceError(f"refused: {host!r} is no host of the open internet: {fault}")
    return addresses
