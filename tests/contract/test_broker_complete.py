"""Completing an event: it is done and what follows from it is published, all of it or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from micro.errors import BadRequest, Conflict, Fault, TooLarge, TooManyRequests
from micro.service.broker.broker import Output
from tests.contract.house import LIMITS, House, Person, restarted_with, until, while_nothing_happens


def output(id: str, topic: str = "invoices", body: bytes = b"paid") -> Output:
    return Output(topic, id, {"Content-Type": "text/plain"}, body)


async def completed(person: Person, sequence: int, *outputs: Output) -> Fault | None:
    """Completes an event and returns what the member was told."""
    told: list[Fault | None] = []
    person.subscription.complete(sequence, "biller", outputs, told.append)
    await until(lambda: told)
    assert len(told) == 1
    return told[0]


async def holding(house: House, count: int = 1, queue: str = "billing") -> Person:
    """Returns a member that holds so many events."""
    person = house.join(queue)
    await house.publish(*map(str, range(count)))
    await until(lambda: len(person.got) == count)
    return person


async def test_what_follows_from_an_event_is_published_when_it_is_completed(house: House) -> None:
    """On whichever topics, in order, under the name of who completed it."""
    person, invoices, alarms = await holding(house), house.join("all", topic="invoices"), house.join(topic="alarms")
    outputs = [output("a"), output("b", body=b"due"), output("c", topic="alarms")]

    assert await completed(person, 1, *outputs) is None
    await until(lambda: invoices.ids == ["a", "b"] and alarms.ids == ["c"])
    assert [(event.publisher, event.body) for _, event in invoices.got] == [("biller", b"paid"), ("biller", b"due")]
    assert dict(invoices.got[0][1].headers) == {"Content-Type": "text/plain"}


async def test_a_completed_event_never_comes_again(house: House) -> None:
    """Not to another member, and not after a restart."""
    person = await holding(house, 3)
    assert await completed(person, 2) is None
    person.subscription.close()
    again = house.join("billing")
    await until(lambda: len(again.got) == 2)
    await house.restart()
    after = house.join("billing")
    await until(lambda: len(after.got) == 2)
    await while_nothing_happens()

    assert sorted(again.ids) == sorted(after.ids) == ["0", "2"]


async def test_an_event_is_completed_once(house: House) -> None:
    """The second time nothing is published, also while the first is on its way to the disk."""
    person, invoices = await holding(house), house.join("all", topic="invoices")
    told: list[Any] = []
    person.subscription.complete(1, "biller", [output("first")], told.append)
    person.subscription.complete(1, "biller", [output("second")], told.append)
    await until(lambda: len(told) == 2)
    third = await completed(person, 1, output("third"))
    await until(lambda: invoices.got)
    await while_nothing_happens()

    assert told[0] is None
    assert [type(fault) for fault in (told[1], third)] == [Conflict, Conflict]
    assert invoices.ids == ["first"]


async def test_an_event_that_went_to_another_member_is_not_completed_by_the_first(house: House) -> None:
    """Whoever was too slow publishes nothing."""
    slow, invoices = await holding(house), house.join("all", topic="invoices")
    quick = house.join("billing")
    slow.credit = 0
    house.pass_time(LIMITS.acknowledge_seconds + 1)
    await until(lambda: quick.got)

    assert isinstance(await completed(slow, 1, output("slow")), Conflict)
    assert await completed(quick, 1, output("quick")) is None
    await until(lambda: invoices.got)
    assert invoices.ids == ["quick"]


async def test_an_output_that_is_there_already_is_not_published_again(house: House) -> None:
    """The event is done all the same: its id says that the output followed from it before."""
    person, invoices = await holding(house, 2), house.join("all", topic="invoices")
    assert await completed(person, 1, output("a")) is None
    assert await completed(person, 2, output("a"), output("b")) is None
    await until(lambda: len(invoices.got) == 2)
    await while_nothing_happens()

    assert invoices.ids == ["a", "b"]


@pytest.mark.parametrize(
    ("outputs", "kind"),
    [
        ([output("a"), output("b", topic="no topic")], BadRequest),
        ([output("a"), output("")], BadRequest),
        ([output("a"), output("b", body=b"x" * 1_001)], TooLarge),
        ([output(str(number)) for number in range(257)], TooLarge),
    ],
)
async def test_one_output_that_cannot_be_published_stops_them_all(
    house: House, outputs: list[Output], kind: type[Fault]
) -> None:
    """The event stays in flight, and nothing of it is published."""
    person = await holding(house)

    assert type(await completed(person, 1, *outputs)) is kind
    assert [report.messages for report in house.broker.topics() if report.topic == "invoices"] in ([], [0])
    assert await completed(person, 1, output("a")) is None


async def test_outputs_may_not_be_too_large_together(house: House) -> None:
    """Each may be as large as any event, and all together are bounded, too."""
    house = await restarted_with(house, outputs_bytes=3_000)
    person = await holding(house)

    assert type(await completed(person, 1, *(output(str(number), body=b"x" * 900) for number in range(3)))) is TooLarge
    assert await completed(person, 1, output("a", body=b"x" * 900), output("b", body=b"x" * 900)) is None


async def test_a_topic_that_is_full_takes_no_outputs(house: House) -> None:
    """The event comes again later, when somebody has made room."""
    house = await restarted_with(house, kept_messages=4, backlog_messages=4)
    person, slow = await holding(house), house.join("all", topic="invoices", credit=0)
    await house.publish("1", "2", "3", "4", topic="invoices")

    assert type(await completed(person, 1, output("a"))) is TooManyRequests
    slow.resume(10)
    await until(lambda: len(slow.got) == 4)
    slow.acknowledge_all()
    house.pass_time(0.2)
    assert await completed(person, 1, output("a")) is None


async def test_several_events_are_published_together(house: House) -> None:
    """All of them, or none where one cannot be; what is there already is no second event."""
    invoices, told = house.join("all", topic="invoices"), list[Fault | None]()
    house.broker.publish_all("biller", [output("a"), output("b", topic="no topic")], told.append)
    house.broker.publish_all("biller", [output("a"), output("b")], told.append)
    house.broker.publish_all("biller", [output("a"), output("c")], told.append)
    house.broker.publish_all("biller", [], told.append)
    await until(lambda: len(told) == 4)
    await until(lambda: len(invoices.got) == 3)

    assert [type(fault) for fault in told] == [BadRequest, type(None), type(None), type(None)]
    assert invoices.ids == ["a", "b", "c"]


async def test_without_a_queue_there_is_nothing_to_complete(house: House) -> None:
    """A subscriber that acknowledges nothing cannot complete anything."""
    person = house.join()
    await house.publish("1")
    await until(lambda: person.got)

    assert type(await completed(person, person.got[0][0], output("a"))) is Conflict


async def test_completed_and_acknowledged_events_stand_side_by_side(house: House) -> None:
    """After a restart exactly those come again that were neither, whatever was saved when."""
    person = await holding(house, 4)
    person.subscription.acknowledge(1)
    house.pass_time(0.1)
    assert await completed(person, 3) is None
    await house.publish("4", "5")
    await until(lambda: len(person.got) == 6 or person.credit == 0)
    assert await completed(person, 5) is None
    house.pass_time(0.1)
    await house.restart()
    after = house.join("billing")
    await until(lambda: len(after.got) == 3)
    await while_nothing_happens()

    assert sorted(after.ids) == ["1", "3", "5"]
