"""The numbers a session lives by: how much a peer may ask of us, and how long its silence is believed.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from micro.errors import LocalProtocolError

__all__ = ["BLOCKS_MAX", "EXTRA_FRAME_BYTES", "MESSAGE_BYTES_MIN", "VERSIONS", "WINDOW_BYTES", "Limits", "Liveness"]

VERSIONS = (1, 2)
"""The versions of the link protocol that this side speaks."""

BATCHES_VERSION = 2
"""The first version that has EVENTS."""

WINDOW_BYTES = 262_144
"""How many bytes of DATA, EVENT and EVENTS frames may be under way on an exchange before credit comes back; the same
everywhere, so that a node in between can pass credit on instead of keeping books."""

FRAME_COST_BYTES = 9
"""What each message costs of the window besides its payload, so that empty messages are bounded too."""

BLOCKS_MAX = 1024
"""How many header blocks a link remembers in each direction."""

DEFINED_BYTES_MAX = 1_048_576
"""How many bytes these header blocks may have together, in each direction."""

HELLO_BYTES_MAX = 4_096
"""The largest HELLO; before it came, nothing larger is taken."""

ACKNOWLEDGED_MAX = 4_096
"""How many sequences one ACK may carry."""

BATCH_EVENTS_MAX = 1_024
"""How many events one EVENTS may carry."""

BATCH_BYTES_MAX = 32_768
"""The largest payload of an EVENTS: every side takes it, and it is read without memory of its own."""

PING_BYTES = 8

FAULT_BYTES_MAX = 32_768
"""How much of a fault is read, and how long one is made; the longest detail fits, however it is spelled."""

EXTRA_FRAME_BYTES = 16_384 + 64
"""What a frame may have beside a message: a full set of headers and the fixed fields."""

MESSAGE_BYTES_MIN = 32_768
"""The largest body that every side takes; before the peer's HELLO came, nothing larger is sent."""
MESSAGE_BYTES_MAX = 2**31 - 1
NUMBER_MAX = 2**32 - 1
EXCHANGES_MAX = 2**31 - 1
"""Numbers beyond these have no meaning in a HELLO."""

BULKY_BYTES = MESSAGE_BYTES_MIN
"""A body up to this needs no weighing, since every side takes it, and is joined to what is written with it, because a
copy is cheaper than a system call."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one side accepts; it says so in its HELLO.

    Attributes:
        message_bytes: the largest body of one message.
        exchanges: how many exchanges the peer may have open at once.
        output_bytes: how much may wait to be written before new exchanges are refused; at twice this the link ends.
        input_bytes: how much the large bodies of the peer's open exchanges, and what its messages overdraw, may take
            together; a call beyond it is refused, a stream ended.

    Raises:
        LocalProtocolError: a number that no peer would accept.
    """

    message_bytes: int = 4_194_304
    exchanges: int = 1024
    output_bytes: int = 33_554_432
    input_bytes: int = 67_108_864

    def __post_init__(self) -> None:
        if not MESSAGE_BYTES_MIN <= self.message_bytes <= MESSAGE_BYTES_MAX:
            raise LocalProtocolError(
                f"message_bytes {self.message_bytes}; {MESSAGE_BYTES_MIN} to {MESSAGE_BYTES_MAX} is allowed"
            )
        if not 0 <= self.exchanges <= EXCHANGES_MAX:
            raise LocalProtocolError(f"exchanges {self.exchanges}; 0 to {EXCHANGES_MAX} is allowed")

    def to_hello(self) -> dict[str, int]:
        """Returns the numbers that the peer must know."""
        return {"message_bytes": self.message_bytes, "exchanges": self.exchanges}


OWNER = Limits(exchanges=8192, output_bytes=134_217_728, input_bytes=268_435_456)
STRANGER = Limits(exchanges=512, output_bytes=16_777_216, input_bytes=33_554_432)
GUEST = Limits(exchanges=128, output_bytes=8_388_608, input_bytes=8_388_608)


@dataclass(frozen=True, slots=True)
class Liveness:
    """When silence is asked about and when it is death, in seconds.

    A link over a network hears nothing when the far machine stops. With exchanges open it asks after `ping_seconds` and
    ends after `dead_seconds`; without, after the idle ones.
    """

    ping_seconds: float = 0.2
    dead_seconds: float = 0.6
    idle_ping_seconds: float = 10.0
    idle_dead_seconds: float = 30.0


NETWORK = Liveness(idle_ping_seconds=3.0, idle_dead_seconds=9.0)
"""Also where nothing is open a dead neighbour is known within ten seconds, so that nobody finds its services longer."""
VISIT = Liveness(ping_seconds=3.0, dead_seconds=8.0, idle_ping_seconds=20.0, idle_dead_seconds=40.0)
"""Of a visit nothing depends in a hurry: whoever asks has a deadline of its own, and a super node has many visitors."""
HOME = Liveness(ping_seconds=2.5, dead_seconds=5.5, idle_ping_seconds=20.0, idle_dead_seconds=40.0)
"""What a node allows its home, which misses it soon after: it is elsewhere by then."""
LOCAL = Liveness(ping_seconds=10.0, dead_seconds=60.0, idle_ping_seconds=30.0, idle_dead_seconds=120.0)
"""On one machine the operating system reports a dead process at once; a busy one must not be taken for dead."""
