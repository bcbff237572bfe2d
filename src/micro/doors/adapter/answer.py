"""What a program or a site gave, as a value that travels: JSON as it is, text as text, anything else as base64.

Pure.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Final

from micro.errors import TooLarge

__all__ = ["BODY_BYTES_MAX", "TEXTS", "VALUE_BYTES_MAX", "Answer", "value_of"]

BODY_BYTES_MAX = 4_000_000
"""How much a program may answer: a message takes a little more."""

VALUE_BYTES_MAX = 2_900_000
"""How much of that may be a value, which grows when it is written as JSON."""

TEXTS: Final = (
    "text/",
    "application/javascript",
    "application/xml",
    "image/svg+xml",
    "application/x-www-form-urlencoded",
)
"""How content types begin whose bodies are text."""


@dataclass
class Answer:
    """What came back.

    Attributes:
        content_type: what it is.
        body: a JSON value, a text, or base64 of bytes.
        base64: whether `body` is base64.
    """

    content_type: str
    body: Any
    base64: bool = False


def value_of(content_type: str, data: bytes) -> Answer:
    """Returns a body of a content type as an answer; what is no JSON or no text is not taken for it.

    Raises:
        TooLarge: as a value it would not fit into a message.
    """
    if len(data) > VALUE_BYTES_MAX:
        raise TooLarge(f"{len(data)} bytes are too many for a value: ask for them as bytes, with Fetch")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return Answer(content_type, json.loads(data))
        except (ValueError, RecursionError):
            pass
    elif not kind.startswith(TEXTS) and kind:
        return Answer(content_type, base64.b64encode(data).decode(), base64=True)
    try:
        return Answer(content_type, data.decode())
    except UnicodeDecodeError:
        return Answer(content_type, base64.b64encode(data).decode(), base64=True)
