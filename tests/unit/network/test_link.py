"""The link: a session on a pipe, with its deadlines, its deaths and its manners."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

import pytest

from micro.errors import BadRequest, Forbidden, LinkClosed, MicroError, Timeout, TooManyRequests, Unavailable
from micro.mucp.event import Opened
from micro.mucp.limits import HOME, NETWORK, NUMBER_MAX, VISIT, Limits
from micro.mucp.message import Form
from micro.network.link import CLOSE_SECONDS_MAX, FLUSH_PIECES, Link
from micro.network.transport.memory import pair
from micro.network.vigil import CALL_TIMEOUT_SECONDS, HANDSHAKE_SECONDS, SWEEP_SECONDS
from tests.unit.mucp import wire
from tests.unit.network.clockwork import Desk, Diary, Hand, called, handled, linked, loop, run, settle

BIG = 100_000
ROUNDING = 1e-6


async def fault_of(future: asyncio.Future[object]) -> Exception:
    """Returns the error with which a future ends."""
    with pytest.raises(MicroError) as found:
        await future
    return found.value


def opens(hand: Hand) -> list[int]:
    """Returns how many calls came in each write."""
    return [[kind for kind, _, _ in wire.frames(data)].count(wire.OPEN) for data in hand.writes]


# -- calls ------------------------------------------------------------------------------------------------------------


def test_a_call_is_answered() -> None:
    """A body goes there and comes back, from either side."""

    async def scenario() -> None:
        one, other, *_ = await linked()
        for link in (one, other):
            _, future = called(link, b"hello")
            assert (await future).body == b"hello"

    run(scenario())


def test_calls_made_together_are_written_together() -> None:
    """The first call on a quiet link is written at once, and what else is said in that turn in one write."""

    async def scenario() -> None:
        link, hand, _ = await handled(dialed=True)
        for _ in range(10):
            called(link, b"x")
        await settle()
        assert opens(hand) == [1, 9]

    run(scenario())


def test_where_much_is_heard_at_once_nothing_is_written_alone() -> None:
    """Who is answered in numbers asks in numbers, so a write alone would only cost."""

    async def scenario() -> None:
        link, hand, _ = await handled(dialed=True)
        hand.say(wire.opening(2) + wire.opening(4))
        await settle()
        hand.writes.clear()
        for _ in range(3):
            called(link, b"x")
        await settle()
        assert opens(hand) == [3]

    run(scenario())


def test_the_last_answer_is_written_at_once() -> None:
    """An answer that others are to follow waits for them until the turn ends."""

    async def scenario() -> None:
        link, hand, _ = await handled(answers=False)
        for number in (1, 3, 5):
            hand.say(wire.opening(number))
            await settle()
        link.reply(1, b"")
        link.reply(3, b"")
        await settle()
        link.reply(5, b"")
        link.fail(7, Unavailable("nobody asked"))
        called(link)
        await settle()
        assert [[kind for kind, _, _ in wire.frames(data)] for data in hand.writes] == [
            [wire.END, wire.END],
            [wire.END],
            [wire.DEFINE, wire.OPEN],
        ]

    run(scenario())


def test_a_large_body_passes() -> None:
    """A body of four megabytes goes there and comes back."""

    async def scenario() -> None:
        one, *_ = await linked()
        body = bytes(range(256)) * 16_384
        _, future = called(one, body)
        assert (await future).body == body

    run(scenario())


def test_a_fault_reaches_the_caller() -> None:
    """What the answerer says is what the caller gets, refusal or not."""

    async def scenario() -> None:
        one, other, _, desk = await linked(answers=False)
        (_, first), (_, second) = called(one), called(one)
        await settle()
        other.fail(desk.heard[0].number, BadRequest("name: expected text", id="a.B.C"))
        other.fail(desk.heard[1].number, TooManyRequests("later"), refused=True)
        failed, refused = await fault_of(first), await fault_of(second)
        assert isinstance(failed, BadRequest)
        assert (failed.id, failed.refused) == ("a.B.C", False)
        assert isinstance(refused, TooManyRequests)
        assert refused.refused

    run(scenario())


def test_owners_of_other_kinds_are_told() -> None:
    """Whoever owns a call without a future hears the same."""

    async def scenario() -> None:
        one, other, _, desk = await linked(answers=False)
        diary = Diary()
        for _ in range(2):
            called(one, owner=diary)
        await settle()
        other.reply(desk.heard[0].number, b"yes")
        other.fail(desk.heard[1].number, BadRequest("no"))
        await settle()
        assert diary.log == [("replied", b"yes"), ("failed", (400, False))]

    run(scenario())


# -- deadlines --------------------------------------------------------------------------------------------------------


def test_a_call_ends_after_its_time() -> None:
    """A call that nobody answers ends within a sweep of 30 seconds, and the answerer is told."""

    async def scenario() -> None:
        one, other, _, desk = await linked(answers=False)
        began = loop().time()
        number, future = called(one)
        assert isinstance(await fault_of(future), Timeout)
        assert CALL_TIMEOUT_SECONDS <= loop().time() - began <= CALL_TIMEOUT_SECONDS + 2 * SWEEP_SECONDS
        await settle()
        assert desk.told("withdrawn") == [number]
        assert other.session.serving == set()

    run(scenario())


def test_younger_calls_go_on() -> None:
    """Only calls that are old end, however many there are."""

    async def scenario() -> None:
        one, *_ = await linked(answers=False)
        futures = []
        for _ in range(20):
            futures.append(called(one)[1])
            await asyncio.sleep(2.0)
        ended = [future.done() for future in futures]
        assert ended == sorted(ended, reverse=True)
        assert ended.count(True) in (5, 6)
        for future in futures:
            future.cancel()

    run(scenario())


@pytest.mark.parametrize("dialed", [True, False])
def test_deadlines_hold_where_numbers_begin_again(*, dialed: bool) -> None:
    """After the last number the first comes, and neither old nor young calls are mistaken."""

    async def scenario() -> None:
        one, other, *_ = await linked(answers=False)
        link = one if dialed else other
        link.session._next = NUMBER_MAX - (0 if dialed else 1)
        (high, old), (low, second) = called(link), called(link)
        await asyncio.sleep(CALL_TIMEOUT_SECONDS - 1)
        _, young = called(link)
        await asyncio.sleep(2)
        assert (low < 3, high > 2**31) == (True, True)
        assert (old.done(), second.done(), young.done()) == (True, True, False)
        await asyncio.sleep(CALL_TIMEOUT_SECONDS)
        assert isinstance(await fault_of(young), Timeout)
        assert isinstance(await fault_of(old), Timeout)
        assert isinstance(await fault_of(second), Timeout)

    run(scenario())


def test_a_mark_from_before_the_beginning_hurts_nobody() -> None:
    """A call that is made after the numbers began again is not taken for one made long before."""

    async def scenario() -> None:
        one, *_ = await linked(answers=False)
        one.session._next = NUMBER_MAX - 2
        _, first = called(one)
        await asyncio.sleep(CALL_TIMEOUT_SECONDS - 1)
        young = [called(one)[1] for _ in range(3)]
        await asyncio.sleep(2)
        assert first.done()
        assert not any(future.done() for future in young)
        await fault_of(first)
        for future in young:
            future.cancel()

    run(scenario())


def test_a_deadline_of_its_own_counts() -> None:
    """A call may have less time or more than others."""

    async def scenario() -> None:
        one, *_ = await linked(answers=False)
        began = loop().time()
        (short, first), (long, second) = called(one), called(one)
        one.expire(short, 0.5)
        one.expire(long, CALL_TIMEOUT_SECONDS * 2)
        fault = await fault_of(first)
        assert isinstance(fault, Timeout)
        assert "0.5 s" in str(fault)
        assert loop().time() - began == pytest.approx(0.5)
        assert isinstance(await fault_of(second), Timeout)
        assert loop().time() - began == pytest.approx(CALL_TIMEOUT_SECONDS * 2)

    run(scenario())


def test_an_answered_deadline_is_forgotten() -> None:
    """Whoever has the answer cancels the handle, and nothing is left of it."""

    async def scenario() -> None:
        one, *_ = await linked()
        number, future = called(one)
        handle = one.expire(number, 1.0)
        await future
        handle.cancel()
        one.done(number)
        assert one.watch._deadlines._exempt == set()

    run(scenario())


def test_what_is_only_passed_on_has_no_deadline_here() -> None:
    """A node in between leaves deadlines to the ends."""

    async def scenario() -> None:
        one, *_ = await linked(answers=False)
        one.watch.keeps_deadlines = False
        _, future = called(one)
        await asyncio.sleep(10 * CALL_TIMEOUT_SECONDS)
        assert not future.done()
        future.cancel()

    run(scenario())


# -- streams, and withdrawing -----------------------------------------------------------------------------------------


def test_withdrawing_goes_both_ways() -> None:
    """A caller's CANCEL reaches the answerer; that of an answerer on a stream reaches the opener."""

    async def scenario() -> None:
        one, other, _, desk = await linked(answers=False)
        desk.owner = there = Diary()
        here = Diary()
        number, future = called(one)
        first = one.open(Form.STREAM, one.session.begin(Form.STREAM, {}, 0), b"", here)
        second = one.open(Form.STREAM, one.session.begin(Form.STREAM, {}, 0), b"", here)
        await settle()
        one.cancel(number)
        one.cancel(first.number)
        other.cancel(second.number)
        await settle()
        assert desk.told("withdrawn") == [number]
        assert (here.log, there.log) == ([("cancelled", None)], [("cancelled", None)])
        assert not one.session.busy
        assert not other.session.busy
        future.cancel()

    run(scenario())


