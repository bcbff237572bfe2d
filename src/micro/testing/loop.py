"""The event loop of a simulated world: its time passes only when nobody has anything to do.

Turns are first in, first out, as on every real loop; what varies with the seed is when things arrive, never who of two
that are ready goes first. Nothing here reads a clock or opens a socket, and what is sent to a thread is done at once.

Whatever belongs to a machine or a program of it runs in a context that names its `Life`. When that ends, nothing of it
ever runs again: no timer, no task, no `finally`. That is what the end of a process looks like from the outside.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar, cast

__all__ = ["LIFE", "Deadlock", "Life", "VirtualLoop"]

Result = TypeVar("Result")

TURNS_MAX = 20_000_000
"""A world that goes on for longer has lost its way: something wakes itself for ever."""

TASKS_TIDY = 256
"""Tasks that are done are forgotten whenever so many more were made."""


class Deadlock(RuntimeError):
    """Everybody waits, and no time that passes will wake anyone."""


class Life:
    """Something that may end at once: a program of a machine.

    Attributes:
        name: what it is, for people.
        alive: whether it goes on.
        context: what its callbacks run in.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.context = copy_context()
        self.context.run(LIFE.set, self)
        self.tasks: list[asyncio.Task[Any]] = []
        self._tidy_at = TASKS_TIDY
        self._mourners: list[Callable[[], None]] = []

    def when_over(self, mourner: Callable[[], None]) -> None:
        """Has `mourner` called when this life ends."""
        self._mourners.append(mourner)

    def end(self) -> None:
        """Ends it, from one moment to the next."""
        if self.alive:
            self.alive = False
            for mourner in self._mourners:
                mourner()
            self._mourners.clear()

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Holds a task, so that it is not swept up, and so finished, while the world goes on."""
        self.tasks.append(task)
        if len(self.tasks) >= self._tidy_at:
            self.tasks = [known for known in self.tasks if not known.done()]
            self._tidy_at = len(self.tasks) + TASKS_TIDY


LIFE: ContextVar[Life | None] = ContextVar("life", default=None)
"""Whose code runs now; None is the observer: the test itself."""


_EventLoop: Any = asyncio.AbstractEventLoop  # of which this one has no more than a world needs


class VirtualLoop(_EventLoop):  # type: ignore[misc] # as said
    """`asyncio.AbstractEventLoop` without a clock, sockets and threads.

    Attributes:
        turns: how many callbacks have run.
        blame: what callbacks failed with, in order, and nobody caught.
    """

    def __init__(self) -> None:
        self.turns = 0
        self.blame: list[str] = []
        self._now = 0.0
        self._ready: deque[tuple[asyncio.Handle, Life | None]] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Life | None]] = []
        self._numbers = itertools.count()
        self._stopping = self._running = self._closed = False
        self._handler: Callable[[Any, dict[str, Any]], object] | None = None
        self._observer: list[asyncio.Task[Any]] = []
        self._generators: dict[int, Life | None] = {}

    # -- time and turns -----------------------------------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        life = LIFE.get() if context is None else context.get(LIFE)
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append((handle, life))
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + max(0.0, delay), callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        life = LIFE.get() if context is None else context.get(LIFE)
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle, life))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A timer that was cancelled stays in the heap until its time, and is skipped then."""

    def _pass_time(self) -> None:
        """Moves on to the next timer that counts."""
        timers, ready = self._timers, self._ready
        while timers:
            when, _, handle, life = heapq.heappop(timers)
            if handle.cancelled() or (life is not None and not life.alive):
                continue
            self._now = max(self._now, when)
            ready.append((handle, life))
            while timers and timers[0][0] <= when:
                _, _, handle, life = heapq.heappop(timers)
                if not handle.cancelled():
                    ready.append((handle, life))
            return
        raise Deadlock(f"nothing will ever happen again, and these wait: {self.who_waits()}")

    def who_waits(self) -> str:
        """Returns the observer's tasks that are not done, and where each of them is."""
        waiting = [task for task in self._observer if not task.done()]
        return "; ".join(_place(task) for task in waiting[:8]) or "nobody"

    def run_forever(self) -> None:
        if self._running:
            raise RuntimeError("this loop runs already")
        before = events._get_running_loop()
        if before is not None:
            raise RuntimeError("a world has a loop of its own: run it where no other loop runs")
        self._running, self._stopping = True, False
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._begun, finalizer=self._abandoned)
        events._set_running_loop(self)
        ready = self._ready
        try:
            while not self._stopping:
                if not ready:
                    self._pass_time()
                handle, life = ready.popleft()
                if handle.cancelled() or (life is not None and not life.alive):
                    continue
                self.turns += 1
                handle._run()
                if self.turns > TURNS_MAX:
                    raise Deadlock(f"{TURNS_MAX:,} turns and no end: something wakes itself for ever")
        finally:
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)
            self._running = False

    def run_until_complete(self, future: Coroutine[Any, Any, Result] | asyncio.Future[Result]) -> Result:
        done: asyncio.Future[Result] = asyncio.ensure_future(future, loop=self)
        done.add_done_callback(lambda _: self.stop())
        self.run_forever()
        return done.result()

    def stop(self) -> None:
        self._stopping = True

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    # -- tasks --------------------------------------------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, Result],
        *,
        name: str | None = None,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Task[Result]:
        task: asyncio.Task[Result] = asyncio.Task(coro, loop=self, name=name, context=context, **options)
        life = LIFE.get() if context is None else context.get(LIFE)
        if life is None:
            self._observer = [known for known in self._observer if not known.done()]
            self._observer.append(task)
        else:
            life.keep(task)
        return task

    def run_in_executor(self, executor: Any, function: Callable[..., Result], *args: Any) -> asyncio.Future[Result]:
        """Does at once what a thread would do: a world has none."""
        future: asyncio.Future[Result] = self.create_future()
        try:
            result = function(*args)
        except StopIteration as stop:
            future.set_exception(RuntimeError(f"a thread's work raised {stop!r}"))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    def bury(self, lives: list[Life]) -> None:
        """Closes what is left of tasks, in order, when nothing of it can be seen by anybody any more."""
        for task in [*self._observer, *(task for life in lives for task in life.tasks)]:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined] # it is not forgotten but dead
                try:
                    cast("Coroutine[Any, Any, Any]", task.get_coro()).close()
                except Exception:  # noqa: BLE001, S110 - whatever code of the dead says, nobody hears it
                    pass

    def _begun(self, generator: Any) -> None:
        self._generators[id(generator)] = LIFE.get()

    def _abandoned(self, generator: Any) -> None:
        """Ends a generator that nobody draws from any more, as asyncio does; one of the dead is left as it is."""
        life = self._generators.pop(id(generator), None)
        if self._running and (life is None or life.alive):
            context = copy_context() if life is None else life.context.copy()
            self.call_soon(lambda: self.create_task(generator.aclose()), context=context)

    async def shutdown_asyncgens(self) -> None:
        """Asynchronous generators end with the tasks that draw from them."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    # -- complaints ---------------------------------------------------------------------------------------------------

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """A world is observed by its trace."""

    def set_exception_handler(self, handler: Callable[[Any, dict[str, Any]], object] | None) -> None:
        self._handler = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._handler is not None:
            self._handler(self, context)
            return
        life = LIFE.get()
        if life is not None and not life.alive:
            return  # the rest of a turn in which the power went
        who = life.name if life is not None else "the observer"
        self.blame.append(f"{self._now:.6f} {who}: {context.get('message')}: {context.get('exception')!r}")


def _place(task: asyncio.Task[Any]) -> str:
    """Says where a task waits."""
    coroutine = cast("Any", task.get_coro())
    while getattr(coroutine, "cr_await", None) is not None and hasattr(coroutine.cr_await, "cr_frame"):
        coroutine = coroutine.cr_await
    frame = getattr(coroutine, "cr_frame", None)
    where = f" at {frame.f_code.co_name}, line {frame.f_lineno}" if frame is not None else ""
    return f"{task.get_name()}{where}"
