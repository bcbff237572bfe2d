"""Who asks by gRPC: by a token in the metadata, or as anybody on this machine.

A page in a browser cannot speak HTTP/2 without TLS to a port of this machine, so there is no `Origin` to look at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from micro.doors.api.access import ANONYMOUS, Doorkeeper, is_loopback
from micro.errors import Unauthorized
from micro.trust.policy import Caller

__all__ = ["Access", "address_of"]

_PEER = re.compile(r"(?:ipv4|ipv6):\[?([^\]]+?)\]?:[0-9]{1,5}")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def address_of(peer: str) -> str:
    """Returns the address in gRPC's name of a peer, "" where it has none."""
    found = _PEER.fullmatch(unquote(peer))
    return found[1] if found else ""


class Access:
    """Tells who asks.

    Args:
        doorkeeper: knows tokens.
    """

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper

    def caller(self, metadata: Mapping[str, str], peer: str) -> tuple[Caller, float]:
        """Returns who asks, and for how many seconds that is good.

        Raises:
            Fault: 401 where the token is wrong, or is missing and the call comes from another machine; 429 after too
                many wrong ones from there.
        """
        address, shown = address_of(peer), metadata.get("authorization")
        if shown is not None:
            caller = self._doorkeeper.bearer(shown.encode(), address)
            return caller, self._doorkeeper.left(shown.encode(), caller)
        if is_loopback(address) and not any(name in metadata for name in _FORWARDED):
            return ANONYMOUS, float("inf")
        raise Unauthorized(
            "who asks from another machine sends a token: metadata `authorization: Bearer TOKEN`", id="grpc"
        )
