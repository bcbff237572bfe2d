"""Relays of a world: a super node's machine passes on what hidden machines send, which reach nobody else."""

from __future__ import annotations

from micro.errors import EngineError
from micro.testing.loop import LIFE
from micro.testing.wire import Wire

__all__ = ["REPORT_SECONDS", "RelayPlace", "WorldRelay", "WorldRelays"]

REPORT_SECONDS = 40.0
"""So often a transport looks by itself which relays answer, as iroh does: until then it names one that is gone."""


class WorldRelays:
    """The relays of a world that are open, by URL."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.open: dict[str, WorldRelay] = {}

    def passes(self, machine: str, relay: str) -> str:
        """Returns the machine of a relay, if it is there and nothing is cut between it and `machine`; else ""."""
        found = self.open.get(relay)
        if found is None or self.wire.is_cut(machine, found.machine) or self.wire.is_cut(found.machine, machine):
            return ""
        return found.machine


class WorldRelay:
    """What `micro.network.relay.server.RelayServer` is elsewhere: the relay of one machine, while its node runs."""

    def __init__(self, relays: WorldRelays, machine: str, host: str) -> None:
        self.machine = machine
        self._relays = relays
        self._host = host
        self._url = ""

    async def start(self, host: str, port: int) -> int:
        """Opens the relay at the machine's address, and returns its port.

        Raises:
            EngineError: there is one already.
        """
        self._url = f"http://{self._host}:{port}"
        if self._url in self._relays.open:
            raise EngineError(f"TCP port {port} of {self._host} is taken; choose another port")
        self._relays.open[self._url] = self
        life = LIFE.get()
        if life is not None:
            life.when_over(self._leave)
        return port

    async def stop(self) -> None:
        """Closes it."""
        self._leave()

    def status(self) -> dict[str, int]:
        """Returns no figures: nobody asks for them here."""
        return {}

    def _leave(self) -> None:
        if self._relays.open.get(self._url) is self:
            del self._relays.open[self._url]


class RelayPlace:
    """At which relay a transport is: it names one until it learns that this one is gone."""

    def __init__(self, relays: WorldRelays, machine: str) -> None:
        self.known: tuple[str, ...] = ()
        self.troubles = 0
        self._relays = relays
        self._machine = machine
        self._at = ""
        self._reported = 0.0

    def use(self, relays: tuple[str, ...]) -> None:
        """Takes note of the relays to be at."""
        self.known = relays
        self.now()

    def now(self) -> str:
        """Returns the relay it is at, "" where there is none."""
        time = self._relays.wire.loop.time()
        if self._at not in self.known or time >= self._reported + REPORT_SECONDS:
            self._reported = time
            kept = [self._at] if self._at in self.known else []
            self._at = next(filter(self.is_near, [*kept, *self.known]), kept[0] if kept else "")
        return self._at

    def count(self) -> int:
        """Returns how often a relay was missed, counted anew."""
        self.troubles += bool(self._at) and not self.is_near(self._at)
        return self.troubles

    def is_near(self, relay: str) -> bool:
        """Says whether a relay is there and can be reached from here."""
        return bool(self._relays.passes(self._machine, relay))
