"""A log of which copies are kept, as this node knows it: what is remembered of it, and who waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from micro.errors import Fault, Unavailable
from micro.node.copied_log import CopiedLog
from micro.node.copier import FORKED, Copier
from micro.node.taking_back import Outcome
from micro.service.copies.acknowledging import Waiting, patience_seconds
from micro.service.copies.believing import Listed
from micro.service.copies.confirming import Confirming, Extent
from micro.service.copies.messages import MICROSECONDS
from micro.service.copies.older import OlderLog, older_logs
from micro.service.copies.replication import Replication
from micro.trust.identity import short

__all__ = ["Done", "Impatient", "Known", "ReplicatedLog"]

TROUBLES_CHARACTERS_MAX: Final = 600
"""What super nodes said is told up to so many."""

log = logging.getLogger("micro.copies")

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
        self.older: list[OlderLog] = []
        """What lies at copies and was not taken back, as it was when that was last looked at."""
        self.looking: asyncio.Task[None] | None = None

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

    def look(self, listed: Mapping[str, Sequence[Listed]]) -> None:
        """Takes note of what copies have, as they have listed it, and was not taken back; says so in the log."""
        self.older = older_logs(listed, self.known.log, self._dated)
        for each in self.older:
            log.warning(
                "an older log of %s, events %d to %d, lies at %s and was not taken back; `micro events copies` says "
                "what to do",
                self.topic,
                each.first,
                each.last,
                ", ".join(short(nid) for nid in each.copies),
            )

    def _dated(self, sequence: int) -> int | None:
        """Returns when the log's event of a number was taken, in microseconds, None where it does not have that."""
        broker = self.copied.broker
        first, last = broker.bounds(self.topic)
        found = broker.read(self.topic, sequence, count=1, size=1) if first <= sequence <= last else []
        return round(found[0][1].time * MICROSECONDS) if found else None

    def why(self) -> str:
        """Says why too few copies have it."""
        replication = self.replication
        if replication.is_short:
            text = f"{replication.wanted} copies are wanted, and {len(replication.chosen)} super nodes can keep one"
        else:
            text = f"fewer than {replication.wanted} super nodes have said that it is on their disks"
        if self.copied.forked:
            places = ", ".join(sorted(short(nid) for nid in self.copied.forked))
            return f"{text} (the copy at {places} {FORKED})"
        if self.trouble:
            return f"{text} ({self.trouble})"
        troubles = [f"{short(nid)}: {copier.trouble}" for nid, copier in self.copiers.items() if copier.trouble]
        return f"{text} ({'; '.join(troubles)[:TROUBLES_CHARACTERS_MAX]})" if troubles else text

    def _hindrance(self) -> str:
        """Says what is in the way now, "" where nothing is: who only has to drop its copy is in nobody's."""
        replication = self.replication
        troubled = any(copier.trouble for nid, copier in self.copiers.items() if nid in replication.chosen)
        is_late = replication.safe < self.waiting.late
        return self.why() if replication.is_short or troubled or is_late or self.trouble else ""

    def status(self, last: int, hopeless: str, now: float, kept_seconds: float) -> dict[str, Any]:
        """Returns how it is copied.

        Args:
            last: its newest event.
            hopeless: why it cannot be copied at all, "" where it can.
            now: in seconds since 1970.
            kept_seconds: what was taken so long ago no copy has any more.
        """
        oldest = (now - kept_seconds) * MICROSECONDS
        forked = ", ".join(sorted(short(nid) for nid in self.copied.forked))
        return {
            "topic": self.topic,
            "replicas": self.replication.wanted,
            "copies": list(self.replication.chosen),
            "last": last,
            "copied": self.replication.safe,
            "waiting": len(self.waiting),
            "trouble": hopeless or self._hindrance() or (f"the copy at {forked} {FORKED}" if forked else ""),
            "older": [
                {
                    "log": each.log,
                    "first": each.first,
                    "last": each.last,
                    "time": each.time / MICROSECONDS,
                    "copies": list(each.copies),
                }
                for each in self.older
                if each.time > oldest
            ],
        }


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
