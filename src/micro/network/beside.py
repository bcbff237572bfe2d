"""The two ends of a link within one process: a small call, and its answer, cross without being put into bytes.

Theory. Such a link is like any other, and all that is rare goes over its pipe in bytes. What is asked all the time does
not: a small call is kept for the other end as it is, which serves all that were made in a turn of the loop in the next
one, so that many are read before the first is answered. A small answer is handed over at once. Both only where no bytes
are on the way, which they could overtake. Only the end that dialled calls so.
"""

from __future__ import annotations

import asyncio
from typing import Any

from micro.errors import InternalError
from micro.mucp.event import Opened, Replied
from micro.mucp.limits import BULKY_BYTES
from micro.network.link import Link

__all__ = ["Asked", "Asking", "join"]


class _End(Link):
    """One end."""

    @property
    def _is_clear(self) -> bool:
        """Whether all that was said in bytes has arrived."""
        return not self.session.output and self._pipe is not None and not self._pipe.get_write_buffer_size()


class Asking(_End):
    """The end that dialled.

    Attributes:
        far: the other end, None until both are joined.
    """

    far: Asked | None = None

    def call(self, owner: Any, prefix: bytes, body: bytes) -> int:
        far = self.far
        if far is not None and self._is_clear and self.closed is None and far.closed is None:
            event = self.session.hand(far.session, owner, prefix, body)
            if event is not None:
                far.hand(event)
                return event.number
        return super().call(owner, prefix, body)

    def answered(self, owner: Any, body: bytes, headers: Any) -> None:
        """Tells whoever waits for an answer that the other end hands over."""
        try:
            if isinstance(owner, asyncio.Future):
                if not owner.done():
                    owner.set_result(Replied(None, body, headers))
            else:
                owner.replied(body, headers)
        except Exception as error:  # noqa: BLE001 - a bug behind one exchange must not hurt whoever answers
            self._complain(error)


class Asked(_End):
    """The end that was dialled, and serves.

    Attributes:
        far: the other end, None until both are joined.
    """

    far: Asking | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._handed: list[Opened] = []

    def hand(self, event: Opened) -> None:
        """Takes a call, to be served in the next turn."""
        if not self._handed:
            self._loop.call_soon(self._serve)
        self._handed.append(event)

    def _serve(self) -> None:
        events, self._handed = self._handed, []
        for event in events:
            if self.closed is not None:
                return
            try:
                self.serving.opened(self, event)
            except Exception as error:  # noqa: BLE001 - a bug behind one exchange must not hurt the others
                self._complain(error)
                self.fail(event.number, InternalError("this exchange failed here; the log tells more"))

    def reply(self, number: int, body: bytes) -> None:
        far = self.far
        if far is None or len(body) > BULKY_BYTES or not self._is_clear or far.closed is not None:
            super().reply(number, body)
            return
        owner, headers = self.session.hand_back(far.session, number)
        if owner is not None:
            far.answered(owner, body, headers)


def join(asking: Asking, asked: Asked) -> None:
    """Tells two ends of each other; they are linked by a pipe as well."""
    asking.far, asked.far = asked, asking
