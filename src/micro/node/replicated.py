"""A log of which copies are kept, as this node knows it: what is remembered of it, and who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from micro.errors import Fault, Unavailable
from micro.node.copied_log import CopiedLog
from micro.node.copier import Copier
from micro.node.taking_back import Outcome
from micro.service.copies.acknowledging import Waiting, patience_seconds
from micro.service.copies.confirming import Confirming, Extent
from micro.service.copies.replication import Replication

__all__ = ["Done", "Impatient", "Known", "ReplicatedLog"]

Done = Callable[[Fault | None], None]


class Known(msgspec.Struct):
    """What is remembered of a log: its name, the number of the last choice of super nodes, and who they were.

    And whether it is being taken back from its copies: if the node ends meanwhile nobody knows how far that came.
    """

    log: str
    generation: int = 0
    copies: tuple[str, ...] = ()
    is_begun: bool = False


class ReplicatedLog:
    """One log of which copies are kept."""

    def __init__(self, topic: str, known: Known, wanted: int, last: int) -> None:
        self.topic = topic
        self.begin(known, wanted, last)
        self.waiting = Waiting(topic)
        self.landed: list[tuple[int, Done]] = []
        self.copiers: dict[str, Copier] = {}
        self.copied: CopiedLog
        self.confirming: Confirming
        self.taking: asyncio.Task[None] | None = None
        self.trouble = ""

    def begin(self, known: Known, wanted: int, last: int) -> None:
        """Begins as what is remembered, and found, says."""
        self.known = known
        self.replication = Replication(wanted, chosen=known.copies, generation=known.generation, last=last)

    def found(self, outcome: Outcome, fresh: str, last: int) -> tuple[str, bool]:
        """Goes on after it was looked what copies have; the log, up to event `last`, may have a fresh name.

        Returns:
            The name that it had, "" where it keeps its name, and whether it keeps the one that it has now.
        """
        known, former = self.known, ""
        generation = max(known.generation, outcome.generation)
        if outcome.log and outcome.is_whole:
            known = Known(outcome.log, generation, known.copies or outcome.copies[: self.replication.wanted])
        elif outcome.taken or (outcome.log and not outcome.is_whole):
            known, former = Known(fresh, generation, known.copies), outcome.log
        self.taking = None
        self.begin(known, self.replication.wanted, last)
        return former, bool(former) or (outcome.is_sure and outcome.is_whole)

    def extent(self, last: int) -> Extent:
        """Returns how far the log goes, which ends with event `last`, and its copies; none has what is taken back."""
        return Extent(last, self.replication.safe)

    def settle(self) -> None:
        """Tells the publishers whose events are safe."""
        self.waiting.settle(self.replication.safe)


class Impatient:
    """A publisher whose event waits for a log that is being taken back, no longer than it would for copies.

    Args:
        topic: of the log.
        timeout_milliseconds: how long the publisher waits, 0 where it does not say.
        done: called with the fault once that is over.
    """

    def __init__(self, topic: str, timeout_milliseconds: int, done: Done) -> None:
        detail = (
            f"the log of {topic} is being taken back from its copies, and the event is not kept yet; publish it again "
            "with the same id: that is no second event"
        )
        self._is_told = False
        self._done = done
        seconds = patience_seconds(timeout_milliseconds)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._tell, Unavailable(detail))

    def _tell(self, fault: Fault) -> None:
        self._is_told = True
        self._done(fault)

    def is_there(self) -> bool:
        """Ends the wait: the event is kept, or refused. Returns whether nothing was told yet."""
        self._timer.cancel()
        return not self._is_told
