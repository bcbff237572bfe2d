"""Works that somebody may look on at: each tells its progress, and ends with a last line or a fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from micro.errors import Fault, Unavailable, reason_of
from micro.runtime.feed import Feed
from micro.runtime.generation import Change, Progress, StartFailed
from micro.runtime.history import History
from micro.runtime.logs import Logs
from micro.runtime.manifest import is_service_name
from micro.runtime.source.spec import SourceSpec
from micro.runtime.workbench import BuildFailed

__all__ = ["Work", "Works"]

Work = Callable[[Feed], Awaitable[None]]

TAIL_LINES = 20
"""How much of its log an instance that did not start leaves behind in the last line."""

TAIL_LOOKED_AT = 500

STOPPING = "the node is stopping"


class Works:
    """What is being done in one runtime.

    Attributes:
        logs: what services write.
        history: what was done last.
    """

    def __init__(self, logs: Logs, history: History, changed: Callable[[Change], None]) -> None:
        self.logs = logs
        self.history = history
        self._changed = changed
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def close(self) -> None:
        """Gives up all of them."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def look_on(
        self, work: Work, name: str, *, source: SourceSpec | None = None, lasting: bool = True
    ) -> AsyncGenerator[Progress]:
        """Begins a work for the service `name`, and yields its progress.

        Args:
            work: what is to be done.
            name: the service it is done for.
            source: what it is run from; a work that has one is remembered.
            lasting: whether it goes on when whoever looks on stops looking; otherwise it is given up then.
        """
        feed = Feed(partial(self.history.take, self.history.begin(name, source))) if source else Feed()
        task = self._begin(self._do(work, feed, name))
        task.add_done_callback(lambda done: _end_unbegun(done, feed, name))
        try:
            async for progress in feed.lines():
                yield progress
        finally:
            if not lasting:
                task.cancel()

    async def see_through(self, work: Coroutine[Any, Any, None]) -> None:
        """Does a work of few words to its end; who stops waiting does not stop it.

        Raises:
            Unavailable: the node stops meanwhile.
        """
        task = self._begin(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Unavailable(STOPPING) from None
            raise

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _do(self, work: Work, feed: Feed, name: str) -> None:
        fault: Fault | None = None
        try:
            await work(feed)
        except Fault as error:
            fault = error
        except BuildFailed as error:
            logged = self._keep(name, error)
            feed.put(Progress("failed", str(error), done=True, service=name, tail=error.tail, logged=logged))
        except StartFailed as error:
            tail = await self._tail_of(error.instance)
            service = _service_of(error.instance)  # its author may have called it otherwise
            self.logs.note(service, str(error))
            feed.put(Progress("failed", str(error), done=True, service=service, tail=tail, logged=True))
        except asyncio.CancelledError:
            reason = STOPPING if self._closing else f"{name} was killed meanwhile"
            feed.put(Progress("failed", reason, done=True, service=name))
        except Exception as error:  # noqa: BLE001 - an onlooker waits for an end, whatever it is
            detail = reason_of(error)
            feed.put(Progress("failed", detail, done=True, service=name))
            self._changed(Change("trouble", name, detail=detail))
        finally:
            feed.end(fault)

    def _keep(self, name: str, error: BuildFailed) -> bool:
        """Puts the last lines of a fetch or a build that failed into the log of its service; returns whether it did."""
        if error.log is None or not is_service_name(name):
            return False
        for line in (*error.tail, f"{error}; all that it wrote is in {error.log}"):
            self.logs.note(name, line)
        return True

    async def _tail_of(self, instance: str) -> tuple[str, ...]:
        """Returns the last lines that an instance wrote itself."""
        entries = await self.logs.tail(_service_of(instance), TAIL_LOOKED_AT)
        return tuple(one.line for one in entries if one.instance == instance and one.stream != "node")[-TAIL_LINES:]


def _service_of(instance: str) -> str:
    """Returns the name that an instance was started under."""
    return instance.rsplit("-", 2)[0]


def _end_unbegun(task: asyncio.Task[None], feed: Feed, name: str) -> None:
    """Ends the feed of a work that was cancelled before its first step: it could not do so itself."""
    if task.cancelled():
        feed.put(Progress("failed", STOPPING, done=True, service=name))
        feed.end()
