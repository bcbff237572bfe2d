"""How bad the network of a world is: delays, losses, broken pipes and dials that fail.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CALM", "STORMY", "Weather"]


@dataclass(frozen=True, slots=True)
class Weather:
    """What chance does to what is sent between nodes; within a machine nothing is lost.

    Attributes:
        delay_seconds: the least that anything takes.
        jitter_seconds: the mean of what comes on top, exponentially distributed.
        loss: how often a piece is lost, and arrives when it was sent again.
        resend_seconds: how much later that is, doubled with each loss.
        split: how often a piece arrives as two.
        dial_failure: how often a dial fails although the other side is there.
        breaks_per_second: how often a pipe breaks by itself.
    """

    delay_seconds: float = 0.005
    jitter_seconds: float = 0.01
    loss: float = 0.02
    resend_seconds: float = 0.1
    split: float = 0.05
    dial_failure: float = 0.05
    breaks_per_second: float = 0.002


CALM = Weather(jitter_seconds=0.001, loss=0.0, split=0.0, dial_failure=0.0, breaks_per_second=0.0)
"""Nothing is lost and nothing breaks."""

STORMY = Weather(delay_seconds=0.02, jitter_seconds=0.05, loss=0.1, split=0.2, dial_failure=0.2, breaks_per_second=0.02)
"""The worst that is still a network."""
