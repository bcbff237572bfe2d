"""A service as a confined process: it sees its source, its interpreter and its door to the node, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from micro.runtime.engine.engine import Launch, Output
from micro.runtime.engine.process import ProcessEngine, ProcessInstance
from micro.runtime.sandbox.confinement import Confinement
from micro.runtime.sandbox.sandbox import DIRECT, Bounds, Policy

__all__ = ["ConfinedEngine"]

SOCKET = "MICRO_SOCKET"
"""The variable that tells a service where its owner's programs reach it without the node."""

UNITS = {"GiB": 2**30, "MiB": 2**20}


class ConfinedEngine:
    """`Engine` for commands that are not trusted.

    Args:
        confinement: returns what confines them; raises `EngineError` where nothing does that holds.
        bounds: how much each may use.
    """

    def __init__(self, confinement: Callable[[], Awaitable[Confinement]], bounds: Bounds) -> None:
        self._confinement = confinement
        self._bounds = bounds
        most = bounds.memory_bytes
        size, unit = next(((size, unit) for unit, size in UNITS.items() if most % size == 0), (1, "bytes"))
        self._overrun = (
            f"for it used more than guest_memory_bytes ({most // size} {unit}): that setting of the node raises it"
        )

    async def start(self, launch: Launch, output: Output) -> ProcessInstance:
        """Starts the command in a sandbox; see `ProcessEngine`."""
        confinement = await self._confinement()
        environment = dict(launch.environment)
        direct = environment.get(SOCKET, "") if confinement.sandbox.hands_sockets else ""
        if direct:
            environment[SOCKET] = DIRECT
        elif confinement.sandbox.confines:
            environment.pop(SOCKET, None)  # it could not listen there
        policy = Policy(
            readable=launch.readable,
            sockets=(launch.door,) if launch.door is not None else (),
            network=launch.network,
            private=launch.private,
            direct=Path(direct) if direct else None,
            bounds=self._bounds,
        )
        confined = Launch(launch.command, launch.directory, environment)
        return await ProcessEngine(confinement.processes(policy), self._overrun).start(confined, output)
