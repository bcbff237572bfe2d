"""One log at one super node: what is sent, what is learned, and whose fault it is where it does not go on."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from micro.node import copier as module
from micro.node.copier import LEARNED_QUEUES_MAX, Copier
from micro.service.broker.cursor import Cursor
from micro.service.copies import messages as said
from micro.service.copies.messages import UNHEARD_SECONDS
from micro.service.registry.layout import Layout
from tests.unit.node.copied import SUPER, Pair, pair_at
from tests.unit.service.copies.keep import NODES, event
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


def serve(pair: Pair, cursor: Cursor) -> None:
    """The super node stands in, and a queue comes further there."""
    (kept,) = pair.keep.copies.of(NODES[0])
    pair.keep.copies.serve(kept)
    pair.keep.broker.surpass(kept.name, "work", cursor)


async def copied(pair: Pair) -> Copier:
    """Returns the copier of five events that are copied, with nothing more to be done."""
    await pair.publish(5)
    copier = pair.begin()
    await until(lambda: pair.replication.safe == 5 and "Copy.Cursors" in pair.called)
    return copier


async def test_what_is_acknowledged_at_a_copy_is_learned_while_the_log_is_open(pair: Pair) -> None:
    """The node was out of reach and not away, so it does not open its copy anew by itself."""
    await copied(pair)
    pair.keep.clock.time += UNHEARD_SECONDS
    serve(pair, Cursor(4))
    await until(lambda: pair.broker.cursors("orders") == {"work": Cursor(4)})
    await until(lambda: not pair.keep.copies.of(NODES[0])[0].served)


@pytest.mark.parametrize("is_dropped", [False, True])
async def test_the_copy_may_forget_what_is_on_the_disk_here(pair: Pair, is_dropped: bool, tmp_path: Path) -> None:
    """What was learned is saved before it is confirmed, or the copy is dropped."""
    copier = await copied(pair)
    found: list[list[tuple[str, ...]]] = []

    def look(endpoint: str) -> None:
        if endpoint in ("Copy.Cursors", "Copy.Drop") and "Copy.Learn" in pair.called:
            with closing(sqlite3.connect(tmp_path / "broker.db")) as database:
                found.append(database.execute("SELECT queue FROM cursors").fetchall())

    pair.witness = look
    pair.keep.clock.time += UNHEARD_SECONDS
    if is_dropped:
        copier.stop()
    serve(pair, Cursor(4))
    if is_dropped:
        await copier.drop()
        assert pair.keep.copies.of(NODES[0]) == []
    await until(lambda: found)
    assert found[: 1 + is_dropped] == [[("work",)]] * (1 + is_dropped)


def claimed(*queues: str, handed_out: int) -> bytes:
    """Returns what a super node says when it is asked how far queues came."""
    plain = {"handed_out": handed_out, "unfinished": (), "beyond": ()}
    return said.LEARNED.encode({"cursors": [{"queue": queue, **plain} for queue in queues]})


async def test_a_copy_that_has_just_heard_of_its_log_cannot_have_served_it(pair: Pair) -> None:
    """Whoever says so all the same is asked, and not believed."""
    await copied(pair)
    pair.keep.clock.time += UNHEARD_SECONDS - 1
    serve(pair, Cursor(4))
    await until(lambda: "Copy.Learn" in pair.called and not pair.keep.copies.of(NODES[0])[0].served)
    assert pair.broker.cursors("orders") == {}


async def test_nothing_is_done_of_what_a_copy_was_not_sent(pair: Pair) -> None:
    """Neither when it is opened nor when it is dropped."""
    copier = await copied(pair)
    copier.stop()
    await pair.publish(3)
    serve(pair, Cursor(4))
    pair.keep.clock.time += UNHEARD_SECONDS
    pair.answers["Copy.Learn"] = lambda: claimed("work", handed_out=8)
    await copier.drop()
    assert pair.broker.cursors("orders") == {"work": Cursor(5)}


async def test_a_copy_does_not_fill_a_log_with_queues(pair: Pair) -> None:
    """What has no possible name is passed over, and what is known here goes on."""
    copier = await copied(pair)
    copier.stop()
    pair.broker.surpass("orders", "work", Cursor(1))
    pair.keep.clock.time += UNHEARD_SECONDS
    queues = [f"q{number}" for number in range(61)]
    pair.answers["Copy.Learn"] = lambda: claimed("no name", *queues, "work", handed_out=4)
    await copier.drop()
    found = pair.broker.cursors("orders")
    assert (len(found), found["work"]) == (LEARNED_QUEUES_MAX, Cursor(4))


async def test_a_replay_is_not_undone_by_the_copy(pair: Pair) -> None:
    """The copy goes back with its log; and where it has not heard of it, what it says is of before."""
    await copied(pair)
    pair.broker.surpass("orders", "work", Cursor(5))
    await until(lambda: pair.keep.broker.cursors(pair.name) == {"work": Cursor(5)})
    assert pair.broker.replay("orders", "work", 2, lambda fault: None) == 4
    await until(lambda: pair.keep.broker.cursors(pair.name) == {"work": Cursor(1, rewinds=1)})
    pair.keep.clock.time += UNHEARD_SECONDS
    serve(pair, Cursor(3, rewinds=1))
    await until(lambda: pair.broker.cursors("orders") == {"work": Cursor(3, rewinds=1)})
    await until(lambda: not pair.keep.copies.of(NODES[0])[0].served)
    pair.keep.clock.time += UNHEARD_SECONDS
    serve(pair, Cursor(5, rewinds=1))
    assert pair.broker.replay("orders", "work", 1, lambda fault: None) == 3
    await until(lambda: not pair.keep.copies.of(NODES[0])[0].served)
    assert pair.broker.cursors("orders") == {"work": Cursor(0, rewinds=2)}
    await until(lambda: pair.keep.broker.cursors(pair.name) == {"work": Cursor(0, rewinds=2)})


async def test_an_event_that_the_copy_does_not_have_is_not_safe(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """Another node with the same key has written one under its number; that is said, and logged once."""
    copier = await copied(pair)
    assert await pair.keep.write(NODES[0], event(6, id="of-the-other")) == 6
    await pair.publish(1)
    await until(lambda: pair.copied.forked and copier.is_over)
    assert (pair.replication.safe, pair.copied.forked) == (5, {SUPER})
    assert "another node runs with this key" in copier.trouble
    assert pair.events()[-1].id == "of-the-other"
    assert [record.levelname for record in caplog.records if "this key" in record.message] == ["ERROR"]


async def test_more_than_was_sent_is_from_somebody_else(pair: Pair) -> None:
    """Also where the copy says that all is well: what it has is asked anew, and compared."""
    copier = await copied(pair)
    pair.answers["Copy.Write"] = lambda: said.WRITTEN.encode({"last": 7})
    await pair.publish(1)
    await until(lambda: copier.trouble != "" or pair.replication.safe > 5)
    assert (pair.replication.safe, "sent no more than 6" in copier.trouble) == (5, True)
    del pair.answers["Copy.Write"]
    await until(lambda: pair.replication.safe == 6 and copier.trouble == "")


@pytest.mark.parametrize("more", [event(6), event(6, id="of-the-other")])
async def test_what_somebody_else_wrote_is_not_dropped(pair: Pair, more: dict[str, Any]) -> None:
    """It may have been acknowledged there; the copy ends with its events."""
    copier = await copied(pair)
    copier.stop()
    if more["id"] == "of-the-other":
        await pair.publish(1)
    await pair.keep.write(NODES[0], more)
    await copier.drop()
    assert [each.id for each in pair.events()][5:] == [more["id"]]
