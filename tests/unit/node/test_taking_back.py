"""A node that lost its log, and super nodes that have it still: what is taken back, and what is not believed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from micro.errors import NotFound, TooManyRequests, Unavailable
from micro.node import taking_back
from micro.node.control.copies import CopyEndpoints
from micro.node.replicator import START_SECONDS_MAX
from micro.node.taking_back import FIND_SECONDS_MAX, LEARN_SECONDS_MAX
from micro.service.broker.broker import Limits, StoredEvent
from micro.service.broker.cursor import Cursor
from micro.service.context import Context
from micro.service.copies import messages as said
from micro.trust.identity import short
from tests.fault.broker.scene import Reader
from tests.unit.network.clockwork import run
from tests.unit.node.street import NODE, TOPIC, Street

Scenario = Callable[[Street], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Returns a function that plays a scenario in a street of so many super nodes."""

    def go(scenario: Scenario, supers: int = 3) -> None:
        async def whole() -> None:
            street = Street(tmp_path)
            await street.open(supers)
            try:
                await scenario(street)
            finally:
                await street.close()

        run(whole())

    return go


async def filled(street: Street, count: int = 5, copies: int = 2) -> list[tuple[int, StoredEvent]]:
    """Publishes so many events, and returns the log."""
    street.replicator.wanted({TOPIC: copies})
    for number in range(count):
        assert await street.publish(f"id-{number}") is None
    return street.log()


async def back(street: Street, copies: int = 2) -> None:
    """Has the node begin again."""
    street.begin()
    street.replicator.wanted({TOPIC: copies})
    await until_open(street)


async def until_open(street: Street) -> None:
    async with asyncio.timeout(1_000):
        while street.replicator._logs[TOPIC].taking is not None:  # noqa: ASYNC110 - it is a state, and no event
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_lost_log_is_taken_back(play: Play, is_forgotten: bool) -> None:
    """With numbers, ids, publishers, dates, and how far its queues came; and it is the log of its copies again."""

    async def scenario(street: Street) -> None:
        before = await filled(street)
        street.broker.surpass(TOPIC, "work", Cursor(4, ((2, 0, ""),), rewinds=1))
        await asyncio.sleep(5)
        names, chosen = [street.logs_at(nid) for nid in street.supers], street.chosen()
        street.replicator.stop()
        await street.wipe()
        if is_forgotten:
            street.forget()
        await back(street)
        assert street.log() == before
        assert street.broker.cursors(TOPIC) == {"work": Cursor(4, ((2, 0, ""),), rewinds=1)}
        assert await street.publish("fresh") is None
        assert [number for number, event in street.log() if event.id == "fresh"] == [6]
        assert [street.logs_at(nid) for nid in street.supers] == names
        assert all(street.copy_at(nid) == street.log() for nid in chosen)
        assert street.chosen() == chosen

    play(scenario)


def test_what_was_done_where_a_copy_was_served_is_done(play: Play) -> None:
    """Only the one that stood in knows of it; when the node has taken it over that one is told so."""

    async def scenario(street: Street) -> None:
        await filled(street)
        street.broker.surpass(TOPIC, "work", Cursor(1))
        await asyncio.sleep(5)
        copies = street.supers[street.chosen()[1]]
        street.replicator.stop()
        [kept] = copies.of(NODE)
        copies.serve(kept)
        copies.broker.surpass(kept.name, "work", Cursor(4, ((2, 0, ""),)))
        await street.wipe()
        reader = Reader()
        street.begin()
        reader.subscription = street.broker.subscribe(TOPIC, "work", reader)
        street.replicator.wanted({TOPIC: 2})
        await until_open(street)
        await asyncio.sleep(5)
        assert sorted(number for number, _ in reader.got) == [2, 5]
        assert not copies.of(NODE)[0].served

    play(scenario)


def test_who_comes_early_is_not_given_what_was_done_at_a_copy(play: Play) -> None:
    """The log is whole, and its queue came further elsewhere: its members wait until that is known."""

    async def scenario(street: Street) -> None:
        await filled(street)
        await asyncio.sleep(5)
        copies = street.supers[street.chosen()[1]]
        street.replicator.stop()
        [kept] = copies.of(NODE)
        copies.serve(kept)
        copies.broker.surpass(kept.name, "work", Cursor(4, ((2, 1, ""),)))
        street.begin()
        reader = Reader()
        street.replicator.wanted({TOPIC: 2})
        reader.subscription = street.broker.subscribe(TOPIC, "work", reader)
        await until_open(street)
        await asyncio.sleep(5)
        assert sorted(number for number, _ in reader.got) == [2, 5]
        assert not copies.of(NODE)[0].served

    play(scenario)


