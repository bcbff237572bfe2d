"""What a path means: the service and the endpoint it may name, the likeliest first.

Pure.

Ours is `/api/{service}/{endpoint}`; go-micro's gateways had rules of their own for every other path, which still hold:

    /foo                Foo.Call of foo          /v1/foo            V1.Foo of v1
    /foo/bar            Foo.Bar of foo           /v1/foo/bar        Foo.Bar of v1.foo, or of foo in a version 1
    /foo/bar/baz        Bar.Baz of foo           /v1/foo/bar/baz    Bar.Baz of v1.foo, or of foo in a version 1
    /foo/bar/baz/cat    Baz.Cat of foo.bar, or of foo-bar
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from micro.service.registry.instance import bare_name

__all__ = ["Wanted", "api_path", "root_path"]

SEGMENTS_MAX = 5
_SEGMENT = re.compile(r"[A-Za-z0-9]{1,64}(?:-[A-Za-z0-9]{1,64}){0,16}")
_SERVICE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,126})(?:#[0-9]{1,18})?(?:@[0-9A-Za-z][0-9A-Za-z.+_-]{0,63})?")
_ENDPOINT = re.compile(r"[A-Za-z0-9-]{1,64}\.[A-Za-z0-9-]{1,64}")
_VERSION = re.compile(r"v([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One reading of a path.

    Attributes:
        service: the service's name, perhaps with `@version` or `#generation`.
        endpoint: `Struct.Method`, as well as the path tells.
    """

    service: str
    endpoint: str


def camel(segment: str) -> str:
    """Returns a segment as a part of an endpoint's name: `say-hello` is `SayHello`."""
    return "".join(word[:1].upper() + word[1:] for word in segment.split("-"))


def api_path(segments: Sequence[str]) -> tuple[Wanted, ...]:
    """Reads what stands behind `/api/`: service and `Say.Hello`, `say/hello` or `hello`; nothing if it is malformed."""
    if not 2 <= len(segments) <= 3 or not _SERVICE.fullmatch(segments[0]):
        return ()
    service, *rest = segments
    return _endpoint_of(service, bare_name(service), rest)


def root_path(segments: Sequence[str]) -> tuple[Wanted, ...]:
    """Reads any other path by go-micro's rules; nothing if it is malformed."""
    if not 1 <= len(segments) <= SEGMENTS_MAX or not _SERVICE.fullmatch(segments[0]):
        return ()
    version = _VERSION.fullmatch(segments[0])
    if version is None or len(segments) == 1:
        return _plain(segments)
    if len(segments) == 2:
        return _endpoint_of(segments[0], segments[0], segments[1:])
    found = _plain(segments[1:])
    named = [Wanted(f"{segments[0]}.{wanted.service}", wanted.endpoint) for wanted in found]
    return (*named, *(Wanted(f"{wanted.service}@{version[1]}", wanted.endpoint) for wanted in found))


def _plain(segments: Sequence[str]) -> tuple[Wanted, ...]:
    service, *rest = segments
    if not rest:
        return _endpoint_of(service, service, ["call"])
    if len(rest) <= 2:
        return _endpoint_of(service, bare_name(service), rest)
    if len(rest) == 3 and _SEGMENT.fullmatch(rest[0]):
        names = (f"{service}.{rest[0]}", f"{service}-{rest[0]}")
        return tuple(wanted for name in names for wanted in _endpoint_of(name, name, rest[1:]))
    return ()


def _endpoint_of(service: str, struct: str, rest: Sequence[str]) -> tuple[Wanted, ...]:
    if len(rest) == 1 and _ENDPOINT.fullmatch(rest[0]):
        return (Wanted(service, rest[0]),)
    if not all(_SEGMENT.fullmatch(segment) for segment in rest):
        return ()
    parts = rest if len(rest) == 2 else (struct.replace(".", "-"), *rest)
    return (Wanted(service, ".".join(camel(part) for part in parts)),)
