"""The test vectors that `docs/reference/mucp.md` publishes."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["load", "unpacked"]


@cache
def load(name: str) -> list[dict[str, Any]]:
    """Returns the vectors of a file, for instance `headers`."""
    found: list[dict[str, Any]] = json.loads((resources.files(__package__) / f"{name}.json").read_text())
    return found


def unpacked(said: str | list[str | dict[str, int]]) -> bytes:
    """Returns bytes that a vector says in hex, or in parts of which some are runs of zeros."""
    parts = [said] if isinstance(said, str) else said
    return b"".join(bytes.fromhex(part) if isinstance(part, str) else bytes(part["zeros"]) for part in parts)
