"""What was said on one session of a tunnel and waits to be taken.

A tunnel has no credit: whoever says more than the other takes is not held back, and all sessions share one connection,
so that not reading it would hold back everybody. What waits is bounded therefore, and a session that has more fails.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from micro.doors.legacy.tunnel import Event, Heard
from micro.errors import TooManyRequests

__all__ = ["Backlog"]

EVENTS_MAX: Final = 1_024
BYTES_MAX: Final = 8_388_608


class Backlog:
    """Events of one session, in their order."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._is_overrun = False
        self._arrived = asyncio.Event()

    def put(self, event: Event) -> None:
        """Keeps an event, or notes that there was no room for it."""
        size = len(event.body) if isinstance(event, Heard) else 0
        if len(self._events) >= EVENTS_MAX or (self._events and self._bytes + size > BYTES_MAX):
            self._is_overrun = True
        if not self._is_overrun:
            self._events.append(event)
            self._bytes += size
        self._arrived.set()

    async def get(self) -> Event:
        """Returns the next event once it is there.

        Raises:
            TooManyRequests: all that there was room for is taken, and there was more.
        """
        while not self._events:
            if self._is_overrun:
                raise TooManyRequests(
                    f"a stream through a go-micro v2 network keeps at most {EVENTS_MAX} messages or {BYTES_MAX} bytes "
                    "that its reader has not taken, and the tunnel cannot hold back whoever sends them; read faster"
                )
            self._arrived.clear()
            await self._arrived.wait()
        event = self._events.popleft()
        self._bytes -= len(event.body) if isinstance(event, Heard) else 0
        return event
