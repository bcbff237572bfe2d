"""The languages of the web app are whole, and the app is as small as it has to be; no browser is needed for that."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from micro.doors.web.files import BUILT
from tests.tidy.reading import ROOT

SOURCE = ROOT / "ui" / "src"
LANGUAGES = sorted(path.stem for path in (SOURCE / "words").glob("*.json"))
START_BYTES_MAX = 40_000
SAID = re.compile(r'\bt\(\s*(?:[^"()]*\?\s*)?"((?:[^"\\]|\\.)*)"(?:\s*:\s*"((?:[^"\\]|\\.)*)")?')
"""`t("...")`, and `t(condition ? "..." : "...")`."""
HOLE = re.compile(r"\{\w+\}")


def sentences(text: str) -> set[str]:
    """Returns what a source says: the texts within `t(...)`, and the names of pages and states."""
    found = set(re.findall(r'\bword: "([^"]+)"', text))
    for pair in SAID.findall(text):
        found.update(one for one in pair if one)
    table = re.search(r"^const WORDS = \{(.*)\};$", text, re.MULTILINE)
    return found | set(re.findall(r': "([^"]+)"', table[1]) if table else ())


def said() -> set[str]:
    return {one for path in SOURCE.rglob("*.js*") if path.suffix != ".json" for one in sentences(path.read_text())}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated(language: str) -> None:
    """Nothing is left in English, and nothing is translated that nobody says."""
    known = json.loads((SOURCE / "words" / f"{language}.json").read_text())

    assert (said() - set(known), set(known) - said()) == (set(), set())


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_filled_in_is_filled_in_everywhere(language: str) -> None:
    """A translation has the holes of its sentence."""
    known = json.loads((SOURCE / "words" / f"{language}.json").read_text())

    assert [] == [key for key, text in known.items() if sorted(HOLE.findall(key)) != sorted(HOLE.findall(text))]


def test_there_are_two_languages_besides_english() -> None:
    """At least."""
    assert len(LANGUAGES) >= 2


def test_the_app_starts_with_little() -> None:
    """What the first page loads of JavaScript stays below 40 kB under gzip."""
    if not (BUILT / "index.html").exists():
        pytest.skip("the web app is not built: make ui builds it, with Node.js 20 or newer")
    page = (BUILT / "index.html").read_text()
    names = re.findall(r'(?:src|href)="/assets/([^"]+\.js)"', page)

    assert names
    assert sum(len(gzip.compress((BUILT / name).read_bytes(), 9)) for name in names) <= START_BYTES_MAX
