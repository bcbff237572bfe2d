"""Under which names the door may be asked, and from where a page may ask it.

Pure.

A web page anywhere can make a browser ask this machine, and with a name of its own that leads here (DNS rebinding) it
could read the answers too. So `Host` is one of a list, and `Origin` is the same as `Host` or absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from micro.doors.api.refusal import Refused

__all__ = ["LOOPBACK", "Hosts"]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HTTP_PORT, HTTPS_PORT = 80, 443
SHOWN_CHARACTERS_MAX = 80

_HOST = re.compile(rb"(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9._-]{0,252}))(?::[0-9]{1,5})?")
_SAME_SITE = (b"same-origin", b"none")
"""`none` is a person who typed the address."""


class Hosts:
    """The names of one door.

    Args:
        port: the port it listens on.
        names: further names, as `name` (on any port) or `name:port`.
        exact: names just as browsers spell them: without a port where it is the usual one.
        loopback: whether it is asked by the names of loopback.
        schemes: of pages that may ask it: one that speaks TLS is asked by no page that came without.
    """

    def __init__(
        self,
        port: int,
        names: Iterable[str] = (),
        *,
        exact: Iterable[str] = (),
        loopback: bool = True,
        schemes: tuple[bytes, ...] = (b"http", b"https"),
    ) -> None:
        self._port = port
        self._schemes = schemes
        allowed: set[bytes] = {name.encode() for name in exact}
        for name in LOOPBACK if loopback else ():
            allowed.add(f"{name}:{port}".encode())
            if port == HTTP_PORT:
                allowed.add(name.encode())
        self._allowed = allowed
        self._any_port: set[bytes] = set()
        for name in names:
            plain = name.strip().lower().encode("ascii", "replace")
            (self._allowed if re.search(rb":\d+\Z", plain) else self._any_port).add(plain)

    def check_host(self, host: bytes) -> bytes:
        """Returns a `Host` in lower case.

        Raises:
            Refused: 400 if it is no host at all, 403 if it is not ours.
        """
        if host in self._allowed:
            return host
        host = host.lower()
        if not _HOST.fullmatch(host):
            raise Refused(400, f"Host: expected a name or address and a port, got {_shown(host)}")
        if host in self._allowed or _without_port(host) in self._any_port:
            return host
        if b"127.0.0.1:%d" % self._port not in self._allowed:
            raise Refused(403, f"Host: this door is not called {_shown(host)}; ask it by its address")
        raise Refused(
            403,
            f"Host: this door is not called {_shown(host)}; ask 127.0.0.1:{self._port}, or add the name to the setting"
            " api_hosts",
        )

    def check_origin(self, host: bytes, origin: bytes | None, site: bytes | None, *, opens: bool = False) -> None:
        """Lets a page ask only if this very door served it; but a link from anywhere may open the door's own page.

        Args:
            host: the checked `Host`.
            origin: `Origin`, which browsers send with whatever may change something.
            site: `Sec-Fetch-Site`, which they send with everything.
            opens: whether somebody opens the page at `/` by it, in a window of its own: nothing is done by that, and
                nothing is told to where he comes from.

        Raises:
            Refused: 403, the page is from elsewhere.
        """
        if origin is not None:
            scheme, separator, name = origin.lower().partition(b"://")
            port = {b"http": HTTP_PORT, b"https": HTTPS_PORT}.get(scheme) if separator else None
            if scheme not in self._schemes or port is None or _with_port(name, port) != _with_port(host, port):
                raise Refused(403, f"Origin: a page from {_shown(origin)} may not ask this door")
        if site is not None and site not in _SAME_SITE and not (opens and origin is None):
            raise Refused(403, "Sec-Fetch-Site: a page from elsewhere may not ask this door; type its address instead")


def _without_port(host: bytes) -> bytes:
    return re.sub(rb":\d+\Z", b"", host) if not host.endswith(b"]") else host


def _with_port(host: bytes, port: int) -> bytes:
    return host if _without_port(host) != host else b"%s:%d" % (host, port)


def _shown(value: bytes) -> str:
    return ascii(value[:SHOWN_CHARACTERS_MAX].decode("ascii", "backslashreplace"))
