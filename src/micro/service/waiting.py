"""What a subscriber waits for: logs of other nodes that refuse it, or cannot be reached, and why.

Pure.

    a log is       when                                                      until
    refused        its node, when asked, did not take the subscription       it does: it is asked again and again
    missing        it is not found, not reached, or not to be heard here     it is there

The subscriber is told of a change, not of each attempt. What other nodes say is shown in plain characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from micro.trust.identity import short

__all__ = ["Waiting", "shown"]

REFUSALS_MAX: Final = 64
"""Of so many nodes a subscription remembers the refusal."""

REASON_CHARACTERS_MAX: Final = 300

TOLD_MAX: Final = 3
"""So many of them are named to the subscriber."""


def shown(text: str) -> str:
    """Returns what another node said, in plain characters and cut to `REASON_CHARACTERS_MAX`."""
    return ascii(text[:REASON_CHARACTERS_MAX])[1:-1][:REASON_CHARACTERS_MAX]


class Waiting:
    """What one subscriber waits for.

    Attributes:
        missing: the nodes whose logs are out of reach, of each why.
    """

    __slots__ = ("_refusals", "_told", "missing")

    def __init__(self) -> None:
        self.missing: Mapping[str, str] = {}
        self._refusals: dict[str, str] = {}
        self._told = ""

    def refused(self, nid: str, why: str) -> bool:
        """Takes note that a log's node refuses; returns whether that is news."""
        is_new = nid not in self._refusals
        if is_new and len(self._refusals) >= REFUSALS_MAX:
            self._refusals.clear()
        self._refusals[nid] = why
        return is_new

    def granted(self, nid: str) -> None:
        """Takes note that a log's node, or one that has its copy, has taken the subscription."""
        self._refusals.pop(nid, None)

    def news(self, *, is_settled: bool) -> str | None:
        """Returns what is to be told now, "" where nothing is waited for any more; None where that was told before.

        Args:
            is_settled: whether every log that is asked has answered; else something may be waited for yet.
        """
        whys = [
            f"{short(nid)} refuses, and is asked again: {why}"
            for nid, why in sorted(self._refusals.items())
            if nid not in self.missing
        ]
        whys += [shown(why) for _, why in sorted(self.missing.items())]
        more = [f"and {len(whys) - TOLD_MAX} more"] if len(whys) > TOLD_MAX else []
        told = "; ".join([*whys[:TOLD_MAX], *more])
        if told == self._told or not (told or is_settled):
            return None
        self._told = told
        return told

    def states(self, asked: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """Returns node, state and reason of each log; `asked` are the states of those that are asked now."""
        found = {nid: (state, "") for nid, state in asked.items()}
        found |= {nid: ("refused", why) for nid, why in self._refusals.items()}
        found |= {nid: ("sought", shown(why)) for nid, why in self.missing.items()}
        return [(nid, *found[nid]) for nid in sorted(found)]
