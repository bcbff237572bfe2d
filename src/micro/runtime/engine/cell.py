"""Starts the node's own programs that handle what strangers wrote, confined as strangers' programs are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from micro.ports import Processes
from micro.runtime.sandbox.confinement import Confinement
from micro.runtime.sandbox.sandbox import Policy

__all__ = ["Cells"]


class Cells:
    """What such programs are started in.

    Attributes:
        readable: what they need to read to run at all.
        environment: the variables that they get.
    """

    def __init__(
        self,
        processes: Processes,
        confinement: Callable[[], Awaitable[Confinement]] | None,
        readable: Sequence[Path],
        environment: Mapping[str, str],
    ) -> None:
        """Starts them with `processes` where there is no `confinement`, or where it confines nothing."""
        self._processes = processes
        self._confinement = confinement
        self.readable = tuple(readable)
        self.environment = dict(environment)

    async def processes(self, policy: Policy) -> Processes:
        """Returns what starts a program under `policy`.

        Raises:
            EngineError: nothing on this machine confines it.
        """
        confinement = await self._found()
        return self._processes if confinement is None else confinement.processes(policy)

    async def confines(self) -> bool:
        """Whether anything is kept from them."""
        return await self._found() is not None

    async def hands_sockets(self) -> bool:
        """Whether they can be handed sockets that listen."""
        confinement = await self._found()
        return confinement is None or confinement.sandbox.hands_sockets

    async def _found(self) -> Confinement | None:
        confinement = await self._confinement() if self._confinement is not None else None
        return confinement if confinement is not None and confinement.sandbox.confines else None
