"""Who asks: the owner, who shows the node's token, or anybody on this machine, who has no rights but to call."""

from __future__ import annotations

import hmac
import ipaddress
from enum import Enum

from micro.doors.api.request import Request
from micro.errors import Unauthorized
from micro.trust.policy import Caller

__all__ = ["Access", "Doorkeeper", "is_local"]


class Access(Enum):
    """What a request may do."""

    OWNER = "owner"
    ANONYMOUS = "anonymous"

    @property
    def caller(self) -> Caller:
        """Who that is, as the node's policy names him."""
        return _CALLERS[self]


_CALLERS = {Access.OWNER: Caller(owner=True), Access.ANONYMOUS: Caller(anonymous=True)}
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
"""What a proxy on this machine adds: whoever it speaks for is somewhere else."""

_SCHEME = "bearer "


def is_local(request: Request) -> bool:
    """Returns whether a request comes from a program on this machine that speaks for itself."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    if request.address in ("127.0.0.1", "::1"):
        return True
    try:
        found = ipaddress.ip_address(request.address.partition("%")[0])
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


class Doorkeeper:
    """Tells who asks.

    Args:
        token: the secret of the node's owner; with "" nobody is the owner.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def access(self, request: Request) -> Access:
        """Returns what a request may do.

        Raises:
            Unauthorized: its token is wrong, or it has none and comes from another machine.
        """
        shown = request.headers.get(b"authorization")
        if shown is None:
            if is_local(request):
                return Access.ANONYMOUS
            raise Unauthorized(
                "who asks from another machine sends the node's token: Authorization: Bearer TOKEN", id="api"
            )
        if shown[: len(_SCHEME)].lower() != _SCHEME.encode():
            raise Unauthorized("Authorization: only Bearer and the node's token are understood", id="api")
        if self._token and hmac.compare_digest(shown[len(_SCHEME) :].strip(), self._token):
            return Access.OWNER
        raise Unauthorized(
            "Authorization: this is not the node's token; it is in the file `token` of its home", id="api"
        )

    def owner(self, request: Request, what: str) -> None:
        """Lets only the owner pass.

        Raises:
            Unauthorized: it is somebody else.
        """
        if self.access(request) is not Access.OWNER:
            raise Unauthorized(f"{what} is for the node's owner: send Authorization: Bearer TOKEN", id="api")
