"""An instance of a service, as the registry knows it, and the order of versions.

Pure.

An instance is a running process or guest. Its record says where it is and how it is; what the service can do is said
once by its description. A record that a peer sends is parsed here: it can neither call itself local nor name a socket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from micro.errors import BadRequest
from micro.trust.identity import SERVICE_CHARACTERS_MAX, is_service_name

__all__ = [
    "RECORD_BYTES_MAX",
    "Instance",
    "InstanceKey",
    "bare_name",
    "check_service",
    "check_version",
    "matches",
    "newest_first",
    "shown",
    "split_generation",
    "split_version",
]

VERSION_CHARACTERS_MAX = 64
ID_CHARACTERS_MAX = 64
ADDRESS_CHARACTERS_MAX = 512
RECORD_BYTES_MAX = 1024
"""An instance's record, its texts and numbers together, is at most so large."""

WEIGHT_MAX = 10_000
SHOWN_CHARACTERS_MAX = 80
NUMBER_MAX = 2**63 - 1
"""Generation and sequence are non-negative and fit 64 bits."""

GENERATION_DIGITS_MAX = 18

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")
_PART = re.compile(r"[0-9]+|[A-Za-z]+")

InstanceKey = tuple[str, str, str]
"""What makes an instance this one: service, nid, instance id. Two owners of one name stay apart by their nid."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One running instance of a service.

    Attributes:
        service: the service's name.
        version: its version.
        id: the instance's id, unique within its node.
        nid: the node it runs on.
        address: its direct Unix socket, only for an instance on this machine of the same owner, else None.
        local: whether it runs on this very node.
        generation: the generation it belongs to; a new revision makes a new one.
        state: `draining` finishes what it has and gets nothing new.
        weight: its share of traffic, relative to the other instances; 0 gets none unless nobody else is left.
        sequence: the owner's rising number of this record, 0 where records arrive in order on one link.
    """

    service: str
    version: str
    id: str
    nid: str
    address: str | None = None
    local: bool = False
    generation: int = 0
    state: Literal["serving", "draining"] = "serving"
    weight: int = 100
    sequence: int = 0

    @property
    def key(self) -> InstanceKey:
        """Service, nid and instance id."""
        return (self.service, self.nid, self.id)

    def check(self) -> None:
        """Checks every field against its grammar and bound.

        Raises:
            BadRequest: a field is wrong; the detail names it, what is allowed and what came.
        """
        check_service(self.service)
        check_version(self.version)
        _check_text("instance id", self.id, _ID, ID_CHARACTERS_MAX)
        _check_text("nid", self.nid, _ID, ID_CHARACTERS_MAX)
        if self.address is not None and not 0 < len(self.address) <= ADDRESS_CHARACTERS_MAX:
            raise BadRequest(f"address: expected 1 to {ADDRESS_CHARACTERS_MAX} characters, got {len(self.address)}")
        if self.state not in ("serving", "draining"):
            raise BadRequest(f"state: expected serving or draining, got {shown(self.state)}")
        for field, number, most in (
            ("generation", self.generation, NUMBER_MAX),
            ("weight", self.weight, WEIGHT_MAX),
            ("sequence", self.sequence, NUMBER_MAX),
        ):
            if type(number) is not int or not 0 <= number <= most:
                raise BadRequest(f"{field}: expected a whole number from 0 to {most}, got {shown(number)}")
        if self._record_bytes() > RECORD_BYTES_MAX:
            raise BadRequest(
                f"the record of {self.service} is larger than {RECORD_BYTES_MAX} bytes; shorten its address"
            )

    def _record_bytes(self) -> int:
        texts = (self.service, self.version, self.id, self.nid, self.address or "", self.state)
        return sum(len(text.encode()) for text in texts) + 3 * 8 + 1

    def to_record(self) -> dict[str, Any]:
        """Returns what a peer may know: everything but the address and whether it is local here."""
        return {
            "service": self.service,
            "version": self.version,
            "id": self.id,
            "generation": self.generation,
            "state": self.state,
            "weight": self.weight,
            "sequence": self.sequence,
        }

    @staticmethod
    def parse(record: object, nid: str) -> Instance:
        """Reads a record that the peer `nid` sent; fields that are no business of a peer are ignored.

        Raises:
            BadRequest: a field is missing or wrong.
        """
        if not isinstance(record, Mapping):
            raise BadRequest(f"record: expected an object, got {type(record).__name__}")
        for field in ("service", "version", "id"):
            if not isinstance(record.get(field), str):
                raise BadRequest(f"record: {field} is missing or no text")
        found = Instance(
            service=record["service"],
            version=record["version"],
            id=record["id"],
            nid=nid,
            generation=record.get("generation", 0),
            state=record.get("state", "serving"),
            weight=record.get("weight", 100),
            sequence=record.get("sequence", 0),
        )
        found.check()
        return found


