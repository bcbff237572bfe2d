"""What a docstring says about a function's parameters and result, or about a class's fields.

Pure.

Google's sections (`Args:`, `Returns:`, `Attributes:` …) and Sphinx fields (`:param name:`) are understood; whatever is
neither stays in the description.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

__all__ = ["Documentation", "read_docstring"]

_FIELDS = ("args", "arguments", "parameters", "params", "attributes", "keyword args", "keyword arguments")
_RESULTS = ("returns", "return", "yields", "yield")
_OTHERS = ("raises", "example", "examples", "note", "notes", "warning", "warnings", "see also", "todo", "references")
_LEFT_OUT = ("raises",)
"""Sections that say nothing a caller could read as a description."""

_SECTION = re.compile(r"([A-Z][A-Za-z ]{2,20}):\s*$")
_ENTRY = re.compile(r"\*{0,2}`{0,2}(\w+)`{0,2}\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_SPHINX = re.compile(r":(\w+)(?:\s+([^:]*?))?:\s*(.*)$")
_SPHINX_FIELDS = ("param", "parameter", "arg", "argument", "key", "keyword", "ivar", "var", "cvar")


@dataclass(slots=True)
class Documentation:
    """A docstring taken apart.

    Attributes:
        text: the description without its sections.
        fields: what is said of each parameter or attribute, by name.
        result: what is said of the result.
    """

    text: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    result: str = ""


def read_docstring(text: str | None) -> Documentation:
    """Takes a docstring apart; None and "" give an empty `Documentation`."""
    found = Documentation()
    if not text:
        return found
    plain: list[str] = []
    section, block = "", list[str]()
    for line in [*inspect.cleandoc(text).splitlines(), "End:"]:
        heading = _heading(line)
        if heading or (section and line and not line[0].isspace()):
            _close(found, section, block, plain)
            section, block = heading, []
            if heading:
                continue
        (block if section else plain).append(line)
    found.text = _sphinx(plain, found).strip()
    return found


def _heading(line: str) -> str:
    match = _SECTION.match(line)
    name = match.group(1).lower() if match else ""
    return name if name in (*_FIELDS, *_RESULTS, *_OTHERS, "end") else ""


def _close(found: Documentation, section: str, block: list[str], plain: list[str]) -> None:
    """Files a finished section where it belongs."""
    if section in _FIELDS:
        found.fields.update(_entries(block))
    elif section in _RESULTS:
        found.result = _joined(block)
    elif section and section not in _LEFT_OUT and section != "end":
        plain.extend([f"{section.capitalize()}:", *block])


def _entries(block: list[str]) -> dict[str, str]:
    """Reads `name (type): text` entries; deeper lines continue the one above."""
    entries: dict[str, list[str]] = {}
    indent, current = -1, ""
    for line in block:
        stripped = line.strip()
        if not stripped:
            continue
        depth = len(line) - len(line.lstrip())
        indent = depth if indent < 0 else indent
        match = _ENTRY.match(stripped) if depth <= indent else None
        if match:
            current = match.group(1)
            entries[current] = [match.group(2)]
        elif current:
            entries[current].append(stripped)
    return {name: _joined(lines) for name, lines in entries.items() if _joined(lines)}


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())


def _sphinx(lines: list[str], found: Documentation) -> str:
    """Takes `:param name: text` and `:returns: text` out of `lines` and returns what is left."""
    left: list[str] = []
    fields: list[tuple[str, str, list[str]]] = []
    inside = False
    for line in lines:
        match = _SPHINX.match(line)
        if match:
            fields.append((match.group(1), match.group(2) or "", [match.group(3)]))
        elif inside and line[:1].isspace():
            fields[-1][2].append(line)
        else:
            left.append(line)
        inside = bool(match) or (inside and line[:1].isspace())
    for role, argument, text in fields:
        if role in _SPHINX_FIELDS and argument and _joined(text):
            found.fields[argument.split()[-1]] = _joined(text)
        elif role in ("returns", "return", "yields"):
            found.result = _joined(text)
    return "\n".join(left)
