"""Where logs are: which nodes keep a topic and let others subscribe to it.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ["LogDirectory"]


class LogDirectory(Protocol):
    """Announces the logs that this node keeps for others, and finds those of other nodes.

    What is found is a hint: whoever keeps a log decides himself who may subscribe to it.
    """

    def announce(self, topic: str) -> None:
        """This node keeps a log of the topic that others may ask for; saying so twice changes nothing."""

    def withdraw(self, topic: str) -> None:
        """It no longer does."""

    def find(self, topic: str) -> Sequence[str]:
        """Returns the ids of the other nodes that keep a log of the topic, as far as is known, in a steady order."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Has `changed` called on the loop whenever `find` may answer otherwise than before."""
