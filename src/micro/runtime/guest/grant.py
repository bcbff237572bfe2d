"""What a guest may use, and no more.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Grant"]


@dataclass(frozen=True, slots=True)
class Grant:
    """The limits of one service's guests.

    Attributes:
        memory_bytes: of one instance; of each of the two memories that a component may have.
        table_elements: of each table of one instance; there are few.
        fuel: of one exchange, of a stream between two messages that it receives, and of a guest that comes to life;
            about one unit an instruction, and one for each byte that an instruction moves.
        seconds: how long a call or an event may take in all, waiting included; a stream may last.
        instances: how many instances of one service may live at once in a worker; more exchanges wait.
        waiting: how many exchanges may wait for an instance; more are refused.
        streams: how many streams one exchange may have open.
    """

    memory_bytes: int = 268_435_456
    table_elements: int = 100_000
    fuel: int = 50_000_000_000
    seconds: float = 60.0
    instances: int = 1_024
    waiting: int = 4_096
    streams: int = 16
