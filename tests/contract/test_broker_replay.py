"""Looking back: events are found by their date, read, and handed to a queue once more."""

from __future__ import annotations

from typing import Any

import pytest

from micro.errors import BadRequest, Fault, NotFound
from micro.service.broker.broker import Output
from tests.contract.house import House, Person, restarted_with, until, while_nothing_happens


async def replay(house: House, sequence: int, queue: str = "work") -> int:
    """Has a queue begin again, and returns how many come again."""
    told: list[Fault | None] = []
    count = house.broker.replay("news", queue, sequence, told.append)
    await until(lambda: told)
    assert told == [None]
    return count


async def done_with(house: House, count: int) -> Person:
    """Publishes, and returns a member that has acknowledged everything."""
    person = house.join("work")
    for number in range(count):
        await house.publish(str(number))
        await until(lambda number=number: len(person.got) == number + 1)
        person.subscription.acknowledge(person.got[-1][0])
    house.pass_time(0.1)
    person.got.clear()
    return person


async def test_events_are_found_by_their_date(house: House) -> None:
    """The first one taken then or later."""
    start = house.clock.now()
    for number in range(7):
        await house.publish(str(number))
        house.pass_time(10)

    found = [house.broker.since("news", start + seconds) for seconds in (-5, 0, 0.5, 10, 59, 60, 61)]
    assert found == [1, 1, 2, 2, 7, 7, 8]


async def test_kept_events_are_read_in_order(house: House) -> None:
    """From a sequence on, and no more than asked for."""
    await house.publish("a", "b", "c", "d")

    assert [event.id for _, event in house.broker.read("news", 2, count=2, size=10_000)] == ["b", "c"]
    assert [sequence for sequence, _ in house.broker.read("news", 1, count=9, size=1)] == [1]
    assert house.broker.read("news", 5, count=9, size=1) == []


@pytest.mark.parametrize(("topic", "kind"), [("unheard", NotFound), ("no topic", BadRequest)])
async def test_a_topic_that_is_not_there_is_said_so(house: House, topic: str, kind: type[Fault]) -> None:
    """Looking back makes no topic."""
    actions: list[Any] = [
        lambda: house.broker.since(topic, 0.0),
        lambda: house.broker.read(topic, 1, count=1, size=1),
        lambda: house.broker.replay(topic, "work", 1, lambda fault: None),
    ]
    for action in actions:
        with pytest.raises(kind):
            action()
    assert house.broker.topics() == []


async def test_a_queue_gets_events_again_from_a_point_on(house: House) -> None:
    """In order, first deliveries all of them, and then what is new."""
    person = await done_with(house, 5)
    assert await replay(house, 3) == 3
    await until(lambda: len(person.got) == 3)
    person.acknowledge_all()
    await house.publish("new")
    await until(lambda: len(person.got) == 4)
    await while_nothing_happens()

    assert person.ids == ["2", "3", "4", "new"]
    assert {event.attempt for _, event in person.got} == {1}


async def test_more_than_fits_into_memory_comes_again(house: House) -> None:
    """Piece by piece, as fast as it is acknowledged."""
    person = await done_with(house, 60)
    assert await replay(house, 1) == 60
    for _ in range(60):
        await while_nothing_happens()
        person.acknowledge_all()
        if len(person.got) == 60:
            break

    assert person.ids == [str(number) for number in range(60)]


async def test_what_is_under_way_does_not_come_twice(house: House) -> None:
    """An event in flight, or put off, comes again only if it would have anyway."""
    person = await done_with(house, 2)
    await house.publish("flying", "delayed")
    await until(lambda: len(person.got) == 2)
    person.subscription.negative(4, 5.0)
    assert await replay(house, 1) == 2
    await until(lambda: len(person.got) == 4)
    for sequence in (1, 2, 3):
        person.subscription.acknowledge(sequence)
    await while_nothing_happens()
    assert person.ids == ["flying", "delayed", "0", "1"]
    house.pass_time(6)
    await until(lambda: len(person.got) == 5)
    assert person.ids[-1] == "delayed"


async def test_a_queue_that_has_not_come_so_far_stays_where_it_is(house: House) -> None:
    """Nothing is skipped by a replay."""
    await house.publish("a", "b", "c")
    house.join("work", credit=0)
    assert await replay(house, 3) == 0
    person = house.join("work")
    await until(lambda: len(person.got) == 3)
    assert person.ids == ["a", "b", "c"]


async def test_a_queue_that_is_new_begins_there(house: House) -> None:
    """It waits for its first member, also over a restart."""
    await house.publish("a", "b", "c")
    assert await replay(house, 2, "fresh") == 2
    await house.restart()
    person = house.join("fresh")
    await until(lambda: len(person.got) == 2)
    assert person.ids == ["b", "c"]


async def test_a_replay_outlives_a_restart(house: House) -> None:
    """What was completed before it comes again, and what was completed after it does not."""
    person = house.join("work")
    await house.publish("a", "b", "c")
    await until(lambda: len(person.got) == 3)
    for sequence in (1, 2, 3):
        assert await complete(person, sequence) is None
    await replay(house, 1)
    await until(lambda: len(person.got) == 6)
    assert await complete(person, 2) is None
    await house.restart()
    again = house.join("work")
    await until(lambda: len(again.got) == 2)
    await while_nothing_happens()

    assert sorted(again.ids) == ["a", "c"]


async def complete(person: Person, sequence: int) -> Fault | None:
    told: list[Fault | None] = []
    person.subscription.complete(sequence, "me", [Output("more", str(sequence), {}, b"")], told.append)
    await until(lambda: told)
    return told[0]


async def test_what_comes_again_is_kept_for_it(house: House) -> None:
    """A queue that went back needs its events as any that is behind does."""
    house = await restarted_with(house, kept_messages=4, backlog_messages=100, in_flight=1)
    person = await done_with(house, 4)
    person.credit = 0
    assert await replay(house, 1) == 4
    await house.publish(*(f"new-{number}" for number in range(40)))
    house.pass_time(61)
    await while_nothing_happens()
    person.resume(100)
    for _ in range(60):
        await while_nothing_happens()
        person.acknowledge_all()

    assert person.ids == ["0", "1", "2", "3", *(f"new-{number}" for number in range(40))]
