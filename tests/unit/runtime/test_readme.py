"""What is read of a readme, on a real disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.errors import Unavailable
from micro.runtime.readme import README_BYTES_MAX, Readme, read_readme
from micro.system import SystemDisk

DISK = SystemDisk()


def test_the_first_of_the_known_names_is_read(tmp_path: Path) -> None:
    """In any case of letters; Markdown comes before plain text."""
    (tmp_path / "README.txt").write_text("plain")
    (tmp_path / "ReadMe.md").write_text("# Größe")
    assert read_readme(DISK, tmp_path) == Readme("ReadMe.md", "# Größe")


def test_a_folder_without_one_has_none(tmp_path: Path) -> None:
    """Nor has one that is gone, and a folder is no readme."""
    (tmp_path / "README.md").mkdir()
    assert read_readme(DISK, tmp_path) == read_readme(DISK, tmp_path / "gone") == Readme()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A source shows what is in it, and not what it leads to."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "README.md").symlink_to(tmp_path / "secret")
    assert read_readme(DISK, tmp_path) == Readme()


def test_what_is_no_text_is_none(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are replaced; a zero says that it is something else."""
    (tmp_path / "README").write_bytes(b"a\xff")
    assert read_readme(DISK, tmp_path) == Readme("README", "a\ufffd")
    (tmp_path / "README").write_bytes(b"a\0b")
    assert read_readme(DISK, tmp_path) == Readme()


def test_a_long_one_is_cut_between_characters(tmp_path: Path) -> None:
    """It says that there is more."""
    (tmp_path / "README").write_text("a" * (README_BYTES_MAX - 1) + "ü")
    assert read_readme(DISK, tmp_path) == Readme("README", "a" * (README_BYTES_MAX - 1), cut=True)
    (tmp_path / "README").write_text("a" * README_BYTES_MAX)
    assert not read_readme(DISK, tmp_path).cut


def test_what_is_no_folder_is_said(tmp_path: Path) -> None:
    """With the place, so that its owner can look."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"cannot read the readme in .*file"):
        read_readme(DISK, tmp_path / "file")