def check_service(name: object) -> str:
    """Returns `name` if it is a service's name.

    Raises:
        BadRequest: it is not.
    """
    if isinstance(name, str) and is_service_name(name):
        return name
    raise BadRequest(
        f"service name: expected lower-case words joined by dashes, beginning with a letter, at most "
        f"{SERVICE_CHARACTERS_MAX} characters (like greeter or image-resize), got {shown(name)}"
    )


def check_version(version: object) -> str:
    """Returns `version` if it is one.

    Raises:
        BadRequest: it is not.
    """
    return _check_text("version", version, _VERSION, VERSION_CHARACTERS_MAX)


def _check_text(field: str, value: object, pattern: re.Pattern[str], characters_max: int) -> str:
    if isinstance(value, str) and len(value) <= characters_max and pattern.fullmatch(value):
        return value
    raise BadRequest(
        f"{field}: expected 1 to {characters_max} letters, digits, dots and dashes, beginning with a letter or digit, "
        f"got {shown(value)}"
    )


def shown(value: object) -> str:
    """Returns a short, printable picture of a wrong value, for an error's detail."""
    if isinstance(value, str):
        return ascii(value[:SHOWN_CHARACTERS_MAX])
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() <= 64):
        return repr(value)
    return f"a value of type {type(value).__name__}"


def split_version(service: str) -> tuple[str, str]:
    """Splits `greeter@1.2` into the service's name and the version asked for, "" where none is."""
    name, _, version = service.partition("@")
    return name, version


def split_generation(service: str) -> tuple[str, int | None]:
    """Splits `greeter#2` into the service's name and the generation asked for, None where none is.

    Raises:
        BadRequest: what follows `#` is no number of a generation.
    """
    name, sign, number = service.partition("#")
    if not sign:
        return name, None
    if not number.isdecimal() or not number.isascii() or len(number) > GENERATION_DIGITS_MAX or int(number) < 1:
        raise BadRequest(f"{name}#{shown(number)}: a generation is a whole number from 1, as in {name}#2")
    return name, int(number)


def bare_name(service: str) -> str:
    """Returns a service's name without the version and the generation that are asked for."""
    return service.partition("@")[0].partition("#")[0]


def matches(version: str, wanted: str) -> bool:
    """Tells whether `version` is what was asked for: itself, or a longer one below it (1.2 means any 1.2.x)."""
    return not wanted or version == wanted or version.startswith((wanted + ".", wanted + "-", wanted + "+"))


def newest_first(version: str) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Returns a sort key that puts newer versions first: 1.10 before 1.9, a release before its pre-release."""
    main, dash, extra = version.partition("+")[0].partition("-")
    end = (1, (1 if dash else 0,))
    return (*map(_part, _PART.findall(main)), end, *map(_part, _PART.findall(extra)))


def _part(text: str) -> tuple[int, tuple[int, ...]]:
    """Returns the key of one part: at one place numbers (0) come before the end (1), the end before words (2)."""
    if text.isdigit():
        return (0, (-int(text),))
    # The closing 1 is greater than every negated letter, so that the longer of two words comes first.
    return (2, (*(-ord(letter) for letter in text.lower()), 1))
