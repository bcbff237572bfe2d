"""Draws the ratios: a dot for each median, a line for its spread, and a tick for its bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.lines import Line
from benchmarks.result import line_spread
from benchmarks.round import Round

__all__ = ["draw"]

CLEARS, MISSES, OPEN = "#1a7f4b", "#c0392b", "#6b7280"
WIDTH_INCHES, ROW_INCHES, MARGIN_INCHES = 9.0, 0.27, 1.2


def draw(lines: Iterable[Line], rounds: Sequence[Round], file: Path) -> None:
    """Draws the lines into an SVG file that is the same for the same figures."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "micro", "svg.fonttype": "none", "font.size": 9})
    known = [(line, spread) for line in lines if (spread := line_spread(line, rounds)) is not None]
    figure, axes = plt.subplots(figsize=(WIDTH_INCHES, MARGIN_INCHES + ROW_INCHES * len(known)))
    for row, (line, spread) in enumerate(reversed(known)):
        holds = line.holds(spread.median)
        color = OPEN if holds is None else CLEARS if holds else MISSES
        axes.plot([spread.low, spread.high], [row, row], color=color, linewidth=2.5, solid_capstyle="round")
        axes.plot([spread.median], [row], "o", color=color, markersize=5)
        if line.bar is not None:
            axes.plot([line.bar], [row], "|", color="black", markersize=11)
    axes.axvline(1.0, color="#d1d5db", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g} ×")
    axes.set_yticks(range(len(known)), [line.name for line, _ in reversed(known)])
    axes.set_xlabel("ours / theirs; | is the bar (p50: at most, rates: at least)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, format="svg", metadata={"Date": None})
    plt.close(figure)