def test_everything_on_a_stream_reaches_its_owner() -> None:
    """Headers, messages, credit, the end."""

    async def scenario() -> None:
        one, other, _, desk = await linked()
        desk.owner = there = Diary()
        here = Diary()
        exchange = one.open(Form.STREAM, one.session.begin(Form.STREAM, {}, 0), b"", here)
        one.session.send(exchange, bytes(200_000))
        one.schedule()
        await settle()
        other.session.note(exchange.number, {"a": "1"})
        other.session.consumed(other.session.exchanges[exchange.number], 200_000)
        other.session.send(other.session.exchanges[exchange.number], b"x")
        other.session.end(other.session.exchanges[exchange.number])
        other.schedule()
        await settle()
        assert there.log == [("received", bytes(200_000))]
        assert here.log == [("noted", {"A": "1"}), ("credited", 200_009), ("received", b"x"), ("ended", None)]

    run(scenario())


def test_everything_on_a_subscription_reaches_its_owner() -> None:
    """Events one way, acknowledgements the other."""

    async def scenario() -> None:
        one, other, _, desk = await linked()
        desk.owner = there = Diary()
        here = Diary()
        exchange = one.open(Form.SUBSCRIBE, one.session.begin(Form.SUBSCRIBE, {"Micro-Topic": "t"}, 0), b"", here)
        await settle()
        block, _ = other.session.refer({"Micro-Topic": "t"})
        other.session.deliver(other.session.exchanges[exchange.number], block, 1, b"event")
        other.schedule()
        await settle()
        one.session.acknowledge(exchange, [1])
        one.session.want_again(exchange, 2, 50)
        one.schedule()
        await settle()
        assert here.log == [("delivered", b"event")]
        assert there.log == [("acknowledged", ([1], None)), ("acknowledged", ([2], 50))]

    run(scenario())


