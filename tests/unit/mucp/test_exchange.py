"""Windows and credit of one stream or subscription."""

from __future__ import annotations

import pytest

from micro.errors import RemoteProtocolError
from micro.mucp.exchange import CREDIT_STEP_BYTES, Exchange
from micro.mucp.limits import FRAME_COST_BYTES, WINDOW_BYTES


def test_a_message_costs_its_bytes_and_its_frame() -> None:
    """Even an empty one costs, so that their number is bounded."""
    exchange = Exchange(1, 2, local=False)
    exchange.take(0)
    exchange.take(100)

    assert exchange.receive_window == WINDOW_BYTES - 100 - 2 * FRAME_COST_BYTES


def test_a_window_is_overdrawn_once() -> None:
    """One large message passes while there is anything left, the next one does not."""
    exchange = Exchange(1, 2, local=False)
    exchange.take(WINDOW_BYTES - FRAME_COST_BYTES - 1)
    exchange.take(1_000_000)

    with pytest.raises(RemoteProtocolError, match="without credit"):
        exchange.take(0)


def test_nothing_comes_after_the_end() -> None:
    """A message after END is the peer's mistake."""
    exchange = Exchange(1, 2, local=False)
    exchange.peer_ended = True

    with pytest.raises(RemoteProtocolError, match="after its END"):
        exchange.take(1)


def test_credit_comes_back_in_steps() -> None:
    """Nothing is given back for a little, and all that was consumed at a step."""
    exchange = Exchange(1, 2, local=False)
    size = CREDIT_STEP_BYTES - FRAME_COST_BYTES
    exchange.take(size - 1)
    exchange.take(0)

    assert exchange.release(size - 1) == 0
    assert exchange.release(0) == CREDIT_STEP_BYTES - 1 + FRAME_COST_BYTES
    assert exchange.receive_window == WINDOW_BYTES
    assert exchange.release(0) == 0


@pytest.mark.parametrize("count", [1, 2**32 - 1])
def test_credit_beyond_the_window_is_refused(count: int) -> None:
    """Nobody can be given more than was ever sent, however large the number."""
    exchange = Exchange(1, 2, local=True)

    with pytest.raises(RemoteProtocolError, match="more credit"):
        exchange.credit(count)
    assert exchange.send_window == WINDOW_BYTES


def test_credit_fills_the_window_exactly() -> None:
    """What was sent may be given back, to the last byte."""
    exchange = Exchange(1, 2, local=True)
    exchange.send_window -= 500_000
    exchange.credit(500_000)

    assert exchange.send_window == WINDOW_BYTES
