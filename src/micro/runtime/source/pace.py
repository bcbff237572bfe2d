"""How often a source is looked at: soon after it changed, ever more rarely while it is quiet or does not answer.

Pure.

How long to wait is a share of how long nothing has changed, as a cache reckons the freshness of a page that does not
say how long it stays fresh (RFC 9111, section 4.2.2). So a commit that follows another is found within a minute, and a
source that has not changed for a day costs one look an hour. Chance makes each wait up to a quarter longer, so that
many sources of one host are not asked for in one breath.

What somebody says of a source (a *hint*) is no fact: it makes a look come sooner, and of such looks there are only so
many within a minute, whoever says so and however often.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field, replace

__all__ = ["HintRate", "Pace", "Sighting", "answered", "failed"]

LOOK_SECONDS_MIN = 60.0
"""Between two looks at a source that nobody asked for a node lets pass at least so many seconds."""

LOOK_SECONDS_MAX = 3600.0
"""And no more than that, but for chance, unless its owner sets more."""

QUIET_SHARE = 1 / 8
"""How long to wait, as a share of how long nothing has changed."""

JITTER_SHARE = 1 / 4
"""By how much chance makes a wait longer, at most."""

DOUBLINGS_MAX = 12

TROUBLE_CHARACTERS_MAX = 500
"""How much is kept of why a look failed."""

HINTED_LOOKS_MAX = 6
"""So many looks at one source within `HINT_WINDOW_SECONDS` come sooner because of hints."""

HINTED_LOOKS_TOTAL_MAX = 60
"""So many at all sources together."""

HINT_WINDOW_SECONDS = 60.0


@dataclass(frozen=True)
class Sighting:
    """What is known of a source.

    Attributes:
        revision: what it named when it last answered; "" before the first answer.
        changed: when that was new, in seconds since 1970.
        looked: when it was last looked at, with or without an answer; 0 before the first look.
        failures: how many looks in a row had no answer.
        trouble: why the last one had none.
    """

    revision: str = ""
    changed: float = 0.0
    looked: float = 0.0
    failures: int = 0
    trouble: str = ""


def answered(before: Sighting, revision: str, now: float) -> Sighting:
    """Returns what is known after a source said that it is at `revision`."""
    changed = before.changed if before.revision == revision and before.changed <= now else now
    return Sighting(revision, changed, now)


def failed(before: Sighting, trouble: str, now: float) -> Sighting:
    """Returns what is known after a source did not answer."""
    return replace(before, looked=now, failures=before.failures + 1, trouble=trouble[:TROUBLE_CHARACTERS_MAX])


@dataclass(frozen=True)
class Pace:
    """How long to wait between looks, in seconds, before chance makes it longer.

    Attributes:
        seconds_min: at least.
        seconds_max: at most.
    """

    seconds_min: float = LOOK_SECONDS_MIN
    seconds_max: float = LOOK_SECONDS_MAX

    def wait(self, sighting: Sighting, chance: float) -> float:
        """Returns the seconds between the look that led to `sighting` and the next; `chance` is evenly from 0 to 1."""
        quiet = (sighting.looked - sighting.changed) * QUIET_SHARE
        missed = self.seconds_min * 2.0 ** min(sighting.failures, DOUBLINGS_MAX) if sighting.failures else 0.0
        wait = max(self.seconds_min, min(self.seconds_max, max(quiet, missed)))
        return wait * (1 + JITTER_SHARE * chance)

    def left(self, sighting: Sighting, now: float, chance: float) -> float:
        """Returns how much of that wait is left at the date `now`; a date that jumped costs no more than one wait."""
        if not sighting.looked:
            return 0.0
        wait = self.wait(sighting, chance)
        return min(wait, max(0.0, sighting.looked + wait - now))


@dataclass
class HintRate:
    """How many hints may still count: at most `limit` within any `HINT_WINDOW_SECONDS`."""

    limit: int
    _times: list[float] = field(default_factory=list)

    def free(self, now: float) -> float:
        """Returns from when on, on the clock of `now`, another one counts: `now` itself if it does already."""
        del self._times[: bisect_right(self._times, now - HINT_WINDOW_SECONDS)]
        if len(self._times) < self.limit:
            return now
        return max(now, self._times[-self.limit] + HINT_WINDOW_SECONDS)

    def take(self, time: float) -> None:
        """Counts one at a time that `free` returned, or later."""
        insort(self._times, time)
