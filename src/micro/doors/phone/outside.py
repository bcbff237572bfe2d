"""The door for phones outside of the house: through the domain of a super node, which sees none of what is said.

    CLOSED ── pair ──> OPEN: asks the super node for its connections, again and again where that is lost
       ^                │
       └───── stop ─────┘

Nothing is listened on. Each connection is taken over the node's own link to the super node, and ends here: TLS with a
key of this node, at its own name alone. The super node says where a connection comes from; it is believed only as far
as to tell its own callers apart, and nobody who comes this way is ever of this machine.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from micro.doors.api.access import THROUGH
from micro.doors.api.hosts import Hosts
from micro.doors.api.limits import Limits
from micro.doors.api.listener import Application, Listener
from micro.doors.api.places import group_of
from micro.doors.phone.carrying import carry
from micro.doors.phone.drawer import Drawer, Through
from micro.doors.phone.showing import Showing
from micro.errors import ConfigError, Forbidden, MicroError, NotFound, Unavailable
from micro.network.passage.seats import label_of
from micro.node.passages import Passage, Passages
from micro.ports import Clock, Entropy
from micro.service.registry import passage as said
from micro.trust.authority import LEAF_SECONDS, Authority, Leaf
from micro.trust.identity import short

__all__ = ["LIMITS", "OutsideDoor"]

LIMITS: Final = Limits(connections_max=128, connections_address_max=32)
"""They are this door's own: whoever comes from anywhere takes no place of the house's."""
CALLS_MAX: Final = LIMITS.connections_max
"""So many connections are carried at once; what comes beyond is not taken, and ends at the super node."""
WORD_SECONDS: Final = 10.0
BACKOFF_SECONDS_MIN: Final = 0.5
BACKOFF_SECONDS_MAX: Final = 15.0
RENEW_SECONDS: Final = LEAF_SECONDS / 3
HTTPS_PORT: Final = 443

log = logging.getLogger("micro.phone")


class OutsideDoor:
    """The door of one node.

    Args:
        nid: the node.
        application: what answers.
        drawer: what is kept in the home.
        showing: shows phones a certificate.
        clock, entropy: time, and the spread of pauses.
        passages: the ways through super nodes, None where the node has no network.
        allowed: what the settings say.
        told: told where the door is whenever that changes, "" while it is nowhere.

    Attributes:
        linked: whether the super node passes connections on now.
        trouble: why it does not, "" while all is well.
    """

    def __init__(
        self,
        nid: str,
        application: Application,
        drawer: Drawer,
        showing: Showing,
        *,
        clock: Clock,
        entropy: Entropy,
        passages: Passages | None,
        allowed: bool = True,
        told: Callable[[str], object] = lambda url: None,
    ) -> None:
        self._nid = nid
        self._application = application
        self._drawer = drawer
        self._showing = showing
        self._clock = clock
        self._entropy = entropy
        self._passages = passages
        self._told = told
        self._lock = asyncio.Lock()
        self._through: Through | None = None
        self._authority: Authority | None = None
        self._leaf: Leaf | None = None
        self._context: ssl.SSLContext | None = None
        self._listener: Listener | None = None
        self._attending: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self.allowed = allowed
        self.linked = False
        self.trouble = ""

    # -- what the owner does ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Opens the door if it was open when the node stopped; what is in its way is logged."""
        kept = self._drawer.through()
        if not self.allowed or not kept.open:
            return
        if self._passages is None:
            log.warning("phones do not reach this node from outside: it was started without a network")
            return
        async with self._lock:
            try:
                await self._open(kept)
            except (MicroError, OSError) as error:
                log.warning("the door for phones outside cannot be opened: %s", error)

    async def offers(self) -> list[Passage]:
        """Returns through which super nodes this node can be reached.

        Raises:
            Unavailable: the node is in no network.
        """
        if self._passages is None:
            raise Unavailable("this node was started without a network; set network to true", id="phone")
        return await self._passages.offers()

    async def pair(self, nid: str = "") -> None:
        """Opens the door, and the page with the certificate for a while.

        Args:
            nid: the super node through which; "" for the one that it goes through already, else for the first offer.

        Raises:
            Forbidden: the settings do not allow it.
            Unavailable: no super node passes connections on to this node, or no page can be shown.
            NotFound: that super node does not.
            ConfigError, EngineError, OSError: as `PhoneDoor.pair`.
        """
        if not self.allowed:
            raise Forbidden("no phone is let in from outside: the setting `phone_outside` is off", id="phone")
        async with self._lock:
            if self._through is None or nid not in ("", self._through.nid):
                passage = await self._chosen(nid)
                await self._shut()
                await self._open(Through(open=True, nid=passage.nid, domain=passage.domain, port=passage.port))
            assert self._authority is not None
            await self._showing.show(self._authority, self.name)

    async def close(self) -> None:
        """Closes the door, until the owner opens it again; sessions of browsers stay as they are."""
        async with self._lock:
            kept = self._drawer.through()
            if kept.open:
                self._drawer.keep_through(msgspec.structs.replace(kept, open=False))
            await self._shut()

    async def stop(self) -> None:
        """Closes the door with the node; it is open again at the next start."""
        async with self._lock:
            await self._shut()
        await asyncio.gather(*self._closing)

    # -- how it is --------------------------------------------------------------------------------------------------

    @property
    def through(self) -> Through:
        """Through which super node, and where: nothing while the door is closed."""
        return self._through or Through()

    @property
    def host(self) -> str:
        """What this node is called there, "" while the door is closed."""
        return f"{label_of(self._nid)}.{self._through.domain}" if self._through is not None else ""

    @property
    def url(self) -> str:
        """Where phones find this node, "" while the door is closed."""
        return f"https://{self._place()}" if self._through is not None else ""

    @property
    def name(self) -> str:
        """What phones call the certificate."""
        return f"{self._drawer.name} outside"

    @property
    def authority(self) -> Authority | None:
        """What phones trust, None before it is needed."""
        return self._authority

    def _place(self) -> str:
        port = self.through.port
        return self.host if port == HTTPS_PORT else f"{self.host}:{port}"

    # -- opening and closing ----------------------------------------------------------------------------------------

    async def _chosen(self, nid: str) -> Passage:
        offers = await self.offers()
        found = next((each for each in offers if nid in ("", each.nid)), None)
        if found is None and nid:
            raise NotFound(f"{short(nid)} passes no connections on to this node; next: choose another", id="phone")
        if found is None:
            raise Unavailable(
                "no super node of this network passes connections on to this node: none has a domain for that; "
                "next: ask the owner of one to set passage_domain, or run a super node with a domain of your own",
                id="phone",
            )
        return found

    async def _open(self, through: Through) -> None:
        self._through = through
        try:
            authority = self._authority = self._drawer.authority(host=self.host)
            assert authority is not None
            self._renew(authority)
            listener = self._listener = Listener(self._application, LIMITS)
            await listener.begin(self._hosts())
            self._drawer.keep_through(through)
        except (MicroError, OSError):
            await self._shut()
            raise
        self._attending = asyncio.get_running_loop().create_task(self._attend(through))
        self._told(self.url)

    def _hosts(self) -> Hosts:
        return Hosts(0, exact=(self._place(),), loopback=False, schemes=(b"https",))

    def _renew(self, authority: Authority) -> ssl.SSLContext:
        """Returns what handshakes are done with, for this node's name alone, with a certificate that lasts."""
        leaf, context = self._leaf, self._context
        if leaf is None or context is None or leaf.ends < self._clock.now() + RENEW_SECONDS:
            leaf, context = self._drawer.leaf(authority, [authority.host])

            def check(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int | None:
                is_ours = (name or "").lower() == authority.host
                return None if is_ours else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

            context.sni_callback = check
            self._leaf, self._context = leaf, context
        return context

    async def _shut(self) -> None:
        if self._attending is not None:
            self._attending.cancel()
        listener, self._listener, self._attending = self._listener, None, None
        self._leaf = self._context = self._through = None
        self.linked, self.trouble = False, ""
        self._showing.shut()
        self._told("")
        if listener is not None:
            self._soon(self._finish(listener, set(self._calls)))

    async def _finish(self, listener: Listener, calls: set[asyncio.Task[None]]) -> None:
        """Lets requests under way finish: one of them may be the one that wished it."""
        await listener.stop()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # -- the super node ---------------------------------------------------------------------------------------------

    async def _attend(self, through: Through) -> None:
        failures = 0
        while True:
            try:
                await self._stay(through)
            except (MicroError, TimeoutError, OSError) as error:
                failures = 1 if self.linked else failures + 1
                self.linked, self.trouble = False, str(error) or "the super node does not answer"
                log.info("phones do not reach this node from outside just now: %s", self.trouble)
            await asyncio.sleep(self._backoff_seconds(failures))

    def _backoff_seconds(self, failures: int) -> float:
        longest: float = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(failures - 1, 10))
        return longest * (0.5 + self._entropy.random_bytes(1)[0] / 512)

    async def _stay(self, through: Through) -> None:
        assert self._passages is not None
        async with await self._passages.wait(through.nid) as stream:
            words = stream.messages()
            async with asyncio.timeout(WORD_SECONDS):
                self._check(said.PASSAGE.decode(await anext(words, b"")), through)
            self.linked, self.trouble = True, ""
            async for word in words:
                called = said.CALLED.decode(word)
                if len(self._calls) < CALLS_MAX:
                    task = asyncio.get_running_loop().create_task(self._take(through.nid, called))
                    self._calls.add(task)
                    task.add_done_callback(self._calls.discard)
        raise Unavailable("the super node has ended it")

    @staticmethod
    def _check(passage: dict[str, Any], through: Through) -> None:
        if (passage["domain"], passage["port"]) != (through.domain, through.port):
            raise ConfigError(
                f"the super node has another domain now: {passage['domain'] or 'none'}, port {passage['port']}; "
                "next: stop this, and pair phones again"
            )

    # -- one connection ---------------------------------------------------------------------------------------------

    async def _take(self, nid: str, called: dict[str, Any]) -> None:
        assert self._passages is not None
        assert self._authority is not None
        listener = self._listener
        if listener is None:
            return
        context = self._renew(self._authority)
        try:
            stream = await self._passages.take(nid, called["name"])
        except (MicroError, TimeoutError) as error:
            log.debug("a connection could not be taken: %s", error)
            return
        caller = f"{THROUGH}{short(nid)}, {group_of(called['address'])}"
        async with stream:
            await carry(stream, lambda accepted: listener.admit(accepted, context, caller))
