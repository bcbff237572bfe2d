"""Fits the assistant's weights on the sentences that may be tuned on: a conditional logit, and a logistic judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.assistant.utterances import Utterance
from micro.assistant.evidence import MEASURES, Engine
from micro.assistant.offers import Offer
from micro.assistant.ranking import Candidate, fit_measures, look, weigh
from micro.assistant.sentence import Sentence

__all__ = ["Sample", "fit_ranking", "fit_refusal", "measured", "source"]

Sample = tuple[Utterance, list[Candidate]]
Vector = NDArray[np.float64]

RANKING_PENALTY, REFUSAL_PENALTY = 0.001, 0.003
"""How much large weights cost: with few sentences, a weight has to be worth it."""

STEPS, STEP = 500, 0.1
PURPOSE = "The weights of evidence, fitted by `python -m benchmarks.assistant --fit` and not written by hand."


def measured(utterances: Sequence[Utterance], offers: Sequence[Offer], engines: Sequence[Engine]) -> list[Sample]:
    """Returns each sentence with all candidates and what speaks for them."""
    everything = dict.fromkeys(MEASURES, 1.0)
    return [(u, look(Sentence(u.say), offers, engines, everything, len(offers))) for u in utterances]


def _row(candidate: Candidate) -> list[float]:
    return [candidate.measures.get(name, 0.0) for name in MEASURES]


def fit_ranking(samples: Sequence[Sample]) -> dict[str, float]:
    """Returns the weights under which what is meant is likeliest."""
    cases: list[tuple[Vector, list[int]]] = []
    for utterance, candidates in samples:
        right = [number for number, found in enumerate(candidates) if found.offer.name in utterance.endpoints]
        if right:
            cases.append((np.array([_row(candidate) for candidate in candidates]), right))
    table, hidden, meant = _padded(cases)

    def slope(weights: Vector) -> Vector:
        scores = table @ weights + hidden
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        wanted = shares * meant
        wanted /= np.maximum(wanted.sum(axis=1, keepdims=True), 1e-12)
        found: Vector = RANKING_PENALTY * weights + np.einsum("ij,ijk->k", shares - wanted, table) / len(cases)
        return found

    weights = _descend(slope, len(MEASURES))
    return {name: round(float(weight), 3) for name, weight in zip(MEASURES, weights, strict=True)}


def _padded(cases: Sequence[tuple[Vector, list[int]]]) -> tuple[Vector, Vector, Vector]:
    """Returns the measures of all cases in one table, what hides its empty rows, and which rows are meant."""
    size = max(len(rows) for rows, _ in cases)
    table = np.zeros((len(cases), size, len(MEASURES)))
    hidden, meant = np.full((len(cases), size), -np.inf), np.zeros((len(cases), size))
    for number, (rows, right) in enumerate(cases):
        table[number, : len(rows)] = rows
        hidden[number, : len(rows)] = 0.0
        meant[number, right] = 1.0
    return table, hidden, meant


def fit_refusal(samples: Sequence[Sample], weights: Mapping[str, float]) -> dict[str, float]:
    """Returns the weights of the judgement whether the best candidate is meant at all."""
    rows, meant, names = [], [], [""]
    for utterance, candidates in samples:
        best = best_of(candidates, weights)
        if best is not None:
            names = list(fit_measures(best))
            rows.append(list(fit_measures(best).values()))
            meant.append(1.0 if utterance.endpoints else 0.0)
    table, answers = np.array(rows), np.array(meant)
    even = np.where(answers > 0, 0.5 / answers.sum(), 0.5 / (1 - answers).sum())  # both kinds count alike

    def slope(weights: Vector) -> Vector:
        chances = 1 / (1 + np.exp(-(table @ weights)))
        found: Vector = REFUSAL_PENALTY * weights + table.T @ ((chances - answers) * even)
        return found

    found = _descend(slope, len(names))
    return {name: round(float(weight), 3) for name, weight in zip(names, found, strict=True)}


def best_of(candidates: Sequence[Candidate], weights: Mapping[str, float]) -> Candidate | None:
    """Returns the likeliest candidate under other weights, with its share."""
    if not candidates:
        return None
    scores = np.array([weigh(candidate.measures, weights) for candidate in candidates])
    shares = np.exp(scores - scores.max())
    place = int(scores.argmax())
    found = candidates[place]
    return Candidate(found.offer, float(1 / shares.sum()), float(scores[place]), found.measures, found.filling)


def _descend(slope: object, count: int) -> Vector:
    """Follows a slope down (Adam: Kingma and Ba, 2015)."""
    assert callable(slope)
    weights, mean, spread = np.zeros(count), np.zeros(count), np.zeros(count)
    for step in range(1, STEPS + 1):
        down = slope(weights)
        mean = 0.9 * mean + 0.1 * down
        spread = 0.99 * spread + 0.01 * down * down
        weights = weights - STEP * (mean / (1 - 0.9**step)) / (np.sqrt(spread / (1 - 0.99**step)) + 1e-8)
    return weights


def source(ranking: Mapping[str, float], refusal: Mapping[str, float], words_alone: Mapping[str, float]) -> str:
    """Returns the text of the module `micro.assistant.weights`."""
    parts = [
        f'"""{PURPOSE}\n\nPure.\n"""\n',
        "from __future__ import annotations\n",
        "from collections.abc import Mapping\nfrom typing import Final\n",
        '__all__ = ["FITTING", "WEIGHTS", "WORDS_ALONE"]\n',
    ]
    for name, weights in (("WEIGHTS", ranking), ("FITTING", refusal), ("WORDS_ALONE", words_alone)):
        lines = "".join(f'    "{key}": {value},\n' for key, value in weights.items())
        parts.append(f"{name}: Final[Mapping[str, float]] = {{\n{lines}}}")
    return "\n".join(parts) + "\n"
