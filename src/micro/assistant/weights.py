"""The weights of evidence, fitted by `python -m benchmarks.assistant --fit` and not written by hand.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["FITTING", "WEIGHTS", "WORDS_ALONE"]

WEIGHTS: Final[Mapping[str, float]] = {
    "named_text": 1.045,
    "about_text": 0.615,
    "name": 1.319,
    "text": 0.716,
    "fields_text": 0.825,
    "tagged_text": 0.766,
    "service": 0.991,
    "near_service_words": 1.38,
    "near_text_words": 1.123,
    "word_service": 0.435,
    "word_method": 0.565,
    "word_text": 0.054,
    "word_about": 0.479,
    "word_fields": 0.357,
    "word_choices": 0.603,
    "act": 2.438,
    "required": -0.162,
    "lacking": -0.969,
    "strange": -0.65,
    "typed": 1.601,
    "idle": -0.802,
}
FITTING: Final[Mapping[str, float]] = {
    "constant": -1.653,
    "meaning": 0.471,
    "service": 0.445,
    "near": 0.348,
    "near_text": 0.479,
    "words": 0.358,
    "share": 0.64,
    "act": 0.266,
    "typed": 0.701,
    "idle": 0.056,
    "required": -0.752,
    "lacking": -0.648,
    "strange": -0.547,
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
    "word_service": 1.645,
    "word_method": 1.042,
    "word_text": 1.822,
    "word_about": 1.226,
    "word_fields": 0.485,
    "word_choices": 0.417,
    "act": 2.942,
    "required": -0.593,
    "lacking": -0.859,
    "strange": -0.931,
    "typed": 1.428,
    "idle": -1.034,
}