def test_events_together_reach_whom_they_are_for() -> None:
    """What is published in one turn comes as one to the server, and what is spread as one to the subscriber."""

    async def scenario() -> None:
        one, other, _, desk = await linked()
        desk.owner, here = Diary(), Diary()
        exchange = one.open(Form.SUBSCRIBE, one.session.begin(Form.SUBSCRIBE, {"Micro-Topic": "t"}, 0), b"", here)
        await settle()
        for link, say in ((one, one.publish), (other, partial(keep, other, exchange.number))):
            block, _ = link.session.refer({"Micro-Topic": "t"})
            say(block, b"a")
            say(block, b"b")
        await settle()
        assert desk.told("published") == [[b"a", b"b"]]
        assert here.log == [("spread", [b"a", b"b"])]
        one.cancel(exchange.number)
        keep(other, exchange.number, 0, b"late")
        await settle()
        assert here.log == [("spread", [b"a", b"b"])]

    def keep(link: Link, number: int, block: int, body: bytes) -> None:
        link.session.deliver(link.session.exchanges[number], block, 0, body)
        link.schedule()

    run(scenario())


def test_publishing_goes_out_in_the_middle_of_a_turn() -> None:
    """Whoever publishes without end does not fill the memory, and cannot where the link is closed."""

    async def scenario() -> None:
        one, _, _, desk = await linked()
        block, _ = one.session.refer({"Micro-Topic": "t"})
        for _ in range(FLUSH_PIECES + 2):
            one.publish(block, bytes(30_000))
            assert len(one.session.output) <= FLUSH_PIECES + 1
        await settle()
        assert sum(map(len, desk.told("published"))) == FLUSH_PIECES + 2
        one.close("enough")
        with pytest.raises(LinkClosed):
            one.publish(block, b"late")

    run(scenario())


