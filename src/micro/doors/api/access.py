"""Who asks: the owner by the node's token, whoever shows another token, or anybody on this machine."""

from __future__ import annotations

import hmac
import ipaddress
import math
import re
import time
from collections.abc import Callable

from micro.doors.api.places import group_of
from micro.doors.api.request import Request
from micro.doors.web.sessions import Proof, Sessions
from micro.errors import TooManyRequests, Unauthorized
from micro.trust.attempts import Attempts
from micro.trust.policy import Caller

__all__ = ["ANONYMOUS", "OWNER", "THROUGH", "Doorkeeper", "cookie_name", "is_local", "is_loopback"]

OWNER = Caller(owner=True)
ANONYMOUS = Caller(anonymous=True)

OPEN_PATHS = ("/api/auth/Auth.Token", "/api/auth/Auth.Inspect")
"""Where somebody on another machine shows a secret for a token: what is in the body is his proof."""

THROUGH = "through "
"""What stands in the place of an address begins so, where somebody else passed the connection on (`micro.doors.phone`).
"""

_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
"""What a proxy on this machine adds: whoever it speaks for is somewhere else."""

_SCHEME = "bearer "
_SESSION = b"micro-session"
"""The header with the half of a session that a page shows; the other half is a cookie."""
COOKIES_MAX = 64

_SHARED = re.compile(r"\.(?!local\Z)[a-z][a-z0-9-]*\Z")
"""How a name of the internet ends: neither an address, nor a name of a house."""


def is_local(request: Request) -> bool:
    """Returns whether a request comes from a program on this machine that speaks for itself."""
    return not any(name in request.headers for name in _FORWARDED) and is_loopback(request.address)


def is_loopback(address: str) -> bool:
    """Returns whether an address is one of this machine alone."""
    if address in ("127.0.0.1", "::1"):
        return True
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def cookie_name(request: Request) -> str:
    """Returns the name of the cookie of this door's sessions: cookies do not tell ports apart, so their names do.

    In a domain where others have names too one of their pages could set a cookie for all; not one that is called
    `__Host-` (RFC 6265bis, 4.1.3.2).
    """
    host = request.header("host") or ""
    name, _, port = host.rpartition(":")
    found = f"micro-session-{port}" if port.isdigit() else "micro-session"
    shared = request.scope.get("scheme") in ("https", "wss") and _SHARED.search(name if port.isdigit() else host)
    return f"__Host-{found}" if shared else found


def _nothing() -> None:
    """Nobody waits."""


class Doorkeeper:
    """Tells who asks.

    Args:
        token: the secret of the node's owner; with "" nobody is the owner.
        user: returns who shows another token, of an account or an API token; raises `Unauthorized` where it is none.
        seconds_left: returns for how long such a token is good.
        now: a clock that never goes back, in seconds.
        sessions: of browsers in which the owner signed in; None for none.
    """

    def __init__(
        self,
        token: str,
        user: Callable[[str], Caller],
        seconds_left: Callable[[str], float] = lambda token: math.inf,
        now: Callable[[], float] = time.monotonic,
        *,
        sessions: Sessions | None = None,
    ) -> None:
        self._sessions = sessions
        self._token = token.encode()
        self._user = user
        self._seconds_left = seconds_left
        self._now = now
        self._attempts = Attempts()

    def caller(self, request: Request) -> Caller:
        """Returns who sent a request.

        Raises:
            Unauthorized: its token is wrong, or it has none and comes from another machine.
            TooManyRequests: too many wrong tokens came from that machine.
        """
        shown = request.headers.get(b"authorization")
        if shown is None:
            if self._sessions is not None and (proof := self.proof(request)) is not None:
                self._sessions.check(proof)
                return OWNER
            if is_local(request) or (request.path in OPEN_PATHS and not request.address.startswith(THROUGH)):
                return ANONYMOUS  # tries at secrets count for the account: from anywhere they would shut out its user
            raise Unauthorized(
                "who asks from another machine sends a token: Authorization: Bearer TOKEN; POST /api/auth/Auth.Token "
                "gives one for an account's secret",
                id="api",
            )
        return self.bearer(shown, request.address)

    def bearer(self, shown: bytes, address: str) -> Caller:
        """Returns who shows what stands in `Authorization`, from an address; raises as `caller`."""
        if shown[: len(_SCHEME)].lower() != _SCHEME.encode():
            raise Unauthorized("Authorization: only Bearer and a token are understood", id="api")
        token = shown[len(_SCHEME) :].strip()
        if is_loopback(address):  # programs here cannot be told apart: a wrong one would shut out all others
            return self._shown(token)
        place = group_of(address)
        if not self._attempts.take(place, self._now()):
            raise TooManyRequests("too many wrong tokens came from your machine; wait ten seconds", id="api")
        caller = self._shown(token)
        self._attempts.give_back(place)
        return caller

    def _shown(self, token: bytes) -> Caller:
        if self._token and hmac.compare_digest(token, self._token):
            return OWNER
        return self._user(token.decode("latin-1"))

    @staticmethod
    def proof(request: Request) -> Proof | None:
        """Returns both halves of a session, None where the page showed none; a cookie alone proves nothing."""
        key = request.headers.get(_SESSION)
        if key is None:
            return None
        wanted = cookie_name(request)
        for part in (request.header("cookie") or "").split(";", COOKIES_MAX):
            name, _, value = part.strip().partition("=")
            if name == wanted:
                return Proof(value, key.decode("latin-1"))
        return Proof("", key.decode("latin-1"))

    def seconds_left(self, request: Request) -> float:
        """Returns for how long what a request showed is good, infinity where it has no end; raises as `caller`."""
        return self.left(request.headers.get(b"authorization", b""), self.caller(request))

    def watch(self, request: Request, ended: Callable[[], None]) -> tuple[float, Callable[[], None]]:
        """Has somebody told when the session that a request shows is ended.

        Returns for how long what it showed is good, as `seconds_left`, and what is called when nobody waits any more.
        """
        if self._sessions is not None and b"authorization" not in request.headers:
            proof = self.proof(request)
            if proof is not None:
                return self._sessions.watch(proof, ended)
        return self.seconds_left(request), _nothing

    def left(self, shown: bytes, caller: Caller) -> float:
        """Returns for how long what stands in a caller's `Authorization` is good, infinity where it has no end."""
        if caller.anonymous or caller.unlimited:
            return math.inf
        return self._seconds_left(shown[len(_SCHEME) :].strip().decode("latin-1"))

    def known(self, request: Request, what: str) -> Caller:
        """Returns who sent a request that nobody may send without a token.

        Raises:
            Unauthorized: it has none, or its token is wrong.
        """
        caller = self.caller(request)
        if caller.anonymous:
            raise Unauthorized(f"{what} needs to know who asks: send Authorization: Bearer TOKEN", id="api")
        return caller
