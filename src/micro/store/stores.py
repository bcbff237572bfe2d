"""The stores of all services of a node, opened when they are used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from micro.errors import BadRequest, TooManyRequests
from micro.store.kv import KeyValue, KeyValueLimits
from micro.trust.identity import SERVICE_CHARACTERS_MAX, is_service_name

if TYPE_CHECKING:
    from micro.ports import Clock, Disk

__all__ = ["Stores"]

STORES_OPEN_MAX = 128
"""Stores open at once; the one unused for longest is closed for another."""

UNUSED_SECONDS_MIN = 60.0
"""A store that somebody asked for less than this ago is not closed: he may be about to use it."""


class Stores:
    """One `KeyValue` per service, in one file each.

    Args:
        disk: where the files are.
        folder: their folder, `kv`; it exists.
        clock: for expiry.
        limits: the quotas of each.
        threaded: False does without threads, for the simulated world.
    """

    def __init__(
        self, disk: Disk, folder: Path, clock: Clock, *, limits: KeyValueLimits | None = None, threaded: bool = True
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._clock = clock
        self._limits = limits
        self._threaded = threaded
        self._open: dict[str, tuple[KeyValue, float]] = {}

    async def get(self, service: str) -> KeyValue:
        """Returns the store of a service, to be used at once and not kept.

        Raises:
            BadRequest: that is no name of a service.
            TooManyRequests: too many stores are in use.
            EngineError: its file is damaged, or was written by a newer version.
        """
        if not is_service_name(service):
            raise BadRequest(f"service: {service[:SERVICE_CHARACTERS_MAX]!r} is no name of a service")
        found = self._open.pop(service, None)
        if found is None:
            await self._make_room()
            found = self._open.pop(service, None)  # somebody else may have opened it meanwhile
        if found is None:
            path = self._folder / f"{service}.db"
            store = KeyValue(self._disk, path, self._clock, limits=self._limits, threaded=self._threaded)
            store.open()
        else:
            store = found[0]
        self._open[service] = store, self._clock.monotonic()  # last in the order of use
        return store

    async def _make_room(self) -> None:
        if len(self._open) < STORES_OPEN_MAX:
            return
        now = self._clock.monotonic()
        for service, (store, used) in self._open.items():
            if now - used >= UNUSED_SECONDS_MIN and not store.watchers:
                del self._open[service]
                await store.close()
                return
        raise TooManyRequests(f"{STORES_OPEN_MAX} stores are in use, which is the limit; try again in a minute")

    async def sweep(self) -> int:
        """Removes expired records of the open stores, a share of them; returns how many."""
        return sum([await store.sweep() for store, _ in list(self._open.values())])

    async def close(self) -> None:
        """Closes all stores."""
        while self._open:
            _, (store, _) = self._open.popitem()
            await store.close()
