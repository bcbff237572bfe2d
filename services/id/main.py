"""Makes ids of every usual kind, and reads the time out of those that hold one."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from micro import Service, errors

COUNT_MAX = 1000
NANOID_CHARACTERS = 21
SHORT_CHARACTERS = 8

NANOID_ALPHABET = "useandom-26T198340PX75pxJACKVERYMINDBUSHWOLF_GQZbfghjklqvwyzrict"
"""64 characters that stand in an address without escaping: 6 bits each."""

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Base 32 without the letters that look like others."""

SHORT_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""For people who read an id to each other."""

Kind = Literal["uuid7", "uuid4", "ulid", "nanoid", "short"]

service = Service(
    "id",
    version="1.0.0",
    description="Makes ids of every usual kind, and reads the time out of those that hold one.",
    metadata={"tags": "tool, uuid, ulid, random"},
)


@dataclass
class KindOfId:
    """A kind of id.

    Attributes:
        kind: its name.
        description: what it is good for.
        random_bits: how much chance is in it.
        sorts_by_time: whether later ids come behind earlier ones.
        example: one of them.
    """

    kind: str
    description: str
    random_bits: int
    sorts_by_time: bool
    example: str


@dataclass
class Inspection:
    """What an id tells.

    Attributes:
        kind: what it is, or "unknown".
        time: when it was made, in ISO 8601, empty where it does not tell.
    """

    kind: str
    time: str = ""


@service.endpoint(idempotent=True, examples=[{"kind": "uuid7"}, {"kind": "nanoid", "count": 3}])
def generate(kind: Kind = "uuid7", count: int = 1) -> list[str]:
    """Make ids.

    Wishes:
        a new uuid
        make five short ids
        give me a unique identifier

    Wishes (es):
        un uuid nuevo

    Wishes (de):
        eine neue UUID

    Args:
        kind: uuid7 and ulid sort by time; uuid4 and nanoid are chance alone; short is for people, and may repeat.
        count: how many, at most 1000.

    Returns:
        The ids; those that sort by time are in order.
    """
    if not 1 <= count <= COUNT_MAX:
        raise errors.BadRequest(f"count: expected 1 to {COUNT_MAX}, got {count}")
    if kind in ("uuid7", "ulid"):
        milliseconds = time.time_ns() // 1_000_000
        # Of one millisecond they rise by chance: the random part is a sorted draw.
        parts = sorted(secrets.token_bytes(10) for _ in range(count))
        make = uuid7 if kind == "uuid7" else ulid
        return sorted(make(milliseconds, part) for part in parts)
    if kind == "uuid4":
        return [str(uuid.uuid4()) for _ in range(count)]
    alphabet, length = (NANOID_ALPHABET, NANOID_CHARACTERS) if kind == "nanoid" else (SHORT_ALPHABET, SHORT_CHARACTERS)
    return ["".join(secrets.choice(alphabet) for _ in range(length)) for _ in range(count)]


@service.endpoint(idempotent=True, examples=[{}])
def kinds() -> list[KindOfId]:
    """List the kinds of ids, with what each is good for.

    Wishes:
        what kinds of ids are there
    """
    return [
        KindOfId(
            "uuid7", "The id to use unless you know better.", 74, sorts_by_time=True, example=generate("uuid7")[0]
        ),
        KindOfId("uuid4", "Chance alone, known everywhere.", 122, sorts_by_time=False, example=generate("uuid4")[0]),
        KindOfId("ulid", "Like uuid7, shorter to write.", 80, sorts_by_time=True, example=generate("ulid")[0]),
        KindOfId("nanoid", "Short, fits into an address.", 126, sorts_by_time=False, example=generate("nanoid")[0]),
        KindOfId("short", "For people to read out; may repeat.", 39, sorts_by_time=False, example=generate("short")[0]),
    ]


@service.endpoint(idempotent=True, examples=[{"id": "01890a5d-ac96-774b-bcce-b302099a8057"}])
def inspect(id: str) -> Inspection:
    """Tell what kind an id is, and when it was made.

    Wishes:
        what does this uuid tell
        when was this id made

    Args:
        id: any id.
    """
    text = id.strip()
    try:
        found = uuid.UUID(text)
    except ValueError:
        found = None
    if found is not None:
        milliseconds = found.int >> 80 if found.version == 7 else None
        return Inspection(f"uuid{found.version}" if found.version else "uuid", _date(milliseconds))
    plain = text.upper()
    if len(plain) == 26 and all(letter in CROCKFORD for letter in plain) and plain[0] in "01234567":
        value = 0
        for letter in plain:
            value = value << 5 | CROCKFORD.index(letter)
        return Inspection("ulid", _date(value >> 80))
    if len(text) == NANOID_CHARACTERS and all(letter in NANOID_ALPHABET for letter in text):
        return Inspection("nanoid")
    return Inspection("unknown")


def uuid7(milliseconds: int, random: bytes) -> str:
    """Returns a UUID of version 7 (RFC 9562, 5.7) for a time since 1970 and ten bytes of chance."""
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(random)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))


def ulid(milliseconds: int, random: bytes) -> str:
    """Returns a ULID for a time since 1970 and ten bytes of chance."""
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(random)
    return "".join(CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def _date(milliseconds: int | None) -> str:
    """Returns a time since 1970 in ISO 8601, or "" where there is none, or none that a calendar knows."""
    if milliseconds is None:
        return ""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""


if __name__ == "__main__":
    service.run()
