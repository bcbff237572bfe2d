"""iroh between nodes: QUIC with TLS 1.3 in which each end proves the ed25519 key that its nid spells.

One connection carries one stream, and that one link. Nothing is published or looked up anywhere: whoever dials brings
the addresses. A relay, where one is given, sees ciphertext only.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final

import iroh

from micro.errors import BadRequest, ConfigError, EngineError, HandshakeFailed, LinkClosed, MicroError, Unavailable
from micro.network.prefix import Prefixes
from micro.network.transport import iroh_bytes, iroh_wake
from micro.network.transport.admission import Admission, Limits, Verdict, origin_of
from micro.network.transport.iroh_pipe import LINGER_SECONDS_MAX, IrohPipe, plain_reason
from micro.network.transport.relay_probe import answers
from micro.trust.identity import nid_of, public_key_of, short
from micro.trust.keys import KEY_BYTES
from micro.trust.ticket import canonical_address, canonical_relay

__all__ = ["ALPN", "HANDSHAKE_SECONDS_MAX", "IrohEndpoint"]

ALPN: Final = b"micro/mucp/1"
"""The only protocol spoken; whoever asks for another is turned away in the handshake."""

HANDSHAKE_SECONDS_MAX: Final = 10.0
"""A connection must be proved within this time, and its first bytes must be here after as much again."""

SILENT_SECONDS_MAX: Final = 1.0
"""A connection that hears nothing for so long, while its far end is dialled in vain, is given up."""

CLOSE_SECONDS_MAX: Final = 1.0
"""iroh is given so long to say farewell."""

TURNED_AWAY: Final = 2
"""Error code of a connection that was given no pipe."""

TROUBLES: Final = ("socket:relay_conns_closed", "socket:relay_conns_failed")
"""Counters of iroh's."""

_log = logging.getLogger(__name__)


