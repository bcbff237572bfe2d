"""Weighs what speaks for each endpoint, and decides: do it, offer chips, or say that no service fits.

Pure.

The weights are those of a conditional logit (McFadden, 1974): the chance that an endpoint is meant is its share in the
sum of exp(weights · measures) over all candidates. Whether anything fits at all is a second, logistic, judgement of the
best candidate: a sentence that only happens to be nearest to something is not about it.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from micro.assistant.acts import act_likeness, acts_of_sentence
from micro.assistant.cues import strange_words
from micro.assistant.directions import ends_of
from micro.assistant.evidence import MEASURES, Engine, Measures
from micro.assistant.exemplars import exemplars_of, how_alike
from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence
from micro.assistant.slots import Filling, fill
from micro.assistant.weights import FITTING, WEIGHTS, WORDS_ALONE
from micro.assistant.words import content_words, split_words

__all__ = ["CHIPS_MAX", "Candidate", "Ranking", "fit_measures", "look", "rank", "search", "weigh"]

CHIPS_MAX: Final = 3
LOOKED_AT_MAX: Final = 40
"""So many of the candidates are filled in, the most likely first: filling in costs a tenth of a millisecond each."""

SURE_MIN: Final = 0.45
"""From so much of a share on, the best candidate is taken without asking."""

LEARNED_SCORE: Final = 8.0
"""What a choice that was made before for the same sentence adds to a score."""

NOTHING_LEARNED: Final[Mapping[str, float]] = {}

ANY_LIKENESS: Final = 0.35
"""So much words have in common that have nothing to do with each other."""

FITS_MIN: Final = 0.4
"""What is less likely to fit than that is not offered at all."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An endpoint that may be meant.

    Attributes:
        offer: the endpoint.
        share: how likely it is among the candidates, from 0 to 1.
        score: the weighed sum.
        measures: what speaks for it.
        filling: what the sentence says of its fields.
        learned: whether its caller chose it before for a sentence like this.
    """

    offer: Offer
    share: float
    score: float
    measures: Measures
    filling: Filling
    learned: bool = False


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a sentence may mean, the likeliest first.

    Attributes:
        candidates: the endpoints, at most a few dozen.
        fits: how likely it is that any of them is meant, from 0 to 1.
    """

    candidates: tuple[Candidate, ...]
    fits: float

    @property
    def decision(self) -> Literal["sure", "unsure", "none"]:
        """What to do with it."""
        if not self.candidates or self.fits < FITS_MIN:
            return "none"
        return "sure" if self.candidates[0].share >= SURE_MIN else "unsure"


def rank(
    sentence: Sentence,
    offers: Sequence[Offer],
    engines: Sequence[Engine],
    *,
    learned: Mapping[str, float] = NOTHING_LEARNED,
    hidden: Container[str] = (),
) -> Ranking:
    """Returns what a sentence may mean.

    Args:
        sentence: what was said.
        offers: what there is, as the engines learned it.
        engines: what compares them; the first alone if it knows words only.
        learned: `SERVICE ENDPOINT` -> how alike the sentence is, from 0 to 1, to one for which it was chosen before.
        hidden: services that this caller is not shown.
    """
    by_meaning = len(engines) > 1
    weights = WEIGHTS if by_meaning else WORDS_ALONE
    looked = look(sentence, offers, engines, weights, LOOKED_AT_MAX)
    names = {candidate.offer.name for candidate in looked}
    looked += (
        [
            _candidate(offer, {}, sentence, weights)
            for offer in offers
            if offer.name in learned and offer.name not in names
        ]
        if learned
        else []
    )
    shown = [_taught(found, learned) for found in looked if found.offer.service not in hidden]
    return Ranking(*_shared(shown, by_meaning))


def _taught(found: Candidate, learned: Mapping[str, float]) -> Candidate:
    likeness = learned.get(found.offer.name, 0.0)
    if not likeness:
        return found
    return replace(found, score=found.score + LEARNED_SCORE * likeness, learned=True)


def search(
    sentence: Sentence, offers: Sequence[Offer], engines: Sequence[Engine], *, hidden: Container[str] = ()
) -> tuple[Candidate, ...]:
    """Returns what a wish is near to, the best first: by meaning and words alone, whatever fields it fills in."""
    weights = WEIGHTS if len(engines) > 1 else WORDS_ALONE
    found = [
        Candidate(offers[number], 0.0, weigh(measures, weights), measures, Filling())
        for number, measures in _measured(sentence, offers, engines).items()
        if offers[number].service not in hidden
    ]
    return _shared(found, by_meaning=False)[0]


def _measured(sentence: Sentence, offers: Sequence[Offer], engines: Sequence[Engine]) -> dict[int, dict[str, float]]:
    """Returns number of an endpoint -> what the engines measure of it, and whether it does what is to be done."""
    measured: dict[int, dict[str, float]] = {}
    for engine in engines:
        for number, measures in engine.measure(sentence).items():
            measured.setdefault(number, {}).update(measures)
    said = acts_of_sentence(sentence.wish)
    for number, found in measured.items():
        found["act"] = act_likeness(said, offers[number].acts)
    return measured


