"""How a node is: its id, version, addresses and figures, and whether it can serve."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from micro.node.engines import Ports
from micro.node.home import Home
from micro.service.registry.catalog import Catalog
from micro.version import VERSION

__all__ = ["Condition"]


class Condition:
    """How one node is.

    Args:
        home, ports: its files and the world.
        catalog: the services in reach.
        stopped: set when the node is to stop.
        elsewhere: returns what is to be said about other nodes.

    Attributes:
        addresses: where its doors are, by name: `api`, `mucp`, `phone` while phones are let in.
    """

    def __init__(
        self,
        home: Home,
        ports: Ports,
        catalog: Catalog,
        stopped: asyncio.Event,
        elsewhere: Callable[[], dict[str, Any]],
    ) -> None:
        self._home = home
        self._ports = ports
        self._catalog = catalog
        self._stopped = stopped
        self._elsewhere = elsewhere
        self._started = ports.clock.monotonic()
        self.addresses: dict[str, str] = {}

    def status(self, nid: str) -> dict[str, Any]:
        """Returns the id, the version, the addresses and figures of the node."""
        local = [i for i in self._catalog.holding(nid) if i.state == "serving"]
        found: dict[str, Any] = {
            "nid": nid,
            "version": VERSION,
            "pid": os.getpid(),
            "home": str(self._home.path),
            "socket": str(self._home.node_socket),
            "uptime_seconds": round(self._ports.clock.monotonic() - self._started, 1),
            "services": len({instance.service for instance in local}),
            "services_in_reach": len(self._catalog),
        }
        return found | self.addresses | self._elsewhere()

    @property
    def api_address(self) -> str:
        """Where its HTTP API is, "" without one."""
        return self.addresses.get("api", "")

    def ready(self) -> dict[str, str]:
        """Returns, for each thing the node needs to serve, "ok" or what is wrong."""
        return {"broker": "ok" if not self._stopped.is_set() else "the node is stopping", "storage": self._storage()}

    def _storage(self) -> str:
        try:
            self._ports.disk.write(self._home.path / "ready", b"ok\n")
        except OSError as error:
            return f"the home cannot be written: {error.strerror}"
        return "ok"
