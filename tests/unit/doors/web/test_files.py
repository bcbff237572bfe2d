"""The built files of the web app."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from micro.doors.web.files import FILE_BYTES_MAX, Files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "built").mkdir()
    return tmp_path / "built"


def test_a_file_is_found_by_its_path(folder: Path) -> None:
    """With what it is."""
    (folder / "index.html").write_text("<p>")
    found = Files(folder).index

    assert found is not None
    assert (found.body, found.content_type, found.lasting) == (b"<p>", "text/html; charset=utf-8", False)


@pytest.mark.parametrize(
    "path", ["../secret.js", "/etc/passwd", "", ".", "built/../../secret.js", "a\0.js", "%2e%2e/secret.js"]
)
def test_nothing_else_is_found(folder: Path, path: str) -> None:
    """Whatever a path looks like."""
    (folder.parent / "secret.js").write_text("secret")
    (folder / "a.js").write_text("a")

    assert Files(folder).find(path) is None


def test_only_known_kinds_are_given_out(folder: Path) -> None:
    """And none that is too large."""
    (folder / "notes.txt").write_text("x")
    (folder / "large.js").write_bytes(bytes(FILE_BYTES_MAX + 1))
    files = Files(folder)

    assert files.find("notes.txt") is files.find("large.js") is None


def test_a_name_with_its_hash_lasts(folder: Path) -> None:
    """A browser may keep it, and no other."""
    for name in ("index-Dmj75BDy.js", "sw.js", "index-short.js"):
        (folder / name).write_text("x")
    files = Files(folder)

    assert [name for name in ("index-Dmj75BDy.js", "sw.js", "index-short.js") if files.find(name).lasting] == [  # type: ignore[union-attr]
        "index-Dmj75BDy.js"
    ]


def test_long_text_is_squeezed(folder: Path) -> None:
    """And short text is not."""
    (folder / "long.js").write_text("x" * 5000)
    (folder / "short.js").write_text("x")
    long, short = Files(folder).find("long.js"), Files(folder).find("short.js")

    assert long is not None
    assert long.squeezed is not None
    assert gzip.decompress(long.squeezed) == long.body
    assert short is not None
    assert short.squeezed is None


def test_without_a_folder_there_is_nothing(tmp_path: Path) -> None:
    """A node that was not built with the app works all the same."""
    assert Files(tmp_path / "nowhere").index is None
