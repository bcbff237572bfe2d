"""What git tracks names no machine and no registry, and every room has been announced."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.tidy.reading import ROOT, tracked

FRAGMENT_LINES_MAX = 20
KINDS = ("feature", "fix", "removal", "security", "doc", "internal")

# Written in pieces, so that this file may say them.
HOSTS = tuple(
    "".join(pieces)
    for pieces in (
        ("pypi.", "org"),
        ("python", "hosted.org"),
        ("registry.npm", "js.org"),
        ("registry.", "yarnpkg.com"),
        ("crates.", "io"),
        ("proxy.", "golang.org"),
        ("repo1.", "maven.org"),
        ("repo.", "maven.apache.org"),
        ("deb.", "debian.org"),
        ("--index", "-url"),
        ("--extra-", "index-url"),
    )
)
PLACES = "|".join("/" + place + "/" for place in ("home", "Users", "root", "work"))
MACHINE_PATH = re.compile(rf"(?<![\w.~}}/-])({PLACES}|[A-Z]:\\Users\\)")


def names_a_machine_or_registry(path: str, text: str) -> Iterator[str]:
    """No file names a folder of somebody's machine, or a host that serves packages."""
    for number, line in enumerate(text.splitlines(), 1):
        for host in HOSTS:
            if host in line:
                yield f"{path}:{number}: names `{host}`: whoever installs chooses where from"
        found = MACHINE_PATH.search(line)
        if found:
            yield f"{path}:{number}: `{found[1]}` is a place on one machine: use `~`, a variable or a relative path"


def breaks_the_form_of_fragments(name: str, text: str) -> Iterator[str]:
    """A fragment is called `words.kind.md` and is a few whole sentences."""
    if not re.fullmatch(rf"[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md", name):
        yield f"changes/{name}: call it words-with-dashes.KIND.md, KIND one of {', '.join(KINDS)}"
    if not text.strip().endswith("."):
        yield f"changes/{name}: write whole sentences"
    if len(text.splitlines()) > FRAGMENT_LINES_MAX:
        yield f"changes/{name}: at most {FRAGMENT_LINES_MAX} lines; the docs have room for more"


def is_not_announced(rooms: set[str], announcements: str) -> Iterator[str]:
    """Every room of the house is named in a fragment or in the changelog."""
    for room in sorted(rooms):
        if f"`micro.{room}`" not in announcements:
            yield f"src/micro/{room}: no fragment in changes/ names `micro.{room}`: say what it brings"


def fragments() -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((ROOT / "changes").iterdir()) if path.name != "README.md"}


def test_files_name_no_machine_and_no_registry() -> None:
    """A clone means the same everywhere."""
    complaints = []
    for path in tracked():
        data = (ROOT / path).read_bytes()
        if b"\0" not in data:
            complaints += names_a_machine_or_registry(path, data.decode(errors="replace"))

    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize("text", ["see " + HOSTS[0], "cd " + "/home" + "/ann/x", 'path = "' + "/root" + '/x"'])
def test_the_rule_on_names_bites(text: str) -> None:
    """A deliberate violation is found, once."""
    assert len(list(names_a_machine_or_registry("x", text))) == 1


@pytest.mark.parametrize("text", ["~/.micro", "services/home/index", "/api/work/of/art", "https://x.example/home/page"])
def test_the_rule_on_names_leaves_good_text_alone(text: str) -> None:
    """Words that only look like a place are no complaint."""
    assert [] == list(names_a_machine_or_registry("x", text))


def test_fragments_have_the_form() -> None:
    """Whoever makes the release can put the fragments together without asking."""
    complaints = [line for name, text in fragments().items() for line in breaks_the_form_of_fragments(name, text)]

    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize(
    ("name", "text"), [("new.md", "A."), ("new.story.md", "A."), ("a.fix.md", "A"), ("a.fix.md", "A\n" * 20 + "A.")]
)
def test_the_rule_on_fragments_bites(name: str, text: str) -> None:
    """A deliberate violation is found, once."""
    assert len(list(breaks_the_form_of_fragments(name, text))) == 1


def test_every_room_is_announced() -> None:
    """Nothing enters the house without a word to its users."""
    parts = [path.split("/")[2].removesuffix(".py") for path in tracked() if path.startswith("src/micro/")]
    rooms = {part for part in parts if not part.startswith("__") and part != "py.typed"}
    announcements = (ROOT / "CHANGELOG.md").read_text() + "".join(fragments().values())
    complaints = list(is_not_announced(rooms, announcements))

    assert not complaints, "\n" + "\n".join(complaints)


def test_the_rule_on_announcements_bites() -> None:
    """A room that nobody announced is found."""
    assert len(list(is_not_announced({"errors", "attic"}, "`micro.errors`"))) == 1
