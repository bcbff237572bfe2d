"""A service that runs: registered with its node, reachable on a socket of its own, its subscribers at work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from micro.errors import LinkClosed, NoNode
from micro.mucp import headers as names
from micro.mucp.event import Hello, Opened, Published
from micro.mucp.headers import Headers
from micro.mucp.limits import OWNER
from micro.network.link import Link
from micro.network.transport.transport import Listening, Sockets
from micro.ports import Clock, Entropy
from micro.service.client import Client
from micro.service.context import Context
from micro.service.events import ACCOUNT
from micro.service.function import Function
from micro.service.handling import Handling
from micro.service.keeping import Settings, Store
from micro.service.once import call_once
from micro.service.raw import Dialer
from micro.service.server import Server, caller_from
from micro.service.service import Service, Subscriber
from micro.service.spending import Spending
from micro.service.subscription import Event
from micro.trust.policy import Caller

__all__ = ["Running"]

PART_SECONDS = 1.0
"""So often is looked whether a caller that was sent away has nothing open any more."""

RECALL = "Debug.Recall"
BACKOFF_SECONDS_MIN = 0.1
BACKOFF_SECONDS_MAX = 5.0
DRAIN_SECONDS = 10.0
"""How long exchanges under way may go on after the service was told to stop."""

log = logging.getLogger("micro.service")


class Running:
    """Runs one service.

    Args:
        service: what is to run.
        dialer: how the node is reached.
        clock, entropy: the ports.
        instance: this instance's id.
        socket: where direct callers of the same owner may reach it, or None.
        uid: the user whose callers those are.
        sockets: where they come in.
        stay: whether to wait for a node that is gone; a supervised instance ends with its node instead.
        spending: makes what counts the processor time of one exchange.
    """

    def __init__(
        self,
        service: Service,
        *,
        dialer: Dialer,
        clock: Clock,
        entropy: Entropy,
        instance: str,
        socket: str | None,
        uid: int,
        sockets: Sockets,
        stay: bool = True,
        spending: Callable[[], Spending] = Spending,
    ) -> None:
        self.service = service
        self.instance = instance
        self._dialer = dialer
        self._socket = socket
        self._uid = uid
        self._sockets = sockets
        self._stay = stay
        self._listener: Listening | None = None
        self._link: Link | None = None
        self._direct: dict[Link, bool] = {}  # each with whether it was sent away
        self._gone = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._subscribing: list[asyncio.Task[None]] = []
        self.client = Client(dialer, clock=clock, entropy=entropy)
        self.config = Settings(self.client)
        self._handling = Handling(lambda: service.name, self.client, self._context, self._start, spending)
        self.registered = asyncio.Event()
        self.debug = service.with_debug(clock.now)
        service.endpoints.pop(RECALL, None)  # of whoever ran it before
        service.add(RECALL, self._recall, idempotent=True).hidden = True
        self.server = Server(
            service.name,
            service.endpoints,
            owner=self,
            identify=self._identify,
            traced=self.debug.traced,
            spending=spending,
        )
        self.opened = self.server.opened  # type: ignore[method-assign] # one call less for each exchange
        self._service_name = service.name

    # -- what contexts ask ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.service.name

    def store_for(self, caller: Caller) -> Store:
        """Returns the store of the service: the caller's part, or the shared one."""
        if self.service.store_scope == "shared":
            return Store(self.client, "")
        return Store(self.client, _scope_of(caller))

    def _context(self, event: Event) -> Context:
        return Context(self, _publisher_as_caller(event.publisher), event.headers, None, None)

    # -- links ------------------------------------------------------------------------------------------------------

    def _identify(self, link: Link, headers: Headers) -> Caller:
        if link.facts is not None:
            return Caller(owner=True, service=str(headers.get(names.FROM_SERVICE, "")))
        return caller_from(headers)

    def greeted(self, link: Link, hello: Hello) -> None:
        """A direct caller is the owner's: the socket's other end was checked."""

    def opened(self, link: Link, event: Opened) -> None:
        self.server.opened(link, event)

    def published(self, link: Link, event: Published) -> None:
        """A service keeps no topics: nobody gets these events."""

    def withdrawn(self, link: Link, number: int) -> None:
        self.server.withdrawn(link, number)

    def going(self, link: Link, reason: str) -> None:
        if link is self._link:
            log.info("going away: %s", reason)
            self._send_away(reason)
            for task in self._subscribing:
                task.cancel()

    async def _recall(self) -> dict[str, int]:
        """Sends callers that skip the node back to it, and returns how many: their calls are shared out from now on.

        Who has something open stays until that is finished, and is counted until then.
        """
        return {"recalled": self._send_away("its node shares calls out among generations")}

    def _send_away(self, reason: str) -> int:
        """Sends away those who call directly; what they asked for before they hear of it is done as ever."""
        for link, is_told in list(self._direct.items()):
            if not is_told:
                self._direct[link] = True
                link.session.send_away(reason)
                link.schedule()
                self._start(self._part(link))
        return len(self._direct)

    @staticmethod
    async def _part(link: Link) -> None:
        """Ends the link of a caller that was sent away, when nothing is open on it any more."""
        await asyncio.sleep(PART_SECONDS)
        while link.closed is None and (link.session.serving or link.session.exchanges):  # noqa: ASYNC110 - anywhere
            await asyncio.sleep(PART_SECONDS)
        link.close("whoever called here calls through the node now")

    def lost(self, link: Link, reason: str) -> None:
        self.server.lost(link)
        self._direct.pop(link, None)
        if link is self._link:
            self._gone.set()

    def _accept(self) -> Link:
        running = self

        class DirectLink(Link):
            """A link of a caller that skips the node."""

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                if running._sockets.peer_uid(transport) != running._uid:
                    self.abort("only the owner's programs may call directly")
                    return
                self.facts = running
                running._direct[self] = False

        return DirectLink(self, dialed=False, limits=OWNER)

    # -- life -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serves until `stop`.

        Raises:
            NoNode: no node runs, at the start or, for a supervised instance, any more.
            Fault: the node refuses the service.
        """
        if self._socket is not None:
            self._listener = await self._sockets.listen(self._socket, self._accept)
        try:
            await self._serve()
        finally:
            await self._end()

    async def _serve(self) -> None:
        delay, first = BACKOFF_SECONDS_MIN, True
        while not self._stopping.is_set():
            try:
                await self._register()
                delay, first = BACKOFF_SECONDS_MIN, False
                await self._until_gone()
            except (NoNode, LinkClosed) as error:
                if first or not self._stay:
                    raise NoNode(str(error)) from error
            if self._stopping.is_set():
                return
            if not self._stay:
                raise NoNode("the node is gone")
            log.info("the node is gone; waiting for it")
            await self._pause(delay)
            delay = min(delay * 2, BACKOFF_SECONDS_MAX)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _register(self) -> None:
        self._gone.clear()
        self._subscribing.clear()
        self._link = link = await self._dialer.dial(None, self, instance=self.instance)
        address = self._listener.address if self._listener is not None else None
        await call_once(
            link,
            "registry",
            "Registry.Register",
            {"instance": self.instance, "address": address, "description": self.service.describe()},
        )
        self.registered.set()
        handlers: list[Subscriber | Function] = [*self.service.subscribers, *self.service.functions.values()]
        for handler in handlers:
            self._subscribing.append(self._start(self._handling.subscribed(handler, link)))

    async def _until_gone(self) -> None:
        waits = [asyncio.create_task(self._gone.wait()), asyncio.create_task(self._stopping.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda task: self._tasks.pop(task, None))
        return task

    def stop(self) -> None:
        """Has `run` end: no new exchanges, those under way finish."""
        self._stopping.set()

    async def _end(self) -> None:
        links = [link for link in (self._link, *self._direct) if link is not None and link.closed is None]
        for link in links:
            link.session.go_away(f"{self.service.name} is stopping")
            link.flush()
        if self._listener is not None:
            self._listener.close()
        await self.server.finish(DRAIN_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._handling.close()
        await self.client.close()
        for link in links:
            link.close("the service has stopped")


def _scope_of(caller: Caller) -> str:
    if caller.lent or (caller.owner and not caller.service):  # a token shares what its owner has
        return "owner"
    if caller.account and not caller.service and caller.account != caller.nid:  # a user; also one who published
        return f"{caller.nid}/{ACCOUNT}{caller.account}"
    node = "" if caller.owner or caller.supervised else caller.nid
    return f"{node}/{caller.service}" if caller.service else node or "anonymous"


def _publisher_as_caller(publisher: str) -> Caller:
    nid, _, name = publisher.partition("/")
    account = name.removeprefix(ACCOUNT)
    return Caller(nid=nid, service=name) if account == name else Caller(nid=nid, account=account)