LATE = [
    wire.frame(wire.DATA, 1, b"x"),
    wire.frame(wire.END, 1),
    wire.frame(wire.HEADERS, 1),
    wire.frame(wire.CANCEL, 1),
    wire.frame(wire.ERROR, 1, wire.fault()),
    wire.frame(wire.CREDIT, 1, bytes(4)),
]


@pytest.mark.parametrize("late", LATE)
def test_a_refused_stream_may_have_been_spoken_on(late: bytes) -> None:
    """What a peer said on a stream before it heard that it is refused hurts nobody."""

    async def scenario() -> None:
        link, hand, desk = await handled()
        opened = desk.opened

        def refuse(link: Link, event: Opened) -> None:
            opened(link, event)
            if event.form == Form.STREAM:
                link.fail(event.number, BadRequest("no such endpoint"), refused=True)

        desk.opened = refuse  # type: ignore[method-assign]
        hand.say(wire.opening(1, wire.STREAM) + late + wire.opening(3, body=b"still here"))
        await settle()
        assert link.closed is None
        assert (wire.END, 3, b"still here") in hand.heard()

    run(scenario())


def test_a_stream_that_fails_at_once_is_still_told() -> None:
    """The fault reaches the owner even where it came in one breath with the stream."""

    async def scenario() -> None:
        _, hand, desk = await handled()
        desk.owner = diary = Diary()
        hand.say(wire.opening(1, wire.STREAM) + wire.frame(wire.ERROR, 1, wire.fault(404)))
        await settle()
        assert diary.log == [("failed", (404, False))]

    run(scenario())


# -- death ------------------------------------------------------------------------------------------------------------


def test_a_dead_peer_is_noticed_within_its_time() -> None:
    """With an exchange open the link asks, hears nothing, and is dead within 600 ms."""

    async def scenario() -> None:
        link, hand, desk = await handled(liveness=NETWORK, dialed=True)
        began = loop().time()
        _, future = called(link)
        fault = await fault_of(future)
        silence = loop().time() - began
        assert isinstance(fault, Unavailable)
        assert str(fault).startswith("outcome unknown")
        assert silence <= NETWORK.dead_seconds + ROUNDING
        await settle()
        assert hand.kinds() == [wire.DEFINE, wire.OPEN, wire.PING]
        assert len(desk.told("lost")) == 1
        assert "silent" in desk.told("lost")[0]

    run(scenario())


async def test_a_dead_peer_is_noticed_on_a_real_loop() -> None:
    """The same by the clock on the wall, generously."""
    left, right = pair()
    desk = Desk()
    link = Link(desk, dialed=True, liveness=NETWORK)
    hand = Hand(right)
    left.start(link)
    right.start(hand)
    hand.say(wire.hello())
    await link.greeted()
    _, future = called(link)
    async with asyncio.timeout(3.0):
        assert isinstance(await fault_of(future), Unavailable)


