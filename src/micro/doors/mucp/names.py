"""By which name the node knows what go-micro programs call otherwise.

Pure.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["ASKED_AT", "GO_MICRO", "known_as", "name_of"]

GO_MICRO = "go-micro-"
"""How the names of go-micro's own services begin, as the node has them."""

ASKED_AT = "Micro-Meta-Door"
"""At which door one of go-micro's own services is asked: what it finds is asked there too."""


@lru_cache(maxsize=1024)
def name_of(service: str) -> str:
    """Returns the name by which the node knows a go-micro service: `go.micro.srv.greeter` is `go-micro-srv-greeter`."""
    return service.lower().replace(".", "-").replace("_", "-")


def known_as(asked: str) -> str:
    """Returns what is meant by the service that a go-micro program asks for: a name with dots is one of go-micro's."""
    return name_of(asked) if "." in asked and "@" not in asked else asked
