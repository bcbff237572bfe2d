"""What every kind of pipe promises, over memory, Unix sockets, TCP and iroh, on asyncio and uvloop."""

from __future__ import annotations

import asyncio
import random

from tests.contract.pipes import Recorder, over_every_pipe, over_our_pipes

BLOCK = random.Random(1).randbytes(65536)
BLOCKS_MAX = 700  # more than any window: 45 MB


async def fill(left: Recorder) -> int:
    """Writes until the pipe asks to stop; returns how much."""
    count = 0
    while "paused" not in left.happened:
        assert count < BLOCKS_MAX, "no back-pressure"
        left.pipe.write(BLOCK)
        count += 1
        await asyncio.sleep(0)
    return count * len(BLOCK)


@over_every_pipe
async def test_bytes_arrive_in_order(left: Recorder, right: Recorder) -> None:
    """Whatever the sizes of the writes, the same bytes come out, once and in order."""
    sizes = [1, 2, 0, 65535, 65536, 65537, 300_000, 3, 1_000_000, 17]
    pieces = [random.Random(size).randbytes(size) for size in sizes]
    for piece in pieces:
        left.pipe.write(piece)
    await right.until(lambda: len(right.data) >= sum(sizes))
    assert right.data == b"".join(pieces)


@over_every_pipe
async def test_both_directions_are_open_at_once(left: Recorder, right: Recorder) -> None:
    """Bytes in one direction do not wait for those in the other."""
    for _ in range(20):
        left.pipe.write(BLOCK)
        right.pipe.write(BLOCK[::-1])
    await left.until(lambda: len(left.data) >= 20 * len(BLOCK))
    await right.until(lambda: len(right.data) >= 20 * len(BLOCK))
    assert (left.data, right.data) == (BLOCK[::-1] * 20, BLOCK * 20)


@over_every_pipe
async def test_several_pieces_arrive_as_written(left: Recorder, right: Recorder) -> None:
    """`writelines` is several writes."""
    left.pipe.writelines([b"a", bytearray(b"bc"), memoryview(b"def")[:2]])
    await right.until(lambda: len(right.data) >= 5)
    assert right.data == b"abcde"


@over_every_pipe
async def test_a_buffer_may_be_used_again_at_once(left: Recorder, right: Recorder) -> None:
    """What was written is what arrives, whatever the writer does with its buffer afterwards."""
    reused = bytearray(b"ab")
    left.pipe.write(reused)
    left.pipe.writelines([reused])
    reused[:] = b"xx"
    await right.until(lambda: len(right.data) >= 4)
    assert right.data == b"abab"


@over_every_pipe
async def test_a_reader_that_pauses_stops_the_writer(left: Recorder, right: Recorder) -> None:
    """Nothing grows without bound: the writer is asked to stop while the far end does not read."""
    right.pipe.pause_reading()
    await fill(left)
    assert not right.data


