"""Tells how a text sounds, glad or not, by the words in it: a lexicon and a few rules, all of it offline."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from micro import Service, errors

# The rules and their numbers are those of VADER: C. J. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model
# for Sentiment Analysis of Social Media Text", ICWSM 2014, section 3.4; so is the lexicon.
REACH = 3
"""So many words before a word can turn, strengthen or weaken it."""

NEGATED = -0.74
STRONGER = 0.293
FADING = (1.0, 0.95, 0.9)
"""What is left of a strengthening word by its distance."""

SHOUTED = 0.733
BEFORE_BUT, AFTER_BUT = 0.5, 1.5
EXCLAMATION, EXCLAMATIONS_MAX = 0.292, 4
FLATTENING = 15.0
"""How slowly a sum of ratings nears 1."""

MOOD_FROM = 0.05
"""A score nearer to 0 is neutral."""

TEXT_CHARACTERS_MAX = 20_000
SENTENCES_MAX = 200
TELLING_MAX = 20

NEGATING_WORDS = """
    not no never none nobody nothing neither nor nowhere hardly rarely scarcely seldom without cannot despite
    aint arent cant couldnt didnt doesnt dont hadnt hasnt havent isnt shouldnt wasnt werent wont wouldnt
"""
STRENGTHENING_WORDS = """
    absolutely amazingly awfully completely considerably decidedly deeply enormously entirely especially extremely
    exceptionally fully greatly highly hugely incredibly intensely more most particularly purely quite really so
    remarkably strikingly substantially thoroughly too total totally tremendously truly unbelievably utterly very
"""
WEAKENING_WORDS = """
    almost barely fairly just kinda less little marginally occasionally partly scarcely slightly somewhat
