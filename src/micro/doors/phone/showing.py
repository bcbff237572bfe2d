"""The page from which phones take the certificate for outside: shown at the addresses of the house, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from micro.doors.phone.addresses import private_addresses
from micro.doors.phone.doorway import Doorway, spelled
from micro.doors.phone.plain import LIMITS, PlainPage
from micro.errors import MicroError, Unavailable
from micro.ports import Clock
from micro.trust.authority import Authority

__all__ = ["PAGE_SECONDS", "Showing"]

PAGE_SECONDS = 600.0
"""How long the page is there after pairing was begun."""


class Showing:
    """Shows it.

    Args:
        clock: tells the time.
        port: where; any free one where it is taken.
        addresses: returns the private addresses of this machine.
        seconds: for how long.

    Attributes:
        until: until when it is there, in seconds since 1970; 0 while there is none.
    """

    def __init__(
        self,
        clock: Clock,
        port: int,
        *,
        addresses: Callable[[], Sequence[str]] = private_addresses,
        seconds: float = PAGE_SECONDS,
    ) -> None:
        self._clock = clock
        self._port = port
        self._addresses = addresses
        self._seconds = seconds
        self._page: Doorway | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.until = 0.0

    @property
    def url(self) -> str:
        """Where it is, "" while there is none."""
        page = self._page
        return f"http://{spelled(page.addresses[0])}:{page.port}/" if page is not None and page.addresses else ""

    async def show(self, authority: Authority, name: str) -> None:
        """Shows the certificate of an authority, again for the whole time where it is shown already.

        Args:
            authority: whose.
            name: what phones call it.

        Raises:
            Unavailable: this machine has no private address.
            EngineError: nothing can be listened at.
        """
        addresses = list(self._addresses())
        if not addresses:
            raise Unavailable(
                "this machine has no private address, so no phone can fetch the certificate here; next: connect it to "
                "the network of the house",
                id="phone",
            )
        if self._page is None:
            self._page = Doorway(PlainPage(authority, name), LIMITS, (self._port, 0))
        try:
            await self._page.settle(addresses, ())
        except (MicroError, OSError):
            self.shut()
            raise
        if self._timer is not None:
            self._timer.cancel()
        self.until = self._clock.now() + self._seconds
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self.shut)

    def shut(self) -> None:
        """Shows nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        page, self._page, self._timer, self.until = self._page, None, None, 0.0
        if page is not None:
            page.close()
            task = asyncio.get_running_loop().create_task(page.stop())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
