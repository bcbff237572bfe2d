"""Tasks that are remembered: whose, how many, how long."""

from __future__ import annotations

import pytest

from micro.doors.a2a import tasks as module
from micro.doors.a2a.task import Task
from micro.doors.a2a.tasks import KEPT_SECONDS, Tasks
from micro.errors import NotFound
from micro.trust.policy import Caller

ANN, OWNER = Caller(user=True, account="ann"), Caller(owner=True)


def test_a_task_is_its_callers_alone() -> None:
    """To others it is as if there were none."""
    tasks, task = Tasks(), Task("t1")
    tasks.add(ANN, task, 0.0)
    assert tasks.get(ANN, "t1", 1.0) is task
    with pytest.raises(NotFound):
        tasks.get(OWNER, "t1", 1.0)


def test_a_task_that_nobody_asks_about_is_forgotten() -> None:
    """Being asked about counts."""
    tasks = Tasks()
    tasks.add(ANN, Task("t1"), 0.0)
    tasks.get(ANN, "t1", KEPT_SECONDS)
    tasks.get(ANN, "t1", 2 * KEPT_SECONDS)
    with pytest.raises(NotFound):
        tasks.get(ANN, "t1", 3 * KEPT_SECONDS + 1)


def test_one_caller_cannot_push_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of his own the oldest goes; and all together are bounded."""
    monkeypatch.setattr(module, "TASKS_OF_ONE_MAX", 2)
    monkeypatch.setattr(module, "TASKS_MAX", 3)
    tasks = Tasks()
    tasks.add(OWNER, Task("o"), 0.0)
    for number in range(5):
        tasks.add(ANN, Task(f"t{number}"), 0.0)
    assert tasks.get(OWNER, "o", 0.0).id == "o"
    assert [tasks.get(ANN, f"t{number}", 0.0).id for number in (3, 4)] == ["t3", "t4"]
    with pytest.raises(NotFound):
        tasks.get(ANN, "t2", 0.0)
    tasks.add(Caller(anonymous=True), Task("a"), 0.0)
    assert len(tasks._tasks) == 3


def test_tasks_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a caller's own the oldest goes first, and then the oldest of all."""
    monkeypatch.setattr(module, "BYTES_OF_ONE_MAX", 10)
    monkeypatch.setattr(module, "BYTES_MAX", 15)
    tasks = Tasks()
    tasks.add(OWNER, Task("o", given_bytes=6), 0.0)
    for number in range(3):
        tasks.add(ANN, Task(f"t{number}", given_bytes=5), 0.0)
    tasks.settle(ANN)
    assert {id for _, id in tasks._tasks} == {"t1", "t2"}
    tasks.add(OWNER, Task("p", given_bytes=5), 0.0)
    tasks.settle(OWNER)
    assert {id for _, id in tasks._tasks} == {"t1", "t2", "p"}
