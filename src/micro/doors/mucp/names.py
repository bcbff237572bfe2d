"""By which name the node knows what go-micro programs call otherwise.

Pure.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["known_as", "name_of"]


@lru_cache(maxsize=1024)
def name_of(service: str) -> str:
    """Returns the name by which the node knows a go-micro service: `go.micro.srv.greeter` is `go-micro-srv-greeter`."""
    return service.lower().replace(".", "-").replace("_", "-")


def known_as(asked: str) -> str:
    """Returns what is meant by the service that a go-micro program asks for: a name with dots is one of go-micro's."""
    return name_of(asked) if "." in asked and "@" not in asked else asked
