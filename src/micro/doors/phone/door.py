"""The door for phones: closed until the owner pairs one, then open, over restarts too, until he stops it.

    CLOSED ── pair ──> PAIRING: open, and the plain page with the certificate beside it
      ^                 │    ^
      │             ten minutes, or Stop
      │                 v    └── pair ──┐
      └──── stop ───── OPEN ────────────┘

While it is open somebody looks at the addresses of the machine now and then: the door follows them, and gets a new
certificate when they change, or when the one it has grows old.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from micro.doors.api.limits import Limits
from micro.doors.api.listener import Application
from micro.doors.phone.addresses import local_name, private_addresses
from micro.doors.phone.doorway import Doorway, spelled
from micro.doors.phone.drawer import Drawer, Remembered
from micro.doors.phone.plain import LIMITS, PlainPage
from micro.errors import Forbidden, MicroError, Unavailable
from micro.ports import Clock
from micro.trust.authority import LEAF_SECONDS, Authority, Leaf

__all__ = ["PAGE_SECONDS", "PhoneDoor", "Wanted"]

PAGE_SECONDS: Final = 600.0
"""How long the plain page is there after pairing was begun."""
LOOK_SECONDS: Final = 5.0
"""How often the addresses of the machine are looked at while the door is open."""
RENEW_SECONDS: Final = LEAF_SECONDS / 3
"""A certificate that ends sooner than that is renewed."""

log = logging.getLogger("micro.phone")


@dataclass(frozen=True)
class Wanted:
    """What the settings say.

    Attributes:
        allowed: whether there may be such a door.
        host: the one address to listen at; "" for all private ones.
        port, page_port: where the door is, and the page without TLS.
    """

    allowed: bool = True
    host: str = ""
    port: int = 8443
    page_port: int = 8444


class PhoneDoor:
    """The door of one node.

    Args:
        application: what answers, over TLS.
        drawer: what is kept in the home.
        clock: tells the time.
        wanted: what the settings say.
        limits: how much a client may take of it.
        addresses: returns the private addresses of this machine.
        told: told where the door is whenever that may have changed, "" while it is nowhere.
        page_seconds, look_seconds: as `PAGE_SECONDS` and `LOOK_SECONDS`.
    """

    def __init__(
        self,
        application: Application,
        drawer: Drawer,
        clock: Clock,
        wanted: Wanted,
        *,
        limits: Limits | None = None,
        addresses: Callable[[], Sequence[str]] = private_addresses,
        told: Callable[[str], object] = lambda url: None,
        page_seconds: float = PAGE_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._application = application
        self._drawer = drawer
        self._clock = clock
        self._wanted = wanted
        self._limits = limits or Limits()
        self._addresses = addresses
        self._told = told
        self._page_seconds, self._look_seconds = page_seconds, look_seconds
        self._lock = asyncio.Lock()
        self._authority: Authority | None = None
        self._leaf: Leaf | None = None
        self._context: ssl.SSLContext | None = None
        self._door: Doorway | None = None
        self._page: Doorway | None = None
        self._page_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    # -- what the owner does ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Opens the door if it was open when the node stopped; what is in its way is logged."""
        if not self._wanted.allowed or not self._drawer.remembered().open:
            return
        async with self._lock:
            try:
                await self._open()
            except (MicroError, OSError) as error:
                log.warning("the door for phones cannot be opened: %s", error)

    async def pair(self) -> None:
        """Opens the door, and the page with the certificate for a while.

        Raises:
            Forbidden: the settings do not allow it.
            Unavailable: this machine has no private address.
            ConfigError: the authority in the home is damaged.
            EngineError: nothing can be listened at.
            OSError: the home cannot be written.
        """
        if not self._wanted.allowed:
            raise Forbidden("no phone may be paired: the setting `phone` is off", id="phone")
        async with self._lock:
            if not self._found():
                raise Unavailable(
                    "this machine has no private address, so no phone finds it: connect it to the network of the house,"
                    " or name its address in the setting `phone_host`",
                    id="phone",
                )
            await self._open()
            await self._show()

    async def close(self) -> None:
        """Closes the door, until the owner pairs a phone again; sessions of browsers stay as they are."""
        async with self._lock:
            kept = self._drawer.remembered()
            if kept.open:
                self._drawer.remember(msgspec.structs.replace(kept, open=False))
            self._shut()

    async def stop(self) -> None:
        """Closes the door with the node; it is open again at the next start."""
        async with self._lock:
            self._shut()
        await asyncio.gather(*self._closing)

    # -- how it is --------------------------------------------------------------------------------------------------

    @property
    def allowed(self) -> bool:
        """Whether the settings allow it."""
        return self._wanted.allowed

    @property
    def urls(self) -> list[str]:
        """Where the door is, the address that phones reach most likely first; nothing while it is closed."""
        return [] if self._door is None else [f"https://{each}" for each in self._places(self._door)]

    @property
    def page_url(self) -> str:
        """Where the plain page is, "" while there is none."""
        places = [] if self._page is None else self._places(self._page)
        return f"http://{places[0]}/" if places else ""

    @property
    def page_until(self) -> float:
        """Until when it is there, in seconds since 1970; 0 while there is none."""
        return self._page_until if self._page is not None else 0.0

    @property
    def fingerprint(self) -> str:
        """Of the certificate, "" before there is one."""
        return "" if self._authority is None else self._authority.fingerprint

    @property
    def name(self) -> str:
        """What phones call the certificate."""
        return self._drawer.name

    @property
    def is_open(self) -> bool:
        """Whether phones are let in."""
        return self._door is not None

    @staticmethod
    def _places(doorway: Doorway) -> list[str]:
        return [f"{spelled(address)}:{doorway.port}" for address in doorway.addresses]

    # -- opening and closing ----------------------------------------------------------------------------------------

    def _found(self) -> list[str]:
        return [self._wanted.host] if self._wanted.host else list(self._addresses())

    async def _open(self) -> None:
        if self._door is None:
            self._authority = self._drawer.authority()
            kept, wanted = self._drawer.remembered(), self._wanted.port
            ports = (kept.port,) if kept.port and kept.wanted == wanted else ()
            self._door = Doorway(self._application, self._limits, (*ports, wanted, 0), self._secured)
            self._looking = asyncio.get_running_loop().create_task(self._look())
        try:
            await self._settle()
            self._drawer.remember(Remembered(open=True, port=self._door.port, wanted=self._wanted.port))
        except (MicroError, OSError):
            self._shut()
            raise

    async def _show(self) -> None:
        assert self._authority is not None
        if self._page is None:
            page = PlainPage(self._authority, self._drawer.name)
            self._page = Doorway(page, LIMITS, (self._wanted.page_port, 0))
            try:
                await self._settle()
            except (MicroError, OSError):
                self._shut_page()
                raise
        self._page_until = self._clock.now() + self._page_seconds
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._page_seconds, self._page_over)

    def _secured(self) -> ssl.SSLContext:
        assert self._context is not None
        return self._context

    async def _settle(self) -> None:
        """Has both doorways listen where this machine is now, with a certificate that says so."""
        assert self._door is not None
        assert self._authority is not None
        found, local = self._found(), local_name()
        names = [*found, *((local,) if local else ())]
        stale = self._leaf is None or set(self._leaf.names) != set(names)
        if found and (stale or (self._leaf is not None and self._leaf.ends < self._clock.now() + RENEW_SECONDS)):
            self._leaf, self._context = self._drawer.leaf(self._authority, names)
        for doorway in filter(None, (self._door, self._page)):
            await doorway.settle(found, names[len(found) :])
        self._told(next(iter(self.urls), ""))

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            async with self._lock:
                try:
                    await self._settle()
                except (MicroError, OSError) as error:
                    log.warning("phones do not reach this node just now: %s", error)

    def _page_over(self) -> None:
        self._timer = None
        self._soon(self._close_page())

    async def _close_page(self) -> None:
        async with self._lock:
            if self._timer is None:  # nobody has paired another one meanwhile
                self._shut_page()

    def _shut_page(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        page, self._page, self._timer = self._page, None, None
        if page is not None:
            page.close()
            self._soon(page.stop())

    def _shut(self) -> None:
        """Lets nobody in any more, at once; who is in has a moment: he may be the one who wished it."""
        if self._looking is not None:
            self._looking.cancel()
        self._shut_page()
        door, self._door, self._looking = self._door, None, None
        self._told("")
        if door is not None:
            door.close()
            self._soon(door.stop())

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
