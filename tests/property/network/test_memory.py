"""Laws of a pipe in memory, whatever its two ends do and in whatever order."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from micro.network.transport.memory import pair
from tests.contract.pipes import Recorder

sizes = st.sampled_from([0, 1, 7, 65_536, 262_144, 262_145, 1_500_000])
steps = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.one_of(
            st.tuples(st.just("write"), sizes),
            st.tuples(st.sampled_from(["pause_reading", "resume_reading", "turn", "close", "abort"]), st.just(0)),
        ),
    ),
    max_size=30,
)


async def play(moves: list[tuple[int, tuple[str, int]]]) -> tuple[list[Recorder], list[bytearray]]:
    """Plays moves of the two ends; returns what each heard, and what each wrote before it closed."""
    ends = [Recorder(), Recorder()]
    for pipe, end in zip(pair(), ends, strict=True):
        pipe.start(end)
    written = [bytearray(), bytearray()]
    for who, (what, size) in moves:
        pipe = ends[who].pipe
        if what == "turn":
            await asyncio.sleep(0)
        elif what == "write":
            data = bytes(((len(written[who]) + who) % 251,)) * size
            if not pipe.is_closing():
                written[who] += data
            pipe.write(data)
        else:
            getattr(pipe, what)()
    for end in ends:
        end.pipe.resume_reading()
    ends[0].pipe.close()
    for end in ends:
        await end.until_happened("lost")
    await asyncio.sleep(0)
    return ends, written


@given(steps)
def test_what_is_heard_is_the_beginning_of_what_was_said(moves: list[tuple[int, tuple[str, int]]]) -> None:
    """Nothing is lost in the middle, doubled, or made up."""
    ends, written = asyncio.run(play(moves))
    assert written[0].startswith(ends[1].data)
    assert written[1].startswith(ends[0].data)


@given(steps)
def test_the_end_is_heard_once_and_last(moves: list[tuple[int, tuple[str, int]]]) -> None:
    """Whatever happened, each end hears of its beginning first and of its end last, each once."""
    ends, _ = asyncio.run(play(moves))
    for end in ends:
        assert (end.happened[0], end.happened[-1]) == ("made", "lost")
        assert (end.happened.count("made"), end.happened.count("lost")) == (1, 1)


@given(steps)
def test_stop_and_go_on_take_turns(moves: list[tuple[int, tuple[str, int]]]) -> None:
    """A writer is never asked twice to stop, nor to go on when it was not stopped."""
    ends, _ = asyncio.run(play(moves))
    for end in ends:
        asked = [what for what in end.happened if what in ("paused", "resumed")]
        assert asked == ["paused", "resumed"] * (len(asked) // 2) + ["paused"] * (len(asked) % 2)


@given(steps)
def test_all_is_heard_if_only_one_end_closes_in_order(moves: list[tuple[int, tuple[str, int]]]) -> None:
    """An end that closes last has said everything."""
    talk = [(who, move) for who, move in moves if move[0] not in ("close", "abort")]
    ends, written = asyncio.run(play(talk))
    assert ends[1].data == written[0]


@given(steps)
def test_the_same_moves_give_the_same_story(moves: list[tuple[int, tuple[str, int]]]) -> None:
    """A simulated world can be replayed."""
    first, _ = asyncio.run(play(moves))
    second, _ = asyncio.run(play(moves))
    assert [end.happened for end in first] == [end.happened for end in second]
