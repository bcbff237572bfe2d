"""What was learned stays within its bound, and is its caller's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.assistant import learned
from micro.assistant.learned import Learned
from micro.store.stores import Stores
from micro.system import SystemDisk
from tests.unit.assistant.places import Clock


def remembering(folder: Path) -> Learned:
    stores = Stores(SystemDisk(), folder, Clock())
    return Learned(lambda: stores.get("assistant"))


async def test_the_oldest_sentence_is_forgotten_for_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much somebody chooses."""
    monkeypatch.setattr(learned, "SENTENCES_MAX", 2)
    known = remembering(tmp_path)
    for text in ("feed cats", "paint walls", "sweep floors"):
        await known.learn("ann", text, f"home Home.{text.split()[0].title()}")

    assert await known.alike("ann", "feed cats") == {}
    assert await known.alike("ann", "please paint the walls") == {"home Home.Paint": 1.0}
    assert await remembering(tmp_path).alike("ann", "sweep floors") == {"home Home.Sweep": 1.0}


async def test_nobody_learns_from_somebody_else(tmp_path: Path) -> None:
    """And what is forgotten is gone from disk."""
    known = remembering(tmp_path)
    await known.learn("ann", "feed cats", "home Home.Feed")
    assert await known.alike("eve", "feed cats") == {}

    assert await known.forget("ann") == 1
    assert await remembering(tmp_path).alike("ann", "feed cats") == {}
