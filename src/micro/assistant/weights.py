"""The weights by which evidence is weighed, fitted by `python -m benchmarks.assistant --fit`; not written by hand.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["FITTING", "WEIGHTS", "WORDS_ALONE"]

WEIGHTS: Final[Mapping[str, float]] = {
    "named_text": 0.933,
    "about_text": 0.534,
    "name": 1.221,
    "text": 0.688,
    "fields_text": 0.944,
    "tagged_text": 0.875,
    "service": 1.033,
    "near_service_words": 1.412,
    "near_text_words": 1.225,
    "word_service": 0.647,
    "word_method": 0.429,
    "word_text": 0.058,
    "word_about": 0.411,
    "word_fields": 0.426,
    "word_choices": 0.524,
    "act": 2.603,
    "required": 0.941,
    "typed": 1.782,
    "idle": -0.836,
}
FITTING: Final[Mapping[str, float]] = {
    "constant": -1.994,
    "meaning": 0.381,
    "service": 0.487,
    "near": 0.448,
    "near_text": 0.303,
    "words": 0.361,
    "share": 0.743,
    "act": 0.433,
    "typed": 0.853,
    "idle": 0.02,
    "required": -0.539,
}
WORDS_ALONE: Final[Mapping[str, float]] = {
    "named_text": 0.0,
    "about_text": 0.0,
    "name": 0.0,
    "text": 0.0,
    "fields_text": 0.0,
    "tagged_text": 0.0,
    "service": 0.0,
    "near_service_words": 0.0,
    "near_text_words": 0.0,
    "word_service": 1.871,
    "word_method": 0.959,
    "word_text": 1.884,
    "word_about": 1.104,
    "word_fields": 0.499,
    "word_choices": 0.317,
    "act": 2.991,
    "required": 0.84,
    "typed": 1.76,
    "idle": -1.125,
}
