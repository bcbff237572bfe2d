"""Writes values for people, for programs and for pipes.

Pure.

`table` is for people: columns under headings, one line a field. `json` is for programs: what the service answered, the
same on a terminal and in a pipe. `plain` is for pipes: no headings, tab-separated, a lone value as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeGuard

__all__ = [
    "Column",
    "Form",
    "as_json",
    "as_line",
    "cell",
    "clean",
    "fields_text",
    "rows_text",
    "unwrap",
    "value_text",
]

Form = Literal["table", "json", "plain"]

CELL_CHARACTERS_MAX = 200
"""A longer cell of a table is cut; `json` and `plain` show all of it."""

CELL_CHARACTERS_MIN = 12
"""A last column is not made narrower than this to fit a terminal."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Column:
    """A column of a table.

    Attributes:
        field: the key of each row.
        title: its heading.
    """

    __slots__ = ("field", "title")

    def __init__(self, field: str, title: str = "") -> None:
        self.field = field
        self.title = title or field.replace("_", " ").upper()


def as_json(value: Any) -> str:
    """Returns a value as indented JSON."""
    return _escaped(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def as_line(value: Any) -> str:
    """Returns a value as JSON on one line."""
    return _escaped(json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str))


def _escaped(text: str) -> str:
    """Returns JSON in which every character that a terminal would obey is written out."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def clean(text: str) -> str:
    """Returns a stranger's text without what would move the cursor, change colours or turn the writing direction."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def cell(value: Any) -> str:
    """Returns a value in one line: text as it is, nothing for None, JSON for what has parts."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return clean(" ".join(value.split("\n")).replace("\t", " ").replace("\r", ""))
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return clean(", ".join(value))
    return clean(as_line(value)) if isinstance(value, Mapping | list | tuple) else clean(str(value))


def unwrap(value: Any) -> Any:
    """Returns what a result that is no object was wrapped in, or the object."""
    return value["result"] if isinstance(value, Mapping) and list(value) == ["result"] else value


def _are_rows(value: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def value_text(value: Any, form: Form, *, width: int | None = None) -> str:
    """Returns any answer of a service in one of the forms, without a line break at the end.

    Args:
        value: the answer as it travelled.
        form: which form.
        width: how many characters a line of a table may have.
    """
    if form == "json":
        return as_json(value)
    value = unwrap(value)
    if isinstance(value, Mapping):
        inner = next(iter(value.values())) if len(value) == 1 else None
        if _are_rows(inner):
            return rows_text(inner, _columns(inner), form, width=width)
        return fields_text(value, form)
    if _are_rows(value):
        return rows_text(value, _columns(value), form, width=width)
    if isinstance(value, list):
        return "\n".join(cell(item) if form == "table" else _plain(item) for item in value)
    if isinstance(value, str):
        return clean(value) if form == "table" else value
    return cell(value) if form == "table" else _plain(value)


def _columns(rows: Iterable[Mapping[str, Any]]) -> list[Column]:
    return [Column(name) for name in dict.fromkeys(name for row in rows for name in row)]


def _plain(value: Any) -> str:
    """Returns a value in one line as a program reads it: JSON, but text without quotes and nothing for None."""
    if isinstance(value, str):
        return " ".join(value.split("\n")).replace("\t", " ")
    return "" if value is None else as_line(value)


def fields_text(fields: Mapping[str, Any], form: Form) -> str:
    """Returns an object one field a line: aligned for people, tab-separated for pipes."""
    if form == "json":
        return as_json(fields)
    if form == "plain":
        return "\n".join(f"{name}\t{_plain(value)}" for name, value in fields.items())
    names = [clean(str(name)) for name in fields]
    longest = max(map(_shown_width, names), default=0)
    lines = []
    for name, value in zip(names, fields.values(), strict=True):
        if _are_rows(value):
            inner = rows_text(value, _columns(value), form).splitlines()
            lines += [name, *(f"  {line}" for line in inner)]
        else:
            lines.append(f"{name}{' ' * (longest - _shown_width(name))}  {cell(value)}".rstrip())
    return "\n".join(lines)


def rows_text(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], form: Form, *, width: int | None = None
) -> str:
    """Returns rows under headings for people, tab-separated without headings for pipes, else as JSON.

    Args:
        rows: an object each.
        columns: which of their fields, in this order.
        form: which form.
        width: how many characters a line of a table may have.
    """
    if form == "json":
        return as_json(list(rows))
    if form == "plain":
        return "\n".join("\t".join(_plain(row.get(column.field)) for column in columns) for row in rows)
    table = [[column.title for column in columns]]
    table += [[_cut(cell(row.get(column.field)), CELL_CHARACTERS_MAX) for column in columns] for row in rows]
    widths = [max(_shown_width(row[index]) for row in table) for index in range(len(columns))]
    if width is not None and widths:
        before = sum(widths[:-1]) + 2 * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(width - before, CELL_CHARACTERS_MIN))
    return "\n".join(_line(row, widths) for row in table)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cut = zip([*row[:-1], _cut(row[-1], widths[-1])], widths, strict=True)
    return "  ".join(text + " " * (width - _shown_width(text)) for text, width in cut).rstrip()


def _cut(text: str, characters_max: int) -> str:
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"


def _shown_width(text: str) -> int:
    """Returns how many columns of a terminal a text takes: Chinese and the like take two, accents none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)
