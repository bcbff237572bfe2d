"""The bounds of a pipe that buffers: what waits, for how long, and what a receiver may do wrong."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import LinkClosed, LocalProtocolError
from micro.network.transport import pipe as pipe_module
from micro.network.transport.memory import MemoryPipe, pair
from micro.network.transport.pipe import BUFFER_BYTES_MAX
from tests.contract.pipes import Recorder


def started() -> tuple[Recorder, Recorder]:
    """Two receivers on a pipe in memory."""
    left, right = Recorder(), Recorder()
    for end, recorder in zip(pair(), (left, right), strict=True):
        end.start(recorder)
    return left, right


async def test_a_writer_that_does_not_stop_loses_its_pipe() -> None:
    """Not even our own bug fills the memory."""
    left, right = started()
    right.pipe.pause_reading()
    block = bytes(1024 * 1024)
    for _ in range(BUFFER_BYTES_MAX // len(block) + 1):
        left.pipe.write(block)
    await left.until_happened("lost")
    assert isinstance(left.error, LinkClosed)


async def test_what_a_lost_pipe_held_is_let_go() -> None:
    """A pipe that is gone holds no bytes."""
    left, right = started()
    right.pipe.pause_reading()
    left.pipe.write(bytes(1000))
    left.pipe.abort()
    assert left.pipe.get_write_buffer_size() == 0


async def test_a_close_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A far end that takes nothing is given up after a while."""
    monkeypatch.setattr(pipe_module, "FLUSH_SECONDS_MAX", 0.01)
    left, right = started()
    right.pipe.pause_reading()
    left.pipe.write(b"never read")
    left.pipe.close()
    await left.until_happened("lost")
    assert not right.data


async def test_ends_that_do_not_read_close_in_order() -> None:
    """An end that closes takes what comes and drops it, so that its far end can close too."""
    left, right = started()
    for end in (left, right):
        end.pipe.pause_reading()
        end.pipe.write(b"never read")
        end.pipe.close()
    await left.until_happened("lost")
    await right.until_happened("lost")
    assert (left.error, right.error) == (None, None)


async def test_a_pipe_is_started_once() -> None:
    """Two receivers would each get half."""
    left, _ = pair()
    left.start(Recorder())
    with pytest.raises(LocalProtocolError):
        left.start(Recorder())


async def test_a_pipe_that_ended_before_its_start_says_so() -> None:
    """A receiver that comes too late hears that the pipe is gone, and why."""
    left, right = pair()
    right.abort()
    recorder = Recorder()
    left.start(recorder)
    await recorder.until_happened("lost")
    assert (recorder.happened, type(recorder.error)) == (["made", "lost"], LinkClosed)


async def test_bytes_wait_for_the_start() -> None:
    """What came before there was a receiver is not lost."""
    left, right = pair()
    left.start(Recorder())
    left.write(b"early")
    await asyncio.sleep(0.01)
    recorder = Recorder()
    right.start(recorder)
    await recorder.until_happened("data")
    assert recorder.data == b"early"


@pytest.mark.parametrize(
    ("high", "low", "expected"),
    [(None, None, (262_144, 1_048_576)), (1000, None, (250, 1000)), (None, 1000, (1000, 4000)), (10, 5, (5, 10))],
)
async def test_marks_follow_from_each_other(high: int | None, low: int | None, expected: tuple[int, int]) -> None:
    """What is not given is worked out as asyncio does it."""
    left, _ = pair()
    left.set_write_buffer_limits(high, low)
    assert left.get_write_buffer_limits() == expected


@pytest.mark.parametrize(("high", "low"), [(1, 2), (-1, None), (BUFFER_BYTES_MAX + 1, None)])
async def test_marks_that_make_no_sense_are_refused(high: int | None, low: int | None) -> None:
    """A mark above the bound would never be reached."""
    left, _ = pair()
    with pytest.raises(LocalProtocolError):
        left.set_write_buffer_limits(high, low)


async def test_a_bug_in_a_callback_is_reported() -> None:
    """An error in `pause_writing` is seen, and the pipe goes on."""
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["message"]))

    class Careless(Recorder):
        def pause_writing(self) -> None:
            raise ValueError("a bug")

    left, right = Careless(), Recorder()
    for end, recorder in zip(pair(), (left, right), strict=True):
        end.start(recorder)
    left.pipe.write(bytes(2_000_000))
    await right.until(lambda: len(right.data) == 2_000_000)
    assert reported == ["pause_writing of Careless failed"]


async def test_facts_about_the_far_end_are_known() -> None:
    """A simulated world says who is at the far end."""
    left, right = pair({"nid": "right"}, {"nid": "left"})
    assert (left.get_extra_info("nid"), right.get_extra_info("nid")) == ("right", "left")


async def test_what_crosses_is_cut_the_same_way_every_time() -> None:
    """Two runs with the same writes give the same chunks, so that a simulated world can be replayed."""

    async def play() -> list[int]:
        sizes: list[int] = []

        class Sizes(Recorder):
            def data_received(self, data: bytes) -> None:
                sizes.append(len(data))
                super().data_received(data)

        left, right = pair()
        left.start(Recorder())
        recorder = Sizes()
        right.start(recorder)
        for size in (1, 300_000, 5, 700_000):
            left.write(bytes(size))
            await asyncio.sleep(0)
        await recorder.until(lambda: len(recorder.data) == 1_000_006)
        return sizes

    assert await play() == await play()


def test_a_pipe_is_a_transport_of_asyncio() -> None:
    """Whatever is written for sockets takes it."""
    assert issubclass(MemoryPipe, asyncio.Transport)
