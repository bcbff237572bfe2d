"""Why a value does not fit its type, said to a person: the field, what was expected, and what came.

Pure.

The decoder says where it stopped; what was wrong there is found by looking at the value itself. Whatever came from
outside is cut and escaped before it is repeated.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from typing import Any

from msgspec import inspect

from micro.service.schema.shape import bare, fields_of, is_struct, words
from micro.service.schema.strict import INTEGER_MAX, INTEGER_MIN

__all__ = ["explain", "place", "shown"]

ECHO_CHARACTERS_MAX = 60
"""So much of a wrong value is repeated."""

NAME_CHARACTERS_MAX = 64
"""So much of an unknown field's name is repeated."""

NAMES_SHOWN_MAX = 20
PATH_CHARACTERS_MAX = 200
OWN_CHARACTERS_MAX = 500

ENTRIES_TRIED_MAX = 200
"""The decoder does not say which entry of a dict is wrong; so many are tried to find out."""

WORK_MAX = 2_000_000
"""Entries tried times bytes of the body: beyond it the entry is not looked for."""

_WHERE = re.compile(r" - at (?:`(?P<key>key)` in )?`\$(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\[(\d+|\.\.\.)\]|\.([^.\[]+)")

_LISTS = (inspect.CollectionType, inspect.TupleType, inspect.NamedTupleType, inspect.StructType)

Retry = Callable[[Any], object]


def explain(error: Exception, value: Any, shape: inspect.Type, retry: Retry, *, size: int = 0) -> str:
    """Returns one sentence about what is wrong, beginning with the field's path.

    Args:
        error: what the decoder raised.
        value: what was decoded, without a type.
        shape: the type it should have had.
        retry: decodes a changed `value` again and raises as before if the trouble is still there.
        size: how long the body was, in bytes, to bound the search for a dict's entry.
    """
    own, path, is_key = _taken_apart(error)
    spot = _Spot(value, shape)
    spot.follow(path, str(error), lambda: retry(value), size)
    if isinstance(error.__cause__, TypeError):
        return spot.said("a check of its own type failed on it")
    if error.__cause__ is not None:  # the words of a check that the type makes itself
        place, text = getattr(error.__cause__, "place", ""), getattr(error.__cause__, "text", own)
        spot.path += f".{place}" if place else ""
        return spot.said(shown(text, OWN_CHARACTERS_MAX))
    return spot.said(f"a key is wrong: {own}") if is_key else spot.trouble(own)


def place(error: Exception) -> str:
    """Returns where and why a decoder stopped, in its own words, for a value too large to look at."""
    own, path, _ = _taken_apart(error)
    return f"{shown(path.removeprefix('.'), PATH_CHARACTERS_MAX) or 'the body'}: {own}"


def _taken_apart(error: Exception) -> tuple[str, str, bool]:
    """Returns a decoder's words, its path, and whether it was about a key."""
    text = str(error)
    found = _WHERE.search(text)
    own = text[: found.start()] if found else text
    own = shown(own[:1].lower() + own[1:], OWN_CHARACTERS_MAX)
    return own, found.group("path") if found else "", bool(found and found.group("key"))


def shown(text: str, characters_max: int) -> str:
    """Returns text from outside, cut and without characters that a terminal would obey."""
    cut = text[:characters_max]
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cut)


