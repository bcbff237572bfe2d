"""Why an endpoint was chosen, told in a sentence.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from micro.assistant.phrases import phrase
from micro.assistant.ranking import Candidate, Ranking
from micro.assistant.sentence import Sentence, stem
from micro.assistant.words import content_words, spaced

__all__ = ["NOTHING", "Why", "explain", "why_of"]

WORDS_MAX: Final = 4
RIVALS_MAX: Final = 2
MEANING_MIN: Final = 0.25
"""From so much likeness on, meaning is named as a reason."""


@dataclass(frozen=True, slots=True)
class Why:
    """What spoke for an endpoint.

    Attributes:
        text: what it says of itself, where that is near in meaning; else "".
        words: words that the sentence shares with its description.
        fields: its fields that the sentence fills in.
        rivals: the titles of those that came next.
        learned: whether its caller chose it before for a sentence like this.
        chosen: whether it was named or pressed.
        by_model: whether a language model chose it.
    """

    text: str = ""
    words: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    learned: bool = False
    chosen: bool = False
    by_model: bool = False


NOTHING: Final = Why()


def why_of(sentence: Sentence, ranking: Ranking) -> Why:
    """Returns what spoke for the best candidate."""
    best = ranking.candidates[0]
    offer = best.offer
    texts = (offer.service, offer.tags, offer.about, offer.method, offer.description, offer.field_texts())
    known = {stem(word) for text in texts for word in content_words(text)}
    shared = [word for word in content_words(sentence.wish) if stem(word) in known]
    near = max(best.measures.get(name, 0.0) for name in ("named_text", "text", "tagged_text")) >= MEANING_MIN
    return Why(
        text=offer.description if near else "",
        words=tuple(shared[:WORDS_MAX]),
        fields=tuple(spaced(path[-1]) for path in best.filling.values),
        rivals=_rivals(ranking.candidates[1:]),
        learned=best.learned,
    )


def _rivals(others: tuple[Candidate, ...]) -> tuple[str, ...]:
    return tuple(other.offer.title for other in others[:RIVALS_MAX] if other.share >= 0.02)


def explain(why: Why, title: str, language: str) -> str:
    """Returns the sentence that says it."""
    reasons = []
    if why.chosen:
        reasons.append(phrase("why_chosen", language))
    if why.by_model:
        reasons.append(phrase("why_model", language))
    if why.learned:
        reasons.append(phrase("why_learned", language))
    if why.text:
        reasons.append(phrase("why_meaning", language, text=why.text.rstrip(".")))
    if why.words:
        reasons.append(phrase("why_words", language, words=", ".join(why.words)))
    if why.fields:
        reasons.append(phrase("why_fields", language, fields=", ".join(why.fields)))
    said = phrase("why", language, title=title, reasons="; ".join(reasons) or "…")
    if why.rivals:
        said = f"{said} {phrase('why_rivals', language, rivals=', '.join(why.rivals))}"
    return said