def test_a_living_peer_is_believed() -> None:
    """A peer that answers pings may take as long as it likes for its answer."""

    async def scenario() -> None:
        one, other, _, desk = await linked(liveness=NETWORK, answers=False)
        _, future = called(one)
        await asyncio.sleep(20)
        assert (one.closed, other.closed) == (None, None)
        other.reply(desk.heard[0].number, b"at last")
        assert (await future).body == b"at last"

    run(scenario())


@pytest.mark.parametrize("idle_seconds", [0.7, 2.0, 3.0])
def test_a_link_that_was_idle_is_asked_before_it_is_dead(idle_seconds: float) -> None:
    """Silence while nothing was open is no sign of death once something is."""

    async def scenario() -> None:
        link, hand, _ = await handled(liveness=NETWORK, dialed=True)
        await asyncio.sleep(idle_seconds)
        number, future = called(link)
        await asyncio.sleep(0.35)  # a slow answer from far away
        assert link.closed is None
        hand.say(wire.frame(wire.END, number, b"yes"))
        assert (await future).body == b"yes"

    run(scenario())


def test_death_after_idleness_is_noticed_in_the_same_time() -> None:
    """A peer that died while nothing was open is found dead soon after the first call."""

    async def scenario() -> None:
        link, _, _ = await handled(liveness=NETWORK, dialed=True)
        await asyncio.sleep(5)
        began = loop().time()
        _, future = called(link)
        await fault_of(future)
        assert loop().time() - began <= NETWORK.dead_seconds + ROUNDING

    run(scenario())


def test_idle_links_are_asked_now_and_then() -> None:
    """Without exchanges a silent peer has half a minute, and one ping."""

    async def scenario() -> None:
        link, hand, desk = await handled(liveness=NETWORK)
        await asyncio.sleep(NETWORK.idle_dead_seconds - 1)
        assert link.closed is None
        assert hand.kinds() == [wire.PING]
        await asyncio.sleep(2)
        assert link.closed is not None
        assert "silent" in desk.told("lost")[0]

    run(scenario())


def test_a_watch_can_be_hastened() -> None:
    """From then on the peer is allowed the shorter of each two silences; how long it lasted is told to a look."""

    async def scenario() -> None:
        link, hand, _ = await handled(liveness=VISIT, dialed=True)
        link.watch.hasten(HOME)
        link.watch.hasten(VISIT)
        began = loop().time()
        _, future = called(link)
        assert isinstance(await fault_of(future), Unavailable)
        assert HOME.dead_seconds - 2 * SWEEP_SECONDS <= loop().time() - began <= HOME.dead_seconds + ROUNDING
        assert loop().time() - began - SWEEP_SECONDS <= link.watch.silent_seconds() <= loop().time() - began + ROUNDING
        assert hand.kinds().count(wire.PING) == 1

    run(scenario())


@pytest.mark.parametrize("seconds", [0.5, 2.0, 40.0])
def test_our_own_pause_is_not_the_peers(seconds: float) -> None:
    """A loop that was kept busy has heard nobody, and blames nobody."""

    async def scenario() -> None:
        one, other, *_ = await linked(liveness=NETWORK, answers=False)
        _, future = called(one)
        await settle()
        for _ in range(5):
            loop().stall(seconds)
            await asyncio.sleep(0.15)
            assert (one.closed, other.closed) == (None, None)
        future.cancel()

    run(scenario())


def test_a_silent_stranger_has_five_seconds() -> None:
    """Without a HELLO the link is gone, and so is whoever waits for it."""

    async def scenario() -> None:
        left, right = pair()
        desk = Desk()
        link = Link(desk, dialed=True)
        hand = Hand(right)
        left.start(link)
        right.start(hand)
        began = loop().time()
        with pytest.raises(LinkClosed, match="no HELLO"):
            await link.greeted()
        assert HANDSHAKE_SECONDS <= loop().time() - began <= HANDSHAKE_SECONDS + 1
        await settle()
        assert hand.lost
        with pytest.raises(LinkClosed):
            called(link)

    run(scenario())