"""
NEGATIONS, STRENGTHENING, WEAKENING = (
    frozenset(words.split()) for words in (NEGATING_WORDS, STRENGTHENING_WORDS, WEAKENING_WORDS)
)
SMILEY = r"[<>]?[:;=][-o^']?[)(\]\[DPp|/\\*3](?![\w/])|<3|</3|\\o/"
EMOJI = {
    **dict.fromkeys("😀😃😄😁😊🙂☺😍🥰😘🤗😎👍👏🎉🥳💯", 2.0),
    **dict.fromkeys("❤💕💖😂🤣😆😋🙏💪✨😻💚💙", 1.8),
    **dict.fromkeys("😢😭☹🙁😞😔😟😕💔👎😩😫", -2.0),
    **dict.fromkeys("😡😠🤬🤮🤢😱😨😒🙄💩", -2.2),
}
TOKEN = re.compile(rf"{SMILEY}|[{''.join(EMOJI)}]|[^\W\d_]+(?:['’-][^\W\d_]+)*")
SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|\n+")

Mood = Literal["positive", "neutral", "negative"]

service = Service(
    "sentiment",
    version="1.0.0",
    description="Tells how an English text sounds, positive or negative, and which words make it so.",
    metadata={"tags": "text, sentiment, mood, analysis, language"},
)


@dataclass
class Felt:
    """A word that told something.

    Attributes:
        word: the word.
        rating: how it sounds where it stands, less than 0 is bad; alone, words go from -4 to 4.
    """

    word: str
    rating: float


@dataclass
class Sentiment:
    """How a text sounds.

    Attributes:
        mood: positive, neutral or negative.
        score: how strongly, from -1 to 1.
        words: the words that told it, the strongest first.
    """

    mood: Mood
    score: float
    words: list[Felt]


@dataclass
class Sentence:
    """How a sentence sounds.

    Attributes:
        text: the sentence.
        mood: positive, neutral or negative.
        score: how strongly, from -1 to 1.
    """

    text: str
    mood: Mood
    score: float


@service.endpoint(idempotent=True, examples=[{"text": "The room was lovely, but the breakfast was not very good."}])
def analyze(text: str) -> Sentiment:
    """Tell how a text sounds as a whole.

    Wishes:
        is this review positive or negative
        how angry does this letter sound

    Wishes (es):
        es positiva o negativa esta reseña

    Wishes (de):
        ist diese Bewertung positiv oder negativ

    Args:
        text: some sentences of English, at most 20,000 characters; longer texts are better told by sentence.
    """
    _check(text)
    felt = list(_felt(text))
    score = _score(felt, text)
    felt.sort(key=lambda one: -abs(one.rating))
    return Sentiment(_mood(score), score, [Felt(one.word, round(one.rating, 3)) for one in felt[:TELLING_MAX]])


@service.endpoint(idempotent=True, examples=[{"text": "The room was lovely. The breakfast was awful!"}])
def sentences(text: str) -> list[Sentence]:
    """Tell how each sentence of a text sounds.

    Wishes:
        the mood of this text, sentence by sentence

    Args:
        text: at most 200 sentences of English, and 20,000 characters.
    """
    _check(text)
    parts = [part for part in (part.strip() for part in SENTENCE.split(text)) if part]
    if len(parts) > SENTENCES_MAX:
        raise errors.BadRequest(f"text: expected at most {SENTENCES_MAX} sentences, got {len(parts)}; split it")
    scores = [_score(list(_felt(part)), part) for part in parts]
    return [Sentence(part, _mood(score), score) for part, score in zip(parts, scores, strict=True)]


@service.endpoint(idempotent=True, examples=[{"word": "lovely"}])
def rating(word: str) -> float:
    """Tell how a word sounds by itself, from -4 to 4: the mean of what ten people said.

    Wishes:
        how positive is the word lovely

    Args:
        word: an English word or a smiley.
    """
    found = _rating(word.strip())
    if found is None:
        raise errors.NotFound(f"{word[:40]!r} is not in the lexicon: it counts as neutral")
    return found


def _felt(text: str) -> Iterator[Felt]:
    """Yields the words of a text that sound like something, each as it sounds where it stands."""
    tokens = TOKEN.findall(text)
    plain = [token.casefold().replace("’", "'").replace("'", "") for token in tokens]
    but = max((at for at, word in enumerate(plain) if word == "but"), default=-1)
    letters = [token for token in tokens if len(token) > 1 and token.isalpha()]
    mixed = not all(token.isupper() for token in letters)
    for at, token in enumerate(tokens):
        rating = _rating(token)
        if rating is None or plain[at] in STRENGTHENING | WEAKENING:
            continue
        away = math.copysign(1, rating)
        if mixed and len(token) > 1 and token.isupper():
            rating += away * SHOUTED
        before = plain[max(0, at - REACH) : at][::-1]
        for word, left in zip(before, FADING, strict=False):
            rating += away * left * STRONGER * ((word in STRENGTHENING) - (word in WEAKENING))
        if any(word in NEGATIONS for word in before) and plain[at] not in NEGATIONS:
            rating *= NEGATED
        if but >= 0:
            rating *= BEFORE_BUT if at < but else AFTER_BUT
        yield Felt(token, rating)


def _score(felt: list[Felt], text: str) -> float:
    total = sum(one.rating for one in felt)
    if total:
        total += math.copysign(min(text.count("!"), EXCLAMATIONS_MAX) * EXCLAMATION, total)
    return round(total / math.sqrt(total * total + FLATTENING), 4)


def _mood(score: float) -> Mood:
    return "positive" if score >= MOOD_FROM else "negative" if score <= -MOOD_FROM else "neutral"


def _rating(token: str) -> float | None:
    plain = token.replace("’", "'")
    return EMOJI.get(plain) or _lexicon().get(plain) or _lexicon().get(plain.casefold())


def _check(text: str) -> None:
    if not text.strip() or len(text) > TEXT_CHARACTERS_MAX:
        raise errors.BadRequest(f"text: expected 1 to {TEXT_CHARACTERS_MAX} characters, got {len(text)}")


@functools.cache
def _lexicon() -> dict[str, float]:
    """Returns what words and smileys sound like."""
    lines = Path(__file__).with_name("lexicon.tsv").read_text(encoding="utf-8").splitlines()
    return {word: float(rating) for word, _, rating in (line.partition("\t") for line in lines)}


if __name__ == "__main__":
    service.run()
