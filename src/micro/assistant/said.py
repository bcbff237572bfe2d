"""What a face hands to the assistant for one turn, checked.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from micro.assistant.sentence import SENTENCE_CHARACTERS_MAX
from micro.assistant.words import LANGUAGES
from micro.errors import BadRequest, TooLarge

__all__ = ["Said", "check_said"]

FIELDS_BYTES_MAX: Final = 4 * 1024 * 1024
NAME_CHARACTERS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said.

    Attributes:
        text: a sentence, or "".
        choose: `SERVICE ENDPOINT` that was pressed or named, or "".
        fields: values of the request, or None.
        confirm: a yes or a no, or None.
        language: the language that answers are wanted in, or "".
        anew: whether it was said before what is asked for now was asked, so that it answers nothing.
    """

    text: str = ""
    choose: str = ""
    fields: Mapping[str, Any] | None = None
    confirm: bool | None = None
    language: str = ""
    anew: bool = False


def check_said(said: Said) -> Said:
    """Returns what was said if it can be understood at all.

    Raises:
        BadRequest: not exactly one thing was said, or it has the wrong form.
        TooLarge: it is too long.
    """
    ways = (bool(said.text.strip()), bool(said.choose) or said.fields is not None, said.confirm is not None)
    if sum(ways) != 1:
        raise BadRequest("text, choose, confirm: say exactly one of text, choose or fields, and confirm")
    if len(said.text) > SENTENCE_CHARACTERS_MAX:
        raise TooLarge(f"text: at most {SENTENCE_CHARACTERS_MAX} characters are understood at once")
    if len(said.choose) > NAME_CHARACTERS_MAX or (said.choose and len(said.choose.split()) != 2):
        raise BadRequest("choose: expected SERVICE ENDPOINT, such as `greeter Say.Hello`")
    if said.language and said.language not in LANGUAGES:
        raise BadRequest(f"language: expected one of {', '.join(LANGUAGES)}")
    if said.fields is not None and len(json.dumps(said.fields).encode()) > FIELDS_BYTES_MAX:
        raise TooLarge(f"fields: at most {FIELDS_BYTES_MAX} bytes as JSON")
    return said
