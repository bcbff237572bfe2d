"""Who asks: the owner, who shows the node's token, a user, who shows one of his own, or anybody on this machine."""

from __future__ import annotations

import hmac
import ipaddress
import math
from collections.abc import Callable

from micro.doors.api.request import Request
from micro.errors import Unauthorized
from micro.trust.policy import Caller

__all__ = ["ANONYMOUS", "OWNER", "Doorkeeper", "is_local"]

OWNER = Caller(owner=True)
ANONYMOUS = Caller(anonymous=True)

OPEN_PATHS = ("/api/auth/Auth.Token", "/api/auth/Auth.Inspect")
"""Where somebody on another machine shows a secret for a token: what is in the body is his proof."""

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
        user: returns the user who shows a token; raises `Unauthorized` where it is none.
        seconds_left: returns for how long such a token is good.
    """

    def __init__(
        self, token: str, user: Callable[[str], Caller], seconds_left: Callable[[str], float] = lambda token: math.inf
    ) -> None:
        self._token = token.encode()
        self._user = user
        self._seconds_left = seconds_left

    def caller(self, request: Request) -> Caller:
        """Returns who sent a request.

        Raises:
            Unauthorized: its token is wrong, or it has none and comes from another machine.
        """
        shown = request.headers.get(b"authorization")
        if shown is None:
            if is_local(request) or request.path in OPEN_PATHS:
                return ANONYMOUS
            raise Unauthorized(
                "who asks from another machine sends a token: Authorization: Bearer TOKEN; POST /api/auth/Auth.Token "
                "gives one for an account's secret",
                id="api",
            )
        if shown[: len(_SCHEME)].lower() != _SCHEME.encode():
            raise Unauthorized("Authorization: only Bearer and a token are understood", id="api")
        token = shown[len(_SCHEME) :].strip()
        if self._token and hmac.compare_digest(token, self._token):
            return OWNER
        return self._user(token.decode("latin-1"))

    def seconds_left(self, request: Request) -> float:
        """Returns for how long what a request showed is good, infinity where it has no end; raises as `caller`."""
        if not self.caller(request).user:
            return math.inf
        return self._seconds_left(request.headers[b"authorization"][len(_SCHEME) :].strip().decode("latin-1"))

    def known(self, request: Request, what: str) -> Caller:
        """Returns who sent a request that nobody may send without a token.

        Raises:
            Unauthorized: it has none, or its token is wrong.
        """
        caller = self.caller(request)
        if caller.anonymous:
            raise Unauthorized(f"{what} needs to know who asks: send Authorization: Bearer TOKEN", id="api")
        return caller
