"""What somebody might say who does not know yet what there is: wishes that services show of themselves.

Pure.

Each service has one suggestion at most: a wish that says all that its endpoint needs, of one that changes nothing. A
service that keeps things has none yet for whoever begins, so those that change something come last, and so do fields
that programs rather than people fill in. Services without any such wish are not suggested.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Final

from micro.assistant.cues import last_word
from micro.assistant.offers import Offer
from micro.assistant.rows import is_id
from micro.assistant.sentence import Sentence
from micro.assistant.slots import fill

__all__ = ["Suggestion", "suggestions"]

NONE: Final = float("-inf")
OWN_TONGUE: Final = 10.0
"""So much easier a wish is that one may say in one's own language than any other."""
_POINTING: Final = re.compile(
    r"\b(?:this|that|these|those|my|our|dies\w*|mein\w*|unser\w*|est[aeo]s?|mis?)\b", re.IGNORECASE
)
"""What points to something that whoever begins does not have."""

HARD_KINDS: Final = ("json", "pairs", "bytes", "any")
HARD_NAMES: Final = frozenset(["key", "query", "json", "table", "queue", "topic", "collection", "url", "token"])
"""What programs rather than people give names to."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A wish to try.

    Attributes:
        text: what to say.
        offer: the endpoint that shows it.
    """

    text: str
    offer: Offer


def suggestions(
    offers: Iterable[Offer], count: int, hidden: Container[str] = (), language: str = ""
) -> list[Suggestion]:
    """Returns at most so many wishes to try, each of another service, the easiest first.

    Where a service shows wishes in the language (its code in ISO 639) those come first; in a language that is neither
    this nor the description's there are none. Those that are as easy come in an order that is the same each time, and
    none of the alphabet.
    """
    offers = list(offers)
    keeping = {offer.service for offer in offers if offer.changes}
    best: dict[str, tuple[float, Suggestion]] = {}
    seen: Counter[str] = Counter()
    for offer in offers:
        seen[offer.service] += 1
        if offer.service in hidden or not _is_simple(offer):
            continue
        for wish, tongue in zip(offer.wishes, offer.tongues, strict=True):
            if tongue not in ("", language):
                continue
            ease = _ease(offer, wish) - (1.0 if offer.service in keeping else 0.0) - 0.05 * seen[offer.service]
            ease += OWN_TONGUE if tongue else 0.0
            if ease > best.get(offer.service, (NONE, None))[0]:
                best[offer.service] = (ease, Suggestion(wish, offer))
    found = sorted(best.items(), key=lambda item: (-item[1][0], _shuffled(item[0])))
    return [suggestion for _, (_, suggestion) in found[:count]]


def _is_simple(offer: Offer) -> bool:
    required = [known for known in offer.fields if known.required]
    is_hard = any(known.kind in HARD_KINDS or is_id(known) for known in required)
    return offer.kind == "call" and not (offer.changes or offer.price or is_hard)


def _ease(offer: Offer, wish: str) -> float:
    """Returns how easy a wish is to begin with, `NONE` where it does not say all that is needed."""
    if _POINTING.search(wish):
        return NONE
    filling = fill(offer, Sentence(wish))
    if any(known.required and known.path not in filling.values for known in offer.fields):
        return NONE
    hard = sum(last_word(known) in HARD_NAMES for known in offer.fields)
    return (1.0 if filling.values else 0.0) + 0.1 * min(filling.typed, 1) - 0.5 * hard


def _shuffled(name: str) -> bytes:
    return hashlib.blake2s(name.encode()).digest()
