"""What a super node takes of a node's log, and what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from micro.errors import BadRequest
from tests.unit.service.copies.keep import NODES, Keep, event, keep_at

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
