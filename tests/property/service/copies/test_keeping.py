"""A node that says what it likes of its own logs changes nothing in the copies of others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from micro.errors import Fault
from micro.service.broker.delivery import SEQUENCE_BITS
from micro.service.registry.layout import NUMBER_MAX
from tests.unit.service.copies.keep import NODES, event, keep_at

OTHERS = NODES[1:6]
FORGED = b"made up by another node"

numbers = st.one_of(
    st.integers(1, NUMBER_MAX),
    st.integers(1, 5),
    st.tuples(st.integers(0, 16), st.integers(0, 5)).map(lambda both: (both[0] << SEQUENCE_BITS) + both[1]),
)
"""Numbers of events, and such as are rows of other copies where they are taken for keys."""


async def played(folder: Path, firsts: list[int], count: int) -> list[tuple[list[tuple[int, bytes]], int]]:
    """Has a node write pieces between those of others; returns what their copies hold, and what they were told."""
    async with keep_at(folder) as keep:
        for place in range(len(firsts)):
            keep.open(NODES[0], f"topic{place}")
        for nid in OTHERS:
            keep.open(nid)
            await keep.write(nid, event(1, b"true"))
        for place, first in enumerate(firsts):
            try:
                forged = [event(min(first + more, NUMBER_MAX), FORGED) for more in range(count)]
                await keep.write(NODES[0], *forged, topic=f"topic{place}")
            except Fault:
                pass
        told = [await keep.write(nid, event(2, b"true"), event(3, b"true")) for nid in OTHERS]
        return [(keep.held(nid), last) for nid, last in zip(OTHERS, told, strict=True)]


@settings(deadline=None, max_examples=100)
@given(firsts=st.lists(numbers, min_size=1, max_size=3), count=st.integers(1, 3))
def test_no_node_writes_into_the_copies_of_others(firsts: list[int], count: int) -> None:
    """Whatever numbers its events have; and what others are told is on disk is there."""
    with TemporaryDirectory() as folder:
        for held, told in asyncio.run(played(Path(folder), firsts, count)):
            assert (held, told) == ([(1, b"true"), (2, b"true"), (3, b"true")], 3)