@over_every_pipe
async def test_a_reader_that_resumes_gets_everything(left: Recorder, right: Recorder) -> None:
    """The writer is asked to go on, and not a byte was lost."""
    right.pipe.pause_reading()
    count = await fill(left)
    right.pipe.resume_reading()
    await left.until_happened("resumed")
    await right.until(lambda: len(right.data) >= count)
    assert right.data == BLOCK * (count // len(BLOCK))


@over_every_pipe
async def test_the_marks_are_heeded(left: Recorder, right: Recorder) -> None:
    """A writer is asked to stop above the high mark it set, and not below."""
    left.pipe.set_write_buffer_limits(high=4 * 1024 * 1024)
    right.pipe.pause_reading()
    await fill(left)
    assert left.pipe.get_write_buffer_size() > 4 * 1024 * 1024


@over_every_pipe
async def test_close_delivers_what_was_written(left: Recorder, right: Recorder) -> None:
    """The far end gets everything, and then the end."""
    for _ in range(40):
        left.pipe.write(BLOCK)
    left.pipe.close()
    await right.until_happened("lost")
    assert right.data == BLOCK * 40


@over_every_pipe
async def test_close_is_told_once_to_both_ends(left: Recorder, right: Recorder) -> None:
    """Each end hears once, and last, that the pipe is gone, and that it ended in order."""
    left.pipe.close()
    left.pipe.close()
    await left.until_happened("lost")
    await right.until_happened("lost")
    await settle()
    assert (left.happened, right.happened) == (["made", "lost"], ["made", "data", "lost"])
    assert (left.error, right.error) == (None, None)


@over_every_pipe
async def test_both_ends_may_close_at_once(left: Recorder, right: Recorder) -> None:
    """Neither waits for the other for ever."""
    left.pipe.close()
    right.pipe.close()
    await left.until_happened("lost")
    await right.until_happened("lost")
    assert (left.happened.count("lost"), right.happened.count("lost")) == (1, 1)


@over_every_pipe
async def test_nothing_is_received_after_close(left: Recorder, right: Recorder) -> None:
    """Whoever closed has finished listening too, though it still has much to say."""
    right.pipe.pause_reading()
    await fill(left)
    left.pipe.close()
    right.pipe.write(b"too late")
    await settle()
    assert not left.data


@over_every_pipe
async def test_ends_that_do_not_read_may_close_at_once(left: Recorder, right: Recorder) -> None:
    """What nobody will read keeps nobody waiting."""
    for end in (left, right):
        end.pipe.pause_reading()
        end.pipe.write(b"never read")
    left.pipe.close()
    right.pipe.close()
    await left.until_happened("lost")
    await right.until_happened("lost")
    assert not left.data + right.data


@over_every_pipe
async def test_writing_after_close_is_ignored(left: Recorder, right: Recorder) -> None:
    """A late answer is no error."""
    left.pipe.write(b"before")
    left.pipe.close()
    left.pipe.write(b"after")
    await right.until_happened("lost")
    assert right.data == b"before"


@over_every_pipe
async def test_abort_drops_what_waits(left: Recorder, right: Recorder) -> None:
    """The far end gets less than was written."""
    right.pipe.pause_reading()
    count = await fill(left)
    left.pipe.abort()
    right.pipe.resume_reading()
    await right.until_happened("lost")
    assert len(right.data) < count


@over_every_pipe
async def test_abort_is_told_once_to_both_ends(left: Recorder, right: Recorder) -> None:
    """Each end hears once, and last, that the pipe is gone."""
    left.pipe.abort()
    left.pipe.abort()
    await left.until_happened("lost")
    await right.until_happened("lost")
    await settle()
    assert (left.happened, right.happened) == (["made", "lost"], ["made", "data", "lost"])


@over_every_pipe
async def test_abort_is_immediate(left: Recorder, right: Recorder) -> None:
    """The pipe is over before `abort` returns, though it had much to say."""
    right.pipe.pause_reading()
    await fill(left)
    left.pipe.abort()
    assert left.pipe.is_closing()


@over_every_pipe
async def test_abort_ends_a_close_that_waits(left: Recorder, right: Recorder) -> None:
    """A far end that does not read cannot keep a closed pipe."""
    right.pipe.pause_reading()
    await fill(left)
    left.pipe.close()
    left.pipe.abort()
    await left.until_happened("lost")
    assert left.happened[-1] == "lost"


@over_every_pipe
async def test_a_pause_holds_bytes_back(left: Recorder, right: Recorder) -> None:
    """A paused receiver is not called."""
    right.pipe.pause_reading()
    left.pipe.write(b"held")
    await settle()
    assert not right.data


@over_every_pipe
async def test_a_bug_of_the_receiver_ends_its_pipe(left: Recorder, right: Recorder) -> None:
    """An error in `data_received` is reported, and both ends lose the pipe."""
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context.get("exception")))
    right.fault = ValueError("a bug")
    left.pipe.write(b"boom")
    await right.until_happened("lost")
    await left.until_happened("lost")
    assert (right.error, reported) == (right.fault, [right.fault])


@over_every_pipe
async def test_a_receiver_may_answer_and_close_at_once(left: Recorder, right: Recorder) -> None:
    """What it says in `data_received` before it closes is delivered."""

    def answer() -> None:
        right.pipe.write(BLOCK)
        right.pipe.close()

    right.when["data"] = answer
    left.pipe.write(b"?")
    await left.until_happened("lost")
    assert left.data == BLOCK


@over_every_pipe
async def test_a_receiver_may_abort_while_it_receives(left: Recorder, right: Recorder) -> None:
    """Nothing comes after that but the end, once."""
    right.when["data"] = lambda: right.pipe.abort()
    for _ in range(20):
        left.pipe.write(BLOCK)
    await right.until_happened("lost")
    await left.until_happened("lost")
    await settle()
    assert right.happened == ["made", "data", "data", "lost"]


@over_every_pipe
async def test_a_writer_may_abort_when_it_is_asked_to_stop(left: Recorder, right: Recorder) -> None:
    """The end comes once, and nothing asks it to go on."""
    left.when["paused"] = lambda: left.pipe.abort()
    right.pipe.pause_reading()
    await fill(left)
    await left.until_happened("lost")
    await settle()
    assert left.happened == ["made", "paused", "lost"]


@over_our_pipes
async def test_a_writer_may_abort_when_it_is_asked_to_go_on(left: Recorder, right: Recorder) -> None:
    """The end comes once. A socket of asyncio loses its way when it is aborted in `resume_writing`."""
    left.when["resumed"] = lambda: left.pipe.abort()
    right.pipe.pause_reading()
    await fill(left)
    right.pipe.resume_reading()
    await left.until_happened("lost")
    await settle()
    assert left.happened == ["made", "paused", "resumed", "lost"]


async def settle() -> None:
    """Gives what should not happen the time to happen."""
    await asyncio.sleep(0.02)
