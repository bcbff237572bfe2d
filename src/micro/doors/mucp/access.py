"""Who asks at the door of go-micro programs, and whether he may ask there at all."""

from __future__ import annotations

from micro.doors.api.access import ANONYMOUS, Doorkeeper, is_loopback
from micro.doors.api.hosts import Hosts
from micro.doors.api.refusal import Refused
from micro.errors import Forbidden, Unauthorized
from micro.mucp.http.head import RequestHead
from micro.trust.policy import Caller

__all__ = ["Access"]


class Access:
    """Tells who asks.

    Args:
        doorkeeper: knows tokens.

    Attributes:
        hosts: under which names the door may be asked; set once the port is known.
    """

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper
        self.hosts = Hosts(0)

    def caller(self, head: RequestHead, address: str) -> Caller:
        """Returns who sent a request.

        Raises:
            Fault: 403 for a page in a browser and for another host; 401 where the token is wrong, or is missing and the
                request comes from another machine; 429 after too many wrong ones from there.
        """
        if head.origin is not None or head.site is not None:
            raise Forbidden("Origin: no page in a browser may ask this port; ask the HTTP API", id="mucp")
        try:
            self.hosts.check_host(head.host.encode())
        except Refused as refused:
            raise refused.fault from None
        if head.authorization:
            return self._doorkeeper.bearer(head.authorization.encode(), address)
        if is_loopback(address) and not head.is_forwarded:
            return ANONYMOUS
        raise Unauthorized(
            "who asks from another machine sends a token: Authorization: Bearer TOKEN; `micro auth token` gives one",
            id="mucp",
        )

    def seconds_left(self, head: RequestHead, caller: Caller) -> float:
        """Returns for how long a caller's token is good, infinity where it has no end."""
        return self._doorkeeper.left(head.authorization.encode(), caller)
