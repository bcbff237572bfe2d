"""Which endpoint the path of a gRPC call means.

Pure.

`/greeter.Say/Hello` is `Say.Hello` of `greeter`, as go-micro says it. A client made from a derived `.proto` file says
`/greeting_cards.Say/Hello` for `greeting-cards`, since a package has no dashes, and `SayService` where a message is
called `Say` too. What go-micro calls `go.micro.registry` is `go-micro-registry`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from micro.doors.api.path import Wanted
from micro.doors.mucp.names import known_as

__all__ = ["package_of", "readings"]

_PATH = re.compile(r"/([A-Za-z0-9_.-]{1,192})\.([A-Za-z][A-Za-z0-9_]{0,63})/([A-Za-z][A-Za-z0-9_]{0,63})")
_SUFFIX = "Service"


def package_of(service: str) -> str:
    """Returns the protobuf package of a service's derived messages."""
    package = re.sub(r"[^a-z0-9]+", "_", service.lower()).strip("_") or "service"
    return f"_{package}" if package[0].isdigit() else package


def readings(path: str, services: Iterable[str]) -> tuple[Wanted, ...]:
    """Returns what a path may mean, the likeliest first; nothing if it is malformed."""
    found = _PATH.fullmatch(path)
    if found is None:
        return ()
    package, struct, method = found.groups()
    package = known_as(package)
    names = [package, *(name for name in services if name != package and package_of(name) == package)]
    structs = [struct, struct.removesuffix(_SUFFIX)] if struct.endswith(_SUFFIX) and struct != _SUFFIX else [struct]
    return tuple(Wanted(name, f"{each}.{method}") for name in names for each in structs)
