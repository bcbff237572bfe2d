"""The passage of a super node whose owner has a domain for it, as its settings say, and what it answers nodes."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Final

from micro.errors import ConfigError
from micro.network.passage.server import PassageServer
from micro.node.config import NodeConfig
from micro.node.control.passage import PassageService
from micro.ports import Clock, Entropy
from micro.service.registry.holder import Holder
from micro.service.registry.passage import DOMAIN_CHARACTERS_MAX
from micro.service.service import Service

__all__ = ["HTTPS_PORT", "Passing", "read_domain"]

HTTPS_PORT: Final = 443

_DOMAIN = re.compile(r"((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::(\d{1,5}))?")

log = logging.getLogger("micro.network")


def read_domain(text: str) -> tuple[str, int]:
    """Returns the domain of the setting `passage_domain`, and the port that browsers use.

    Raises:
        ConfigError: it is none.
    """
    found = _DOMAIN.fullmatch(text.strip().lower())
    port = int(found[2] or HTTPS_PORT) if found is not None else 0
    if found is None or len(found[1]) > DOMAIN_CHARACTERS_MAX or not 0 < port <= 65_535:
        raise ConfigError(
            f"passage_domain {text!r}: a domain such as nodes.example.org is expected, perhaps with :PORT behind it"
        )
    return found[1], port


class Passing:
    """What a node passes on; nothing where its settings name no domain.

    Args:
        config: the settings.
        open_passage: makes the passage.
        entropy, clock: the world.
        holder: returns what this node holds as a super node.

    Raises:
        ConfigError: the domain is none, or the node is to be no super node.
    """

    def __init__(
        self,
        config: NodeConfig,
        open_passage: Callable[[str, Entropy], PassageServer],
        *,
        entropy: Entropy,
        clock: Clock,
        holder: Callable[[], Holder | None],
    ) -> None:
        self._config = config
        self._domain, self._port, self._server = "", 0, None
        if config.passage_domain:
            if not config.super_node:
                raise ConfigError("passage_domain: only a super node passes connections on; next: set super_node too")
            self._domain, self._port = read_domain(config.passage_domain)
            self._server = open_passage(self._domain, entropy)
        self._service = PassageService(self._server, port=self._port, holder=holder, clock=clock)

    def offer(self, service: Service) -> Service:
        """Adds what nodes ask of it to the service `backbone`, and returns that."""
        self._service.offer(service)
        return service

    async def start(self) -> None:
        """Lets browsers in.

        Raises:
            EngineError: the port cannot be listened at.
        """
        if self._server is not None:
            port = await self._server.start(self._config.network_host, self._config.passage_port)
            log.info("connections to names below %s come in at port %d, and are passed on", self._domain, port)

    async def stop(self) -> None:
        """Ends all connections."""
        if self._server is not None:
            await self._server.stop()

    def status(self) -> Mapping[str, object]:
        """Returns the domain and the figures; nothing where nothing is passed on."""
        if self._server is None:
            return {}
        return {"domain": self._domain, "port": self._port, **self._server.status()}
