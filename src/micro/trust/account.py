"""An account: who may show a secret or a key to this node, and which scopes that gives.

Pure.

| kind | its id | how it proves itself | its scopes go to |
| --- | --- | --- | --- |
| user | a word | a secret, for which it gets tokens | whoever shows the token |
| service | the name of a service of this node | the door that the node opened for it | that service |
| node | the nid of another node | the key of its link | that node |

A secret is kept as scrypt (RFC 7914) makes it; nobody who reads the file knows it.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from micro.errors import BadRequest
from micro.trust.identity import is_nid, is_service_name

__all__ = [
    "SALT_BYTES",
    "SCOPES_MAX",
    "SCOPE_CHARACTERS_MAX",
    "SECRET_CHARACTERS_MIN",
    "Account",
    "Kind",
    "check_scope",
    "check_secret",
    "is_secret",
    "seal_secret",
]

Kind = Literal["user", "service", "node"]

SCOPES_MAX: Final = 16
"""An account holds at most so many scopes."""

SCOPE_CHARACTERS_MAX: Final = 64

SECRET_CHARACTERS_MIN: Final = 12
"""A shorter secret can be tried out."""

SECRET_CHARACTERS_MAX: Final = 256
SALT_BYTES: Final = 16

_USER = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?")
_SCOPE = re.compile(r"[a-z0-9](?:[a-z0-9._/-]*[a-z0-9])?")
_TAKEN = frozenset({"public", "owner", "anonymous"})
"""Words that mean somebody already."""

_HASH_BYTES = 32
_COST, _BLOCK, _PARALLEL = 2**14, 8, 5
"""One of the settings that OWASP's cheat sheet on storing passwords advises; it takes 16 MiB."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account.

    Attributes:
        id: its name among all accounts of the node.
        kind: `user`, `service` or `node`.
        scopes: what it may be granted by: a rule for one of these scopes applies to it.
        sealed: the salt and hash of its secret, empty where it has none.
        generation: raised when its secret changes; tokens of another generation are void.
        disabled: whether it counts for nothing for now.
        created: when, in seconds since 1970.

    Raises:
        BadRequest: the id does not fit its kind, or a scope has another form.
    """

    id: str
    kind: Kind = "user"
    scopes: tuple[str, ...] = ()
    sealed: bytes = b""
    generation: int = 1
    disabled: bool = False
    created: float = 0.0

    def __post_init__(self) -> None:
        _check_id(self.id, self.kind)
        if len(self.scopes) > SCOPES_MAX:
            raise BadRequest(f"scopes: an account holds at most {SCOPES_MAX}, not {len(self.scopes)}")
        for scope in self.scopes:
            check_scope(scope)


def _check_id(id: str, kind: str) -> None:
    if kind not in get_args(Kind):
        raise BadRequest(f"type: an account is a user, a service or a node, not {kind[:20]!r}")
    if kind == "node" and not is_nid(id):
        raise BadRequest(f"id: the account of a node is called by its nid, not {id[:80]!r}; see `micro network peers`")
    if kind == "service" and not is_service_name(id):
        raise BadRequest(f"id: the account of a service is called as the service is, such as greeter, not {id[:80]!r}")
    if kind == "user" and (_USER.fullmatch(id) is None or id in _TAKEN):
        raise BadRequest(
            f"id: {id[:80]!r} is no name of a user: 1 to 64 of a-z, 0-9 and . _ @ - inside, "
            "and not public, owner or anonymous"
        )


def check_scope(scope: str) -> None:
    """Checks a scope that an account is to hold.

    Raises:
        BadRequest: it has another form, or one that only the node gives, such as `node:…`.
    """
    if len(scope) > SCOPE_CHARACTERS_MAX or _SCOPE.fullmatch(scope) is None or scope in _TAKEN:
        raise BadRequest(
            f"scope {scope[:80]!r}: 1 to {SCOPE_CHARACTERS_MAX} of a-z, 0-9 and . _ / - inside are expected, "
            "and not public, owner or anonymous"
        )


def check_secret(secret: str) -> None:
    """Checks a secret that a person chose.

    Raises:
        BadRequest: it is too short or too long.
    """
    if not SECRET_CHARACTERS_MIN <= len(secret) <= SECRET_CHARACTERS_MAX:
        raise BadRequest(
            f"secret: {SECRET_CHARACTERS_MIN} to {SECRET_CHARACTERS_MAX} characters are expected, not {len(secret)}; "
            "leave it out and one is made"
        )


def seal_secret(secret: str, salt: bytes) -> bytes:
    """Returns what is kept of a secret; that takes long, on purpose, and so belongs on a thread."""
    return salt + _scrypt(salt).derive(_bytes(secret))


def is_secret(sealed: bytes, secret: str) -> bool:
    """Says whether a secret is the one that was sealed; it takes as long whether there is one or not."""
    salt = sealed[:SALT_BYTES].ljust(SALT_BYTES, b"\0")
    expected = sealed[SALT_BYTES:].ljust(_HASH_BYTES, b"\0")
    matches = hmac.compare_digest(_scrypt(salt).derive(_bytes(secret)), expected)
    return matches and len(sealed) == SALT_BYTES + _HASH_BYTES


def _scrypt(salt: bytes) -> Scrypt:
    return Scrypt(salt=salt, length=_HASH_BYTES, n=_COST, r=_BLOCK, p=_PARALLEL)


def _bytes(secret: str) -> bytes:
    return secret[: SECRET_CHARACTERS_MAX + 1].encode("utf-8", "surrogatepass")
