"""Files services under their names, while the turn of each name is held: nobody else is at it then."""

from __future__ import annotations

import contextlib

from micro.errors import Conflict, SourceError
from micro.runtime.instance import Launcher
from micro.runtime.keeper import Keeper
from micro.runtime.logs import Logs
from micro.runtime.manifest import is_service_name
from micro.runtime.roster import Roster
from micro.runtime.turns import Turns

__all__ = ["Naming"]


class Naming:
    """Whoever names the services of a node."""

    def __init__(self, roster: Roster, turns: Turns, launcher: Launcher, logs: Logs) -> None:
        self._roster = roster
        self._turns = turns
        self._launcher = launcher
        self._logs = logs

    async def file(self, keeper: Keeper, name: str, held: str, turns: contextlib.AsyncExitStack) -> None:
        """Files a service under a name, and adds the turn of that to `turns` unless it is the one that is held.

        Raises:
            Conflict: another service has that name, or is about to.
        """
        self._roster.check_free(name, keeper.spec)
        if name != held:
            if self._turns.taken(name):
                raise Conflict(f"{name} is being changed at this moment: try again when that is done")
            await turns.enter_async_context(self._turns.take(name))
        self._roster.remove(keeper)
        keeper.name = name
        self._roster.add(keeper)

    async def rename(self, keeper: Keeper, name: str, held: str, turns: contextlib.AsyncExitStack) -> None:
        """Files a service that runs under the name it registered as, and its log with it; raises as `file`.

        Raises:
            SourceError: no service may be called so.
        """
        before = keeper.name
        if not is_service_name(name):
            raise SourceError(f"it registered as {name!r}, which is no name for a service")
        await self.file(keeper, name, held, turns)
        if keeper.instance is not None:
            self._launcher.rename(keeper.instance.id, name)
        await self._logs.rename(before, name)
