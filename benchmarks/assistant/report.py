"""Measures how well sentences are understood: the endpoint, its fields, and that nothing fits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.assistant.utterances import SetName, Utterance, catalogue_offers, read_utterances, without_wishes
from micro.assistant.evidence import Engine
from micro.assistant.lexical import LexicalEngine
from micro.assistant.offers import Offer
from micro.assistant.ranking import CHIPS_MAX, Ranking, rank
from micro.assistant.semantic import SemanticEngine, UniversalEncoder
from micro.assistant.sentence import Sentence
from micro.assistant.slots import fill
from micro.service.schema.fields import assemble

__all__ = ["Row", "engines_for", "page", "report"]

TUNED: Final = ("tuned", "everyday_tuned")
"""Sets that may be looked at."""

TYPED: Final = ("integer", "number", "flag", "choice")


@dataclass
class Row:
    """What was understood of one set of sentences, as (right, of how many)."""

    name: str
    first: list[bool]
    three: list[bool]
    typed: list[bool]
    text: list[bool]
    refused: list[bool]
    kept: list[bool]
    seconds: list[float]


def engines_for(offers: Sequence[Offer]) -> tuple[Engine, ...]:
    """Returns the engines that a node has, with the endpoints learned."""
    engines = (SemanticEngine(UniversalEncoder()), LexicalEngine())
    for engine in engines:
        engine.learn(offers)
    return engines


def report(name: SetName, *, misses: bool = False, wishes: bool = True) -> Row:
    """Returns what is understood of a set of sentences.

    Args:
        name: the set.
        misses: whether to print what is not understood, of a set that may be tuned on.
        wishes: whether services show how people may ask for them.
    """
    offers = catalogue_offers() if wishes else without_wishes(catalogue_offers())
    engines = engines_for(offers)
    by_name = {offer.name: offer for offer in offers}
    rank(Sentence("good morning"), offers, engines)
    row = Row(name if wishes else f"{name}, no wishes", [], [], [], [], [], [], [])
    for utterance in read_utterances(name):
        began = time.perf_counter()
        sentence = Sentence(utterance.say)
        ranking = rank(sentence, offers, engines)
        row.seconds.append(time.perf_counter() - began)
        wrong = _judge(row, utterance, ranking) + _judge_slots(row, utterance, sentence, by_name)
        if misses and name in TUNED:
            for line in wrong:
                print(f"{utterance.say!r}: {line}")
    return row


def _judge(row: Row, utterance: Utterance, ranking: Ranking) -> list[str]:
    names = [candidate.offer.name for candidate in ranking.candidates[:CHIPS_MAX]]
    if not utterance.endpoints:
        row.refused.append(ranking.decision == "none")
        return [] if row.refused[-1] else [f"taken as {names[0]}"]
    row.first.append(bool(names) and names[0] in utterance.endpoints)
    row.three.append(any(found in utterance.endpoints for found in names))
    row.kept.append(ranking.decision != "none")
    wrong = [] if row.first[-1] else [f"{names} and not {utterance.endpoints}"]
    return wrong if row.kept[-1] else [*wrong, f"refused ({ranking.fits:.2f})"]


def _judge_slots(row: Row, utterance: Utterance, sentence: Sentence, offers: dict[str, Offer]) -> list[str]:
    if not utterance.endpoints:
        return []
    offer = offers[utterance.endpoints[0]]
    found = assemble(fill(offer, sentence).values)
    kinds = {field.path[0]: field.kind for field in offer.fields}
    wrong = []
    for field, value in utterance.slots.items():
        right = _same(found.get(field), value)
        (row.typed if kinds[field] in TYPED else row.text).append(right)
        if not right:
            wrong.append(f"{offer.endpoint} {field} is {found.get(field)!r} and not {value!r}")
    return wrong


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    return bool(left == right) and type(left) is type(right)


def _part(found: Sequence[bool]) -> str:
    return f"{sum(found)} of {len(found)} ({sum(found) / len(found):.0%})"


def page(rows: Sequence[Row]) -> str:
    """Returns the page of the reference."""
    lines = [
        "# What the assistant understands\n",
        """Measured by `python -m benchmarks.assistant --write` on the services of the catalogue, by their descriptions
alone. `tuned` and `everyday_tuned` may be tuned on. `held_out` was written before there was an assistant, and
`everyday_held_out` with its other half before any of it was tried: they only measure. All are in
`benchmarks/assistant/utterances`. The last columns are the same services as if they showed no
[wishes](assistant.md#wishes-that-a-service-shows). [The assistant](assistant.md) says what it does with what it
understands.
""",
        "| what | " + " | ".join(row.name for row in rows) + " |",
        "| --- |" + " --- |" * len(rows),
    ]
    measures = (
        ("the right endpoint comes first", "first"),
        ("it is among the first three", "three"),
        ("it is not taken for something that no service does", "kept"),
        ("numbers, choices, yes and no are filled in right", "typed"),
        ("texts are filled in right", "text"),
        ("it says that no service fits", "refused"),
    )
    lines += [f"| {text} | " + " | ".join(_part(getattr(row, name)) for row in rows) + " |" for text, name in measures]
    medians = " | ".join(f"{statistics.median(row.seconds) * 1000:.0f} ms" for row in rows)
    lines.append(f"| the median of the time it takes | {medians} |")
    return "\n".join(lines) + "\n"
