"""The instances of one guest service: a new one for each exchange, kept ones, or one for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from micro.errors import EngineError, InternalError, Timeout, TooManyRequests
from micro.runtime.guest.description import Instances
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Guest, Program
from micro.runtime.guest.hosting import ContextHost

__all__ = ["Pool"]

Result = TypeVar("Result")
Work = Callable[[Guest], Awaitable[Result]]

IDLE_MAX = 16
"""So many idle instances are kept."""


class Pool:
    """Runs exchanges in instances.

    Args:
        program: what is instantiated.
        kind: which instance an exchange gets.
        grant: what it may use.
        died: is told why the one instance is dead that was to keep its state.
    """

    def __init__(self, program: Program, kind: Instances, grant: Grant, died: Callable[[str], None]) -> None:
        self._program = program
        self._kind = kind
        self._grant = grant
        self._died = died
        self._room = asyncio.Semaphore(1 if kind == "resident" else grant.instances)
        self._idle: list[Guest] = []
        self._waiting = 0
        self._kept: set[asyncio.Task[object]] = set()

    async def run(self, work: Work[Result], host: ContextHost, *, lasting: bool = False) -> Result:
        """Runs an exchange in an instance.

        Args:
            work: the exchange.
            host: what its guest asks; it is closed at the end.
            lasting: whether it may take longer than the grant says: a stream.

        Raises:
            Fault: the guest says so or died, no instance can be had, or it took too long.
        """
        try:
            if self._kind != "resident":
                return await self._bounded(work, lasting=lasting)
            return await self._kept_alive(work, host, lasting=lasting)
        finally:
            host.close()

    async def _kept_alive(self, work: Work[Result], host: ContextHost, *, lasting: bool) -> Result:
        """Runs an exchange to its end even where nobody waits any more: cut short, its guest would be dead."""
        task = asyncio.get_running_loop().create_task(self._bounded(work, lasting=lasting))
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            host.give_up()
            await asyncio.wait((task,))
            if not task.cancelled():
                task.exception()
            raise

    async def _bounded(self, work: Work[Result], *, lasting: bool) -> Result:
        limit = asyncio.timeout(None if lasting else self._grant.seconds)
        try:
            async with limit:
                return await self._in_turn(work)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Timeout(f"the guest took longer than the {self._grant.seconds:g} s of its grant") from None

    async def _in_turn(self, work: Work[Result]) -> Result:
        if self._room.locked():
            if self._waiting >= self._grant.waiting:
                raise TooManyRequests(f"{self._waiting} exchanges wait for an instance of this service; try later")
            self._waiting += 1
            try:
                await self._room.acquire()
            finally:
                self._waiting -= 1
        else:
            await self._room.acquire()
        try:
            return await self._in_instance(work)
        finally:
            self._room.release()

    async def _in_instance(self, work: Work[Result]) -> Result:
        try:
            guest = self._idle.pop() if self._idle else await self._program.instantiate()
        except EngineError as error:
            raise InternalError(str(error)) from error
        try:
            return await work(guest)
        finally:
            if guest.dead or self._kind == "stateless" or len(self._idle) >= IDLE_MAX:
                if guest.dead and self._kind == "resident":
                    self._died("its one instance is dead, and its state with it")
                guest.close()
            else:
                self._idle.append(guest)

    def close(self) -> None:
        """Ends what runs, and drops all instances."""
        for task in list(self._kept):
            task.cancel()
        for guest in self._idle:
            guest.close()
        self._idle.clear()
