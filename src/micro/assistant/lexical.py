"""Finds endpoints by the very words of a sentence: SQLite's full-text index, a column for each kind of text.

It needs nothing but SQLite and costs hundredths of a millisecond; what is said in other words it does not find.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import apsw

from micro.assistant.evidence import CANDIDATES_MAX, Measures
from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence, stem
from micro.assistant.spelling import LETTERS_MIN, respelled
from micro.assistant.words import content_words

__all__ = ["LexicalEngine"]

QUERY_WORDS_MAX: Final = 32
COLUMNS: Final = (
    "word_service",
    "word_method",
    "word_text",
    "word_about",
    "word_fields",
    "word_choices",
    "word_wishes",
)


class LexicalEngine:
    """An engine, see `evidence`."""

    def __init__(self) -> None:
        self._connection = apsw.Connection(":memory:")
        ones = ("1.0" if one == column else "0.0" for column in range(len(COLUMNS)) for one in range(len(COLUMNS)))
        weights = list(zip(*[ones] * len(COLUMNS), strict=True))
        scores = ", ".join(f"-bm25(offers, {', '.join(row)})" for row in weights)
        self._query = f"select rowid, {scores} from offers where offers match ? order by rank limit {CANDIDATES_MAX}"  # noqa: S608
        self._known: frozenset[str] = frozenset()
        self._make()

    def _make(self) -> None:
        columns = ", ".join(COLUMNS)
        self._connection.execute("drop table if exists offers")
        self._connection.execute(
            f"create virtual table offers using fts5({columns}, tokenize='porter unicode61 remove_diacritics 2')"
        )

    def learn(self, offers: Sequence[Offer]) -> None:
        """Takes in all endpoints there are."""
        self._make()
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        rows = [
            (
                number,
                f"{offer.service} {offer.tags}",
                offer.method,
                offer.description,
                offer.about,
                offer.field_texts(),
                offer.choices_text(),
                "\n".join(offer.wishes),
            )
            for number, offer in enumerate(offers)
        ]
        words = (word for row in rows for text in row[1:] for word in content_words(str(text)))
        self._known = frozenset(word for word in words if len(word) >= LETTERS_MIN)
        self._connection.executemany(f"insert into offers(rowid, {', '.join(COLUMNS)}) values ({marks})", rows)  # noqa: S608

    def measure(self, sentence: Sentence) -> dict[int, Measures]:
        """Returns the measures of those that share a word with the sentence."""
        words = content_words(sentence.wish)[:QUERY_WORDS_MAX]
        if not words:
            return {}
        words += self._mended(sentence, words)
        wanted = " OR ".join(f'"{word}"' for word in words)  # words are letters and digits: nothing to escape
        return {
            row[0]: {name: math.log1p(max(0.0, score)) for name, score in zip(COLUMNS, row[1:], strict=True)}
            for row in self._connection.execute(self._query, (wanted,))
        }

    def _mended(self, sentence: Sentence, words: Sequence[str]) -> list[str]:
        """Returns words of services that words of the sentence may be slips of, and notes them as kin."""
        found: list[str] = []
        for word in words:
            meant = respelled(word, self._known)
            if meant:
                sentence.kin[word] = sentence.kin.get(word, frozenset()) | {stem(other) for other in meant}
                found += meant
        return found
