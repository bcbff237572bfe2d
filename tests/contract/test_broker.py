"""What every broker promises, whichever engine keeps it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from micro.errors import BadRequest, Fault, TooLarge, TooManyRequests, Unavailable
from micro.mucp.batch import pack
from tests.contract.house import BODIES, LIMITS, House, restarted_with, until, while_nothing_happens

# ------------------------------------------------------------------------------------------------- without a queue


async def test_a_subscriber_gets_what_was_published_as_it_was(house: House) -> None:
    """Id, topic, publisher, headers and body arrive unchanged, with the date."""
    person = house.join()
    await house.publish("1", body=b"\x00body")
    await until(lambda: person.got)
    event = person.got[0][1]

    assert (event.id, event.topic, event.publisher, event.body) == ("1", "news", "me", b"\x00body")
    assert dict(event.headers) == {"Content-Type": "text/plain"}
    assert event.time == house.clock.now()
    assert event.attempt == 1


async def test_every_subscriber_without_a_queue_gets_every_event_in_order(house: House) -> None:
    """It is a broadcast."""
    people = [house.join() for _ in range(3)]
    await house.publish(*map(str, range(20)))
    await until(lambda: all(len(person.got) == 20 for person in people))

    assert [person.ids for person in people] == [[str(number) for number in range(20)]] * 3


async def test_a_subscriber_without_a_queue_gets_nothing_from_before(house: House) -> None:
    """It hears what is said while it listens."""
    await house.publish("before")
    person = house.join()
    await house.publish("after")
    await until(lambda: person.got)

    assert person.ids == ["after"]


async def test_a_subscriber_that_left_gets_nothing_more(house: House) -> None:
    """Closing a subscription ends it."""
    person = house.join()
    person.subscription.close()
    await house.publish("1")
    await while_nothing_happens()

    assert person.got == []


async def test_a_slow_subscriber_is_told_how_much_it_missed(house: House) -> None:
    """What is held for it is bounded; the newest are kept."""
    person = house.join(credit=0)
    await house.publish(*map(str, range(20)))
    person.resume(100)
    await until(lambda: person.got)

    assert person.missed == [12]
    assert person.ids == [str(number) for number in range(12, 20)]


# ------------------------------------------------------------------------------------------------------ with a queue


async def test_the_inbox_keeps_events_until_somebody_comes(house: House) -> None:
    """A queue that is new starts with the earliest kept event."""
    await house.publish("1", "2", "3")
    person = house.join("queue")
    await until(lambda: len(person.got) == 3)

    assert person.ids == ["1", "2", "3"]


async def test_the_inbox_keeps_events_as_they_were(house: House) -> None:
    """Each with its own headers, publisher, body and date, though it was read from the disk."""
    told: list[Any] = []
    dates = []
    for number in range(4):
        house.clock.time += 1.0
        dates.append(house.clock.now())
        headers = {"Number": str(number // 2), "Text": "ä\U0001f600"} if number < 3 else {}
        house.broker.publish(f"me{number}", "news", f"id{number}", headers, bytes([number]), told.append)
    await until(lambda: len(told) == 4)
    await house.restart()
    person = house.join("queue")
    await until(lambda: len(person.got) == 4)
    events = [event for _, event in person.got]

    assert [dict(event.headers).get("Number") for event in events] == ["0", "0", "1", None]
    assert [dict(event.headers).get("Text") for event in events] == ["ä\U0001f600"] * 3 + [None]
    assert [(event.publisher, event.id, event.body) for event in events] == [
        (f"me{number}", f"id{number}", bytes([number])) for number in range(4)
    ]
    assert [event.time for event in events] == dates


async def test_the_inbox_keeps_events_while_the_queue_is_away(house: House) -> None:
    """What was handled does not come again, what came meanwhile does."""
    first = house.join("queue")
    await house.publish("1")
    await until(lambda: first.got)
    first.acknowledge_all()
    first.subscription.close()
    await house.publish("2")
    second = house.join("queue")
    await until(lambda: second.got)

    assert second.ids == ["2"]


async def test_members_of_a_queue_share_its_events_fairly(house: House) -> None:
    """Each event goes to one of them, in turn."""
    people = [house.join("queue") for _ in range(4)]
    await house.publish(*map(str, range(16)))
    await until(lambda: sum(len(person.got) for person in people) == 16)

    assert sorted(id for person in people for id in person.ids) == sorted(map(str, range(16)))
    assert [len(person.got) for person in people] == [4, 4, 4, 4]


async def test_every_queue_gets_every_event(house: House) -> None:
    """Queues do not share with each other."""
    one, other = house.join("one"), house.join("other")
    await house.publish("1", "2")
    await until(lambda: len(one.got) == len(other.got) == 2)

    assert one.ids == other.ids == ["1", "2"]


async def test_a_member_gets_no_more_than_it_may_hold(house: House) -> None:
    """Those in flight to one member are bounded, and go on as it acknowledges."""
    person = house.join("queue")
    await house.publish(*map(str, range(10)))
    await while_nothing_happens()
    assert len(person.got) == 4
    person.subscription.acknowledge(person.got[0][0])
    await until(lambda: len(person.got) == 5)

    assert person.ids == ["0", "1", "2", "3", "4"]


async def test_a_member_without_credit_is_asked_again_when_it_has_some(house: House) -> None:
    """Refusing loses nothing and changes no order."""
    person = house.join("queue", credit=1)
    await house.publish("1", "2", "3")
    await while_nothing_happens()
    assert person.ids == ["1"]
    person.resume(2)
    await until(lambda: len(person.got) == 3)

    assert person.ids == ["1", "2", "3"]


async def test_a_member_without_credit_does_not_hold_up_the_others(house: House) -> None:
    """Its share goes to whoever has credit."""
    house.join("queue", credit=0)
    other = house.join("queue")
    await house.publish("1", "2", "3")
    await until(lambda: len(other.got) == 3)

    assert other.ids == ["1", "2", "3"]


async def test_a_long_backlog_comes_whole_and_in_order(house: House) -> None:
    """Far more events than are held in memory, to a member that acknowledges as it goes."""
    await house.publish(*map(str, range(300)))
    person = house.join("queue")
    for number in range(300):
        await until(lambda number=number: len(person.got) > number)
        person.subscription.acknowledge(person.got[number][0])

    assert person.ids == [str(number) for number in range(300)]


# ---------------------------------------------------------------------------------------------------- trying again


async def test_what_is_not_acknowledged_in_time_comes_again(house: House) -> None:
    """The second time says that it is the second."""
    person = house.join("queue")
    await house.publish("1")
    await until(lambda: person.got)
    house.pass_time(11.0)
    await until(lambda: len(person.got) == 2)

    assert [event.attempt for _, event in person.got] == [1, 2]


async def test_what_was_acknowledged_in_time_does_not(house: House) -> None:
    """The other side of it."""
    person = house.join("queue")
    await house.publish("1")
    await until(lambda: person.got)
    person.acknowledge_all()
    house.pass_time(11.0)
    await while_nothing_happens()

    assert person.ids == ["1"]


async def test_a_negative_acknowledgement_brings_it_again_at_once(house: House) -> None:
    """Without a delay there is none."""
    person = house.join("queue")
    await house.publish("1")
    await until(lambda: person.got)
    person.subscription.negative(person.got[0][0])
    await until(lambda: len(person.got) == 2)

    assert person.got[1][1].attempt == 2


async def test_a_negative_acknowledgement_with_a_delay_puts_it_off(house: House) -> None:
    """Later events pass it meanwhile."""
    person = house.join("queue")
    await house.publish("1", "2")
    await until(lambda: len(person.got) == 2)
    person.subscription.negative(person.got[0][0], 5.0)
    person.subscription.acknowledge(person.got[1][0])
    house.pass_time(4.0)
    await while_nothing_happens()
    assert person.ids == ["1", "2"]
    house.pass_time(2.0)
    await until(lambda: len(person.got) == 3)

    assert person.ids == ["1", "2", "1"]


async def test_what_a_member_held_goes_to_the_others_when_it_leaves(house: House) -> None:
    """At once, without waiting for the time to pass."""
    leaving, staying = house.join("queue"), house.join("queue", credit=0)
    await house.publish("1", "2")
    await until(lambda: len(leaving.got) == 2)
    leaving.subscription.close()
    staying.resume(10)
    await until(lambda: len(staying.got) == 2)

    assert staying.ids == ["1", "2"]


async def test_a_stranger_cannot_acknowledge_what_another_holds(house: House) -> None:
    """Only who has it can end it."""
    holder, other = house.join("queue"), house.join("queue", credit=0)
    await house.publish("1")
    await until(lambda: holder.got)
    other.subscription.acknowledge(holder.got[0][0])
    holder.subscription.negative(holder.got[0][0])
    await until(lambda: len(holder.got) == 2)

    assert holder.ids == ["1", "1"]


async def test_an_event_that_nobody_can_handle_becomes_a_dead_letter(house: House) -> None:
    """After its last attempt it goes to the dead-letter topic, and the queue goes on."""
    person = house.join("queue")
    await house.publish("poison", body=b"\xff")
    for attempt in range(3):
        await until(lambda attempt=attempt: len(person.got) > attempt)
        person.subscription.negative(person.got[attempt][0], error="cannot\nread it")
    reader = house.join("undertaker", topic="news.dead")
    await until(lambda: reader.got)
    letter = reader.got[0][1]

    assert (letter.publisher, letter.body) == ("me", b"\xff")
    assert {name: value for name, value in letter.headers.items() if name.startswith("Micro-Dead")} == {
        "Micro-Dead-Topic": "news",
        "Micro-Dead-Queue": "queue",
        "Micro-Dead-Id": "poison",
        "Micro-Dead-Sequence": "1",
        "Micro-Dead-Attempts": "3",
        "Micro-Dead-Error": "cannot read it",
    }
    assert len(person.got) == 3


# ------------------------------------------------------------------------------------------------------- publishing


async def test_the_same_event_is_kept_once(house: House) -> None:
    """A publisher that is not sure may publish again; both times it is told that all is well."""
    await house.publish("1", "1", "2")
    await house.publish("1")
    person = house.join("queue")
    await until(lambda: len(person.got) == 2)
    await while_nothing_happens()

    assert person.ids == ["1", "2"]


async def test_the_same_id_of_another_publisher_or_topic_is_another_event(house: House) -> None:
    """Ids belong to who gave them."""
    await house.publish("1")
    await house.publish("1", publisher="you")
    await house.publish("1", topic="other")
    person, other = house.join("queue"), house.join("queue", topic="other")
    await until(lambda: len(person.got) == 2 and other.got)

    assert [event.publisher for _, event in person.got] == ["me", "you"]


async def test_a_duplicate_is_known_after_a_restart(house: House) -> None:
    """What was seen is on disk, too."""
    await house.publish("1")
    await house.restart()
    await house.publish("1")
    person = house.join("queue")
    await until(lambda: person.got)
    await while_nothing_happens()

    assert person.ids == ["1"]


@pytest.mark.parametrize("topic", ["", ".hidden", "with space", "a/b", "x" * 129, "news\n", "ä"])
async def test_a_bad_topic_is_refused(house: House, topic: str) -> None:
    """The fault names the field and what is allowed."""
    with pytest.raises(BadRequest, match="topic"):
        await house.publish("1", topic=topic)
    with pytest.raises(BadRequest, match="topic"):
        house.join("queue", topic=topic)


async def test_a_bad_queue_is_refused(house: House) -> None:
    """Queues are named as topics are."""
    with pytest.raises(BadRequest, match="queue"):
        house.join("no queue")


@pytest.mark.parametrize("id", ["", "x" * 129])
async def test_a_bad_id_is_refused(house: House, id: str) -> None:
    """An event needs an id that fits."""
    with pytest.raises(BadRequest, match="id"):
        await house.publish(id)


async def test_too_large_an_event_is_refused(house: House) -> None:
    """The fault names the limit."""
    with pytest.raises(TooLarge, match="1,000"):
        await house.publish("1", body=b"x" * 1_001)


async def test_an_ephemeral_event_reaches_those_who_are_there_and_is_not_kept(house: House) -> None:
    """One of each queue, every subscriber without one, and nobody later."""
    everyone, first, second = house.join(), house.join("queue"), house.join("queue")
    told: list[Any] = []
    house.broker.publish("me", "news", "0", {}, b"now", told.append, durable=False)
    await while_nothing_happens()
    late = house.join("late")
    await while_nothing_happens()

    assert told == [None]
    assert everyone.ids == ["0"]
    assert first.ids + second.ids == ["0"]
    assert late.got == []
    assert {sequence for person in (everyone, first, second) for sequence, _ in person.got} == {0}


async def test_ephemeral_events_together_reach_everybody_who_is_there(house: House) -> None:
    """Every subscriber without a queue gets all of them, the members of a queue share them, in order; none is kept."""
    everyone, other, first, second = house.join(), house.join(), house.join("queue"), house.join("queue")
    house.broker.spread("me", "news", {"A": "1"}, pack(BODIES))
    await while_nothing_happens()
    late = house.join("late")
    await while_nothing_happens()

    assert everyone.bodies == other.bodies == BODIES
    assert sorted(first.bodies + second.bodies) == BODIES
    assert first.bodies == sorted(first.bodies)
    assert first.bodies
    assert second.bodies
    assert late.got == []
    assert {(sequence, event.publisher, event.topic, event.headers["A"]) for sequence, event in everyone.got} == {
        (0, "me", "news", "1")
    }


async def test_one_without_credit_gets_the_rest_of_them_later(house: House) -> None:
    """In order, after those it took, and before what is published meanwhile."""
    person = house.join(credit=2)
    house.broker.spread("me", "news", {}, pack(BODIES))
    house.broker.spread("me", "news", {}, pack([b"5"]))
    house.broker.publish("me", "news", "0", {}, b"6", lambda fault: None, durable=False)
    assert person.bodies == BODIES[:2]
    person.resume(100)
    await until(lambda: len(person.got) == 7)

    assert person.bodies == [*BODIES, b"5", b"6"]
    assert person.missed == []


async def test_one_without_credit_is_told_how_many_of_them_it_missed(house: House) -> None:
    """What does not fit into its buffer is missed, the oldest first."""
    person = house.join(credit=0)
    bodies = [b"%03d" % number for number in range(20)]
    house.broker.spread("me", "news", {}, pack(bodies))
    person.resume(100)
    await until(lambda: person.got)

    assert person.missed == [20 - LIMITS.buffered_messages]
    assert person.bodies == bodies[-LIMITS.buffered_messages :]


async def test_too_large_an_event_among_others_is_dropped_alone(house: House) -> None:
    """Its neighbours are handed on."""
    person = house.join()
    house.broker.spread("me", "news", {}, pack([b"a", b"x" * 1_001, b"b"]))

    assert person.bodies == [b"a", b"b"]
    assert house.broker.stats()["refused"] == 1


@pytest.mark.parametrize(("topic", "headers"), [("no name", {}), ("news", {"A": "x" * 20_000})])
async def test_ephemeral_events_that_are_wrong_reach_nobody(house: House, topic: str, headers: dict[str, str]) -> None:
    """A topic that cannot be, or headers that are too long."""
    person = house.join()
    house.broker.spread("me", topic, headers, pack(BODIES))

    assert person.got == []
    assert house.broker.stats()["refused"] == len(BODIES)


async def test_an_ephemeral_event_on_a_topic_nobody_knows_leaves_no_trace(house: House) -> None:
    """It does not even make a topic."""
    told: list[Any] = []
    house.broker.publish("me", "nowhere", "0", {}, b"now", told.append, durable=False)
    house.broker.spread("me", "nowhere", {}, pack(BODIES))

    assert told == [None]
    assert house.broker.topics() == []


# ----------------------------------------------------------------------------------------------- what stays, what goes


async def test_a_queue_goes_on_after_a_restart_where_it_was(house: House) -> None:
    """What was acknowledged stays away, also out of order; the rest comes again, counted."""
    person = house.join("queue")
    await house.publish("1", "2", "3", "4", "5")
    await until(lambda: len(person.got) == 4)
    person.subscription.acknowledge(person.got[0][0])
    person.subscription.acknowledge(person.got[2][0])
    await until(lambda: len(person.got) == 5)
    await house.restart()
    person = house.join("queue")
    await until(lambda: len(person.got) == 3)
    await while_nothing_happens()

    assert [(event.id, event.attempt) for _, event in person.got] == [("2", 2), ("4", 2), ("5", 2)]


async def test_a_log_goes_on_after_a_restart(house: House) -> None:
    """What is published then comes after what was published before, on every topic."""
    await house.publish("1", "2", topic="one")
    await house.publish("1", "2", topic="two")
    await house.restart()
    await house.publish("3", topic="two")
    await house.publish("3", topic="one")
    one, two = house.join("queue", topic="one"), house.join("queue", topic="two")
    await until(lambda: len(one.got) == len(two.got) == 3)

    assert [[id for id, _ in person.got] for person in (one, two)] == [[1, 2, 3], [1, 2, 3]]
    assert one.ids == two.ids == ["1", "2", "3"]


async def test_a_queue_that_has_had_nothing_yet_is_known_after_a_restart(house: House) -> None:
    """It has a claim on what was published since it came."""
    house.join("queue", credit=0)
    house.join("queue", topic="quiet")
    await house.publish("1")
    house.pass_time(0.1)
    await house.restart()

    assert [
        (report.topic, queue.queue, queue.waiting) for report in house.broker.topics() for queue in report.queues
    ] == [
        ("news", "queue", 1),
        ("quiet", "queue", 0),
    ]


async def test_a_log_keeps_no_more_than_it_may(house: House) -> None:
    """Nobody needs the oldest, so they go."""
    await restarted_with(house, kept_messages=50)
    for start in range(0, 200, 20):
        await house.publish(*map(str, range(start, start + 20)))
    house.pass_time(100.0)
    await until(lambda: house.broker.topics()[0].messages == 50)
    person = house.join("queue")
    await until(lambda: person.got)

    assert person.ids[0] == "150"


async def test_a_log_keeps_no_more_bytes_than_it_may(house: House) -> None:
    """Large events fill it sooner."""
    await restarted_with(house, kept_bytes=20_000)
    for start in range(0, 60, 20):
        await house.publish(*map(str, range(start, start + 20)), body=b"x" * 744)
    house.pass_time(100.0)
    await until(lambda: house.broker.topics()[0].bytes <= 20_000)
    assert house.broker.topics()[0].messages == 19  # of 1,022 bytes each


async def test_what_a_queue_still_needs_is_kept_beyond_the_limit(house: House) -> None:
    """An acknowledged publish is not dropped under a queue that is only slow."""
    await restarted_with(house, kept_messages=10)
    slow = house.join("queue", credit=0)
    await house.publish(*map(str, range(100)))
    house.pass_time(100.0)
    await while_nothing_happens()
    slow.resume(1_000)
    for number in range(100):
        await until(lambda number=number: len(slow.got) > number)
        slow.subscription.acknowledge(slow.got[number][0])

    assert slow.ids == [str(number) for number in range(100)]


async def test_a_queue_too_far_behind_stops_its_publishers(house: House) -> None:
    """They are refused, and told by which queue, instead of events being dropped."""
    await restarted_with(house, kept_messages=10, backlog_messages=30)
    slow = house.join("slow", credit=0)
    await house.publish(*map(str, range(30)))
    house.pass_time(0.1)
    with pytest.raises(TooManyRequests, match="queue slow"):
        await house.publish("31")
    slow.resume(1_000)
    await until(lambda: len(slow.got) == 30)
    slow.acknowledge_all()
    house.pass_time(0.1)
    await house.publish("31")


async def test_a_queue_that_stays_away_loses_its_claim_and_is_told(house: House) -> None:
    """The dead-letter topic says how many it lost."""
    await restarted_with(house, kept_messages=10, away_seconds=60.0)
    person = house.join("queue", credit=0)
    person.subscription.close()
    await house.publish(*map(str, range(50)))
    house.pass_time(61.0)
    house.pass_time(61.0)
    await until(lambda: house.broker.topics()[0].messages == 10)
    person, notices = house.join("queue"), house.join("undertaker", topic="news.dead")
    await until(lambda: len(person.got) == 10 and notices.got)

    assert person.ids[0] == "40"
    assert notices.got[0][1].headers["Micro-Dead-Count"] == "40"
    assert notices.got[0][1].headers["Micro-Dead-Queue"] == "queue"


async def test_the_report_says_how_a_topic_stands(house: House) -> None:
    """Messages, bytes, subscribers, and each queue."""
    house.join()
    person = house.join("queue")
    await house.publish(*map(str, range(6)))
    await until(lambda: len(person.got) == 4)
    person.subscription.negative(person.got[0][0], 5.0)
    await until(lambda: len(person.got) == 5)
    report = house.broker.topics()[0]
    queue = report.queues[0]

    assert (report.topic, report.messages, report.subscribers) == ("news", 6, 1)
    assert report.bytes > 6 * 5
    assert (queue.queue, queue.members, queue.in_flight, queue.delayed, queue.waiting) == ("queue", 1, 4, 1, 1)


async def test_the_counters_count(house: House) -> None:
    """Published once, delivered, refused, delivered again, acknowledged."""
    person = house.join("queue")
    await house.publish("1", "1")
    await until(lambda: person.got)
    person.subscription.negative(person.got[0][0])
    await until(lambda: len(person.got) == 2)
    person.acknowledge_all()
    stats = house.broker.stats()

    assert [stats[name] for name in ("published", "duplicates", "delivered", "redelivered")] == [1, 1, 2, 1]
    assert [stats[name] for name in ("negative", "acknowledged")] == [1, 1]


async def test_a_stopped_broker_answers_what_it_took_and_refuses_the_rest(house: House) -> None:
    """Nobody waits for ever."""
    told = house.publish_soon("1")
    await house.broker.stop()
    late = house.publish_soon("2")

    assert told == [None]
    assert isinstance(late[0], Unavailable)


async def test_a_publisher_that_fails_harms_no_other(house: House) -> None:
    """A callback that raises is reported, and the others are told."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))

    def fail(fault: Fault | None) -> None:
        raise ValueError("mine")

    house.broker.publish("me", "news", "1", {}, b"", fail)
    await house.publish("2")

    assert isinstance(reported[0]["exception"], ValueError)
