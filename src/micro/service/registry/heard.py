"""What became of what somebody said to a super node, and when it was said.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from micro.service.registry.penalties import Verdict

__all__ = ["SEEN_THROUGH", "Heard", "Moment"]

SEEN_THROUGH: Final = frozenset({Verdict.FORGED, Verdict.MALFORMED})
"""What a super node pays for that hands it on: every clock and every map shows that it is no good.

All else may be right where it comes from. Were it charged, a node could have its home banished, with records that end
before a clock that is ahead lets them in.
"""


class Moment(NamedTuple):
    """A time: Unix seconds, and a clock that never goes back."""

    now: float
    monotonic: float


@dataclass(slots=True)
class Heard:
    """What became of what a sender said.

    Attributes:
        again: it is to say everything again, because something is missing here.
        trouble: what was refused and why, "" where nothing was.
        banished: it misbehaved so much that its link is to be closed.
        unknown: nodes whose beats came without their presence.
        charged: for what the sender was charged.
    """

    again: bool = False
    trouble: str = ""
    banished: bool = False
    unknown: list[bytes] = field(default_factory=list)
    charged: dict[Verdict, None] = field(default_factory=dict)

    def refuses(self, verdict: Verdict, what: str) -> bool:
        """Takes note of a verdict, and says whether its sender is to be charged.

        An honest mistake is charged once a message, since one cause may spoil a whole parcel.
        """
        if verdict in (Verdict.TAKEN, Verdict.KNOWN, Verdict.UNKNOWN):
            return False
        if verdict in self.charged and verdict not in SEEN_THROUGH:
            return False
        self.charged[verdict] = None
        self.trouble = self.trouble or f"{what} was refused: it is {verdict.value}"
        return True