def look(
    sentence: Sentence, offers: Sequence[Offer], engines: Sequence[Engine], weights: Mapping[str, float], count: int
) -> list[Candidate]:
    """Returns the endpoints that `weights` find likeliest before their fields are looked at, at most so many."""
    measured = _measured(sentence, offers, engines)
    order = sorted(measured, key=lambda number: -weigh(measured[number], weights))[:count]
    return [_candidate(offers[number], measured[number], sentence, weights) for number in order]


def _candidate(offer: Offer, found: dict[str, float], sentence: Sentence, weights: Mapping[str, float]) -> Candidate:
    filling = fill(offer, sentence)
    found.update(_fit(offer, filling, sentence))
    return Candidate(offer, 0.0, weigh(found, weights), found, filling)


def _fit(offer: Offer, filling: Filling, sentence: Sentence) -> dict[str, float]:
    """Returns how well the fields of an endpoint and the sentence go together."""
    required = [field for field in offer.fields if field.required]
    filled = sum(field.path in filling.values for field in required)
    parts = [(span.start, span.end) for span in sentence.spans if span.form not in ("quoted", "code")]
    parts += [(amount.start, amount.end) for amount in sentence.amounts]
    strange = strange_words(offer, sentence, filling.used)
    idle = sum(not filling.is_used(*part) for part in parts)
    alike = _alike(offer, filling, sentence)
    shown = filling.typed > 0 or alike > 0.0
    return {
        "same": _same(offer, sentence),
        "whole": float(shown and filled == len(required) and not strange and not idle),
        "required": filled / len(required) if required else 0.5,
        "lacking": float(min(3, len(required) - filled)),
        "strange": float(min(4, strange)),
        "typed": float(min(3, filling.typed)),
        "alike": alike,
        "idle": float(min(3, idle)),
    }


def _same(offer: Offer, sentence: Sentence) -> float:
    """Returns how many words of a sentence an endpoint's name and text have in the very same form, plural or not."""
    words = content_words(sentence.wish)
    own = set(content_words(f"{offer.method} {offer.description}"))
    return sum(word in own for word in words) / math.sqrt(max(1, len(words)))


def _alike(offer: Offer, filling: Filling, sentence: Sentence) -> float:
    """Returns how much more than any word values mean something like what the service shows of their fields."""
    if not sentence.likeness:
        return 0.0
    ends = ends_of(offer) or ()
    shown = exemplars_of(offer)
    pair = [value for known in ends for value in shown.get(known.path, ())]
    wanted = {**shown, **{known.path: pair for known in ends if pair}}
    found = [
        how_alike(sentence, split_words(filling.values[path]), exemplars) - ANY_LIKENESS
        for path, exemplars in wanted.items()
        if isinstance(filling.values.get(path), str)
    ]
    return sum(found) / math.sqrt(len(found)) if found else 0.0


def weigh(measures: Measures, weights: Mapping[str, float]) -> float:
    """Returns the weighed sum of measures."""
    return sum(weight * measures.get(name, 0.0) for name, weight in weights.items())


def _shared(looked: Sequence[Candidate], by_meaning: bool) -> tuple[tuple[Candidate, ...], float]:
    ordered = sorted(looked, key=lambda candidate: -candidate.score)
    if not ordered:
        return (), 0.0
    best = ordered[0].score
    powers = [math.exp(candidate.score - best) for candidate in ordered]
    total = sum(powers)
    shares = [power / total for power in powers]
    found = tuple(replace(candidate, share=share) for candidate, share in zip(ordered, shares, strict=True))
    return found, 1.0 if found[0].learned else _fits(found[0], by_meaning)


def fit_measures(best: Candidate) -> dict[str, float]:
    """Returns what tells whether the best candidate is meant at all."""
    measures = best.measures
    words = sum(measures.get(name, 0.0) for name in MEASURES if name.startswith("word_"))
    return {
        "constant": 1.0,
        "meaning": max(measures.get(name, 0.0) for name in ("named_text", "text", "tagged_text", "about_text")),
        "service": measures.get("service", 0.0),
        "near": measures.get("near_service_words", 0.0),
        "near_text": measures.get("near_text_words", 0.0),
        "words": math.log1p(words),
        "share": best.share,
        "shows": float(bool(best.offer.wishes)),
        "wish": measures.get("wish", 0.0),
        "wished": measures.get("wish", 0.0) + measures.get("named_text", 0.0),
        "alike": measures.get("alike", 0.0),
        "whole": measures.get("whole", 0.0),
        "act": measures.get("act", 0.0),
        "typed": measures.get("typed", 0.0),
        "idle": measures.get("idle", 0.0),
        "required": measures.get("required", 0.0),
        "lacking": measures.get("lacking", 0.0),
        "strange": measures.get("strange", 0.0),
    }


def _fits(best: Candidate, by_meaning: bool) -> float:
    if not by_meaning:
        return 1.0 if fit_measures(best)["words"] > 0.5 else 0.0
    total = sum(FITTING.get(name, 0.0) * value for name, value in fit_measures(best).items())
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, total))))
