"""AsyncAPI 3 as a model of the specification has it, to judge our documents by."""

from __future__ import annotations

import warnings
from typing import Any

with warnings.catch_warnings():  # one of its classes has a field with the name of a method
    warnings.simplefilter("ignore", UserWarning)
    from asyncapi3.models import AsyncAPI3

__all__ = ["check_asyncapi"]


def check_asyncapi(document: dict[str, Any]) -> None:
    """Raises pydantic's `ValidationError` where a document is none of AsyncAPI 3."""
    AsyncAPI3.model_validate(document)