@pytest.mark.parametrize("way", ["close", "abort"])
def test_a_peer_that_leaves_ends_what_is_open(way: str) -> None:
    """When the pipe breaks everybody who waits is told, once, and so is who serves."""

    async def scenario() -> None:
        one, other, left, right = await linked(answers=False)
        diary = Diary()
        _, future = called(one)
        one.open(Form.STREAM, one.session.begin(Form.STREAM, {}, 0), b"", diary)
        await settle()
        getattr(other, way)("enough")
        fault = await fault_of(future)
        await settle()
        assert isinstance(fault, Unavailable)
        assert not fault.refused
        assert diary.log == [("failed", (503, False))]
        assert (len(left.told("lost")), right.told("lost")) == (1, ["enough"])
        for link in (one, other):
            link.close("again")
            link.abort("again")
            with pytest.raises(LinkClosed):
                link.tell(b"", b"")
            with pytest.raises(LinkClosed):
                link.open(Form.STREAM, b"", b"", diary)
        assert len(left.told("lost")) == 1

    run(scenario())


def test_a_call_that_was_never_written_may_be_sent_again() -> None:
    """A call whose OPEN did not leave was not done, and says so; one that left says that nobody knows."""

    async def scenario() -> None:
        link, _, _ = await handled(dialed=True)
        _, first = called(link)
        await settle()
        _, second = called(link, b"x" * 10)
        link.abort("cut")
        written, unwritten = await fault_of(first), await fault_of(second)
        assert isinstance(written, Unavailable)
        assert isinstance(unwritten, Unavailable)
        assert (written.refused, str(written).startswith("outcome unknown")) == (False, True)
        assert (unwritten.refused, "outcome unknown" in str(unwritten)) == (True, False)

    run(scenario())


def test_a_waiter_for_the_greeting_may_give_up() -> None:
    """Whoever stops waiting for the HELLO does not stop the others."""

    async def scenario() -> None:
        left, right = pair()
        link = Link(Desk(), dialed=True)
        hand = Hand(right)
        left.start(link)
        right.start(hand)
        patient = loop().create_task(link.greeted())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await link.greeted()
        hand.say(wire.hello(agent="late"))
        assert (await patient).agent == "late"

    run(scenario())


# -- manners ----------------------------------------------------------------------------------------------------------


def test_a_goodbye_leaves_what_is_open() -> None:
    """After GOAWAY open calls are answered and new ones refused, and the reason is known."""

    async def scenario() -> None:
        one, other, here, desk = await linked(answers=False)
        _, first = called(one)
        await settle()
        other.session.go_away("restarting")
        other.schedule()
        await settle()
        _, second = called(one)
        fault = await fault_of(second)
        assert isinstance(fault, Unavailable)
        assert fault.refused
        other.reply(desk.heard[0].number, b"done")
        assert (await first).body == b"done"
        assert here.told("going") == ["restarting"]
        other.close("done")
        await settle()
        assert here.told("lost") == ["the other side went away: restarting"]

    run(scenario())


def test_a_peer_that_is_not_wanted_is_told_why() -> None:
    """A HELLO may be refused, with a reason, and nothing that came with it is done."""

    async def scenario() -> None:
        left, right = pair()
        desk = Desk()
        desk.refusal = Forbidden("this token is not known")
        link = Link(desk, dialed=False)
        hand = Hand(right)
        left.start(link)
        right.start(hand)
        hand.say(wire.hello() + wire.define(0) + wire.opening(1) + wire.opening(3, wire.STREAM))
        await settle()
        assert desk.heard == []
        assert hand.lost
        (_, (kind, _, payload)) = hand.heard()
        assert kind == wire.GOAWAY
        assert b"this token is not known" in payload
        with pytest.raises(LinkClosed, match="not known"):
            await link.greeted()

    run(scenario())