class IrohEndpoint:
    """This node's place on the network; a `micro.network.transport.transport.Transport`."""

    def __init__(
        self, endpoint: iroh.Endpoint, port: int, limits: Limits, relays: Sequence[str], prefixes: Prefixes
    ) -> None:
        """For `bind`; not to be called otherwise."""
        self._endpoint: iroh.Endpoint | None = endpoint
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._relays = tuple(relays)
        self._nid = nid_of(endpoint.id().to_bytes())
        self._admission = Admission(limits)
        self._prefixes = prefixes
        self._wakes = iroh_wake.Wakes(self._loop) if iroh_wake.available() else None
        self._pipes: set[IrohPipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def bind(
        cls,
        seed: bytes,
        port: int = 0,
        bind_host: str = "0.0.0.0",  # noqa: S104 - a node is there to be reached
        *,
        relays: Sequence[str] = (),
        limits: Limits | None = None,
        prefixes: Prefixes | None = None,
    ) -> IrohEndpoint:
        """Opens the UDP sockets of a node; nobody is let in before `listen`.

        Args:
            seed: of the node's key, 32 bytes.
            port: 0 takes any free one.
            bind_host: an IP address of this machine, or `0.0.0.0` for all. With a single address, the other family of
                IP is bound to loopback only.
            relays: URLs of relays to be reachable through; `use_relays` changes them.
            limits: on connections from others.
            prefixes: what is counted together of them.

        Raises:
            ConfigError: the seed, the host or a relay has a wrong form.
            EngineError: the address cannot be bound.
        """
        if len(seed) != KEY_BYTES:
            raise ConfigError(f"the seed of a node's key has {KEY_BYTES} bytes, not {len(seed)}")
        iroh_bytes.apply()
        urls = _relay_urls(relays)
        mode = iroh.RelayMode.custom_from_urls(urls) if urls else iroh.RelayMode.custom(iroh.RelayMap.empty())
        problem: iroh.IrohError | None = None
        for sockets in _socket_choices(bind_host, port):
            options = iroh.EndpointOptions(preset=_Sockets(sockets), secret_key=seed, alpns=[ALPN], relay_mode=mode)
            try:
                endpoint = await iroh.Endpoint.bind(options)
            except iroh.IrohError as error:
                problem = problem or error
                continue
            port = _port_of(endpoint, sockets[0])
            return cls(endpoint, port, limits or Limits(), urls, prefixes or Prefixes())
        assert problem is not None
        where = f"UDP port {port} of {bind_host}: {plain_reason(problem)}"
        raise EngineError(f"iroh cannot bind {where}; choose another port or address") from problem

    @property
    def nid(self) -> str:
        """This node."""
        return self._nid

    @property
    def port(self) -> int:
        """The UDP port that `bind_host` got."""
        return self._port

    def addresses(self) -> tuple[str, ...]:
        """Returns where this node can be reached now, as `ip:port`; loopback only if the machine has no network."""
        found = tuple(self._open().addr().direct_addresses())
        return found or (f"127.0.0.1:{self._port}",)

    @property
    def relay(self) -> str | None:
        """URL of the relay through which this node can be reached now, if there is one."""
        found = self._open().addr().relay_url()
        return None if found is None else canonical_relay(found)

    async def use_relays(self, relays: Sequence[str]) -> None:
        """Makes this node reachable through these relays, and no longer through others; which one, iroh decides.

        Raises:
            ConfigError: a relay has a wrong form.
        """
        urls = _relay_urls(relays)
        for url in urls:
            if url not in self._relays:
                await self._open().insert_relay(iroh.RelayConfig(url=url))
        for url in self._relays:
            if url not in urls:
                await self._open().remove_relay(url)
        self._relays = tuple(urls)

    @property
    def relay_troubles(self) -> int:
        """How often a connection to a relay ended or could not be opened; one more is a reason to look, no proof."""
        counted = self._open().stats()
        return sum(counted[name].value for name in TROUBLES if name in counted)

    async def is_relay_alive(self, relay: str, *, timeout_seconds: float) -> bool:
        """Says whether a relay answers in time."""
        return await answers(relay, timeout_seconds=timeout_seconds)

    async def dial(self, nid: str, addresses: Sequence[str], relay: str | None, *, timeout_seconds: float) -> IrohPipe:
        """Opens a pipe to a node. Whoever opens must write first: until then the other end sees nothing.

        Raises:
            BadRequest: the nid, an address or the relay has a wrong form.
            HandshakeFailed: somebody else answers there, or a program that does not speak MUCP.
            Unavailable: nobody answers in time, or the node refuses.
        """
        known = [canonical_address(address) for address in addresses]
        key = iroh.EndpointId.from_bytes(public_key_of(nid))
        where = iroh.EndpointAddr(key, None if relay is None else canonical_relay(relay), known)
        if nid == self._nid:
            raise BadRequest("this is the node's own ticket; a node does not dial itself")
        try:
            async with asyncio.timeout(timeout_seconds):
                connection = await self._connect(nid, where)
                stream = await connection.open_bi()
        except (iroh.IrohError, TimeoutError) as error:
            places = ", ".join([*known, *([relay] if relay else [])]) or "an address that was not given"
            raise _dial_error(error, f"the node {short(nid)} at {places}", timeout_seconds) from error
        peername = next((path.remote_addr for path in connection.paths() if path.is_selected), "")
        return self._pipe(connection, stream, {"nid": nid, "peername": peername}, lambda: None)

    async def _connect(self, nid: str, where: iroh.EndpointAddr) -> iroh.Connection:
        """Connects to a node, also where it is not any more where its old connections come from.

        While a connection to a node is open, iroh sends all that is for that node to where the connection leads, and
        looks nowhere else. One whose far end was killed or moved would keep the node from being reached until it times
        out. So those that are silent while the dial waits, though iroh asks there, too, are given up.
        """
        connecting = asyncio.ensure_future(self._open().connect(where, ALPN))
        try:
            heard = {pipe: pipe.datagrams for pipe in self._pipes if pipe.get_extra_info("nid") == nid}
            if heard:
                await asyncio.wait([connecting], timeout=SILENT_SECONDS_MAX)
                silent = [pipe for pipe, count in heard.items() if pipe in self._pipes and pipe.datagrams == count]
                for pipe in silent:
                    if not connecting.done():
                        pipe.give_up()
            return await connecting
        finally:
            connecting.cancel()

    def listen(self, accept: Callable[[IrohPipe], None]) -> None:
        """Lets others in: `accept` is called with each pipe that was opened to this node and admitted."""
        self._keep(self._accept_all(self._open(), accept))

    async def close(self) -> None:
        """Ends all pipes, those that are closing in order, and frees the port. A second close does nothing."""
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is None:
            return
        for pipe in [pipe for pipe in self._pipes if not pipe.is_closing()]:
            pipe.abort()
        if self._pipes:
            await asyncio.wait([pipe.gone for pipe in self._pipes], timeout=LINGER_SECONDS_MAX)
        for pipe in list(self._pipes):
            pipe.give_up()
        ending = [*self._tasks]
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending, timeout=CLOSE_SECONDS_MAX)
        if self._wakes is not None:
            self._wakes.close()
        with contextlib.suppress(TimeoutError):  # iroh takes its time over dials that were given up
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await endpoint.close()

    def _open(self) -> iroh.Endpoint:
        if self._endpoint is None:
            raise LinkClosed("this endpoint was closed")
        return self._endpoint

    def _pipe(
        self, connection: iroh.Connection, stream: iroh.BiStream, facts: dict[str, Any], leave: Callable[[], None]
    ) -> IrohPipe:
        def forget(pipe: IrohPipe) -> None:
            self._pipes.discard(pipe)
            leave()

        pipe = IrohPipe(self._loop, connection, stream, facts, forget, self._wakes)
        self._pipes.add(pipe)
        return pipe

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept_all(self, endpoint: iroh.Endpoint, accept: Callable[[IrohPipe], None]) -> None:
        while (incoming := await endpoint.accept_next()) is not None:
            try:
                await self._answer(incoming, accept)
            except Exception:  # noqa: BLE001 - one bad knock must not deafen the node
                _log.exception("a connection could not be answered")
            await asyncio.sleep(0)  # a flood of knocks must leave room for the rest of the loop

    async def _answer(self, incoming: iroh.Incoming, accept: Callable[[IrohPipe], None]) -> None:
        """Decides on a connection before its handshake costs anything."""
        try:
            peername, origin, proved = _where_from(await incoming.remote_addr())
            prefix = self._prefixes.of(peername)
            verdict = self._admission.knock(origin, prefix, proved=proved or await incoming.remote_addr_validated())
            if verdict is Verdict.REFUSE:
                await incoming.refuse()
            elif verdict is Verdict.RETRY:
                await incoming.retry()
            else:
                self._keep(self._shake_hands(incoming, (origin, prefix), peername, accept))
        except iroh.IrohError as error:  # it went away meanwhile
            _log.debug("a connection that began is gone: %s", plain_reason(error))

    async def _shake_hands(
        self, incoming: iroh.Incoming, where: tuple[str, str], peername: str, accept: Callable[[IrohPipe], None]
    ) -> None:
        origin, prefix = where
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
                connection = await (await incoming.accept()).connect()
            nid = nid_of(connection.remote_id().to_bytes())
        except (iroh.IrohError, TimeoutError, BadRequest) as error:
            self._admission.give_up(origin, prefix)
            _log.debug("a handshake with %s failed: %s", peername, error)
            return
        if not self._admission.enter(origin, nid, prefix):
            connection.close(TURNED_AWAY, b"this node has connections enough")
            return
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
                stream = await connection.accept_bi()
        except (iroh.IrohError, TimeoutError):
            connection.close(TURNED_AWAY, b"nothing was said")
            self._admission.leave(origin, nid, prefix)
            return
        facts = {"nid": nid, "peername": peername, "prefix": prefix}
        accept(self._pipe(connection, stream, facts, lambda: self._admission.leave(origin, nid, prefix)))


