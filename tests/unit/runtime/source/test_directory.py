"""A working tree as a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.errors import SourceError
from micro.runtime.source.directory import DirectorySource
from micro.runtime.source.source import silent
from micro.runtime.source.spec import SourceSpec
from micro.system import SystemDisk


async def revision(folder: Path, subpath: str = "") -> str:
    return (await DirectorySource(SystemDisk()).newest(SourceSpec("directory", str(folder), subpath))).id


async def test_it_runs_where_it_is(tmp_path: Path) -> None:
    """The tree is the folder itself, at the revision of what it holds."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("1")
    source, spec = DirectorySource(SystemDisk()), SourceSpec("directory", str(tmp_path), "app")
    tree = await source.fetch(spec, await source.newest(spec), silent)

    assert (tree.folder, tree.revision.id) == (tmp_path / "app", await revision(tmp_path / "app"))


@pytest.mark.parametrize("change", ["edit", "add", "remove", "rename", "mode", "link"])
async def test_a_change_is_another_revision(tmp_path: Path, change: str) -> None:
    """Whatever somebody does to a file shows."""
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "b.py").write_text("2")
    before = await revision(tmp_path)
    match change:
        case "edit":
            (tmp_path / "a.py").write_text("3")
        case "add":
            (tmp_path / "c.py").write_text("")
        case "remove":
            (tmp_path / "a.py").unlink()
        case "rename":
            (tmp_path / "a.py").rename(tmp_path / "c.py")
        case "mode":
            (tmp_path / "a.py").chmod(0o755)
        case "link":
            (tmp_path / "c.py").symlink_to("a.py")

    assert await revision(tmp_path) != before


async def test_what_can_be_made_again_does_not_count(tmp_path: Path) -> None:
    """Caches, environments and hidden folders change nothing."""
    (tmp_path / "a.py").write_text("1")
    before = await revision(tmp_path)
    for name in ("__pycache__", ".git", ".venv", "node_modules"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("x")

    assert await revision(tmp_path) == before


async def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A circle of links does not hold it up."""
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "again").symlink_to(tmp_path)

    assert await revision(tmp_path)


async def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """A missing, an empty and a wrong folder, a file, a bare repository and a relative path are told apart."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for name in ("HEAD", "objects", "refs"):
        (tmp_path / "bare" / name).mkdir(parents=True)
    reasons = {
        "missing": "no folder",
        "empty": "nothing in it",
        "file": "is a file: name the folder",
        "bare": "add a version",
    }
    for name, reason in reasons.items():
        with pytest.raises(SourceError, match=reason):
            await revision(tmp_path / name)
    with pytest.raises(SourceError, match="no whole path"):
        await revision(Path("app"))
