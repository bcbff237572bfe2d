"""Reads what Python's package managers lock, as requirements and pins that pip understands, and believes none of it.

Pure.

`uv.lock`, `poetry.lock` and `pdm.lock` are tables of packages; each gives a pin, `name==version`. `Pipfile.lock` holds
requirements with hashes. A package from anywhere but a registry is refused.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

from micro.errors import SourceError
from micro.runtime.recipe.plan import Files
from micro.runtime.requirements import Requirements, read_project, read_requirements

__all__ = ["requirements_of"]

LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
PACKAGES_MAX = 2_000
ELSEWHERE = frozenset({"git", "url", "path", "directory", "editable", "hg"})
"""Keys by which a lock says that a package is from nowhere we fetch from."""


def requirements_of(files: Files) -> Requirements | None:
    """Returns the packages that a tree asks for, pinned by its lock where it has one.

    Raises:
        SourceError: something asks for more than packages of a registry.
    """
    if "requirements.txt" in files.paths:  # knows them most exactly
        found = read_requirements(files.read("requirements.txt"))
    elif "Pipfile.lock" in files.paths:
        lines = "\n".join(_pipfile(files.read("Pipfile.lock")))
        found = read_requirements(lines.encode(), "Pipfile.lock")
    elif "pyproject.toml" in files.paths:
        found = read_project(files.read("pyproject.toml"))
        poetry = "" if found.lines else "\n".join(_poetry(files.read("pyproject.toml")))
        found = read_requirements(poetry.encode(), "pyproject.toml, [tool.poetry.dependencies]") if poetry else found
        lock = files.first(*LOCKS)
        if lock:
            found = found.pinned(read_requirements("\n".join(_pins(files.read(lock), lock)).encode(), lock))
    else:
        return None
    return found if found.lines else None


def _pins(data: bytes, where: str) -> Iterator[str]:
    packages = _toml(data, where).get("package", [])
    if not isinstance(packages, list) or len(packages) > PACKAGES_MAX:
        raise SourceError(f"{where}: `package` is no list of at most {PACKAGES_MAX} packages")
    versions: dict[str, set[str]] = {}
    for one in packages:
        if not isinstance(one, dict) or "version" not in one:
            continue
        source = one.get("source")
        source = source if isinstance(source, dict) else {}
        if source.get("editable") == "." or "virtual" in source:
            continue  # the project itself
        name = str(one.get("name"))
        if ELSEWHERE & {*source, *one} or source.get("type") in ELSEWHERE:
            raise SourceError(f"{where}: {name[:80]} is from elsewhere: only the registry's are fetched")
        versions.setdefault(name, set()).add(str(one["version"]))
    for name, found in versions.items():
        if len(found) == 1:  # of several, each is for another system: the package manager chooses
            yield f"{name}=={found.pop()}"


def _poetry(data: bytes) -> Iterator[str]:
    """Yields the names that Poetry's own table asks for; its lock says which versions."""
    tool = _toml(data, "pyproject.toml").get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    listed = poetry.get("dependencies") if isinstance(poetry, dict) else None
    for name, said in listed.items() if isinstance(listed, dict) else ():
        table = said if isinstance(said, dict) else {}
        if ELSEWHERE & set(table):
            raise SourceError(f"pyproject.toml: {name[:80]} is from elsewhere: only the registry's are fetched")
        if name != "python" and not table.get("optional"):
            extras = table.get("extras")
            yield f"{name}[{','.join(map(str, extras))}]" if isinstance(extras, list) and extras else name


def _pipfile(data: bytes) -> Iterator[str]:
    try:
        listed = json.loads(data)["default"].items()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"Pipfile.lock is no lock: {error}") from error
    for name, said in listed:
        if not isinstance(said, dict) or not isinstance(said.get("version"), str):
            raise SourceError(f"Pipfile.lock: {name[:80]} is from elsewhere: only the registry's are fetched")
        hashes = "".join(f" --hash={one}" for one in said.get("hashes") or [])
        marker = f"; {said['markers']}" if said.get("markers") else ""
        yield f"{name}{said['version']}{marker}{hashes}"


def _toml(data: bytes, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: it is no TOML: {error}") from error
