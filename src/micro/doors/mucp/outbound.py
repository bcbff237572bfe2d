"""Connections to a go-micro server: one call, or one stream, at a time on each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from micro.errors import Unavailable
from micro.mucp.http.asker import Asker, Event, State

__all__ = ["Outbound", "Pool", "place_of"]

DIAL_SECONDS = 5.0
IDLE_MAX = 32
"""Connections that are kept for the next call."""

OPEN_MAX = 256
"""Connections to one server at once."""


class Outbound(asyncio.Protocol):
    """One connection.

    Attributes:
        asker: spells what is said, and reads what is answered.
        on_event: told what comes of what is under way; None while nothing is.
        on_drained: told when more may be written.
        is_full: whether the server does not read what was written.
    """

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.on_event: Callable[[Event], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self.is_full = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._tell(self.asker.receive(data))
        if self.asker.state is State.OVER:
            self.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._transport = None
        self._tell(self.asker.lost())

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            if self.on_event is not None:
                self.on_event(event)

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        if self.on_drained is not None:
            self.on_drained()

    def hold(self, *, held: bool) -> None:
        """Reads nothing for a while, or again."""
        if self._transport is not None and not self._transport.is_closing():
            if held:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def say(self, data: bytes) -> None:
        """Writes."""
        if self._transport is not None:
            self._transport.write(data)

    @property
    def is_usable(self) -> bool:
        """Whether something new may be asked here."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self.asker.state is State.IDLE

    def close(self) -> None:
        """Ends it; what is under way is not answered any more."""
        if self._transport is not None:
            self._transport.close()


def place_of(host: str, port: int) -> str:
    """Returns how HTTP spells a server's address: one of IPv6 stands in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Pool:
    """Connections to one server.

    Args:
        host, port: its address.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._place = place_of(host, port)
        self._idle: dict[str, list[Outbound]] = {}
        self._open: set[Outbound] = set()

    async def take(self, content_type: str, *, fresh: bool = False) -> Outbound:
        """Returns a connection on which nothing is under way; `fresh` ones were used for nothing before.

        Raises:
            OSError: the server cannot be reached; nothing was sent.
            Unavailable: too much is under way there; nothing was sent.
        """
        idle = self._idle.get(content_type, [])
        while idle and not fresh:
            found = idle.pop()
            if found.is_usable:
                return found
            self._open.discard(found)
        self._open = {each for each in self._open if each.is_usable or each.on_event is not None}
        if len(self._open) >= OPEN_MAX:
            raise Unavailable(f"{OPEN_MAX} requests are under way at {self._place}; try again in a moment")
        asker = Asker(self._place, content_type=content_type)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                _, found = await loop.create_connection(lambda: Outbound(asker), self._host, self._port)
        except TimeoutError:
            raise ConnectionAbortedError(f"it did not answer within {DIAL_SECONDS:g} s") from None
        self._open.add(found)
        return found

    def give_back(self, content_type: str, connection: Outbound) -> None:
        """Takes a connection back on which a call was answered."""
        connection.on_event = None
        idle = self._idle.setdefault(content_type, [])
        if connection.is_usable and len(idle) < IDLE_MAX:
            idle.append(connection)
        else:
            self.drop(connection)

    def drop(self, connection: Outbound) -> None:
        """Ends a connection."""
        connection.on_event = None
        self._open.discard(connection)
        connection.close()

    def close(self) -> None:
        """Ends all."""
        for each in list(self._open):
            self.drop(each)
        self._idle.clear()
