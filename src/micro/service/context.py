"""What a handler may know of the exchange it serves, and do beside it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from micro.mucp.headers import Headers
from micro.trust.policy import Caller

if TYPE_CHECKING:
    from micro.service.client import Client
    from micro.service.cost import Cost
    from micro.service.keeping import Settings, Store

__all__ = ["Context"]


class Context:
    """One exchange, from inside its handler. A parameter annotated with `Context` gets it.

    Attributes:
        caller: who calls, as far as the node proved it.
        headers: the headers of the exchange.
        deadline: when the caller stops waiting, on the loop's clock; None where it waits for ever.
        service: the `Service` whose handler this is.
        exchange: of a stream, what the link knows of it; for the node's own services.
        cost: what it came to so far, where the handler counts that in another unit than processor time.
    """

    __slots__ = ("_extra", "_headers", "caller", "cost", "deadline", "exchange", "link", "service")

    def __init__(
        self,
        service: Any,
        caller: Caller,
        headers: Headers,
        extra: Headers | None,
        deadline: float | None,
        link: Any = None,
        exchange: Any = None,
    ) -> None:
        self.service = service
        self.caller = caller
        self.deadline = deadline
        self.link = link
        self.exchange = exchange
        self.cost: Cost | None = None
        self._headers = headers
        self._extra = extra

    @property
    def headers(self) -> Headers:
        if self._extra is None:
            return self._headers
        return Headers([*self._headers.items(), *self._extra.items()])

    @property
    def deadline_seconds(self) -> float | None:
        """How long the caller still waits; None for ever."""
        return None if self.deadline is None else max(0.0, self.deadline - asyncio.get_running_loop().time())

    @property
    def client(self) -> Client:
        """A client that acts as this service and whose calls end with this exchange's deadline."""
        client: Client = self.service.client
        return client.until(self.deadline)

    @property
    def store(self) -> Store:
        """The key-value store of this service, of this caller's part unless the service shares it."""
        store: Store = self.service.store_for(self.caller)
        return store

    @property
    def config(self) -> Settings:
        """The settings of this service: `await context.config.get("path", default)`."""
        config: Settings = self.service.config
        return config

    @property
    def log(self) -> logging.Logger:
        """The service's logger; what it writes is in `micro logs`."""
        return logging.getLogger(self.service.name)
