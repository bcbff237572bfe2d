"""Counts what processor time an exchange takes that shares its loop with others."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from micro.service.cost import MICROSECONDS, Cost

__all__ = ["Spending"]


class Spending:
    """Counts for one exchange, which may use a thread beside the loop.

    Attributes:
        nanoseconds: so much so far.
    """

    __slots__ = ("nanoseconds",)

    def __init__(self) -> None:
        self.nanoseconds = 0

    def of(self, work: Coroutine[Any, Any, Any]) -> _Counted:
        """Returns what is awaited in place of `work`: each of its steps counts, what others do meanwhile does not."""
        return _Counted(self, work)

    def in_thread(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Returns what is run in a thread in place of `work`."""

        def run(*arguments: Any) -> Any:
            began = time.thread_time_ns()
            try:
                return work(*arguments)
            finally:
                self.nanoseconds += time.thread_time_ns() - began

        return run

    @property
    def cost(self) -> Cost:
        """What it came to."""
        return Cost(self.nanoseconds // 1_000, MICROSECONDS)


class _Counted:
    """A coroutine whose steps are timed."""

    __slots__ = ("_spending", "_work")

    def __init__(self, spending: Spending, work: Coroutine[Any, Any, Any]) -> None:
        self._spending = spending
        self._work = work

    def __await__(self) -> Generator[Any, Any, Any]:
        step, given = self._work.send, None
        while True:
            began = time.thread_time_ns()
            try:
                wanted = step(given)
            except StopIteration as done:
                return done.value
            finally:
                self._spending.nanoseconds += time.thread_time_ns() - began
            try:
                step, given = self._work.send, (yield wanted)
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is for the work, whatever it is
                step, given = self._work.throw, error