def test_a_peer_that_breaks_rules_loses_only_its_link() -> None:
    """It is told which rule, its link is gone, and others go on."""

    async def scenario() -> None:
        good, *_ = await linked()
        link, hand, desk = await handled()
        hand.say(wire.opening(1, body=b"x") + wire.frame(99) + wire.opening(3))
        await settle()
        assert hand.lost
        assert [kind for kind, _, _ in hand.heard()] == [wire.GOAWAY, wire.END]
        assert len(desk.heard) == 1
        assert "kind 99" in desk.told("lost")[0]
        assert link.closed is not None
        _, future = called(good, b"still here")
        assert (await future).body == b"still here"

    run(scenario())


def test_calls_answered_before_the_mistake_are_answered() -> None:
    """What a peer said before it broke a rule counts, in whatever breath it came."""

    async def scenario() -> None:
        link, hand, _ = await handled(dialed=True)
        (number, future), (_, lost) = called(link), called(link)
        await settle()
        hand.say(wire.frame(wire.END, number, b"yes") + wire.frame(99))
        assert (await future).body == b"yes"
        assert isinstance(await fault_of(lost), Unavailable)

    run(scenario())


def test_answers_that_came_with_a_closing_are_given() -> None:
    """A link that is closed in the middle of a breath still tells everybody how his call ended."""

    async def scenario() -> None:
        link, hand, desk = await handled(dialed=True)
        (first, one), (second, other) = called(link), called(link)
        await settle()

        def close(link: Link, event: Opened) -> None:
            link.close("enough")

        desk.opened = close  # type: ignore[method-assign]
        hand.say(
            wire.opening(2)
            + wire.opening(4)
            + wire.frame(wire.END, first, b"yes")
            + wire.frame(wire.REFUSED, second, wire.fault(429))
        )
        assert (await one).body == b"yes"
        assert isinstance(await fault_of(other), TooManyRequests)

    run(scenario())


class Clumsy(Diary):
    """An owner with a bug in each of its methods."""

    def replied(self, body: bytes, headers: object) -> None:
        raise RuntimeError("clumsy")

    def failed(self, fault: object, *, refused: bool) -> None:
        raise RuntimeError("clumsy")

    def received(self, body: bytes) -> None:
        raise RuntimeError("clumsy")


def test_a_bug_of_one_owner_hurts_no_other() -> None:
    """An owner that raises is complained about, and everybody else is told what he must know."""

    async def scenario() -> None:
        link, hand, _ = await handled(dialed=True)
        (first, _), (second, future) = called(link, owner=Clumsy()), called(link)
        stream = link.open(Form.STREAM, link.session.begin(Form.STREAM, {}, 0), b"", Clumsy())
        await settle()
        hand.say(
            wire.frame(wire.DATA, stream.number, b"x")
            + wire.frame(wire.END, first)
            + wire.frame(wire.END, second, b"yes")
        )
        assert (await future).body == b"yes"
        assert link.closed is None

    run(scenario(), complaints=2)


def test_a_bug_of_who_serves_is_a_fault_of_one_exchange() -> None:
    """The caller hears 500, and the link goes on."""

    async def scenario() -> None:
        link, hand, desk = await handled()
        opened = desk.opened

        def fail(link: Link, event: Opened) -> None:
            if event.body == b"bug":
                raise RuntimeError("a bug")
            opened(link, event)

        desk.opened = fail  # type: ignore[method-assign]
        hand.say(wire.opening(1, body=b"bug") + wire.opening(3, body=b"fine"))
        await settle()
        (kind, number, payload), answer = hand.heard()
        assert (kind, number, b'"code":500' in payload, b"a bug" in payload) == (wire.ERROR, 1, True, False)
        assert answer == (wire.END, 3, b"fine")
        assert link.closed is None

    run(scenario(), complaints=1)


def test_a_bug_at_the_end_hurts_no_other() -> None:
    """When a link ends everybody is told, whoever raises."""

    async def scenario() -> None:
        link, _, desk = await handled(dialed=True)
        called(link, owner=Clumsy())
        _, future = called(link)
        await settle()
        link.abort("cut")
        assert isinstance(await fault_of(future), Unavailable)
        assert desk.told("lost") == ["cut"]

    run(scenario(), complaints=1)


# -- pace -------------------------------------------------------------------------------------------------------------


