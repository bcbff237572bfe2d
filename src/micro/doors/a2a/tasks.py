"""The tasks that a node remembers: each for its caller alone, as many and as long as it may.

Pure.
"""

from __future__ import annotations

from typing import Final

from micro.doors.a2a.task import Task
from micro.errors import NotFound
from micro.trust.policy import Caller

__all__ = ["TASKS_MAX", "Tasks"]

TASKS_MAX: Final = 1_024
TASKS_OF_ONE_MAX: Final = 64
BYTES_OF_ONE_MAX: Final = 16 * 1024 * 1024
BYTES_MAX: Final = 64 * 1024 * 1024
"""What the artifacts of a caller's tasks, and of all, may weigh; the tasks longest untouched are forgotten."""

KEPT_SECONDS: Final = 3_600.0
"""A task that nobody asked about for so long is forgotten, as the assistant forgets its conversation."""


class Tasks:
    """Tasks by caller and id, the one longest untouched first."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[Caller, str], Task] = {}

    def add(self, caller: Caller, task: Task, now: float) -> None:
        """Remembers a task; others that are too many or too old are forgotten."""
        task.touched = now
        for key in [key for key, known in self._tasks.items() if now - known.touched > KEPT_SECONDS]:
            del self._tasks[key]
        own = [key for key in self._tasks if key[0] == caller]
        if len(own) >= TASKS_OF_ONE_MAX:
            del self._tasks[own[0]]
        while len(self._tasks) >= TASKS_MAX:
            del self._tasks[next(iter(self._tasks))]
        self._tasks[caller, task.id] = task

    def settle(self, caller: Caller) -> None:
        """Weighs what is remembered after a turn of a caller; where it is too much, the oldest tasks are forgotten."""
        self._lighten([key for key in self._tasks if key[0] == caller], BYTES_OF_ONE_MAX)
        self._lighten(list(self._tasks), BYTES_MAX)

    def _lighten(self, keys: list[tuple[Caller, str]], bytes_max: int) -> None:
        weight = sum(self._tasks[key].given_bytes for key in keys)
        for key in keys:
            if weight <= bytes_max:
                return
            weight -= self._tasks.pop(key).given_bytes

    def get(self, caller: Caller, id: str, now: float) -> Task:
        """Returns a task of a caller.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        task = self._tasks.pop((caller, id), None)
        if task is None or now - task.touched > KEPT_SECONDS:
            raise NotFound(f"no task is called {id[:80]}, or it is over and forgotten")
        task.touched = now
        self._tasks[caller, id] = task
        return task