@pytest.mark.parametrize("endpoint", ["Copy.List", "Copy.Learn"])
def test_who_comes_early_waits_no_longer_than_needed(play: Play, endpoint: str) -> None:
    """No copy answers: the queue goes on with what is here."""

    async def scenario(street: Street) -> None:
        await filled(street)
        street.replicator.stop()
        street.begin()
        street.silent.update((nid, endpoint) for nid in street.supers)
        reader = Reader()
        street.replicator.wanted({TOPIC: 2})
        reader.subscription = street.broker.subscribe(TOPIC, "work", reader)
        await asyncio.sleep(1)
        assert reader.got == []
        began = seconds()
        await until_open(street)
        await asyncio.sleep(0.1)
        assert sorted(number for number, _ in reader.got) == [1, 2, 3, 4, 5]
        assert seconds() - began <= FIND_SECONDS_MAX + LEARN_SECONDS_MAX

    play(scenario)


def test_an_older_log_goes_on_where_it_was(play: Play) -> None:
    """What it has is not taken again, what follows is; and its queue is not set back."""

    async def scenario(street: Street) -> None:
        await filled(street, 3)
        street.save()
        for number in range(3, 8):
            assert await street.publish(f"id-{number}") is None
        before = street.log()
        street.replicator.stop()
        await street.set_back()
        assert len(street.log()) == 3
        await back(street)
        assert street.log() == before
        assert await street.publish("fresh") is None
        assert len({name for nid in street.supers for name in street.logs_at(nid)}) == 1

    play(scenario)


def test_what_was_published_is_known(play: Play) -> None:
    """An event that comes again after the loss is no second one."""

    async def scenario(street: Street) -> None:
        before = await filled(street)
        street.replicator.stop()
        await street.wipe()
        await back(street)
        assert await street.publish("id-3") is None
        assert street.log() == before

    play(scenario)


def test_what_is_published_meanwhile_comes_after(play: Play) -> None:
    """It waits; a queue is given nothing before its place is known, and then what it has not had, in order."""

    async def scenario(street: Street) -> None:
        await filled(street)
        street.broker.surpass(TOPIC, "work", Cursor(3, rewinds=1))
        await asyncio.sleep(5)
        street.replicator.stop()
        await street.wipe()
        street.begin()
        reader, new = Reader(), Reader()
        reader.subscription = street.broker.subscribe(TOPIC, "work", reader)
        street.broker.subscribe(TOPIC, None, new)
        street.replicator.wanted({TOPIC: 2})
        assert await street.publish("fresh") is None
        await asyncio.sleep(1)
        assert [(number, event.id) for number, event in reader.got] == [(4, "id-3"), (5, "id-4"), (6, "fresh")]
        assert [event.id for _, event in new.got] == ["fresh"]
        assert street.broker.stats().get("expired", 0) == 0

    play(scenario)


def seconds() -> float:
    """Returns the time, which passes at once where everybody only waits."""
    return asyncio.get_running_loop().time()


def test_publishing_waits_no_longer_than_it_may(play: Play) -> None:
    """For super nodes that do not answer; a publisher hears why, and what waited is published."""

    async def scenario(street: Street) -> None:
        await lost(street)
        street.silent = {(nid, "Copy.List") for nid in street.supers}
        street.begin()
        street.replicator.wanted({TOPIC: 2})
        start = seconds()
        told = await street.publish("early", timeout_seconds=2.0)
        assert isinstance(told, Unavailable)
        assert "being taken back" in str(told)
        await until_open(street)
        assert seconds() - start <= taking_back.FIND_SECONDS_MAX + 1
        assert await street.publish("late") is None
        assert [(number, event.id) for number, event in street.log()] == [(1, "early"), (2, "late")]
        street.replicator.stop()

    play(scenario)


def test_taking_back_ends(play: Play) -> None:
    """However slowly it goes; what was not taken back by then is not any more, and the log is copied anew."""

    async def scenario(street: Street) -> None:
        before = await filled(street, 20)
        street.said_of_log = [said.event_fields(each) for each in before]
        street.replicator.stop()
        await street.wipe()
        for nid in street.supers:
            street.lies[nid, "Copy.Read"] = giving(street, lambda fields: {}, count=1)
        street.slow["Copy.Read"] = 9.0
        start = seconds()
        await back(street)
        assert seconds() - start <= taking_back.FIND_SECONDS_MAX + taking_back.TAKE_SECONDS_MAX + 1
        taken = len(street.log())
        assert 0 < taken < 20
        assert street.log() == before[:taken]
        assert await street.publish("last") is None
        assert street.log()[-1][0] == taken + 1

    play(scenario)


