"""API tokens: long-lived keys for programs, each lent a part of what somebody may.

Pure.

An API token is `mp_` and 256 random bits in base64url. Who shows it is the owner, or the account that it was made for,
but may use only what its scopes name. A node keeps the SHA-256 of a token alone: nobody guesses 256 bits, so unlike a
secret that a person chose it needs no slow hash, and a request is not slowed down by one.

| scope | covers |
| --- | --- |
| `greeter` | every endpoint of that service |
| `greeter:Say.Hello`, `greeter:Say.*` | that endpoint; those that begin so |
| `topic:orders`, `topic:orders:Publish` | a topic; one thing to do with it |
| `service:*:*` | every service, as every other resource of rules: see `micro.trust.rules.Resource` |

A wildcard never means what the node itself does: `runtime`, say, has to be named. `auth`, `keys` and `wallet` cannot be
covered at all, so that no token makes another one. What answers everybody needs no scope.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from micro.errors import BadRequest
from micro.trust.policy import DEBUG_OPEN, REGISTRY_READ, is_ruled
from micro.trust.rules import Resource, Rule, Type, check_reach, fits

__all__ = [
    "API_TOKEN",
    "EVERY_SERVICE",
    "SCOPES_MAX",
    "TOKEN_BYTES",
    "ApiToken",
    "digest_of",
    "is_api_token",
    "read_scopes",
    "spell_token",
]

API_TOKEN: Final = "mp_"  # noqa: S105 - what each begins with
TOKEN_BYTES: Final = 32

SCOPES_MAX: Final = 64
"""A token has at most so many scopes."""

EVERY_SERVICE: Final = Resource("service", "*", "*")
"""What a token covers where nobody says."""

NEVER: Final = frozenset({"auth", "keys", "wallet"})
"""Services of the node that no token reaches."""

_TYPES: Final = ("service", "topic")
_SHAPE = re.compile(r"mp_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What a node keeps of an API token.

    Attributes:
        name: what its owner calls it; no two have the same.
        digest: the SHA-256 of the token.
        scopes: what it covers.
        account: the account it was made for, "" for the owner.
        generation: of that account when it was made.
        created: when, in seconds since 1970.
        expires: from when on it is good for nothing; 0 for never.

    Raises:
        BadRequest: the name has another form.
    """

    name: str
    digest: bytes
    scopes: tuple[Resource, ...] = (EVERY_SERVICE,)
    account: str = ""
    generation: int = 0
    created: float = 0.0
    expires: float = 0.0

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise BadRequest(f"name {self.name[:80]!r}: 1 to 64 of a-z, 0-9 and . _ - inside are expected")

    def is_spelled(self, token: str) -> bool:
        """Says whether this is the token that was shown; it takes as long where it is not."""
        return hmac.compare_digest(self.digest, digest_of(token))

    def has_expired(self, now: float) -> bool:
        """Says whether it is good for nothing any more."""
        return bool(self.expires) and now >= self.expires

    def covers(self, type_: Type, name: str, endpoint: str) -> bool:
        """Says whether the token may be used for an endpoint of a service, or for something with a topic."""
        if type_ == "topic":
            return any(_means(scope, type_, name, endpoint.lower()) for scope in self.scopes)
        name, endpoint = name.lower(), endpoint.lower()
        if name in NEVER:
            return False
        if endpoint in DEBUG_OPEN or (name == "registry" and endpoint in REGISTRY_READ):
            return True
        found = [scope for scope in self.scopes if _means(scope, type_, name, endpoint)]
        if not is_ruled(name, "") and not any(scope.name.lower() == name for scope in found):
            return False
        return any(is_ruled("", endpoint) or scope.endpoint.lower().startswith("debug.") for scope in found)


def _means(scope: Resource, type_: Type, name: str, endpoint: str) -> bool:
    if scope.type not in ("*", type_):
        return False
    pattern = scope.name if type_ == "topic" else scope.name.lower()
    return fits(pattern, name) and fits(scope.endpoint.lower(), endpoint)


def read_scopes(texts: Iterable[str]) -> tuple[Resource, ...]:
    """Reads what a token is to cover; nothing stands for every service.

    Raises:
        BadRequest: one of them has no such form, there are too many, or a token can never cover it.
    """
    found = tuple(dict.fromkeys(_scope(text.strip()) for text in texts)) or (EVERY_SERVICE,)
    if len(found) > SCOPES_MAX:
        raise BadRequest(f"scopes: a token has at most {SCOPES_MAX}, not {len(found)}")
    return found


def _scope(text: str) -> Resource:
    parts = text.split(":")
    if len(parts) == 2 and parts[0] in _TYPES:
        parts = [*parts, "*"]
    elif len(parts) < 3:
        parts = ["service", *parts, "*"][:3]
    if parts[0] not in (*_TYPES, "*"):
        raise BadRequest(
            f"scope {text[:80]!r}: a service such as greeter, an endpoint such as greeter:Say.Hello, or a topic such "
            "as topic:orders is expected"
        )
    resource = Resource.parse(":".join(parts))
    Rule("scope", "", resource)  # a scope is spelled as what a rule is about
    check_reach(resource)
    if resource.type != "topic" and resource.name.lower() in NEVER:
        raise BadRequest(f"scope {text[:80]!r}: no token reaches {resource.name}; it is for the owner himself")
    return resource


def spell_token(entropy: bytes) -> str:
    """Returns the token that `TOKEN_BYTES` random bytes make."""
    assert len(entropy) == TOKEN_BYTES
    return API_TOKEN + base64.urlsafe_b64encode(entropy).decode("ascii").rstrip("=")


def is_api_token(token: str) -> bool:
    """Says whether a text has the form of an API token."""
    return _SHAPE.fullmatch(token) is not None


def digest_of(token: str) -> bytes:
    """Returns what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
