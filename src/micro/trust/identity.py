"""Names that prove themselves: the nid of a node, and the SPIFFE id of one instance of a service.

Pure.

`nid = "b" + base32(0xed01 || public key)` in lower case without padding: the multibase spelling of a multicodec
ed25519 key. Its 56 characters are a valid DNS label and a valid SPIFFE trust domain.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from typing import Final

from micro.errors import BadRequest
from micro.trust.keys import KEY_BYTES, is_weak

__all__ = [
    "INSTANCE_MAX",
    "NID_BEGINNING",
    "NID_CHARACTERS",
    "SERVICE_CHARACTERS_MAX",
    "SHORT_CHARACTERS",
    "VERSION_CHARACTERS_MAX",
    "instance_id",
    "is_nid",
    "is_service_name",
    "nid_of",
    "public_key_of",
    "short",
]

NID_CHARACTERS: Final = 56
"""Length of every nid."""

NID_BEGINNING: Final = "b5ua"
"""What every nid begins with: it spells an ed25519 key."""

SERVICE_CHARACTERS_MAX: Final = 63
"""A service's name is a DNS label."""

VERSION_CHARACTERS_MAX: Final = 64
"""A longer version has no place in a SPIFFE id."""

INSTANCE_MAX: Final = 2**31 - 1
"""The highest number of an instance."""

SPELLINGS_KEPT: Final = 4096
"""So many keys and nids are kept as they were worked out: a node meets the same ones again and again."""

_MULTICODEC_ED25519 = b"\xed\x01"
_NID = re.compile(r"b[a-z2-7]{55}")
_SERVICE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")

SHORT_CHARACTERS: Final = 12
"""Of a short form: `b5ua`, with which every nid begins, and the eight that tell nodes apart."""


@lru_cache(SPELLINGS_KEPT)
def nid_of(public_key: bytes) -> str:
    """Returns the nid of an ed25519 public key of 32 bytes.

    Raises:
        BadRequest: the key has another length, or is one for which anybody can sign.
    """
    if len(public_key) != KEY_BYTES:
        raise BadRequest(f"a node's public key has {KEY_BYTES} bytes, not {len(public_key)}")
    if is_weak(public_key):
        raise BadRequest("this public key belongs to nobody: anybody can sign for it; make a new key")
    return "b" + base64.b32encode(_MULTICODEC_ED25519 + public_key).decode().rstrip("=").lower()


@lru_cache(SPELLINGS_KEPT)
def public_key_of(nid: str) -> bytes:
    """Returns the public key, 32 bytes, that a nid spells; only the one canonical spelling is read.

    Raises:
        BadRequest: the text is no nid; the detail says what is wrong with it.
    """
    if len(nid) != NID_CHARACTERS:
        raise BadRequest(f"a nid has {NID_CHARACTERS} characters, {nid[:80]!r} has {len(nid)}; copy it again")
    if _NID.fullmatch(nid) is None:
        raise BadRequest(f"{nid!r} is no nid: that is 'b' and 55 of the characters a-z and 2-7, in lower case")
    try:
        raw = base64.b32decode(nid[1:].upper() + "=")
    except binascii.Error as error:
        raise BadRequest(f"{nid!r} is no nid: {error}") from error
    if not raw.startswith(_MULTICODEC_ED25519):
        raise BadRequest(f"{nid!r} is no nid: it does not spell an ed25519 key (it would begin with b5ua)")
    key = raw[len(_MULTICODEC_ED25519) :]
    if nid_of(key) != nid:
        raise BadRequest(f"{nid!r} is no nid: its last character has bits set that belong to no key; copy it again")
    return key


def is_nid(text: str) -> bool:
    """Says whether a text is a nid."""
    try:
        public_key_of(text)
    except BadRequest:
        return False
    return True


def short(nid: str) -> str:
    """Returns the beginning of a nid, for a person to tell nodes apart and to type; never enough to trust one."""
    return nid[:SHORT_CHARACTERS]


def is_service_name(name: str) -> bool:
    """Says whether a service may be called so: lower-case words and digits joined by dashes, a letter first."""
    return len(name) <= SERVICE_CHARACTERS_MAX and _SERVICE.fullmatch(name) is not None


def instance_id(nid: str, service: str, version: str, instance: int) -> str:
    """Returns the SPIFFE id of one instance, `spiffe://<nid>/svc/<service>/v/<version>/i/<n>`.

    Args:
        nid: the node it runs on.
        service: its name, `[a-z][a-z0-9]*(-[a-z0-9]+)*`.
        version: its version, of letters, digits, dots, dashes and underscores (SPIFFE allows no others).
        instance: its number on that node, from 0.

    Raises:
        BadRequest: a part has another form; the detail names it.
    """
    public_key_of(nid)
    if not is_service_name(service):
        raise BadRequest(f"service {service[:80]!r}: a name is lower-case words with dashes, such as image-resize")
    if len(version) > VERSION_CHARACTERS_MAX or _VERSION.fullmatch(version) is None:
        raise BadRequest(f"version {version[:80]!r}: up to 64 letters, digits, dots, dashes, underscores are allowed")
    if not 0 <= instance <= INSTANCE_MAX:
        raise BadRequest(f"instance {instance}: a number from 0 to {INSTANCE_MAX} is expected")
    return f"spiffe://{nid}/svc/{service}/v/{version}/i/{instance}"
