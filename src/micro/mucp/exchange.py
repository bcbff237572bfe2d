"""One stream or subscription: who may still send, and how much.

Pure.

    opened ──opener's END──> half closed ──answerer's END──> over
       └────────────answerer's END──────────────────────────┘   ERROR, REFUSED, CANCEL: over, from anywhere

Each direction has a window of `WINDOW_BYTES`. A message costs its payload and `FRAME_COST_BYTES`; it may be sent while
the window is positive and may overdraw it once, so that one large message passes. CREDIT gives back what was consumed.
By how much all exchanges of a link have overdrawn is bounded together: the session keeps that book.
"""

from __future__ import annotations

from typing import Any

from micro.errors import RemoteProtocolError
from micro.mucp.limits import BULKY_BYTES, FRAME_COST_BYTES, WINDOW_BYTES

__all__ = ["Exchange"]

CREDIT_STEP_BYTES = WINDOW_BYTES // 2
"""Credit is given back in steps, so that it costs few frames."""

OVERDRAFT_FREE_BYTES = BULKY_BYTES + FRAME_COST_BYTES
"""A window may be overdrawn by so much without being booked on the link: a message of ordinary size never is."""
_OWED = -OVERDRAFT_FREE_BYTES


class Exchange:
    """The state of one stream or subscription.

    Attributes:
        number: the exchange's number on its link.
        form: stream or subscribe, as in `micro.mucp.message.Form`.
        local: whether this side opened it.
        owner: whoever handles its events.
        patient: whether nobody waits for it in a hurry, so that silence on its link may be long: a watch.
        overdraft: by how much the peer's last large message overdrew the window, while the window is not positive.
    """

    __slots__ = (
        "consumed",
        "form",
        "local",
        "number",
        "overdraft",
        "owner",
        "patient",
        "peer_ended",
        "receive_window",
        "self_ended",
        "send_window",
    )

    def __init__(self, number: int, form: int, *, local: bool, owner: Any = None) -> None:
        self.number = number
        self.form = form
        self.local = local
        self.owner = owner
        self.patient = False
        self.send_window = WINDOW_BYTES
        self.receive_window = WINDOW_BYTES
        self.consumed = 0
        self.overdraft = 0
        self.self_ended = self.peer_ended = False

    def take(self, size: int) -> bool:
        """Books a message of `size` bytes that came in; returns whether it overdraws by what the link must book.

        Raises:
            RemoteProtocolError: the peer had no credit left or had ended.
        """
        window = self.receive_window
        if window <= 0:
            raise RemoteProtocolError(f"exchange {self.number}: a message without credit")
        if self.peer_ended:
            raise RemoteProtocolError(f"exchange {self.number}: a message after its END")
        self.receive_window = window = window - size - FRAME_COST_BYTES
        return window < _OWED

    def release(self, size: int) -> int:
        """Books a message of `size` bytes as consumed; returns how much credit is due now, usually 0."""
        self.consumed += size + FRAME_COST_BYTES
        if self.consumed < CREDIT_STEP_BYTES:
            return 0
        due, self.consumed = self.consumed, 0
        self.receive_window += due
        return due

    def credit(self, count: int) -> None:
        """Books credit from the peer.

        Raises:
            RemoteProtocolError: it exceeds what was ever sent.
        """
        if self.send_window + count > WINDOW_BYTES:
            raise RemoteProtocolError(f"exchange {self.number}: more credit than the window of {WINDOW_BYTES} bytes")
        self.send_window += count
