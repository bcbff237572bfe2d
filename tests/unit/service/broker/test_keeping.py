"""Keeping house: what is forgotten when nobody uses it, what is refused when there is no room, what survives errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from micro.errors import Conflict, Fault, NotFound, TooManyRequests
from micro.mucp.batch import pack
from micro.service.broker.broker import Ephemeral, Limits, Member, StoredEvent
from micro.service.broker.embedded import EmbeddedBroker
from micro.system import SystemDisk
from tests.unit.store.hand import HandClock

DAY = 86_400.0
Make = Callable[..., Any]


class Person(Member):
    def __init__(self) -> None:
        self.got: list[int] = []

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        self.got.append(sequence)
        return True

    def dropped(self, count: int) -> None: ...


class House:
    """A broker without threads, so that a few turns of the loop do all there is to do."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.clock = HandClock()
        self.broker = EmbeddedBroker(SystemDisk(), folder / "broker.db", self.clock, limits=limits, threaded=False)

    async def pass_time(self, seconds: float) -> None:
        self.clock.time += seconds
        self.broker.tick(self.clock.time)
        for _ in range(6):
            await asyncio.sleep(0)

    async def publish(self, *ids: str, topic: str = "news", body: bytes = b"") -> list[Fault | None]:
        told: list[Fault | None] = []
        for id in ids:
            self.broker.publish("me", topic, id, {}, body, told.append)
        for _ in range(6):
            await asyncio.sleep(0)
        return told

    def rows(self, table: str) -> int:
        return int(self.broker._database.read(f"SELECT count(*) FROM {table}")[0][0])


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    houses = []

    async def made(**limits: Any) -> House:
        house = House(tmp_path, Limits(**limits))
        await house.broker.start()
        houses.append(house)
        await house.pass_time(0.0)
        return house

    yield made
    for house in houses:
        await house.broker.stop()


async def test_events_that_are_too_old_go(make: Make) -> None:
    """Whether or not a queue still wanted them; newer ones stay."""
    house = await make(kept_seconds=7 * DAY)
    house.broker.subscribe("news", "queue", Person()).close()
    await house.publish("old")
    await house.pass_time(4 * DAY)
    await house.publish("new")
    await house.pass_time(4 * DAY)
    report = next(report for report in house.broker.topics() if report.topic == "news")

    assert report.messages == 1
    assert house.broker.stats()["expired"] == 1


async def test_a_log_that_grows_fast_is_shortened_at_once(make: Make) -> None:
    """In strides of an eighth, without waiting for a sweep, if nobody needs what goes."""
    house = await make(kept_messages=80)
    sizes = []
    for number in range(400):
        await house.publish(str(number))
        sizes.append(house.broker.topics()[0].messages)

    assert max(sizes) == 90
    assert min(sizes[100:]) == 80


async def test_a_queue_that_is_dropped_holds_nothing(make: Make) -> None:
    """The topic has room again, other queues go on, and after a restart it is not there either."""
    house = await make(kept_messages=4, backlog_messages=8)
    house.broker.subscribe("news", "kichen", Person()).close()
    await house.pass_time(1.0)
    faults = [await house.publish(str(number)) for number in range(12)]
    assert isinstance(faults[-1][0], TooManyRequests)
    told: list[Fault | None] = []
    count = house.broker.drop("news", "kichen", told.append)
    await house.pass_time(61.0)

    assert count == faults.count([None])
    assert told == [None]
    assert house.broker.topics()[0].queues == ()
    assert house.rows("cursors") == 0
    assert await house.publish("again") == [None]


async def test_a_queue_with_members_is_not_dropped(make: Make) -> None:
    """Nor one that there is not; a queue of that name begins anew."""
    house = await make()
    await house.publish("a", "b")
    subscription = house.broker.subscribe("news", "kitchen", Person())
    await house.pass_time(1.0)
    with pytest.raises(Conflict, match="a subscriber is at the queue kitchen"):
        house.broker.drop("news", "kitchen", lambda fault: None)
    for topic, queue in (("news", "kichen"), ("olds", "kitchen")):
        with pytest.raises(NotFound):
            house.broker.drop(topic, queue, lambda fault: None)
    subscription.close()
    await house.pass_time(1.0)
    house.broker.drop("news", "kitchen", lambda fault: None)
    person = Person()
    house.broker.subscribe("news", "kitchen", person)
    await house.pass_time(1.0)

    assert person.got == [1, 2]


