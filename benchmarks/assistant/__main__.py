"""Says how well the assistant understands, and fits its weights anew: `python -m benchmarks.assistant --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import micro.assistant.weights
from benchmarks.assistant.fitting import fit_ranking, fit_refusal, measured, source
from benchmarks.assistant.report import TUNED, Row, page, report
from benchmarks.assistant.utterances import SetName, catalogue_offers, read_utterances, without_wishes
from micro.assistant.lexical import LexicalEngine
from micro.assistant.semantic import SemanticEngine, UniversalEncoder

__all__ = ["main"]

SETS: Final[tuple[SetName, ...]] = ("tuned", "held_out", "everyday_tuned", "everyday_held_out")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "understanding.md"


def main(words: Sequence[str] | None = None) -> int:
    """Measures, or fits, and returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.assistant", description=__doc__)
    parser.add_argument("--fit", action="store_true", help="fit the weights on what may be tuned on, and write them")
    parser.add_argument("--misses", action="store_true", help="show what is not understood of what may be tuned on")
    parser.add_argument("--write", action="store_true", help=f"write docs/reference/{PAGE.name}")
    options = parser.parse_args(words)
    if options.fit:
        _fit()
        return 0
    rows: list[Row] = [report(name, misses=options.misses) for name in SETS]
    rows += [report(name, wishes=False) for name in SETS if name not in TUNED]
    text = page(rows)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    print(text)
    return 0


def _fit() -> None:
    """Fits on each sentence twice: with the wishes that services show, and as if they showed none, as most will."""
    utterances = [*read_utterances("tuned"), *read_utterances("everyday_tuned")]
    offers = catalogue_offers()
    encoder = UniversalEncoder()
    samples, by_words = [], []
    for known in (offers, without_wishes(offers)):
        meaning, words = SemanticEngine(encoder), LexicalEngine()
        meaning.learn(known)
        words.learn(known)
        samples += measured(utterances, known, (meaning, words))
        by_words += measured(utterances, known, (words,))
    ranking = fit_ranking(samples)
    text = source(ranking, fit_refusal(samples, ranking), fit_ranking(by_words))
    Path(micro.assistant.weights.__file__).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
