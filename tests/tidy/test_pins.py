"""What is installed is exactly what was pinned, and nothing is depended on in vain."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from tests.tidy.reading import ROOT, modules

PINS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

NOT_IMPORTED = {
    "httptools": "uvicorn's parser, loaded by name",
    "micro-network": "an extra that names other extras",
    "websockets": "uvicorn's WebSocket protocol, loaded by name",
}
"""Dependency -> why no import statement of ours names it."""

IMPORT_NAMES = {"protobuf": "google"}


GUESTS = ROOT / "src" / "micro" / "runtime" / "guest" / "pins"
"""What the compilers of guests are pinned by."""


def unpinned(text: str) -> list[str]:
    """Returns the requirements that lack an exact version or a hash."""
    entries = [entry for entry in re.split(r"\n(?=[A-Za-z0-9])", text) if not entry.startswith("#")]
    return [entry.split()[0] for entry in entries if "==" not in entry.split()[0] or "--hash=sha256:" not in entry]


def pinned(text: str) -> dict[str, set[str]]:
    """Returns name -> versions; a version may differ by the Python it is for."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[A-Za-z0-9._-]+", requirement)[0] for requirement in requirements}  # type: ignore[index]


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_everything_is_pinned_with_hashes(path: object) -> None:
    """An installation is the same tomorrow, and nobody can slip something in."""
    assert [] == unpinned((ROOT / "requirements" / str(path)).read_text())


def test_compilers_of_guests_are_pinned_with_hashes() -> None:
    """Those of Python by the hashes of their files, those of npm by theirs, whichever registry they come from."""
    assert [] == [one for path in GUESTS.glob("*.txt") for one in unpinned(path.read_text())]
    for path in GUESTS.glob("*/package-lock.json"):
        packages = json.loads(path.read_text())["packages"]
        assert [] == [name for name, one in packages.items() if name and not one["integrity"].startswith("sha512-")]
        assert "resolved" not in path.read_text()


def test_the_rule_on_pins_bites() -> None:
    """A range and a pin without hashes are found."""
    assert unpinned("a==1 \\\n    --hash=sha256:00\nb>=2 \\\n    --hash=sha256:00\nc==3\n") == ["b>=2", "c==3"]


def test_the_files_agree_on_versions() -> None:
    """Two files that name the same package name the same version, so that they fit into one environment."""
    seen: dict[str, set[str]] = {}
    for path in PINS:
        for name, versions in pinned(path.read_text()).items():
            seen.setdefault(name, set()).add(" or ".join(sorted(versions)))

    assert {} == {name: versions for name, versions in seen.items() if len(versions) > 1}


@pytest.mark.parametrize("file", ["core.txt", "all.txt"])
def test_the_pins_cover_the_dependencies(file: str) -> None:
    """A dependency added to pyproject.toml without `make lock` is found."""
    wanted = names(PROJECT["project"]["dependencies"])

    assert set() == wanted - set(pinned((ROOT / "requirements" / file).read_text()))


def test_excuses_for_unused_dependencies_are_needed() -> None:
    """deptry excuses only what really is not imported, and what is loaded by name."""
    imported = {found.target.split(".")[0] for module in modules() for found in module.imports}
    excused = PROJECT["tool"]["deptry"]["per_rule_ignores"].get("DEP002", [])
    stale = [name for name in excused if name not in NOT_IMPORTED and IMPORT_NAMES.get(name, name) in imported]

    assert [] == stale, "take these out of tool.deptry.per_rule_ignores DEP002 in pyproject.toml"