async def test_ids_are_known_for_as_long_as_events_may_be_kept(make: Make) -> None:
    """Also where the event itself has gone, and no longer."""
    house = await make(kept_messages=1)
    await house.publish("a", "b", "c", "d")
    await house.pass_time(61.0)
    known = house.rows("log"), house.rows("seen")
    await house.pass_time(8 * DAY)

    assert known == (1, 4)
    assert house.rows("seen") == 0


async def test_ids_are_bounded_in_number(make: Make) -> None:
    """The newest are kept."""
    house = await make(kept_messages=1, ids_kept=2)
    await house.publish("a", "b", "c", "d")
    await house.pass_time(61.0)
    before = house.broker.stats().get("duplicates", 0)
    await house.publish("d", "a")

    assert house.broker.stats()["duplicates"] == before + 1


async def test_a_topic_nobody_uses_is_forgotten(make: Make) -> None:
    """With all that was kept about it, once its events are too old; then its name can begin anew."""
    house = await make()
    subscription = house.broker.subscribe("news", "queue", Person())
    await house.publish("a")
    subscription.close()
    await house.pass_time(1.0)
    for _ in range(3):
        await house.pass_time(61.0)
        await house.pass_time(8 * DAY)
    left = [house.rows(table) for table in ("topics", "log", "seen", "cursors")]
    person = Person()
    house.broker.subscribe("news", "queue", person)
    await house.publish("a")
    await house.pass_time(0.1)

    assert left == [0, 0, 0, 0]
    assert person.got == [1]


async def test_a_topic_somebody_listens_to_is_not_forgotten(make: Make) -> None:
    """However quiet it is."""
    house = await make()
    person = Person()
    house.broker.subscribe("news", None, person)
    for _ in range(4):
        await house.pass_time(8 * DAY)
    await house.publish("a")

    assert len(person.got) == 1


async def test_sequences_go_on_where_a_log_was_emptied(make: Make, tmp_path: Path) -> None:
    """Also over a restart: a queue's place must not come to mean another event."""
    house = await make()
    first = Person()
    subscription = house.broker.subscribe("news", "queue", first)
    await house.publish("a", "b")
    for sequence in first.got:
        subscription.acknowledge(sequence)
    await house.pass_time(8 * DAY)
    emptied = house.rows("log")
    await house.broker.stop()
    again = House(tmp_path, Limits())
    again.clock.time = house.clock.time
    await again.broker.start()
    person = Person()
    again.broker.subscribe("news", "queue", person)
    await again.publish("c")
    await again.pass_time(0.1)
    await again.broker.stop()

    assert emptied == 0
    assert person.got == [3]


async def test_a_full_disk_refuses_publishers(make: Make) -> None:
    """And takes them again once there is room."""
    house = await make(disk_bytes=200_000, kept_messages=1)
    person = Person()
    subscription = house.broker.subscribe("news", "queue", person)
    await house.publish(*map(str, range(100)), body=b"x" * 4_000)
    await house.pass_time(1.1)
    refused = await house.publish("more")
    for sequence in person.got:
        subscription.acknowledge(sequence)
    await house.pass_time(61.0)
    await house.pass_time(1.1)
    taken = await house.publish("more")

    assert isinstance(refused[0], TooManyRequests)
    assert taken == [None]


async def test_too_much_on_the_way_to_the_disk_is_refused(make: Make) -> None:
    """Memory is bounded in bytes; what was taken is written."""
    house = await make(uncommitted_bytes=10_000)
    told = await house.publish("a", "b", "c", body=b"x" * 6_000)

    assert [type(fault) for fault in told] == [TooManyRequests, type(None), type(None)]
    assert house.broker.stats()["uncommitted_bytes"] == 0


async def test_topics_are_bounded(make: Make) -> None:
    """One more is refused; those there are go on."""
    house = await make(topics=2)
    told = [(await house.publish("a", topic=topic))[0] for topic in ("one", "two", "three", "one")]

    assert [type(fault) for fault in told] == [type(None), type(None), TooManyRequests, type(None)]


