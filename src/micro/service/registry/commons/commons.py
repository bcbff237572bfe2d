"""What a commons is to the registry: a second path that nobody can switch off.

Pure.

Anybody may put values at a place, so what is found there is the word of strangers: it is bounded here, and believed
only where it carries a signature that fits. A value lives while whoever put it renews it, at most `LIFETIME_SECONDS`
after. Presence with its lease of 90 s does not belong here: a commons is for what changes slowly, which node is a super
node, where a key was seen, who offers a name.

`memory.py` joins nodes of one process, `opendht.py` those of the world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from blake3 import blake3

from micro.errors import TooLarge

__all__ = [
    "LIFETIME_SECONDS",
    "LISTENERS_MAX",
    "PLACE_BYTES",
    "PUTS_MAX",
    "SCANNED_MAX",
    "TAGS",
    "VALUES_MAX",
    "VALUE_BYTES_MAX",
    "Commons",
    "Found",
    "anything",
    "check_value",
    "place_of",
    "tag_of",
]

PLACE_BYTES: Final = 20
"""Length of a place."""

VALUE_BYTES_MAX: Final = 4_096
"""A larger value is neither put nor believed."""

VALUES_MAX: Final = 128
"""So many values of one place, or of one part of it, are taken that look like what is sought."""

SCANNED_MAX: Final = 4_096
"""So many values are passed over in search of them; a place may hold any amount of junk besides."""

LIFETIME_SECONDS: Final = 600.0
"""A value that is not renewed is gone after this time."""

PUTS_MAX: Final = 4_096
"""So many places one node keeps values at."""

LISTENERS_MAX: Final = 1_024
"""So many places one node listens to."""

TAGS: Final = tuple(f"micro-{number:x}" for number in range(16))
"""The parts of a place, each asked for alone where the place is flooded: whoever floods all needs so much more junk."""

_DOMAIN: Final = "micro-commons-v1"
_KINDS: Final = frozenset({"name", "node", "super", "word"})


class Found(NamedTuple):
    """Values of a place.

    Attributes:
        values: each once, in no order; nothing is believed.
        is_cut: whether there may be more, because so many were there.
    """

    values: list[bytes]
    is_cut: bool


def anything(value: bytes) -> bool:
    """Says that a value may be what is sought."""
    return True


class Commons(Protocol):
    """Puts, finds and hears values at places."""

    @property
    def port(self) -> int:
        """The UDP port at which others of the commons reach this node, 0 where there is none."""

    def bootstrap(self, addresses: Iterable[str]) -> None:
        """Takes note of nodes of the commons that may be asked, as `ip:port`."""

    async def put(self, place: bytes, value: bytes, *, tag: str = "") -> bool:
        """Keeps a value at a place until it is withdrawn or this node ends, instead of the one it kept there before.

        Args:
            place: where.
            value: what.
            tag: the part of the place that it belongs to.

        Returns whether somebody else took it; where nobody did, it is offered again later.

        Raises:
            TooLarge: it has more than `VALUE_BYTES_MAX` bytes.
            TooManyRequests: this node keeps values at `PUTS_MAX` places already.
        """

    async def withdraw(self, place: bytes) -> None:
        """Renews this node's value at a place no longer."""

    async def find(self, place: bytes, *, fits: Callable[[bytes], bool] = anything, tag: str = "") -> Found:
        """Returns up to `VALUES_MAX` values that somebody put at a place.

        Args:
            place: where.
            fits: says whether a value may be what is sought; it may be called in another thread.
            tag: of this part of the place alone, "" for all of it.

        Raises:
            Timeout: nobody answered in time.
        """

    def listen(
        self, place: bytes, heard: Callable[[bytes], None], *, fits: Callable[[bytes], bool] = anything
    ) -> Callable[[], None]:
        """Has `heard` told each value that is or comes to be at a place, if it `fits`; returns what ends it.

        Raises:
            TooManyRequests: this node listens to `LISTENERS_MAX` places already.
        """

    async def stop(self) -> None:
        """Leaves."""


def place_of(network: str, kind: str, name: str) -> bytes:
    """Returns the place of something in a network.

    Args:
        network: the network's nid, so that networks share a commons without meeting.
        kind: `name` of a service, `word` of a description, `node` by nid, `super` for the list of super nodes.
        name: which one; "" for `super`.
    """
    assert kind in _KINDS
    text = f"{network}\0{kind}\0{name}".encode()
    return blake3(text, derive_key_context=_DOMAIN).digest(PLACE_BYTES)


def tag_of(key: bytes) -> str:
    """Returns the part of a place that a node's values belong to; `key` is its public key."""
    return TAGS[blake3(key, derive_key_context=_DOMAIN).digest(1)[0] % len(TAGS)]


def check_value(value: bytes) -> None:
    """Refuses a value that is too large.

    Raises:
        TooLarge: it has more than `VALUE_BYTES_MAX` bytes.
    """
    if len(value) > VALUE_BYTES_MAX:
        raise TooLarge(f"a value of {len(value)} bytes; a commons takes at most {VALUE_BYTES_MAX}")
