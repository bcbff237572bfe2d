"""What speaks for an endpoint when something is said: measured by engines, weighed in one place.

Pure.

An engine compares a sentence with all endpoints and names those worth a closer look, with its measures of each. A
measure that an engine does not have is 0. The weights are fitted on `benchmarks/utterances/tuned.jsonl`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence

__all__ = ["CANDIDATES_MAX", "MEASURES", "Engine", "Measures"]

CANDIDATES_MAX: Final = 64
"""So many endpoints are looked at closely, of each engine."""

MEASURES: Final = (
    "named_text",  # likeness of meaning to "SERVICE METHOD: description"
    "about_text",  # to what the service and the endpoint say of themselves together
    "name",  # to "METHOD SERVICE"
    "text",  # to what the endpoint says of itself
    "fields_text",  # the same with the names of its fields
    "tagged_text",  # the same with the tags of its service
    "service",  # the best `named_text` of its service
    "wish",  # how much nearer than `named_text` the best of the wishes is that the endpoint shows
    "near_service_words",  # how many words are near one of the service's name, tags and text
    "near_text_words",  # how many are near one of the endpoint's name and text
    "word_service",  # BM25 of the words of the service's name and tags
    "word_method",  # of the endpoint's name
    "word_text",  # of what it says of itself
    "word_about",  # of what its service says
    "word_fields",  # of its fields
    "word_choices",  # of what a field may be
    "word_wishes",  # of the wishes that the endpoint shows
    "act",  # whether it does what is to be done
    "required",  # the part of the required fields that the sentence fills in
    "lacking",  # how many required fields it leaves open, up to 3
    "strange",  # how many of its words neither the endpoint nor its values account for, up to 4
    "typed",  # how many values the sentence shows for its fields, up to 3
    "same",  # how many of its words the endpoint's name and text have in the very same form
    "whole",  # 1 if values with a form, or like what is shown, and its own words account for all of the sentence
    "alike",  # how much its values mean something like what the service shows of their fields, about 0
    "idle",  # numbers and addresses in the sentence that it has no use for, up to 3
)
"""What is measured, in the order of the weights."""

Measures = Mapping[str, float]
"""Measure -> value."""


class Engine(Protocol):
    """Compares sentences with endpoints."""

    def learn(self, offers: Sequence[Offer]) -> None:
        """Takes in all endpoints there are, in place of those before. May take seconds; runs in a thread."""

    def measure(self, sentence: Sentence) -> dict[int, Measures]:
        """Returns number of an endpoint in what was learned -> measures, of those worth a look; runs in a thread."""
