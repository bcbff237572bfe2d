"""What a super node takes of a node's log, and what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from micro.errors import BadRequest, Conflict, Fault, NotFound, TooLarge
from micro.service.broker.cursor import Cursor
from tests.fault.broker.scene import turns
from tests.unit.service.copies.keep import NODES, TIME, Keep, event, keep_at

NODE = NODES[0]


@pytest.fixture
async def keep(tmp_path: Path) -> AsyncIterator[Keep]:
    """Returns a super node with a copy of two events."""
    async with keep_at(tmp_path) as keep:
        keep.open(NODE)
        await keep.write(NODE, event(1), event(2))
        yield keep


@pytest.mark.parametrize("sequence", [0, 1 << 40, (7 << 40) + 3, 2**63 - 1])
async def test_a_number_that_no_log_has_is_refused(keep: Keep, sequence: int) -> None:
    """Also in a copy that has no event yet, which begins with any."""
    keep.open(NODE, "new")
    with pytest.raises(BadRequest, match="numbered"):
        await keep.write(NODE, event(sequence), topic="new")
    assert keep.held(NODE) == [(1, b""), (2, b"")]
    assert await keep.write(NODE, event((1 << 40) - 1), topic="new") == (1 << 40) - 1


DAY = 86_400_000_000


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": msgspec.json.encode({f"h{n}": "" for n in range(65)})},
        {"headers": msgspec.json.encode({"h": "x" * 16_385})},
        {"headers": b"[]"},
        {"id": ""},
        {"id": "x" * 129},
        {"publisher": "x" * 257},
        {"time": TIME + DAY + 1_000_000},
        {"time": 2**62},
    ],
)
async def test_what_no_broker_takes_is_refused(keep: Keep, fields: dict[str, Any]) -> None:
    """A copy is a log of the same limits, and has no events of another year."""
    with pytest.raises(Fault):
        await keep.write(NODE, event(3, **fields))
    assert await keep.write(NODE, event(3, time=TIME + DAY - 1_000_000)) == 3


async def test_dead_letters_are_copied(keep: Keep) -> None:
    """The broker itself has added to their headers, and nobody may add more than it does."""
    plain = {f"h{n}": "x" * 253 for n in range(64)}
    keep.open(NODE, "orders.dead")
    more = event(1, headers=msgspec.json.encode({**plain, "Micro-Dead-Error": "x" * 1_000}))
    with pytest.raises(TooLarge):
        await keep.write(NODE, more, topic="orders.dead")
    letter = event(1, headers=msgspec.json.encode({**plain, "Micro-Dead-Error": "x" * 200, "Micro-Dead-Id": "id"}))
    assert await keep.write(NODE, letter, topic="orders.dead") == 1
    with pytest.raises(Fault):
        await keep.write(NODE, {**letter, "sequence": 3})


def cursor(handed_out: int) -> dict[str, Any]:
    return {"queue": "work", "handed_out": handed_out, "unfinished": (), "beyond": (), "rewinds": 0}


async def test_what_was_acknowledged_here_is_told_before_it_is_forgotten(keep: Keep) -> None:
    """A node that speaks of its queues before it has asked is told to ask, also where it asked before they moved."""
    (kept,) = keep.copies.of(NODE)
    keep.learned(NODE)
    keep.copies.serve(kept)
    keep.broker.surpass(kept.name, "work", Cursor(2))
    with pytest.raises(NotFound, match="learn"):
        keep.cursors(NODE, cursor(0))
    assert keep.open(NODE)["served"]
    with pytest.raises(NotFound, match="learn"):
        keep.cursors(NODE, cursor(0))
    assert keep.learned(NODE) == (cursor(2),)
    assert keep.open(NODE)["served"]  # asked, and not yet heard of: the answer may have been lost
    (kept,) = keep.copies.of(NODE)
    keep.copies.serve(kept)
    with pytest.raises(NotFound, match="learn"):
        keep.cursors(NODE, cursor(0))
    keep.learned(NODE)
    keep.cursors(NODE, cursor(2))
    assert not keep.open(NODE)["served"]
    keep.cursors(NODE, cursor(2))


@pytest.mark.parametrize("fields", [{"id": "other"}, {"publisher": "other"}, {"time": TIME + 1}])
async def test_another_event_under_a_number_is_refused(keep: Keep, fields: dict[str, Any]) -> None:
    """Two nodes with one key write it: who hears that its event is here may tell its publisher so."""
    for piece in ([event(2, **fields)], [event(1), event(2, **fields), event(3)]):
        with pytest.raises(Conflict, match="is another one here, id-2 and not"):
            await keep.write(NODE, *piece)
    assert await keep.write(NODE, event(1), event(2)) == 2
    assert keep.held(NODE) == [(1, b""), (2, b"")]


async def test_what_cannot_be_compared_any_more_is_not_confirmed(keep: Keep) -> None:
    """What the copy has let go of is passed over where something after it is the same, and else refused."""
    (kept,) = keep.copies.of(NODE)
    await keep.write(NODE, event(3))
    keep.broker.shorten(kept.name, 3, 0.0)
    await turns()
    assert keep.held(NODE) == [(3, b"")]
    assert await keep.write(NODE, event(2), event(3)) == 3
    with pytest.raises(Conflict, match="cannot be compared"):
        await keep.write(NODE, event(1), event(2))