class _Spot:
    """A place inside a value: what is there, what should be, and how to get there."""

    def __init__(self, value: Any, shape: inspect.Type) -> None:
        self.value = value
        self.shape = _member(bare(shape), value)
        self.path = ""
        self._lost = False

    def follow(self, path: str, text: str, retry: Callable[[], object], size: int) -> None:
        """Goes down a path as msgspec writes it: `.name`, `[2]`, and `[...]` for an entry of a dict."""
        while path and not self._lost and not self._tags():
            field = self._field(path)
            step = _STEP.match(path)
            if field is not None:
                self._down(field.encode_name, field.type, f".{field.encode_name}")
                path = path[len(field.encode_name) + 1 :]
            elif step is None:
                self._lost = True
            else:
                self._step(step, text, retry, size)
                path = path[step.end() :]

    def _field(self, path: str) -> inspect.Field | None:
        """Returns the field whose name comes next; the longest one, since a name may contain dots."""
        fits = [field for field in fields_of(self.shape) if _begins(path, f".{field.encode_name}")]
        return max(fits, key=lambda field: len(field.encode_name), default=None)

    def _step(self, step: re.Match[str], text: str, retry: Callable[[], object], size: int) -> None:
        number, shape = step.group(1), self.shape
        if number == "..." and isinstance(self.value, dict):
            key = _culprit(self.value, text, retry, size)
            self._down(key, getattr(shape, "value_type", None), f"[{_echo(key)}]" if key is not None else "[…]")
        elif number and number != "..." and isinstance(self.value, list):
            index = int(number)
            items = getattr(shape, "item_types", None) or [field.type for field in fields_of(shape)]
            inner = items[index] if index < len(items) else getattr(shape, "item_type", None)
            self._down(index if index < len(self.value) else None, inner, f"[{index}]")
        else:
            self.path += step.group(0)[:NAME_CHARACTERS_MAX]
            self._lost = True

    def _down(self, key: Any, shape: inspect.Type | None, name: str) -> None:
        self.path += name
        known = isinstance(self.value, list) or (isinstance(self.value, dict) and key in self.value)
        self._lost = key is None or not known or shape is None
        if not self._lost and shape is not None:
            self.value = self.value[key]
            self.shape = _member(bare(shape), self.value)

    def said(self, text: str) -> str:
        name = shown(self.path.removeprefix("."), PATH_CHARACTERS_MAX)
        return f"{name or 'the body'}: {text}"

    def trouble(self, text: str) -> str:
        """Says what is wrong here: a missing or an unknown field, or another kind of value."""
        if self._lost:
            return self.said(text)
        tags = self._tags()
        if tags:
            return self._wrong_tag(tags)
        if isinstance(self.value, dict) and is_struct(self.shape):
            return self._missing() or self._unknown() or self.said(text)
        if isinstance(self.value, list) and isinstance(self.shape, _LISTS) and getattr(self.shape, "array_like", True):
            return self.said(text)
        return self.said(f"expected {words(self.shape)}, got {_described(self.value)}")

    def _tags(self) -> dict[Any, str]:
        """Returns the tags that would tell which member of a union an object is, if it bears none of them."""
        if not isinstance(self.shape, inspect.UnionType) or not isinstance(self.value, dict):
            return {}
        found: dict[Any, str] = {}
        for member in self.shape.types:
            shape = bare(member)
            if isinstance(shape, inspect.StructType) and shape.tag_field is not None:
                found[shape.tag] = shape.tag_field
        return found

    def _wrong_tag(self, tags: dict[Any, str]) -> str:
        name = next(iter(tags.values()))
        self.path += f".{name}"
        expected = words(inspect.LiteralType(tuple(tags)))
        if name not in self.value:
            return self.said(f"required, {expected}")
        return self.said(f"expected {expected}, got {_described(self.value[name])}")

    def _missing(self) -> str:
        for field in fields_of(self.shape):
            if field.required and field.encode_name not in self.value:
                self.path += f".{field.encode_name}"
                return self.said(f"required, {words(field.type)}")
        tag = getattr(self.shape, "tag_field", None)
        if tag is not None and self.value.get(tag) != getattr(self.shape, "tag", None):
            self.path += f".{tag}"
            return self.said(f"required, {json.dumps(getattr(self.shape, 'tag', None))}")
        return ""

    def _unknown(self) -> str:
        known = [field.encode_name for field in fields_of(self.shape)]
        tag = getattr(self.shape, "tag_field", None)
        known += [tag] if tag is not None else []
        for name in self.value:
            if name not in known:
                near = difflib.get_close_matches(name[:NAME_CHARACTERS_MAX], known, n=1)
                self.path += f".{name}" if _is_plain(name) else f"[{_echo(name)}]"
                guess = f"unknown field; did you mean {near[0]}? The" if near else "unknown field; the"
                return self.said(f"{guess} {_listed(known)}")
        return ""


def _listed(known: list[str]) -> str:
    if not known:
        return "endpoint takes none"
    more = ", …" if len(known) > NAMES_SHOWN_MAX else ""
    return f"fields are {', '.join(known[:NAMES_SHOWN_MAX])}{more}"


def _begins(path: str, name: str) -> bool:
    return path.startswith(name) and path[len(name) : len(name) + 1] in ("", ".", "[")


def _is_plain(name: str) -> bool:
    return name.isidentifier() and name.isascii() and len(name) <= NAME_CHARACTERS_MAX


def _member(shape: inspect.Type, value: Any) -> inspect.Type:
    """Returns the member of a union that a value of this kind is meant to be, else the union."""
    if not isinstance(shape, inspect.UnionType):
        return shape
    members = [bare(member) for member in shape.types]
    if isinstance(value, dict):
        objects = [member for member in members if is_struct(member) or isinstance(member, inspect.DictType)]
        fit = [member for member in objects if _bears_tag(member, value)] or objects
        return fit[0] if len(fit) == 1 else shape
    if isinstance(value, list):
        lists = [member for member in members if isinstance(member, inspect.CollectionType | inspect.TupleType)]
        return lists[0] if len(lists) == 1 else shape
    return shape


def _bears_tag(shape: Any, value: dict[Any, Any]) -> bool:
    tag_field = getattr(shape, "tag_field", None)
    return tag_field is not None and value.get(tag_field) == shape.tag


def _culprit(entries: dict[Any, Any], text: str, retry: Callable[[], object], size: int) -> Any:
    """Returns the key of the entry that raises `text`, found by trying each alone; None where that is too much work."""
    if len(entries) > ENTRIES_TRIED_MAX or len(entries) * size > WORK_MAX:
        return None
    kept = dict(entries)
    try:
        for key, value in kept.items():
            entries.clear()
            entries[key] = value
            try:
                retry()
            except ValueError as error:
                if str(error) == text:
                    return key
    finally:
        entries.clear()
        entries.update(kept)
    return None


def _echo(value: Any) -> str:
    """Returns a value as short ASCII text that is safe to show anywhere."""
    if isinstance(value, str):
        value = value[: ECHO_CHARACTERS_MAX + 1]
    elif isinstance(value, int) and not -(10**30) < value < 10**30:
        return "a very large number"
    text = json.dumps(value)
    return text if len(text) <= ECHO_CHARACTERS_MAX else text[: ECHO_CHARACTERS_MAX - 1] + "…"


def _described(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"{_echo(value)} (a string)"
    if isinstance(value, int):
        size = "an integer" if INTEGER_MIN <= value <= INTEGER_MAX else "an integer of more than 64 bits"
        return f"{_echo(value)} ({size})"
    if isinstance(value, float):
        return f"{_echo(value)} (a number)"
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    return f"a value of another kind ({type(value).__name__})"
