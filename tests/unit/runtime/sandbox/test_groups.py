"""Control groups, of both generations."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from micro.ports import Limits
from micro.runtime.sandbox.groups import Group, Groups, _limit_second
from micro.runtime.sandbox.sandbox import MEGABYTE, Bounds
from micro.system import SystemProcesses
from tests.waiting import until

BOUNDS = Bounds(memory_bytes=64 * MEGABYTE, processes=16, processors=0.5)


async def test_a_guest_is_in_its_group_and_the_group_goes_with_it(tmp_path: Path) -> None:
    """Also with what it left running."""
    groups = Groups(f"test-{tmp_path.name}")
    if not groups.counted:
        pytest.skip("control groups cannot be made on this machine, so none is filled and removed")
    group = groups.make("guest", BOUNDS)
    process = await SystemProcesses().spawn(
        ("sh", "-c", "setsid sleep 60 & cat /proc/self/cgroup; exit 3"),
        directory=Path("/"),
        environment={"PATH": "/usr/bin:/bin"},
        limits=Limits(groups=group.folders),
    )
    said = await process.read(10_000)
    assert await process.wait() == 3
    assert said.decode().count(f"micro-test-{tmp_path.name}/guest") == len(group.folders)

    await group.remove()
    assert groups.guests() == []
    groups.close()
    assert not any(folder.exists() for folder in group.folders)


async def test_what_a_killed_node_left_is_ended(tmp_path: Path) -> None:
    """By the next one with its name."""
    before = Groups(f"test-{tmp_path.name}")
    if not before.counted:
        pytest.skip("control groups cannot be made on this machine, so none is left behind")
    group = before.make("guest", BOUNDS)
    process = await SystemProcesses().spawn(
        ("sleep", "60"),
        directory=Path("/"),
        environment={"PATH": "/usr/bin:/bin"},
        limits=Limits(groups=group.folders),
    )

    async def entered() -> bool:
        return all((folder / "cgroup.procs").read_text() for folder in group.folders)

    await until(entered)  # which it does itself, some time after it was started
    after = Groups(f"test-{tmp_path.name}")
    after.clear()
    assert await process.wait() == -9

    async def gone() -> bool:
        await asyncio.to_thread(after.close)
        return not any(folder.exists() for folder in group.folders)

    await until(gone)


async def test_empty_groups_of_others_are_removed_and_made_again(tmp_path: Path) -> None:
    """A node that was killed and never came back leaves nothing; one that is idle does not notice."""
    idle, next_one = Groups(f"test-{tmp_path.name}-a"), Groups(f"test-{tmp_path.name}-b")
    if not idle.counted:
        pytest.skip("control groups cannot be made on this machine, so none is removed")
    left = idle.make("guest", BOUNDS)
    next_one.clear()
    assert all(folder.exists() for folder in left.folders)  # it may be about to start somebody
    for folder in left.folders:
        os.utime(folder, (0, 0))
        os.utime(folder.parent, (0, 0))
    next_one.clear()
    assert not any(folder.exists() for folder in left.folders)

    again = idle.make("guest", BOUNDS)
    assert all(folder.exists() for folder in again.folders)
    await again.remove()
    idle.close()
    next_one.close()


def test_bounds_of_the_second_generation(tmp_path: Path) -> None:
    """What is written where, for the kinds that the kernel counts there."""
    for name in ("memory.max", "memory.oom.group", "memory.swap.max", "pids.max", "cpu.max"):
        (tmp_path / name).write_text("")
    (tmp_path / "cgroup.controllers").write_text("cpu io memory pids\n")
    _limit_second(tmp_path, BOUNDS)

    written = {file.name: file.read_text() for file in tmp_path.iterdir() if "cgroup" not in file.name}
    assert written == {
        "memory.max": str(64 * MEGABYTE),
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "pids.max": "16",
        "cpu.max": "50000 100000",
    }


@pytest.mark.parametrize(
    ("mounts", "own"),
    [
        ("", ""),
        ("proc /proc proc rw 0 0\n", "0::/\n"),
        ("cgroup2 {place} cgroup2 rw 0 0\n", "0::/user.slice\n"),
        ("cgroup {place} cgroup rw,memory 0 0\n", "4:pids:/\n"),
    ],
    ids=["nothing", "no groups", "no controllers", "another tree"],
)
def test_where_nothing_is_counted(mounts: str, own: str, tmp_path: Path) -> None:
    """A guest has no group then, and nothing fails."""
    groups = Groups("test", mounts.format(place=tmp_path), own)

    assert groups.counted == frozenset()
    assert groups.make("guest", BOUNDS).folders == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["low 0\noom 1\noom_kill {}\n", "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"])
def test_who_was_killed_for_want_of_memory(tmp_path: Path, text: str) -> None:
    """Is read from what both generations of the kernel's groups tell of it; one that is gone tells nothing."""
    told = tmp_path / "told"
    group = Group((), told)
    assert not group.overran()
    told.write_text(text.format(0))
    assert not group.overran()
    told.write_text(text.format(2))
    assert group.overran()