def test_a_start_without_a_map_is_no_end_of_publishing(play: Play) -> None:
    """Nobody can be asked then."""

    async def scenario(street: Street) -> None:
        before = await filled(street)
        street.replicator.stop()
        street.atlas.current, start = None, seconds()
        await back(street)
        assert seconds() - start <= taking_back.FIND_SECONDS_MAX + 1
        assert street.log() == before

    play(scenario)


def test_a_network_that_is_never_opened_is_no_end_of_publishing(play: Play) -> None:
    """The node still serves its own machine."""

    async def scenario(street: Street) -> None:
        await lost(street)
        start = seconds()
        street.begin(has_started=False)
        street.replicator.wanted({TOPIC: 2})
        told = street.replicator.awaited(TOPIC, 0, lambda fault: None)
        street.broker.publish("me", TOPIC, "one", {}, b"{}", told)
        assert street.log() == []
        await until_open(street)
        assert seconds() - start <= START_SECONDS_MAX + 1
        await asyncio.sleep(0.1)
        assert [event.id for _, event in street.log()] == ["one"]

    play(scenario)


def test_a_mistake_is_no_end_of_publishing(
    play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody thought of is told, and the log goes on."""

    async def mistaken(*_: object) -> None:
        raise RuntimeError("a mistake")

    async def scenario(street: Street) -> None:
        await lost(street)
        monkeypatch.setattr(taking_back.TakingBack, "_find", mistaken)
        await back(street)
        assert await street.publish("one") is None
        assert "a mistake" in caplog.text

    play(scenario)


def test_what_had_left_the_log_was_not_lost(play: Play) -> None:
    """A log whose copies begin later begins there, also for a subscriber that was there before."""

    async def scenario(street: Street) -> None:
        before, chosen = await lost(street)
        for nid in chosen:
            [kept] = street.supers[nid].of(NODE)
            street.supers[nid].broker.shorten(kept.name, 4, 0.0)
        await asyncio.sleep(0.1)
        reader = Reader()
        street.begin()
        reader.subscription = street.broker.subscribe(TOPIC, "work", reader)
        street.replicator.wanted({TOPIC: 2})
        await until_open(street)
        await asyncio.sleep(0.1)
        assert street.broker.bounds(TOPIC) == (4, 5)
        assert street.log() == reader.got == before[3:]
        assert street.broker.stats().get("expired", 0) == 0

    play(scenario)


def test_a_node_that_ends_while_it_takes_back_goes_on(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """After any piece: all events, and how far queues came, which is known last."""
    monkeypatch.setattr(said, "PIECE_EVENTS_MAX", 2)
    monkeypatch.setattr("micro.service.copies.keeping.PIECE_EVENTS_MAX", 2)

    async def scenario(street: Street) -> None:
        before = await filled(street, 6)
        street.broker.surpass(TOPIC, "work", Cursor(4))
        await asyncio.sleep(5)
        street.replicator.stop()
        remembered = street.replicator._path.read_bytes()
        for pieces in (1, 2, 3):
            await street.wipe()
            street.stopped.clear()
            street.stop_after = ("Copy.Read", 2 * pieces)
            street.begin()
            street.replicator.wanted({TOPIC: 2})
            if pieces == 3:  # all events are there, and nothing else
                monkeypatch.setattr(street.broker, "release", lambda *_: street.stopped.set())
            await street.stopped.wait()
            await asyncio.sleep(0.01)
            assert street.replicator._logs[TOPIC].taking is not None
            street.replicator.stop()
            name = street.broker._database.path.name
            await street.broker.stop()
            await street._open_log(name)
            street.stop_after = None
            assert street.replicator._path.read_bytes() != remembered
            await back(street)
            assert street.log() == before
            assert street.broker.cursors(TOPIC) == {"work": Cursor(4)}
            street.replicator.stop()

    play(scenario)


# -- super nodes that lie ---------------------------------------------------------------------------------------------


def giving(street: Street, change: Callable[[dict[str, Any]], Any], count: int = 1_000) -> Callable[[bytes], bytes]:
    """Returns what a super node says that gives events back, each changed, and no more than so many at once."""

    def lie(body: bytes) -> bytes:
        asked = said.READ.decode(body)
        events = [fields for fields in street.said_of_log if fields["sequence"] >= asked["sequence"]]
        return said.READ_PIECE.encode({"events": [{**fields, **change(fields)} for fields in events[:count]]})

    return lie


def claiming(**claims: int) -> Callable[[bytes], bytes]:
    """Returns what a super node says that is asked for copies."""
    log = {"first": 1, "last": 5, "generation": 1, "time": 1_700_000_000_000_000}
    return lambda body: said.LISTED.encode({"copies": [{"log": "deadbeef", **log, **claims}]})


async def lost(street: Street, copies: int = 2) -> tuple[list[tuple[int, StoredEvent]], list[str]]:
    """Fills the log and loses it; returns it, and who has copies."""
    before = await filled(street, copies=copies)
    street.said_of_log = [said.event_fields(each) for each in before]
    chosen = street.chosen()
    street.replicator.stop()
    await street.wipe()
    street.forget()
    return before, chosen


def test_two_are_believed_and_not_a_third(play: Play) -> None:
    """One that says otherwise of an event is not believed, and no more is taken from it."""

    async def scenario(street: Street) -> None:
        before, chosen = await lost(street, copies=3)
        street.lies[chosen[0], "Copy.Read"] = giving(street, lambda fields: {"body": b"forged"})
        await back(street, copies=3)
        assert street.log() == before

    play(scenario)


def test_one_copy_that_is_left_is_believed_and_said_to_be_alone(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever runs the node is told which events nobody else vouches for; where two have them nobody is named."""

    async def scenario(street: Street) -> None:
        before, chosen = await lost(street)
        street.lies[chosen[0], "Copy.List"] = lambda body: said.LISTED.encode({"copies": []})
        await back(street)
        assert street.log() == before
        assert f"5 of them by the word of {short(chosen[1])} alone" in caplog.text
        street.lies.clear()
        street.replicator.stop()
        await street.wipe()
        street.forget()
        caplog.clear()
        await back(street)
        assert street.log() == before
        assert "were lost here" in caplog.text
        assert "alone" not in caplog.text

    play(scenario)


def test_what_is_contested_is_not_taken(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    """Of two, one of which lies: everything up to there, and the log goes on under another name; that is told."""

    async def scenario(street: Street) -> None:
        before, chosen = await lost(street)
        names = street.logs_at(chosen[0])
        street.lies[chosen[0], "Copy.Read"] = giving(
            street, lambda fields: {"body": b"forged"} if fields["sequence"] > 3 else {}
        )
        await back(street)
        assert street.log() == before[:3]
        assert f"copies of {TOPIC} differ from event 4 on, and no two say the same" in caplog.text
        assert await street.publish("fresh") is None
        assert {number for number, event in street.log() if event.id == "fresh"} == {4}
        assert all(street.logs_at(nid) > names for nid in street.chosen())

    play(scenario)


def test_a_copy_that_was_behind_is_believed_as_far_as_it_goes(play: Play) -> None:
    """What one has more is taken: it may have been acknowledged before the other came in its place."""

    async def scenario(street: Street) -> None:
        await filled(street)
        chosen = street.chosen()
        street.lies[chosen[0], "Copy.Write"] = lambda body: (_ for _ in ()).throw(Unavailable("busy"))
        street.map(range(1, 3))
        await street.publish("one-more", timeout_seconds=1.0)
        before = street.log()
        assert [len(street.copy_at(nid)) for nid in chosen] == [5, 6]
        street.replicator.stop()
        street.lies.clear()
        await street.wipe()
        await back(street)
        assert street.log() == before
        assert await street.publish("fresh") is None
        assert all(street.copy_at(nid) == street.log() for nid in chosen)

    play(scenario, 2)


LIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "of the future": lambda fields: {"time": fields["time"] + 60_000_000} if fields["sequence"] == 4 else {},
    "with a gap": lambda fields: {"sequence": fields["sequence"] + (fields["sequence"] >= 4)},
    "going back": lambda fields: {"sequence": 1 if fields["sequence"] == 4 else fields["sequence"]},
    "twice": lambda fields: {"id": "id-0"} if fields["sequence"] == 4 else {},
    "without an id": lambda fields: {"id": ""} if fields["sequence"] == 4 else {},
    "with no headers": lambda fields: {"headers": b"[]"} if fields["sequence"] == 4 else {},
}


@pytest.mark.parametrize("lie", list(LIES))
def test_what_cannot_be_is_not_taken(play: Play, lie: str) -> None:
    """From the only copy: numbers, dates and ids are a log's, or end it; what was before is there, once."""

    async def scenario(street: Street) -> None:
        before, [only] = await lost(street, copies=1)
        street.lies[only, "Copy.Read"] = giving(street, LIES[lie])
        await back(street, copies=1)
        assert street.log() in (before[:3], [])
        assert await street.publish("fresh") is None
        numbers = [number for number, _ in street.log()]
        assert numbers == list(range(1, len(numbers) + 1))
        assert {event.id for _, event in street.log()} <= {"id-0", "id-1", "id-2", "fresh"}

    play(scenario)


@pytest.mark.parametrize(
    "claims",
    [
        {"last": 10**9},
        {"first": 1 << 40, "last": (1 << 40) + 5},
        {"first": (1 << 39) - 1, "last": (1 << 39) - 1},
        {"first": 3, "last": 2},
        {"generation": 1 << 60},
        {"time": 1 << 60},
    ],
)
def test_a_claim_costs_nobody_anything(play: Play, claims: dict[str, int]) -> None:
    """Of a log that nobody else has: what two have is taken, and the next event has the next number."""

    async def scenario(street: Street) -> None:
        before, chosen = await lost(street)
        [liar] = [nid for nid in street.supers if nid not in chosen]
        street.lies[liar, "Copy.List"] = claiming(**claims)
        await back(street)
        assert street.log() == before
        assert await street.publish("fresh") is None
        assert street.log()[-1][0] == 6

    play(scenario)


@pytest.mark.parametrize("limits", [Limits(backlog_bytes=600), Limits(backlog_messages=2), Limits()])
def test_a_log_takes_no_more_than_it_may(play: Play, monkeypatch: pytest.MonkeyPatch, limits: Limits) -> None:
    """Of bytes and events that a log may have, and that are taken back; what does not fit stays where it is."""

    async def scenario(street: Street) -> None:
        await lost(street)
        street.broker._limits = limits
        if limits == Limits():
            monkeypatch.setattr(taking_back, "TAKEN_BYTES_MAX", 3)
        await back(street)
        assert street.log() == []
        assert await street.publish("fresh") is None

    play(scenario)


def test_no_claim_of_queues_goes_beyond_the_log(play: Play) -> None:
    """And a copy that is not believed is not asked how far they came."""

    async def scenario(street: Street) -> None:
        before, chosen = await lost(street, copies=3)
        plain = {"unfinished": (), "beyond": ()}
        far = said.LEARNED.encode({"cursors": [{"queue": "work", "handed_out": 10**6, **plain}]})
        street.lies[chosen[0], "Copy.Read"] = giving(street, lambda fields: {"body": b"forged"})
        street.lies[chosen[0], "Copy.Learn"] = lambda body: far
        await back(street, copies=3)
        assert (street.log(), street.broker.cursors(TOPIC)) == (before, {})
        street.replicator.stop()
        await street.wipe()
        del street.lies[chosen[0], "Copy.Read"]
        await back(street, copies=3)
        assert street.broker.cursors(TOPIC) == {"work": Cursor(5)}

    play(scenario)


def test_another_node_is_given_nothing(play: Play) -> None:
    """Which copies there are, and what is in them, is told to the node whose logs they are."""

    async def scenario(street: Street) -> None:
        await filled(street)
        [nid, *_] = street.chosen()
        copies = street.supers[nid]
        assert len(copies.listed(NODE, TOPIC)["copies"]) == 1
        assert copies.listed(nid, TOPIC) == copies.listed(NODE, "bills") == {"copies": []}
        [name] = street.logs_at(nid)
        with pytest.raises(NotFound):
            copies.read(nid, {"topic": TOPIC, "log": name, "sequence": 1})

    play(scenario)


@pytest.mark.parametrize("endpoint", ["List", "Learn", "Read"])
def test_who_asks_too_much_waits(play: Play, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """A super node that has heard too much at once is asked again."""

    async def scenario(street: Street) -> None:
        before, _ = await lost(street, copies=1)
        honest, left = getattr(CopyEndpoints, endpoint.lower()), [3]

        async def busy(self: CopyEndpoints, body: bytes, context: Context) -> bytes:
            if left[0]:
                left[0] -= 1
                raise TooManyRequests("wait")
            answer: bytes = await honest(self, body, context)
            return answer

        monkeypatch.setattr(CopyEndpoints, endpoint.lower(), busy)
        await back(street, copies=1)
        assert (street.log(), left) == (before, [0])

    play(scenario)
