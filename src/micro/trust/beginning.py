"""Beginnings of node ids: a person types the few characters that tell a node from the others that are known.

Pure.

A beginning proves nothing: a stranger can search for a key whose id begins as another's does. So it is only taken for
one of the nodes that are known already, where one alone begins so, and never travels: the whole id does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from micro.errors import Conflict, NotFound
from micro.trust.identity import NID_BEGINNING, NID_CHARACTERS, SHORT_CHARACTERS, short

__all__ = ["BEGINNING_CHARACTERS_MIN", "is_beginning", "whole_nid"]

BEGINNING_CHARACTERS_MIN: Final = len(NID_BEGINNING) + 4
"""Behind what every node id begins with, a beginning has at least four characters."""

_BARE_CHARACTERS_MIN: Final = SHORT_CHARACTERS - len(NID_BEGINNING)
"""Without that, it has at least the eight that were shown; fewer may be a version or a word."""

_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_SHOWN_MAX: Final = 3


def is_beginning(text: str) -> bool:
    """Says whether a text may be the beginning of a node id, with or without what all of them begin with."""
    least = BEGINNING_CHARACTERS_MIN if text.startswith(NID_BEGINNING) else _BARE_CHARACTERS_MIN
    return least <= len(text) < NID_CHARACTERS and _LETTERS.issuperset(text)


def whole_nid(beginning: str, known: Iterable[str]) -> str:
    """Returns the one node id that begins so.

    Args:
        beginning: as `is_beginning` takes it.
        known: whole node ids.

    Raises:
        NotFound: none of them begins so.
        Conflict: several do.
    """
    wanted = (beginning, f"{NID_BEGINNING}{beginning}") if is_beginning(beginning) else ()
    found = sorted({nid for nid in known if nid.startswith(wanted)}) if wanted else []
    if not found:
        raise NotFound(f"{beginning[:64]} is no node that this one knows; `micro network nodes` lists them")
    if len(found) > 1:
        shown = ", ".join(short(nid) if short(found[0]) != short(found[1]) else nid for nid in found[:_SHOWN_MAX])
        raise Conflict(f"{len(found)} nodes begin with {beginning}: {shown}; type more of the one you mean")
    return found[0]
