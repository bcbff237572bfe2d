"""Reads which packages a Python service asks for, and believes none of it.

Pure.

A requirement is a package's name with extras, versions, a marker and hashes. Options, addresses, paths and other files
are refused: they would let a source choose where packages come from, or have its own code run while they are installed.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NoReturn

from micro.errors import SourceError

__all__ = ["Requirements", "read_project", "read_requirements"]

REQUIREMENTS_BYTES_MAX = 1_000_000
REQUIREMENTS_MAX = 1_000
LINE_CHARACTERS_MAX = 50_000
"""Room for some hundred hashes."""

OURS = "micro-network"
"""The node brings it, and its own is what the service must speak to."""

NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
VERSION = r"(?:===|==|~=|!=|<=|>=|<|>) *[A-Za-z0-9.*+!_-]+"
REQUIREMENT = re.compile(
    rf"(?P<name>{NAME}) *(?:\[(?P<extras>[A-Za-z0-9._, -]*)\])? *"
    rf"\(? *(?P<versions>(?:{VERSION})(?: *, *{VERSION})*)? *\)? *"
    r"(?:; *(?P<marker>[A-Za-z0-9_.'\"<>=!~ ()*+,-]+?))? *"
    r"(?P<hashes>(?: --hash[= ](?:sha256|sha384|sha512):[0-9a-f]{64,128})*)"
)


@dataclass(frozen=True)
class Requirements:
    """The packages of a service.

    Attributes:
        lines: one requirement each, in pip's words.
        hashed: whether each is named by hash, so that nobody in between can exchange it.
        loose: names of those without an exact version.
        pins: of them and of what they need, exact versions that a lock knows, in the same words.
    """

    lines: tuple[str, ...]
    hashed: bool
    loose: tuple[str, ...]
    pins: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Names this set of requirements."""
        return hashlib.sha256("\n".join([*sorted(self.lines), *sorted(self.pins)]).encode()).hexdigest()

    def pinned(self, lock: Requirements) -> Requirements:
        """Returns the same packages with the versions of a lock."""
        known = {_plain(line.partition("==")[0]) for line in lock.lines}
        loose = tuple(name for name in self.loose if _plain(name) not in known)
        return replace(self, loose=loose, pins=lock.lines)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirements(data: bytes, where: str = "requirements.txt") -> Requirements:
    """Reads the content of a requirements file.

    Raises:
        SourceError: a line is more than a requirement; the message names file and line.
    """
    if len(data) > REQUIREMENTS_BYTES_MAX:
        raise SourceError(f"{where}: larger than {REQUIREMENTS_BYTES_MAX} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(f"{where}: it is not UTF-8") from None
    numbered: list[tuple[str, str]] = []
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if held else number
        held += re.sub(r"(^|\s)#.*$", "", line)
        if held.endswith("\\"):
            held = held[:-1] + " "
            continue
        numbered.append((f"{where}, line {first}", held))
        held = ""
    numbered.append((f"{where}, line {first}", held))
    return _collect(numbered)


def read_project(data: bytes) -> Requirements:
    """Reads `[project] dependencies` of a `pyproject.toml`.

    Raises:
        SourceError: it is no TOML, or an entry is more than a requirement.
    """
    where = "pyproject.toml"
    if len(data) > REQUIREMENTS_BYTES_MAX:
        raise SourceError(f"{where}: larger than {REQUIREMENTS_BYTES_MAX} bytes")
    try:
        found = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: it is no TOML: {error}") from error
    project = found.get("project", {})
    listed = project.get("dependencies", []) if isinstance(project, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise SourceError(f"{where}: `dependencies` in [project] is a list of texts")
    return _collect((f"{where}, dependency {number}", line) for number, line in enumerate(listed, 1))


def _collect(numbered: Iterable[tuple[str, str]]) -> Requirements:
    lines: list[str] = []
    loose: list[str] = []
    hashed = 0
    for where, line in numbered:
        line = " ".join(line.split())
        if not line:
            continue
        match = REQUIREMENT.fullmatch(line) if len(line) <= LINE_CHARACTERS_MAX else None
        if not match:
            _refuse(where, line)
        if _plain(match["name"]) == OURS:
            continue
        versions = match["versions"] or ""
        if not re.fullmatch(r"===? *[A-Za-z0-9.+!_-]+", versions):
            loose.append(match["name"])
        hashed += bool(match["hashes"])
        lines.append(line)
        if len(lines) > REQUIREMENTS_MAX:
            raise SourceError(f"{where}: more than {REQUIREMENTS_MAX} packages")
    if hashed and hashed < len(lines):
        raise SourceError(f"{hashed} of {len(lines)} packages are named by hash: give all of them one, or none")
    return Requirements(tuple(lines), bool(hashed), tuple(loose))


def _refuse(where: str, line: str) -> NoReturn:
    said = line if len(line) <= 80 else line[:80] + "…"
    what = "a package's name with versions is all it may say, as requests==2.32.3"
    if line.startswith("-"):
        what = "options are not followed; " + what
    elif "://" in line or " @ " in line or line.startswith((".", "/")):
        what = "addresses and paths are not followed; " + what
    raise SourceError(f"{where}: {said!r}: {what}")
