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
        processor: tells the time that this thread has had of a processor, in nanoseconds.
    """

    __slots__ = ("nanoseconds", "processor")

    def __init__(self, processor: Callable[[], int] = time.thread_time_ns) -> None:
        self.nanoseconds = 0
        self.processor = processor

    def of(self, work: Coroutine[Any, Any, Any]) -> _Counted:
        """Returns what is awaited in place of `work`: each of its steps counts, what others do meanwhile does not."""
        return _Counted(self, work)

    def in_thread(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Returns what is run in a thread in place of `work`."""

        def run(*arguments: Any) -> Any:
            began = self.processor()
            try:
                return work(*arguments)
            finally:
                self.nanoseconds += self.processor() - began

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
            began = self._spending.processor()
            try:
                wanted = step(given)
            except StopIteration as done:
                return done.value
            finally:
                self._spending.nanoseconds += self._spending.processor() - began
            try:
                step, given = self._work.send, (yield wanted)
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is for the work, whatever it is
                step, given = self._work.throw, error
