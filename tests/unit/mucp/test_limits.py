"""The numbers a session lives by are possible ones."""

from __future__ import annotations

import dataclasses

import pytest

from micro.errors import LocalProtocolError
from micro.mucp import limits
from micro.mucp.limits import MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN, Limits


def test_a_hello_tells_only_what_the_peer_must_know() -> None:
    """What waits here is nobody's business."""
    assert Limits().to_hello() == {"message_bytes": 4_194_304, "exchanges": 1024}


@pytest.mark.parametrize(
    "wrong",
    [
        {"message_bytes": MESSAGE_BYTES_MIN - 1},
        {"message_bytes": MESSAGE_BYTES_MAX + 1},
        {"exchanges": -1},
        {"exchanges": 2**32},
    ],
)
def test_limits_that_no_peer_accepts_are_a_bug(wrong: dict[str, int]) -> None:
    """A HELLO with them would cost the link."""
    with pytest.raises(LocalProtocolError, match="is allowed"):
        Limits(**wrong)


@pytest.mark.parametrize("liveness", [limits.NETWORK, limits.LOCAL])
def test_a_peer_is_asked_before_it_is_dead(liveness: limits.Liveness) -> None:
    """There is time for an answer, busy or idle."""
    assert 0 < liveness.ping_seconds < liveness.dead_seconds <= liveness.idle_dead_seconds
    assert liveness.ping_seconds <= liveness.idle_ping_seconds < liveness.idle_dead_seconds


@pytest.mark.parametrize("each", [limits.OWNER, limits.STRANGER, limits.GUEST, Limits()])
def test_everything_is_bounded(each: Limits) -> None:
    """No limit is missing or absurd."""
    assert all(0 < value < 2**30 for value in dataclasses.asdict(each).values())
