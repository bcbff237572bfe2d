"""Search by words: which services fit, best first, while somebody still types.

Pure.

An inverted index with the ranking of BM25: a rare word counts more than a common one, a word in a name more than one
in prose, the tenth use of a word hardly more than the third. A service has a small number (its place), and a word has
two parallel arrays, the places it occurs at, in order, and its weight there in one byte: a service costs some hundred
bytes. A search reads the rarest word first. Once there are candidates enough, a common word only adds to their scores
(found by bisection) and brings no new ones: so the cost of a search does not follow the commonest word in it.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from itertools import islice

from micro.service.registry.words import last_word, words

__all__ = ["MATCHES_MAX", "Match", "SearchIndex"]

QUERY_CHARACTERS_MAX = 256
QUERY_WORDS_MAX = 8
MATCHES_MAX = 100
TERMS_PER_SERVICE_MAX = 64
"""A service is found by so many different words; those of its name, tags and endpoints come first."""

COMPLETIONS_MAX = 32
"""An unfinished word stands for at most so many words, and for so many names that begin with it."""

CANDIDATES_ENOUGH = 256
"""From so many candidates on, a word that is more common than that brings no new ones."""

READS_MAX = 20_000
"""A search reads so many postings; the words left out are the commonest, which tell least."""

BISECTION_READS = 4
"""What finding a place by bisection costs, in reads."""

FIELD_WEIGHTS = {"name": 8.0, "tags": 5.0, "endpoint": 3.0, "summary": 3.0, "text": 1.0}
SATURATION = 1.5
"""BM25's k1: how soon more of the same word stops to matter."""

COMPLETION_FACTOR = 0.6
"""An unfinished word found as the beginning of another counts less than the word itself."""

NAME_BONUS = 20.0
"""The query is the service's name."""

NAME_PREFIX_BONUS = 8.0
"""The service's name begins with the query."""

BYTE_MAX = 255


@dataclass(frozen=True, slots=True)
class Match:
    """A service that was found: its name and how well it fits, comparable within one search."""

    name: str
    score: float


class _Postings:
    """Where one word occurs: places in rising order, and the word's weight at each."""

    __slots__ = ("places", "weights")

    def __init__(self) -> None:
        self.places = array("I")
        self.weights = array("B")

    def put(self, place: int, weight: int) -> None:
        at = bisect_left(self.places, place)
        self.places.insert(at, place)
        self.weights.insert(at, weight)

    def remove(self, place: int) -> None:
        at = bisect_left(self.places, place)
        del self.places[at], self.weights[at]

    def weight(self, place: int) -> int:
        at = bisect_left(self.places, place)
        return self.weights[at] if at < len(self.places) and self.places[at] == place else 0


