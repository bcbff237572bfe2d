"""Fetched trees under the hash of their content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from micro.runtime.source import trees as module
from micro.runtime.source.trees import Trees
from micro.system import SystemDisk, SystemEntropy


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(SystemDisk(), SystemEntropy(), tmp_path)


def store(trees: Trees, key: str = "key", **files: str) -> str:
    draft = trees.draft()
    for name, text in files.items():
        draft.add(name, text.encode(), executable=False)
    name = draft.finish()
    trees.remember(key, name)
    return name


def test_what_was_stored_is_found(trees: Trees) -> None:
    """A tree is found by the key it was filed under, and by no other."""
    name = store(trees, a="1", b="2")

    assert (trees.find("key"), trees.find("other")) == (name, None)


def test_the_hash_is_of_content_alone(trees: Trees, tmp_path: Path) -> None:
    """Order and time make no difference, content does."""
    assert store(trees, a="1", b="2") == store(trees, b="2", a="1") != store(trees, a="2", b="1")


@pytest.mark.parametrize("harm", ["changed", "missing", "added", "link", "gone"])
def test_harm_is_noticed(trees: Trees, tmp_path: Path, harm: str) -> None:
    """A tree that is not whole is not found."""
    folder = tmp_path / store(trees, a="1", b="2")
    match harm:
        case "changed":
            (folder / "a").chmod(0o600)
            (folder / "a").write_text("x")
            (folder / "a").chmod(0o400)
        case "missing":
            (folder / "a").unlink()
        case "added":
            (folder / "c").write_text("x")
        case "link":
            (folder / "a").unlink()
            (folder / "a").symlink_to("b")
        case "gone":
            folder.rename(tmp_path / "elsewhere")

    assert trees.find("key") is None


def test_an_interpreters_cache_is_no_harm(trees: Trees, tmp_path: Path) -> None:
    """What Python leaves beside its sources is not part of the tree."""
    name = store(trees, a="1")
    (tmp_path / name / "__pycache__").mkdir()
    (tmp_path / name / "__pycache__" / "a.pyc").write_text("x")

    assert trees.find("key") == name


def test_a_key_may_be_anything(trees: Trees) -> None:
    """A key is no path."""
    name = store(trees, key="../../etc/passwd\n@", a="1")

    assert trees.find("../../etc/passwd\n@") == name


def test_drafts_of_a_crash_are_cleared(trees: Trees, tmp_path: Path) -> None:
    """What was half written when the node died is removed, and what was finished stays."""
    name = store(trees, a="1")
    trees.draft().add("b", b"", executable=False)
    trees.clear()

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "revisions"])


def test_the_oldest_unused_trees_go(trees: Trees, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of trees that nobody uses only the youngest are kept."""
    monkeypatch.setattr(module, "TREES_MAX", 1)
    monkeypatch.setattr(module, "RECENT_MAX", 0)
    trees = Trees(SystemDisk(), SystemEntropy(), tmp_path)
    used, old, young = store(trees, a="1"), store(trees, a="2"), store(trees, a="3")
    for name, age in ((used, 1), (old, 2), (young, 3)):
        os.utime(tmp_path / name, (age, age))
    trees.sweep({used})

    assert {path.name for path in tmp_path.iterdir()} == {used, young, "revisions"}


def test_large_unused_trees_go_sooner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they are no larger than is allowed, however few they are; a young one of no size stays."""
    monkeypatch.setattr(module, "TREES_BYTES_MAX", 1000)
    monkeypatch.setattr(module, "RECENT_MAX", 0)
    trees = Trees(SystemDisk(), SystemEntropy(), tmp_path)
    old, large, young = store(trees, a="1"), store(trees, a="2" * 1000), store(trees, a="3")
    for name, age in ((old, 1), (large, 2), (young, 3)):
        os.utime(tmp_path / name, (age, age))
    trees.sweep(set())

    assert {path.name for path in tmp_path.iterdir()} == {young, "revisions"}


def test_what_was_asked_for_a_moment_ago_stays(trees: Trees, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is being made of a tree does not lose it before it runs."""
    monkeypatch.setattr(module, "TREES_MAX", 0)
    name = store(trees, a="1")
    trees.sweep(set())

    assert trees.find("key") == name


def test_old_keys_go(trees: Trees, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that changes for years leaves no more of them than are allowed; one that is asked for is young."""
    monkeypatch.setattr(module, "KEYS_MAX", 2)
    for number in range(4):
        store(trees, key=str(number), a="1")
        newest = max((tmp_path / "revisions").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (number, number))
    trees.find("0")
    trees.sweep(set())

    assert [trees.find(str(number)) is not None for number in range(4)] == [True, False, False, True]
