"""A folder of services that a node runs beside those that it ran before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from micro.errors import ConfigError, MicroError
from micro.runtime.manifest import MANIFEST
from micro.runtime.supervisor import Supervisor

__all__ = ["run_catalogue", "services_below"]

STARTS_MAX = 4
"""How many services of a catalogue start at the same time."""

log = logging.getLogger("micro.node")


async def run_catalogue(supervisor: Supervisor, folder: Path) -> AsyncIterator[str]:
    """Runs every service in the folders below `folder`, and yields the name of each that runs.

    Raises:
        ConfigError: there is no such folder.
    """
    places = await asyncio.to_thread(services_below, folder)
    if places is None:
        raise ConfigError(f"{folder} is no folder of services")
    room = asyncio.Semaphore(STARTS_MAX)
    starting = [asyncio.ensure_future(_run_place(supervisor, place, room)) for place in places]
    try:
        for started in asyncio.as_completed(starting):
            name = await started
            if name:
                yield name
    finally:
        for task in starting:
            task.cancel()


async def _run_place(supervisor: Supervisor, place: Path, room: asyncio.Semaphore) -> str:
    """Runs the service in a folder and returns its name, "" where it does not start."""
    async with room:
        try:
            async for progress in supervisor.run(str(place)):
                if progress.failed:
                    log.error("%s did not start: %s", place.name, progress.detail)
                elif progress.done:
                    return progress.service
        except MicroError as error:
            log.error("%s did not start: %s", place.name, error)
    return ""


def services_below(folder: Path) -> list[Path] | None:
    """Returns the folders of services in a folder, in the order of their names; None where there is no such folder."""
    if not folder.is_dir():
        return None
    found = (file for name in (MANIFEST, "main.py") for file in folder.glob(f"*/{name}"))
    return sorted({file.parent.resolve() for file in found})
