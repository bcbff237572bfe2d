"""The batch: many small events in one frame, so that what a frame costs is paid once for all of them.

Pure.

    u16 block | u16 count | `count` u16 lengths | that many bodies, one after the other

All events of a batch have the headers of one block, and nothing to acknowledge. What follows the block, `Batch.packed`,
is the same wherever the events go: whoever passes them on writes these bytes again and never takes them apart.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

import msgspec

from micro.errors import RemoteProtocolError
from micro.mucp.limits import BATCH_BYTES_MAX, BATCH_EVENTS_MAX

__all__ = ["BLOCK", "SINGLE_BYTES_MAX", "Batch", "Gathering", "pack", "read"]

BLOCK = struct.Struct(">H")
"""The header block of all events of a batch."""

_COUNT = struct.Struct(">H")
_PREFIX_BYTES = BLOCK.size + _COUNT.size
_LENGTH_BYTES = 2

SINGLE_BYTES_MAX = BATCH_BYTES_MAX - _PREFIX_BYTES - _LENGTH_BYTES
"""A larger event does not fit into a batch."""


@lru_cache(maxsize=BATCH_EVENTS_MAX)
def _lengths(count: int) -> struct.Struct:
    return struct.Struct(f">{count}H")


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Several events as they travel.

    Attributes:
        count: how many, at least one.
        packed: the count, the lengths and the bodies, as bytes; known to be whole.
    """

    count: int
    packed: bytes

    def bodies(self) -> list[bytes]:
        """Returns the events, in order."""
        packed, lengths = self.packed, _lengths(self.count)
        stops = accumulate(lengths.unpack_from(packed, _COUNT.size), initial=_COUNT.size + lengths.size)
        return [packed[start:stop] for start, stop in pairwise(stops)]


def pack(bodies: Sequence[bytes]) -> Batch:
    """Returns a batch; that it is not too large is for the caller to know."""
    count = len(bodies)
    return Batch(count, b"".join((_COUNT.pack(count), _lengths(count).pack(*map(len, bodies)), *bodies)))


def read(payload: bytes) -> tuple[int, Batch]:
    """Returns the block and the events of a frame's payload.

    Raises:
        RemoteProtocolError: it is cut short, too long, or its lengths do not add up.
    """
    if not _PREFIX_BYTES < len(payload) <= BATCH_BYTES_MAX:
        raise RemoteProtocolError(
            f"EVENTS of {len(payload)} bytes; {BATCH_BYTES_MAX} are allowed, and one event needed"
        )
    (block,) = BLOCK.unpack_from(payload)
    (count,) = _COUNT.unpack_from(payload, BLOCK.size)
    if not 1 <= count <= BATCH_EVENTS_MAX:
        raise RemoteProtocolError(f"EVENTS carry 1 to {BATCH_EVENTS_MAX} events, not {count}")
    lengths = _lengths(count)
    rest = len(payload) - _PREFIX_BYTES - lengths.size
    if rest < 0 or sum(lengths.unpack_from(payload, _PREFIX_BYTES)) != rest:
        raise RemoteProtocolError("the lengths of EVENTS are not those of its bodies")
    return block, Batch(count, payload[BLOCK.size :])


class Gathering:
    """A batch that still grows at the end of what a session has to say.

    Attributes:
        number: the exchange it is for.
        mark: stands in the output where the batch will be.
        place: where in the output that is.
        size: the bytes of its payload so far.
    """

    __slots__ = ("_block", "_bodies", "mark", "number", "place", "size")

    def __init__(self, number: int, block: int, body: bytes, *, mark: bytes, place: int) -> None:
        self.number = number
        self._block = block
        self._bodies = [body]
        self.mark = mark
        self.place = place
        self.size = _PREFIX_BYTES + _LENGTH_BYTES + len(body)

    def add(self, number: int, block: int, body: bytes) -> bool:
        """Takes one more event, or returns False where it is for another exchange or there is no room."""
        size, bodies = self.size + _LENGTH_BYTES + len(body), self._bodies
        if size > BATCH_BYTES_MAX or block != self._block or number != self.number or len(bodies) >= BATCH_EVENTS_MAX:
            return False
        bodies.append(body)
        self.size = size
        return True

    def payload(self) -> bytes:
        """Returns what the frame carries."""
        return BLOCK.pack(self._block) + pack(self._bodies).packed
