"""The ends of a link within one process: they say the same as over a pipe, and in the same order."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import Fault, LinkClosed
from micro.mucp import headers as names
from micro.mucp.event import Opened
from micro.mucp.limits import BULKY_BYTES, Limits
from micro.mucp.message import Form
from micro.network.beside import Asked, Asking, join
from micro.network.link import Link
from micro.network.transport.memory import MemoryPipe, pair
from tests.unit.network.clockwork import Desk, Diary, run, settle


class Watched(MemoryPipe):
    """An end of a pipe that counts what is written."""

    writes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes += 1
        super().write(data)


async def ends(desk: Desk, *, limits: Limits | None = None) -> tuple[Asking, Asked, Watched, Watched]:
    """Returns both ends, joined and greeted, with their pipes; the desk serves."""
    near, far = pair()
    near.__class__ = far.__class__ = Watched
    there, here = Asked(desk, dialed=False, limits=limits), Asking(Desk(), dialed=True, limits=limits)
    far.start(there)
    near.start(here)
    await here.greeted()
    join(here, there)
    begun(here)
    here.flush()
    await settle()
    assert isinstance(near, Watched)
    assert isinstance(far, Watched)
    near.writes = far.writes = 0
    return here, there, near, far


def begun(link: Link, *, milliseconds: int = 0, extra: bytes = b"") -> bytes:
    """Returns what a call begins with."""
    return link.session.begin(Form.CALL, {names.SERVICE: "greeter"}, milliseconds, extra)


def test_a_small_call_and_its_answer_pass_the_pipe_by() -> None:
    """Owners and futures are told, and the deadline comes with the call."""

    async def scenario() -> None:
        desk, diary = Desk(), Diary()
        here, _, near, far = await ends(desk)
        future = here.future()
        here.call(diary, begun(here), b"one")
        here.call(future, begun(here, milliseconds=500), b"two")
        assert not desk.heard  # it is served in the next turn
        assert (await future).body == b"two"
        assert diary.log == [("replied", b"one")]
        assert [event.timeout_milliseconds for event in desk.heard] == [0, 500]
        assert not here.session.busy
        assert (near.writes, far.writes) == (0, 0)

    run(scenario())


@pytest.mark.parametrize("size", [BULKY_BYTES + 1, 3])
def test_what_is_large_or_has_headers_of_its_own_goes_over_the_pipe(size: int) -> None:
    """And is answered all the same."""

    async def scenario() -> None:
        here, _, near, _ = await ends(Desk())
        future = here.future()
        extra = b"" if size > BULKY_BYTES else names.encode({"Micro-Trace": "a"})
        here.call(future, begun(here, extra=extra), bytes(size))
        assert (await future).body == bytes(size)
        assert near.writes

    run(scenario())


def test_nothing_overtakes_what_was_said_before() -> None:
    """A small call waits for a large one that is on its way, and so does a small answer."""

    async def scenario() -> None:
        desk, diary = Desk(), Diary()
        here, *_ = await ends(desk)
        bodies = [b"a", bytes(BULKY_BYTES + 1), b"b"]
        for body in bodies:
            here.call(diary, begun(here), body)
        await settle()
        assert [event.body for event in desk.heard] == bodies
        assert diary.log == [("replied", body) for body in bodies]

    run(scenario())


def test_headers_of_an_answer_come_with_it() -> None:
    """They are said in bytes, which the answer does not overtake."""

    async def scenario() -> None:
        desk = Desk(answers=False)
        here, there, *_ = await ends(desk)
        first, second = here.future(), here.future()
        for future in (first, second):
            here.call(future, begun(here), b"")
        await settle()
        for event in desk.heard:
            there.session.note(event.number, {"Micro-Cost": "1"})
        there.reply(desk.heard[0].number, b"at once")
        there.schedule()
        await settle()
        there.reply(desk.heard[1].number, b"later")
        for future in (first, second):
            assert dict((await future).headers) == {"Micro-Cost": "1"}

    run(scenario())


def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    """The call was withdrawn, which the other end hears, or has ended with the future that waited."""

    async def scenario() -> None:
        desk, diary = Desk(answers=False), Diary()
        here, there, *_ = await ends(desk)
        gone, future = here.call(diary, begun(here), b""), here.future()
        here.call(future, begun(here), b"")
        await settle()
        here.cancel(gone)
        future.cancel()
        for event in desk.heard:
            there.reply(event.number, b"late")
        await settle()
        assert diary.log == []
        assert not there.session.busy

    run(scenario())


def test_a_call_above_the_limit_is_refused() -> None:
    """As over any link."""

    async def scenario() -> None:
        here, _, *_ = await ends(Desk(answers=False), limits=Limits(exchanges=1))
        first, second = here.future(), here.future()
        here.call(first, begun(here), b"")
        here.call(second, begun(here), b"")
        with pytest.raises(Fault) as found:
            await second
        assert (found.value.code, found.value.refused) == (429, True)
        first.cancel()

    run(scenario())


def test_a_bug_of_whoever_serves_is_one_calls_fault() -> None:
    """The loop is told, and the next call is served."""

    class Clumsy(Desk):
        def opened(self, link: Link, event: Opened) -> None:
            if event.body == b"bad":
                raise ValueError("a bug")
            super().opened(link, event)

    async def scenario() -> None:
        here, *_ = await ends(Clumsy())
        bad, good = here.future(), here.future()
        here.call(bad, begun(here), b"bad")
        here.call(good, begun(here), b"good")
        assert (await good).body == b"good"
        with pytest.raises(Fault) as found:
            await bad
        assert found.value.code == 500

    run(scenario(), complaints=1)


def test_a_bug_of_whoever_asked_does_not_reach_whoever_answers() -> None:
    """The loop is told."""

    class Clumsy(Diary):
        def replied(self, body: bytes, headers: names.Headers | None) -> None:
            raise ValueError("a bug")

    async def scenario() -> None:
        here, *_ = await ends(Desk())
        here.call(Clumsy(), begun(here), b"")
        await settle()

    run(scenario(), complaints=1)


def test_a_link_that_ends_serves_nothing_more() -> None:
    """What was handed over is not begun, and nothing is handed over any more."""

    async def scenario() -> None:
        desk = Desk()
        here, there, *_ = await ends(desk)
        future = here.future()
        here.call(future, begun(here), b"")
        there.abort("over")
        with pytest.raises(Fault):
            await future
        assert not desk.heard
        with pytest.raises(LinkClosed):
            here.call(here.future(), begun(here), b"")
        await asyncio.sleep(0)

    run(scenario())
