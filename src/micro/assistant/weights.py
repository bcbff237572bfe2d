"""The weights of evidence, fitted by `python -m benchmarks.assistant --fit` and not written by hand.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["FITTING", "WEIGHTS", "WORDS_ALONE"]

WEIGHTS: Final[Mapping[str, float]] = {
    "named_text": 2.091,
    "about_text": 1.659,
    "name": 3.534,
    "text": 0.892,
    "fields_text": 1.201,
    "tagged_text": 1.726,
    "service": 2.119,
    "wish": 5.686,
    "near_service_words": 0.688,
    "near_text_words": 1.076,
    "word_service": 0.348,
    "word_method": 0.2,
    "word_text": -0.303,
    "word_about": 1.146,
    "word_fields": 0.352,
    "word_choices": 1.073,
    "word_wishes": 1.092,
    "act": 2.942,
    "required": -0.285,
    "lacking": -1.537,
    "strange": -0.943,
    "typed": 1.478,
    "same": -0.314,
    "whole": 0.56,
    "alike": 3.048,
    "idle": -1.972,
}
FITTING: Final[Mapping[str, float]] = {
    "constant": -2.94,
    "meaning": 1.167,
    "service": 1.199,
    "near": 0.544,
    "near_text": 0.305,
    "words": 0.664,
    "share": 1.477,
    "shows": -0.937,
    "wish": 0.686,
    "wished": 1.778,
    "alike": 1.396,
    "whole": 0.047,
    "act": 0.543,
    "typed": 0.907,
    "idle": 0.1,
    "required": -1.038,
    "lacking": -0.76,
    "strange": -0.77,
}
WORDS_ALONE: Final[Mapping[str, float]] = {
    "named_text": 0.0,
    "about_text": 0.0,
    "name": 0.0,
    "text": 0.0,
    "fields_text": 0.0,
    "tagged_text": 0.0,
    "service": 0.0,
    "wish": 0.0,
    "near_service_words": 0.0,
    "near_text_words": 0.0,
    "word_service": 1.67,
    "word_method": 0.655,
    "word_text": 0.96,
    "word_about": 1.322,
    "word_fields": 0.356,
    "word_choices": 0.565,
    "word_wishes": 2.356,
    "act": 3.212,
    "required": -0.34,
    "lacking": -1.373,
    "strange": -0.898,
    "typed": 1.922,
    "same": 2.073,
    "whole": -0.394,
    "alike": 0.0,
    "idle": -2.185,
}
