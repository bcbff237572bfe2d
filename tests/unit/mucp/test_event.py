"""What a session reports, and what a HELLO may say."""

from __future__ import annotations

import msgspec
import pytest

from micro.mucp import event
from micro.mucp.event import Block, Event, Hello
from micro.mucp.headers import Headers
from micro.mucp.limits import MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN


def test_every_event_is_one() -> None:
    """Whoever handles events can tell that one comes from a session."""
    others = {"Block", "Event", "Hello"}

    assert all(issubclass(getattr(event, name), Event) for name in event.__all__ if name not in others)


def test_a_hello_needs_only_its_versions() -> None:
    """The rest has defaults, and what a later version adds is ignored."""
    found = msgspec.json.decode(b'{"versions": [1, 2], "colour": {"deep": [1]}}', type=Hello)

    assert found == Hello([1, 2], message_bytes=1_048_576, exchanges=256)


@pytest.mark.parametrize(
    "said",
    [
        b"{}",
        b"[]",
        b'{"versions": 1}',
        b'{"versions": ["1"]}',
        b'{"versions": [1], "message_bytes": %d}' % (MESSAGE_BYTES_MIN - 1),
        b'{"versions": [1], "message_bytes": %d}' % (MESSAGE_BYTES_MAX + 1),
        b'{"versions": [1], "message_bytes": 1e6}',
        b'{"versions": [1], "exchanges": -1}',
        b'{"versions": [1], "exchanges": 4294967296}',
        b'{"versions": [1], "exchanges": null}',
        b'{"versions": [%s]}' % b",".join([b"1"] * 65),
    ],
)
def test_a_hello_with_impossible_numbers_cannot_be_read(said: bytes) -> None:
    """Every number of a peer is within what it can mean."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(said, type=Hello)


def test_a_new_block_leads_nowhere_yet() -> None:
    """Whoever serves a link works out the way once, and keeps it with the block."""
    assert Block(3, Headers(A="1")).route is None
