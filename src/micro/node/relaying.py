"""The node's relay, where its owner runs one, and the relays through which the node itself is reached."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from micro.errors import BadRequest, ConfigError, EngineError
from micro.network.relays import Relays
from micro.network.transport.transport import Relay, Transport
from micro.node.config import NodeConfig
from micro.ports import Entropy
from micro.trust.ticket import ADDRESSES_MAX, canonical_relay

__all__ = ["SILENT_SECONDS", "Relaying"]

RELAYS_MAX: Final = 8
"""A node is at so many relays at most: each is asked for its latency now and then."""

NOT_COUNTED: Final = -1
"""Differs from every number of troubles."""

RELAY_TIMEOUT_SECONDS: Final = 3.0
"""A relay that does not answer for so long is taken for gone, if there are others."""

SILENT_SECONDS: Final = 60.0
"""A relay that was taken for gone is not used for so long, unless the others are gone, too."""

ASKED_AGAIN_MAX: Final = 2
"""So many of those are asked at once whether they are back, the ones that were left first."""

log = logging.getLogger("micro.network")


class Relaying:
    """Opens the relay of a node, and keeps the list of those it uses.

    Args:
        config: the settings.
        transport: the node's endpoint.
        entropy: for the relay's challenges.
        relays: which relays others are dialled through.
        open_relay: makes a relay, None where there is to be none.
    """

    def __init__(
        self,
        config: NodeConfig,
        transport: Transport,
        entropy: Entropy,
        relays: Relays,
        open_relay: Callable[[Entropy], Relay] | None,
    ) -> None:
        self._config = config
        self._transport = transport
        self._relays = relays
        self._server = open_relay(entropy) if open_relay is not None and (config.relay or config.super_node) else None
        self._bound = 0
        self._network: tuple[str, ...] = ()
        self._known: tuple[str, ...] = ()
        self._used: tuple[str, ...] | None = None
        self._troubles = 0
        self._silent: dict[str, float] = {}

    @property
    def url(self) -> str:
        """Where others reach this node's own relay, "" where it runs none."""
        if not self._bound:
            return ""
        if self._config.relay_url:
            return _checked(self._config.relay_url)
        addresses = self._transport.addresses()[:ADDRESSES_MAX]
        return f"http://{_host(self._config.network_host, addresses)}:{self._bound}"

    @property
    def home(self) -> str:
        """The relay through which this node is reached, "" while there is none: its own where it runs one."""
        return self.url or self._transport.relay or ""

    def when_missed(self, ask: Callable[[], Awaitable[None]]) -> None:
        """Has `ask` awaited where others are to be dialled through a relay that is not known; see `Relays.missed`."""
        self._relays.missed = ask

    async def start(self) -> None:
        """Opens the relay, if the node is to run one, and makes the node reachable through the relays it knows.

        Raises:
            ConfigError: a URL of the settings has a wrong form.
            EngineError: the relay cannot listen.
        """
        if self._server is not None:
            self._bound = await self._open(self._server)
            log.info("relaying for others at %s", self.url)
        await self._use()

    async def network(self, nearest: Sequence[str], known: Sequence[str] | None) -> None:
        """Takes note of the relays of the network that the node is in.

        Args:
            nearest: those it is to be at, the ones to prefer first. A node that runs a relay is at its own.
            known: all of them, through which others may be dialled; None where they are as they were.
        """
        if known is not None:
            self._relays.learn(known)
        self._network = tuple(nearest)
        await self._use()

    async def watch(self, now: float, *, doubted: bool) -> bool:
        """Leaves the relay that this node is at, where there is reason to think that it is gone and it does not answer.

        Returns whether it was left; iroh needs a moment to be at another one.

        iroh goes on naming it for about a minute, and whoever trusts the presence dials in vain meanwhile.

        Args:
            now: the time, on a stopwatch.
            doubted: whether something was lost that may have been lost with the relay.
        """
        self._silent = {url: until for url, until in self._silent.items() if until > now}
        troubles, before = self._transport.relay_troubles, self._troubles
        self._troubles = troubles
        relay = self._transport.relay
        left = False
        is_doubtful = relay not in ("", self.url) and relay not in self._silent and (doubted or troubles != before)
        if relay and is_doubtful and len(self._known) > 1:
            left = not await self._is_alive(relay) and await self._has_other(relay)
        if left and relay:
            log.info("the relay %s does not answer: this node is at others for a while", relay)
            self._silent[relay] = now + SILENT_SECONDS
            self._troubles = NOT_COUNTED  # the next one may be gone too
        await self._use()
        return left

    async def _is_alive(self, relay: str) -> bool:
        return await self._transport.is_relay_alive(relay, timeout_seconds=RELAY_TIMEOUT_SECONDS)

    async def _has_other(self, relay: str) -> bool:
        """Says whether there is another relay to be at; of those taken for gone one that is back is used again."""
        if any(url != relay and url not in self._silent for url in self._known):
            return True
        for url in sorted(self._silent, key=self._silent.__getitem__)[:ASKED_AGAIN_MAX]:
            if url in self._known and await self._is_alive(url):
                del self._silent[url]
                return True
        return False

    async def stop(self) -> None:
        """Ends the relay."""
        if self._server is not None:
            await self._server.stop()

    def status(self) -> dict[str, object]:
        """Returns the relay this node is reached through, and the figures of its own."""
        found: dict[str, object] = {"through": self._transport.relay or ""}
        if self._server is not None:
            found |= {"url": self.url, **self._server.status()}
        return found

    async def _open(self, server: Relay) -> int:
        host, port = self._config.network_host, self._config.relay_port
        try:
            return await server.start(host, port)
        except EngineError as error:
            if not port:
                raise
            log.warning("%s; another port is taken", error)
            return await server.start(host, 0)

    async def _use(self) -> None:
        settings = [_checked(part.strip()) for part in self._config.relays.split(",") if part.strip()]
        own = [self.url] if self.url else []
        network = () if own else self._network
        known = self._known = tuple(dict.fromkeys([*own, *settings, *(_checked(url) for url in network)]))[:RELAYS_MAX]
        wanted = tuple(url for url in known if url not in self._silent) or known
        if wanted != self._used:
            self._used = wanted
            self._relays.use([*own, *settings])
            await self._transport.use_relays(wanted)


def _checked(url: str) -> str:
    try:
        return canonical_relay(url)
    except BadRequest as error:
        raise ConfigError(str(error)) from error


def _host(bound: str, addresses: Sequence[str]) -> str:
    """Returns the host to name in the URL: the one that was bound, else one of the machine, the most public first."""
    if not ipaddress.ip_address(bound).is_unspecified:
        return f"[{bound}]" if ":" in bound else bound
    hosts = [address.rpartition(":")[0] for address in addresses]
    return min(hosts, key=lambda host: _privacy(ipaddress.ip_address(host.strip("[]"))), default="127.0.0.1")


def _privacy(host: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[bool, bool]:
    return (not host.is_global, host.version == 6)