async def test_queues_and_members_of_a_topic_are_bounded(make: Make) -> None:
    """Each by its own limit."""
    house = await make(queues=1, members=2)
    house.broker.subscribe("news", "one", Person())
    with pytest.raises(TooManyRequests, match="1 queues"):
        house.broker.subscribe("news", "two", Person())
    house.broker.subscribe("news", None, Person())
    with pytest.raises(TooManyRequests, match="2 subscribers"):
        house.broker.subscribe("news", "one", Person())


async def test_the_dead_of_the_dead_are_given_up(make: Make) -> None:
    """There is no `.dead.dead`; the letter stays in its log."""
    house = await make(attempts=1)
    for topic in ("news", "news.dead"):
        person = Person()
        subscription = house.broker.subscribe(topic, "queue", person)
        if topic == "news":
            await house.publish("poison")
        await house.pass_time(0.1)
        subscription.negative(person.got[0])
        await house.pass_time(0.1)
        await house.pass_time(0.1)

    assert [report.topic for report in house.broker.topics()] == ["news", "news.dead"]
    assert house.broker.stats()["given_up"] == 1
    assert house.broker.stats()["dead"] == 1


async def test_a_member_that_fails_is_treated_as_one_that_refuses(make: Make) -> None:
    """It is reported, the event goes to another, and nothing stops."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))

    class Broken(Person):
        def deliver(self, sequence: int, event: StoredEvent) -> bool:
            raise ValueError("mine")

    house = await make()
    house.broker.subscribe("news", "queue", Broken())
    good = Person()
    house.broker.subscribe("news", "queue", good)
    await house.publish("a")
    await house.pass_time(0.1)

    assert good.got == [1]
    assert isinstance(reported[0], ValueError)


async def test_a_subscriber_that_fails_does_not_harm_the_others(make: Make) -> None:
    """Of events that nobody keeps either: it is reported, and what it did not take waits for it."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))

    class Broken(Person):
        def deliver_all(self, events: Ephemeral) -> int:
            raise ValueError("mine")

    house = await make()
    broken, good = Broken(), Person()
    subscription = house.broker.subscribe("news", None, broken)
    house.broker.subscribe("news", None, good)
    house.broker.spread("me", "news", {}, pack([b"a", b"b"]))
    assert (good.got, broken.got) == ([0, 0], [])
    subscription.resume()
    await house.pass_time(0.1)

    assert broken.got == [0, 0]
    assert [type(each) for each in reported] == [ValueError]


async def test_a_greedy_member_does_not_hold_up_the_loop(make: Make) -> None:
    """One that acknowledges within delivery gets a share at a time."""
    house = await make()
    await house.publish(*map(str, range(5_000)))

    class Greedy(Person):
        def deliver(self, sequence: int, event: StoredEvent) -> bool:
            subscription.acknowledge(sequence)
            return super().deliver(sequence, event)

    greedy = Greedy()
    subscription = house.broker.subscribe("news", "queue", greedy)
    steps = []
    while len(greedy.got) < 5_000:
        await asyncio.sleep(0)
        steps.append(len(greedy.got))

    assert max(after - before for before, after in zip([0, *steps], steps, strict=False)) <= 1_024


async def test_a_member_may_ask_for_more_while_it_is_given_something(make: Make) -> None:
    """Delivery is not entered twice."""
    house = await make()

    class Pushing(Person):
        def deliver(self, sequence: int, event: StoredEvent) -> bool:
            house.broker.tick(house.clock.time)
            return super().deliver(sequence, event)

    pushing = Pushing()
    house.broker.subscribe("news", "queue", pushing)
    await house.publish("a", "b", "c")
    await house.pass_time(0.1)

    assert pushing.got == [1, 2, 3]


async def test_members_may_leave_while_they_are_given_something(make: Make) -> None:
    """The event is then another's."""
    house = await make()

    class Leaving(Person):
        def deliver(self, sequence: int, event: StoredEvent) -> bool:
            subscription.close()
            return False

    subscription = house.broker.subscribe("news", "queue", Leaving())
    await house.publish("a")
    await house.pass_time(0.1)
    person = Person()
    house.broker.subscribe("news", "queue", person)
    await house.pass_time(0.1)

    assert person.got == [1]
