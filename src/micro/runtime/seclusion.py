"""Confines the commands of builds by what confines services: what strangers wrote runs there just as it does later.

Package managers are the owner's own, run nothing of a tree, and find registries and proxies by his settings; they are
started as he would start them. Where the owner lets services run unconfined, a build still loses its network.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from micro.ports import Processes
from micro.runtime.sandbox.confinement import Confinement
from micro.runtime.sandbox.sandbox import MEGABYTE, Bounds, Policy
from micro.runtime.workbench import FILE_BYTES_MAX, Reach, Unshare

__all__ = ["BUILD_BOUNDS", "Secluded"]

BUILD_BOUNDS = Bounds(
    memory_bytes=4096 * MEGABYTE,
    processes=2048,
    open_files=8192,
    file_bytes=FILE_BYTES_MAX,
    private_bytes=2048 * MEGABYTE,
)
"""How much a build may use: compilers take more than what they compile."""


class Secluded:
    """`Seclusion` by the node's confinement.

    Args:
        processes: starts children.
        confinement: returns what confines services; raises `EngineError` where nothing does that holds.
    """

    def __init__(self, processes: Processes, confinement: Callable[[], Awaitable[Confinement]]) -> None:
        self._processes = processes
        self._confinement = confinement
        self._unshare = Unshare(processes)

    async def __call__(self, reach: Reach) -> tuple[Processes, str]:
        if reach.network:
            return self._processes, ""
        confinement = await self._confinement()
        if not confinement.sandbox.confines:
            return await self._unshare(reach)
        policy = Policy(readable=reach.readable, writable=reach.writable, bounds=BUILD_BOUNDS)
        return confinement.processes(policy), ""
