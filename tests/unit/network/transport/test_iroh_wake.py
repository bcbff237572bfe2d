"""Descriptors that wake the loop: told of each write, even of one that adds nothing, and of nothing else."""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
from collections.abc import AsyncIterator

import pytest

from micro.network.transport.iroh_wake import WRITER_ADDRESS, Wakes, available

pytestmark = pytest.mark.skipif(not available(), reason="this system has no eventfd")

TURNS = 5


def write(descriptor: int, code: int) -> None:
    """Writes as Rust does: by the address of the function, with a small number behind the descriptor."""
    ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint64, ctypes.c_int8)(WRITER_ADDRESS)(descriptor, code)


async def settle() -> None:
    """Lets the loop look at its descriptors."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@pytest.fixture
async def wakes() -> AsyncIterator[Wakes]:
    """Wakes on the running loop."""
    made = Wakes(asyncio.get_running_loop())
    yield made
    for descriptor in list(made._called):
        made.remove(descriptor)
    made.close()


async def test_a_new_descriptor_wakes_nobody(wakes: Wakes) -> None:
    """Nothing was written yet."""
    heard: list[str] = []
    wakes.add(lambda: heard.append("first"))
    wakes.add(lambda: heard.append("second"))
    await settle()
    assert heard == []


@pytest.mark.parametrize("code", [0, 1])
async def test_a_write_is_heard_once(wakes: Wakes, code: int) -> None:
    """Whether the future is ready, 0, or only worth a look, 1."""
    heard: list[str] = []
    descriptor = wakes.add(lambda: heard.append("woken"))
    for count in range(1, 4):
        write(descriptor, code)
        await settle()
        assert heard == ["woken"] * count


async def test_only_the_one_that_was_written_to_is_called(wakes: Wakes) -> None:
    """Each descriptor has what is called of its own."""
    heard: list[int] = []
    descriptors = [wakes.add(lambda number=number: heard.append(number)) for number in range(3)]  # type: ignore[misc]
    write(descriptors[1], 1)
    await settle()
    assert heard == [1]


async def test_a_write_is_not_lost_to_a_descriptor_that_is_added(wakes: Wakes) -> None:
    """Adding one looks at all of them."""
    heard: list[str] = []
    descriptor = wakes.add(lambda: heard.append("old"))
    write(descriptor, 0)
    wakes.add(lambda: heard.append("new"))
    await settle()
    assert heard == ["old"]


async def test_a_write_of_another_thread_wakes_a_loop_that_sleeps(wakes: Wakes) -> None:
    """The loop has nothing else to do meanwhile."""
    woken = asyncio.Event()
    descriptor = wakes.add(woken.set)
    threading.Timer(0.01, write, (descriptor, 1)).start()
    async with asyncio.timeout(10):
        await woken.wait()


async def test_what_was_removed_is_not_called(wakes: Wakes) -> None:
    """One that is removed by another's call in the same turn stays silent."""
    heard: list[str] = []
    descriptors: list[int] = []

    def remove_the_other(me: int) -> None:
        heard.append("called")
        wakes.remove(descriptors[1 - me])

    descriptors.extend(wakes.add(lambda me=me: remove_the_other(me)) for me in range(2))  # type: ignore[misc]
    for descriptor in descriptors:
        write(descriptor, 1)
    await settle()
    assert heard == ["called"]
    assert len(wakes) == 1


async def test_a_removed_descriptor_is_closed(wakes: Wakes) -> None:
    """Its number is free for other files."""
    descriptor = wakes.add(lambda: None)
    wakes.remove(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