def test_a_full_pipe_is_waited_for() -> None:
    """`full` says that the peer does not keep up, and `drained` waits until it does."""

    async def scenario() -> None:
        link, hand, _ = await handled(dialed=True)
        hand.pipe.pause_reading()
        prefix = link.session.begin(Form.PUBLISH, {}, 0)
        while not link.full:
            link.tell(prefix, bytes(BIG))
            await settle()
        waiting = loop().create_task(link.drained())
        await settle()
        assert not waiting.done()
        hand.pipe.resume_reading()
        await waiting
        assert not link.full
        await link.drained()

    run(scenario())


def test_whoever_waits_for_a_pipe_hears_of_its_end() -> None:
    """A pipe that breaks keeps nobody waiting."""

    async def scenario() -> None:
        link, hand, _ = await handled(dialed=True)
        hand.pipe.pause_reading()
        prefix = link.session.begin(Form.PUBLISH, {}, 0)
        while not link.full:
            link.tell(prefix, bytes(BIG))
            await settle()
        waiting = loop().create_task(link.drained())
        await settle()
        link.abort("cut")
        await waiting

    run(scenario())


def test_who_does_not_read_answers_is_refused_and_then_cut_off() -> None:
    """Answers wait up to a bound; then new exchanges are refused; at twice the bound the link ends."""

    async def scenario() -> None:
        bound = 2_000_000
        link, hand, desk = await handled(limits=Limits(output_bytes=bound), answers=False)
        hand.pipe.pause_reading()
        number = 1
        while not link.overloaded:
            hand.say(wire.opening(number))
            await settle()
            link.reply(number, bytes(BIG))
            await settle()
            number += 2
        served = len(desk.heard)
        hand.say(wire.opening(number) + wire.opening(number + 2))
        await settle()
        assert len(desk.heard) == served
        assert link.closed is None
        hand.pipe.resume_reading()
        await settle()
        refused = [payload for kind, _, payload in hand.heard() if kind == wire.REFUSED]
        assert len(refused) == 2
        assert b'"code":429' in refused[0]

    run(scenario())


def test_who_never_reads_is_cut_off() -> None:
    """A peer that asks and asks and does not read loses its link, and memory has a bound."""

    async def scenario() -> None:
        bound = 2_000_000
        link, hand, desk = await handled(limits=Limits(output_bytes=bound))
        hand.pipe.pause_reading()
        largest = 0
        for _ in range(1_000):
            if link.closed is not None:
                break
            hand.say(wire.frame(wire.PING, 0, bytes(8)) * 7_000)
            await settle()
            if link._pipe is not None:
                largest = max(largest, link._pipe.get_write_buffer_size())
        assert link.closed == "the peer does not read what it asked for"
        assert desk.told("lost") == ["the peer does not read what it asked for"]
        assert largest <= 2 * bound + 400_000

    run(scenario())


def test_closing_has_an_end() -> None:
    """A link that is closed while its peer does not read is gone after a while, and the socket with it."""

    async def scenario() -> None:
        near, far = socket.socketpair()
        near.settimeout(0)
        desk = Desk()
        _, link = await loop().create_connection(lambda: Link(desk, dialed=True), sock=near)
        far.send(wire.hello())
        await link.greeted()
        link.tell(link.session.begin(Form.PUBLISH, {}, 0), bytes(wire.LARGE))
        await settle()
        link.close("enough")
        assert desk.told("lost") == ["enough"]
        await asyncio.sleep(CLOSE_SECONDS_MAX - 1)
        assert near.fileno() != -1
        await asyncio.sleep(2)
        assert near.fileno() == -1
        far.close()

    run(scenario())


def test_a_link_that_is_gone_keeps_no_timers() -> None:
    """Nothing ticks on after the end."""

    async def scenario() -> None:
        one, other, *_ = await linked()
        one.close("enough")
        await settle()
        assert other.closed is not None
        began = loop().time()
        await asyncio.sleep(0)
        pending = [handle for handle in loop()._scheduled if not handle.cancelled()]
        assert pending == []
        assert loop().time() == began

    run(scenario())
