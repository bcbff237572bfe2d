"""Tokens: a short text that a node signed, by which it knows an account again.

Pure.

A token is `ma_` (for access) or `mr_` (to be exchanged for another one), then the claims in base64url, a dot, and the
signature of the node's key over the claims in the domain `micro-token-v1`. The claims are a JSON object, read only
after the signature holds over exactly these bytes, so that no second spelling of them is ever looked at:

| claim | means |
| --- | --- |
| `aud` | the nid of the node that issued it and alone takes it |
| `sub` | the account's id |
| `gen` | the account's generation when it was issued |
| `use` | `access` or `refresh` |
| `iat`, `exp` | when it was issued and when it ends, in seconds since 1970 |

Which scopes the account holds is not in it: they are looked up when it is shown, so a change counts at once.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final, Literal

from micro.errors import BadRequest, Unauthorized
from micro.trust.identity import public_key_of
from micro.trust.keys import SIGNATURE_BYTES, NodeKey, verify

__all__ = [
    "ACCESS",
    "ACCESS_SECONDS",
    "ACCESS_SECONDS_MAX",
    "REFRESH",
    "REFRESH_SECONDS",
    "TOKEN_CHARACTERS_MAX",
    "Claims",
    "Use",
    "check_lifetime",
    "issue_token",
    "read_token",
]

Use = Literal["access", "refresh"]

ACCESS: Final = "ma_"
REFRESH: Final = "mr_"

ACCESS_SECONDS: Final = 15 * 60
"""How long a token is good for where nobody says."""

ACCESS_SECONDS_MAX: Final = 24 * 3600
REFRESH_SECONDS: Final = 7 * 24 * 3600
"""After this the secret has to be shown again."""

TOKEN_CHARACTERS_MAX: Final = 1024
"""A longer text is not looked at."""

CLOCK_SECONDS_MAX: Final = 60
"""A token from further in the future than this is refused: the node's clock went back."""

_DOMAIN = b"micro-token-v1"
_PREFIXES: dict[Use, str] = {"access": ACCESS, "refresh": REFRESH}
_FIELDS = {"aud": str, "sub": str, "gen": int, "use": str, "iat": int, "exp": int}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says.

    Attributes:
        audience: the node that takes it.
        account: whose it is.
        generation: of the account when it was issued.
        use: what it is good for.
        issued: when, in whole seconds since 1970.
        expires: from when on it is good for nothing.
    """

    audience: str
    account: str
    generation: int
    use: Use
    issued: int
    expires: int


def check_lifetime(seconds: int) -> None:
    """Checks how long an access token is wanted for.

    Raises:
        BadRequest: no time at all, or more than a day.
    """
    if not 1 <= seconds <= ACCESS_SECONDS_MAX:
        raise BadRequest(f"token_expiry: a token lives 1 to {ACCESS_SECONDS_MAX} seconds, not {seconds}")


def issue_token(key: NodeKey, claims: Claims) -> str:
    """Returns the token that says this, signed by the node."""
    said = {
        "aud": claims.audience,
        "sub": claims.account,
        "gen": claims.generation,
        "use": claims.use,
        "iat": claims.issued,
        "exp": claims.expires,
    }
    body = json.dumps(said, separators=(",", ":"), sort_keys=True).encode("ascii")
    return f"{_PREFIXES[claims.use]}{_text(body)}.{_text(key.sign(_DOMAIN, body))}"


def read_token(token: str, nid: str, now: float) -> Claims:
    """Returns what a token says, if this node signed it, for itself, and it has not expired.

    Raises:
        Unauthorized: it is none of that; the detail says what to do.
    """
    if len(token) > TOKEN_CHARACTERS_MAX or token[:3] not in (ACCESS, REFRESH):
        raise _wrong("it is no token of a node")
    said, _, signed = token[3:].partition(".")
    body, signature = _bytes(said), _bytes(signed)
    if len(signature) != SIGNATURE_BYTES or not verify(public_key_of(nid), _DOMAIN, body, signature):
        raise _wrong("this node did not issue it")
    claims = _claims(body)
    if claims.audience != nid or _PREFIXES[claims.use] != token[:3]:
        raise _wrong("it is for something else")
    if now >= claims.expires:
        raise _wrong("it has expired")
    if claims.issued > now + CLOCK_SECONDS_MAX:
        raise _wrong("it is from the future; check this node's clock")
    return claims


def _claims(body: bytes) -> Claims:
    """Reads what our own key signed; a field that is missing or new comes from another version of this program."""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict) or {name: type(value) for name, value in said.items()} != _FIELDS:
        raise _wrong("another version of this program issued it")
    if said["use"] not in _PREFIXES:
        raise _wrong("another version of this program issued it")
    return Claims(said["aud"], said["sub"], said["gen"], said["use"], said["iat"], said["exp"])


def _wrong(why: str) -> Unauthorized:
    return Unauthorized(f"the token is not taken: {why}; get a new one with `micro auth token`, or from Auth.Token")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    """Reads base64url in its one spelling; anything else is no bytes at all."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if _text(data) == text else b""
