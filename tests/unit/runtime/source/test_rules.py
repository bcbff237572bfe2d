"""The rules for a fetched tree, without a repository: tests/fault/runtime has the real ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.errors import SourceError
from micro.runtime.source.rules import Bounds, TreeEntry, check_entries, check_sizes, link_target, read_listing

OID = "a" * 40


def entry(path: str | bytes, mode: str = "100644", oid: str = OID) -> TreeEntry:
    return TreeEntry(mode, oid, path.encode() if isinstance(path, str) else path)


def test_a_listing_is_read() -> None:
    """Mode, object and path of each line, whatever characters the path has."""
    data = b"100644 blob " + OID.encode() + b"\ta\tb\n\0" + b"160000 commit " + OID.encode() + b"\tm\0"

    assert read_listing(data, Bounds()) == [entry("a\tb\n"), entry("m", "160000")]


@pytest.mark.parametrize("data", [b"100644 blob\tx\0", b"100644 blob zz\tx\0", b"x\0"])
def test_a_listing_that_is_none(data: bytes) -> None:
    """A line that is none of git's ends it."""
    with pytest.raises(SourceError, match="not its own"):
        read_listing(data, Bounds())


def test_as_many_files_as_allowed() -> None:
    """The bound itself is allowed, one more is not."""
    line = b"100644 blob " + OID.encode() + b"\tx\0"

    assert len(read_listing(line * 3, Bounds(files=3))) == 3
    with pytest.raises(SourceError, match="more than 3 files"):
        read_listing(line * 4, Bounds(files=3))


@pytest.mark.parametrize(
    "path",
    [
        *("main.py", ".gitignore", ".gitattributes", ".gitmodules", ".github/workflows/x.yml", "a/b/c.txt"),
        *("console.py", "auxiliary.py", "common/lpt.py", "com10.txt", "git.py", "legit~1", "x.git/y", "…/é.py"),
        *("file name.txt", "a:b", "...", "..x", "-x", "*", "~x"),
    ],
)
def test_ordinary_names(path: str) -> None:
    """What only resembles something dangerous passes."""
    check_entries([entry(path)], Bounds())


@given(
    st.lists(
        st.tuples(st.sampled_from(["100644", "100755", "120000", "160000", "40000"]), st.binary(max_size=30)),
        max_size=8,
    )
)
def test_what_passes_leads_down(entries: list[tuple[str, bytes]]) -> None:
    """Whatever a stranger writes, a path that passes lies below the tree and clashes with no other."""
    made = [entry(path, mode) for mode, path in entries]
    try:
        check_entries(made, Bounds())
    except SourceError:
        return
    texts = [one.path.decode() for one in made]
    assert len({text.lower() for text in texts}) == len(texts)
    for text in texts:
        steps = text.split("/")
        assert not {"", ".", "..", ".git"} & {step.lower() for step in steps}


def test_a_size_at_the_bound() -> None:
    """A file and a tree may be exactly as large as allowed."""
    bounds = Bounds(file_bytes=10, tree_bytes=20)
    check_sizes([entry("a"), entry("b")], {OID: 10}, bounds)

    with pytest.raises(SourceError, match="'c': with it the files are larger"):
        check_sizes([entry("a"), entry("b"), entry("c")], {OID: 10}, bounds)


def test_a_link_leads_to_its_file() -> None:
    """Through folders, other links and detours inside the tree."""
    entries = {
        one.path: one for one in (entry("x/y/a", "120000", "1" * 40), entry("b", "120000", "2" * 40), entry("c/d"))
    }
    contents = {"1" * 40: b"../.././/b", "2" * 40: b"c/../c/d"}

    assert link_target(b"x/y/a", entries, contents) == entries[b"c/d"]


@given(st.binary(max_size=40))
def test_a_link_never_leads_out(target: bytes) -> None:
    """Wherever a link points, what comes of it is a file of the tree, or a refusal."""
    entries = {b"d/link": entry("d/link", "120000"), b"d/file": entry("d/file", oid="b" * 40)}
    try:
        found = link_target(b"d/link", entries, {OID: target})
    except SourceError:
        return
    assert found == entries[b"d/file"]
