"""Names of services and endpoints: what is allowed, and what a function or class is called on the network.

Pure.
"""

from __future__ import annotations

import functools
import inspect
import keyword
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from micro.trust.identity import SERVICE_CHARACTERS_MAX, is_service_name

__all__ = [
    "ENDPOINT_CHARACTERS_MAX",
    "PLATFORM_NAMES",
    "RESERVED_NAMES",
    "check_endpoint_name",
    "check_service_name",
    "endpoint_name",
    "field_name",
    "function_name",
    "struct_name",
]

ENDPOINT_CHARACTERS_MAX = 128

RESERVED_NAMES = frozenset(
    {"api", "assets", "docs", "favicon", "healthz", "mcp", "metrics", "openapi", "readyz", "robots", "rpc", "static"}
)
"""The roots of the node's HTTP server: a service of such a name could not be reached there."""

PLATFORM_NAMES = frozenset(
    {
        "assistant",
        "auth",
        "backbone",
        "config",
        "debug",
        "events",
        "go-micro-auth",
        "go-micro-broker",
        "go-micro-client",
        "go-micro-config",
        "go-micro-events",
        "go-micro-registry",
        "go-micro-store",
        "network",
        "node",
        "owner",
        "registry",
        "runtime",
        "store",
        "voice",
    }
)
"""The node's own services: only the node itself may bear these names, and no peer can offer them to us."""

_ENDPOINT = re.compile(r"[A-Z][A-Za-z0-9]*\.[A-Z][A-Za-z0-9]*")
_WORDS = re.compile(r"[A-Za-z0-9]+")


def check_service_name(name: str, *, platform: bool = False) -> str:
    """Returns `name` if a service may be called so.

    Args:
        name: lower-case words of letters and digits, joined by dashes.
        platform: whether the node itself asks, for one of its own services.

    Raises:
        ValueError: the name is malformed, reserved or too long; the message says which.
    """
    if len(name) > SERVICE_CHARACTERS_MAX:
        raise ValueError(f"the service name {name[:20]!r}… has {len(name)} characters; {SERVICE_CHARACTERS_MAX} fit")
    if not is_service_name(name):
        plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))  # accents are characters of their own then
        better = "-".join(word.lower() for word in _WORDS.findall("".join(c for c in plain if not _is_accent(c))))
        better = better.lstrip("0123456789-")
        hint = f"; try {better[:SERVICE_CHARACTERS_MAX]!r}" if better else ""
        raise ValueError(
            f"{name[:SERVICE_CHARACTERS_MAX]!r} cannot name a service: lower-case letters and digits joined by dashes,"
            f" a letter first, for instance 'greeter' or 'word-count'{hint}"
        )
    if name in RESERVED_NAMES or (name in PLATFORM_NAMES and not platform):
        why = "is an address of every node" if name in RESERVED_NAMES else "is a service of the node itself"
        raise ValueError(f"{name!r} cannot name a service, because it {why}; choose another, such as 'my-{name}'")
    if platform and name not in PLATFORM_NAMES:
        raise ValueError(f"{name!r} is not kept for nodes: anybody could offer it; add it to PLATFORM_NAMES")
    return name


def _is_accent(character: str) -> bool:
    return unicodedata.category(character) == "Mn"


def check_endpoint_name(name: str) -> str:
    """Returns `name` if an endpoint may be called so: `Struct.Method`, letters and digits, a capital first in each.

    Raises:
        ValueError: it is malformed or too long; the message suggests a better one.
    """
    if not _ENDPOINT.fullmatch(name):
        parts = [_camel(part) for part in name.split(".")]
        better = ".".join(parts)
        hint = f"; try {better!r}" if _ENDPOINT.fullmatch(better) else ""
        raise ValueError(
            f"{name[:ENDPOINT_CHARACTERS_MAX]!r} cannot name an endpoint: exactly one dot between two words that begin"
            f" with a capital letter, for instance 'Say.Hello'{hint}"
        )
    if len(name) > ENDPOINT_CHARACTERS_MAX:
        raise ValueError(f"the endpoint name {name[:20]!r}… has {len(name)} characters; {ENDPOINT_CHARACTERS_MAX} fit")
    return name


def endpoint_name(service: str, function: Callable[..., Any], *, struct: str | None = None) -> str:
    """Returns the name an endpoint has on the network.

    Args:
        service: the service's name; it names the struct of a plain function.
        function: `say_hi` of service `greeter` becomes `Greeter.SayHi`; the bound method `hello` of a class `Say`
            becomes `Say.Hello`.
        struct: the class's name where `function` does not tell it.

    Raises:
        ValueError: the function is private or has no usable name; give the endpoint a name instead.
    """
    name = function_name(function)
    if name.startswith("_") or not name.isidentifier() or not name.isascii():
        raise ValueError(f"{name!r} cannot name an endpoint by itself; name it: @service.endpoint('Struct.Method')")
    if struct is None:
        owner = getattr(inspect.unwrap(function), "__self__", None)
        struct = service if owner is None else owner.__name__ if isinstance(owner, type) else type(owner).__name__
    return check_endpoint_name(f"{struct_name(struct)}.{_camel(name)}")


def function_name(function: Callable[..., Any]) -> str:
    """Returns what a function calls itself, looking into `functools.partial` and callable objects."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None) or type(function).__name__
    return str(name)


def field_name(parameter: str) -> str:
    """Returns the field that a parameter is: `from_` is `from`, which Python keeps for itself (PEP 8)."""
    plain = parameter.removesuffix("_")
    return plain if keyword.iskeyword(plain) else parameter


def struct_name(name: str) -> str:
    """Returns the struct of a service's plain functions: `word-count` gives `WordCount`."""
    return _camel(name)


def _camel(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in _WORDS.findall(name))