class SearchIndex:
    """The index; services are put in and taken out one by one."""

    def __init__(self) -> None:
        self._names: list[str | None] = []
        self._terms: list[tuple[str, ...]] = []
        self._free: list[int] = []
        self._places: dict[str, int] = {}
        self._postings: dict[str, _Postings | int] = {}
        self._sorted_terms: list[str] = []
        self._sorted_names: list[str] = []

    def __len__(self) -> int:
        """Returns how many services are indexed."""
        return len(self._places)

    def put(self, name: str, texts: Mapping[str, str]) -> None:
        """Files a service under the words of its texts, replacing what was filed before.

        Args:
            name: the service.
            texts: text by field: name, tags, endpoint, summary, text; other fields are ignored.
        """
        self.remove(name)
        weights = _weights(texts)
        place = self._free.pop() if self._free else len(self._names)
        if place == len(self._names):
            self._names.append(None)
            self._terms.append(())
        self._names[place] = name
        self._places[name] = place
        self._terms[place] = tuple(self._file(term, place, weight) for term, weight in weights.items())
        insort(self._sorted_names, name)

    def remove(self, name: str) -> None:
        """Takes a service out; nothing happens if it is not in."""
        place = self._places.pop(name, None)
        if place is None:
            return
        for term in self._terms[place]:
            self._unfile(term, place)
        self._names[place] = None
        self._terms[place] = ()
        self._free.append(place)
        del self._sorted_names[bisect_left(self._sorted_names, name)]

    def search(self, query: str, limit: int = 20) -> list[Match]:
        """Returns at most `limit` (and `MATCHES_MAX`) services that fit, best first, equals by name.

        The last word of the query may be unfinished, unless a space follows it. An empty query finds nothing.
        """
        text = query[:QUERY_CHARACTERS_MAX]
        finished = text != text.rstrip()
        terms = words(text)[:QUERY_WORDS_MAX]
        scores: dict[int, float] = {}
        groups = [self._group(term) for term in terms]
        if terms and not finished:
            groups[-1] += self._unfinished(last_word(text), terms[-1])
        reads_left = READS_MAX
        for group in sorted(filter(None, groups), key=_reach):
            reads_left = self._score(group, scores, reads_left)
        self._add_names(text.strip().lower().replace(" ", "-"), finished, scores)
        return self._best(scores, max(0, min(limit, MATCHES_MAX)))

    # --------------------------------------------------------------------------------------------------------- filing

    def _file(self, term: str, place: int, weight: int) -> str:
        """Adds a posting and returns the word, the one copy of it that the index keeps.

        A word of one service only, the most frequent kind, is kept as one number.
        """
        postings = self._postings.get(term)
        at = bisect_left(self._sorted_terms, term)
        if postings is None:
            self._postings[term] = place << 8 | weight
            self._sorted_terms.insert(at, term)
            return term
        if isinstance(postings, int):
            only, postings = postings, _Postings()
            postings.put(only >> 8, only & BYTE_MAX)
            self._postings[term] = postings
        postings.put(place, weight)
        return self._sorted_terms[at]

    def _unfile(self, term: str, place: int) -> None:
        postings = self._postings[term]
        if isinstance(postings, _Postings):
            postings.remove(place)
            if postings.places:
                return
        del self._postings[term]
        del self._sorted_terms[bisect_left(self._sorted_terms, term)]

    # ------------------------------------------------------------------------------------------------------- scoring

    def _group(self, term: str) -> list[tuple[float, _Postings | int]]:
        """Returns what one word of the query stands for, with how much it tells: itself, if anybody says it."""
        exact = self._postings.get(term)
        return [] if exact is None else [(self._rarity(exact), exact)]

    def _unfinished(self, prefix: str, term: str) -> list[tuple[float, _Postings | int]]:
        """Returns the words that an unfinished word may become."""
        found = [self._postings[other] for other in self._completions(self._sorted_terms, prefix) if other != term]
        return [(COMPLETION_FACTOR * self._rarity(postings), postings) for postings in found]

    def _completions(self, choices: list[str], prefix: str) -> Iterator[str]:
        at = bisect_left(choices, prefix)
        for choice in choices[at : at + COMPLETIONS_MAX]:
            if not choice.startswith(prefix):
                return
            yield choice

    def _rarity(self, postings: _Postings | int) -> float:
        """BM25's inverse document frequency."""
        count = _count(postings)
        return math.log(1 + (len(self._places) - count + 0.5) / (count + 0.5))

    def _score(self, group: list[tuple[float, _Postings | int]], scores: dict[int, float], reads_left: int) -> int:
        """Adds one word of the query to the scores: of all it stands for, the best at each service counts."""
        best: dict[int, float] = {}
        known = tuple(scores) if len(scores) >= CANDIDATES_ENOUGH else ()
        for rarity, postings in group:
            count = _count(postings)
            bisected = known and count > BISECTION_READS * len(known)
            reads = min(reads_left, BISECTION_READS * len(known) if bisected else count)
            reads_left -= reads
            step = rarity / BYTE_MAX
            table = [step * weight for weight in range(BYTE_MAX + 1)]
            pairs = islice(_pairs(postings, known if bisected else (), table), reads)
            if not best:
                best = dict(pairs)
            else:
                for place, score in pairs:
                    if score > best.get(place, 0.0):
                        best[place] = score
        if not scores:
            scores |= best
            return reads_left
        for place, score in best.items():
            scores[place] = scores.get(place, 0.0) + score
        return reads_left

    def _best(self, scores: dict[int, float], count: int) -> list[Match]:
        """Returns the `count` best, equals by name."""
        if not scores or not count:
            return []
        least = nlargest(count, scores.values())[-1]
        better = sorted((-score, self._name(place)) for place, score in scores.items() if score > least)
        equal = nsmallest(count - len(better), (self._name(place) for place, score in scores.items() if score == least))
        return [*(Match(name, -score) for score, name in better), *(Match(name, least) for name in equal)]

    def _name(self, place: int) -> str:
        return self._names[place] or ""

    def _add_names(self, text: str, finished: bool, scores: dict[int, float]) -> None:
        """Adds the services whose name is the whole query, or begins with it while it is unfinished."""
        bonuses = {text: NAME_BONUS} if text in self._places else {}
        if text and not finished:
            bonuses = dict.fromkeys(self._completions(self._sorted_names, text), NAME_PREFIX_BONUS) | bonuses
        for name, bonus in bonuses.items():
            scores[self._places[name]] = scores.get(self._places[name], 0.0) + bonus


def _pairs(postings: _Postings | int, only: Sequence[int], table: list[float]) -> Iterable[tuple[int, float]]:
    """Returns places and scores of a word: at the places in `only`, or everywhere where that is empty."""
    if isinstance(postings, int):
        return ((postings >> 8, table[postings & BYTE_MAX]),)
    if only:
        return ((place, table[postings.weight(place)]) for place in only)
    return zip(postings.places, map(table.__getitem__, postings.weights), strict=True)


def _count(postings: _Postings | int) -> int:
    return 1 if isinstance(postings, int) else len(postings.places)


def _reach(group: list[tuple[float, _Postings | int]]) -> int:
    return sum(_count(postings) for _, postings in group)


def _weights(texts: Mapping[str, str]) -> dict[str, int]:
    """Returns the words of a service, the most telling first, each with its saturated weight in a byte."""
    counts: dict[str, float] = {}
    for field, weight in FIELD_WEIGHTS.items():
        for word in words(texts.get(field, "")):
            if word in counts or len(counts) < TERMS_PER_SERVICE_MAX:
                counts[word] = counts.get(word, 0.0) + weight
    # BM25's length norm is left out: the number of words is bounded, and a good description should not cost.
    return {word: max(1, round(BYTE_MAX * count / (count + SATURATION))) for word, count in counts.items()}