class _Sockets(iroh.Preset):
    """Binds exactly these sockets. iroh's own option binds one family and opens the other to everybody."""

    def __init__(self, sockets: Sequence[str]) -> None:
        self._sockets = sockets

    def apply(self, builder: iroh.EndpointBuilder) -> None:
        builder.apply_minimal()  # no relays, no lookup, nothing published
        for address in self._sockets:
            builder.bind_addr(address)


def _socket_choices(bind_host: str, port: int) -> Iterator[list[str]]:
    """Yields what to bind, best first: the second family may lack the port, or be missing from the machine."""
    try:
        host = ipaddress.ip_address(bind_host)
    except ValueError as error:
        raise ConfigError(f"bind_host {bind_host!r}: an IP address is expected, such as 0.0.0.0 for all") from error
    if host.version == 4:
        first, second = str(host), "[::]" if host.is_unspecified else "[::1]"
    else:
        first, second = f"[{host}]", "0.0.0.0" if host.is_unspecified else "127.0.0.1"  # noqa: S104 - as asked
    # Of both families the same, also where any will do: the next start takes it again, and a node that comes back where
    # it was is reached at once, see `_connect`.
    both = port or _free_port(str(host), host.version)
    yield [f"{first}:{both}", f"{second}:{both}"]
    yield [f"{first}:{port}", f"{second}:0"]
    yield [f"{first}:{port}"]


def _free_port(host: str, version: int) -> int:
    """Returns a UDP port that is free now, 0 where the host has none to give."""
    with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return 0  # the binding itself tells why
        return int(probe.getsockname()[1])


def _port_of(endpoint: iroh.Endpoint, wanted: str) -> int:
    host = wanted.rpartition(":")[0]
    bound = (address.rpartition(":") for address in endpoint.bound_sockets())
    return next(int(port) for bound_host, _, port in bound if bound_host == host)


def _relay_urls(relays: Sequence[str]) -> list[str]:
    try:
        return [canonical_relay(relay) for relay in relays]
    except BadRequest as error:
        raise ConfigError(str(error)) from error


def _where_from(address: Any) -> tuple[str, str, bool]:
    """Returns the name of where a connection comes from, what it counts under, and whether that is proved already."""
    if address.is_IP():
        return address.addr, origin_of(address.addr), False
    if address.is_RELAY():
        return f"{address.url} {address.endpoint_id}", f"relayed {address.endpoint_id}", True
    return str(address), str(address), False


def _dial_error(error: iroh.IrohError | TimeoutError, whom: str, timeout_seconds: float) -> MicroError:
    if isinstance(error, TimeoutError):
        return Unavailable(f"{whom} did not answer within {timeout_seconds:g} s; is it running, is that its address?")
    reason = plain_reason(error)
    if "known protocol" in reason:
        return HandshakeFailed(f"{whom} does not speak {ALPN.decode()}; is its version much older or newer?")
    if "cryptographic handshake failed" in reason:
        return HandshakeFailed(f"{whom} could not prove that key, so somebody else answers there; ask for a new ticket")
    return Unavailable(f"{whom} cannot be reached: {reason}; try again later, or ask for a new ticket")
