"""One log at one super node: what is sent, what is learned, and whose fault it is where it does not go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from micro.node import copier as module
from micro.service.copies import messages as said
from micro.service.registry.layout import Layout
from tests.unit.node.copied import SUPER, Pair, pair_at
from tests.waiting import until


@pytest.fixture
async def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    """Returns a log and its copy, which is told of cursors at once."""
    monkeypatch.setattr(module, "CURSORS_SECONDS", 0.01)
    (tmp_path / "super").mkdir()
    async with pair_at(tmp_path) as pair:
        yield pair


async def test_events_of_any_characters_are_copied(pair: Pair) -> None:
    """A piece is as large as its bytes are, and not its characters."""
    await pair.publish(64, {"x": "\U0001f600" * 16_000}, publisher="\U0001f600" * 256)
    copier = pair.begin()
    await until(lambda: pair.replication.safe == 64 or copier.trouble != "")
    assert (copier.trouble, pair.replication.safe) == ("", 64)
    assert pair.events()[-1].headers == {"x": "\U0001f600" * 16_000}
    assert pair.called.count("Copy.Write") > 3


async def test_what_cannot_be_said_is_not_held_against_the_super_node(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays chosen: it has refused nothing, and another one could not be told either."""
    await pair.publish(3)
    monkeypatch.setattr(said, "WRITE", Layout("the piece of a log", 8, **said.WRITE.parts))
    copier = pair.begin()
    await until(lambda: copier.trouble != "")
    assert "at most 8 are allowed" in copier.trouble
    assert (pair.replication.chosen, pair.replication.is_open(SUPER)) == ((SUPER,), True)
    monkeypatch.undo()
    await until(lambda: pair.replication.safe == 3)
