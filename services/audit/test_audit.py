"""The audit keeps what was published, once, and shows it to its owner."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, Forbidden, TooManyRequests
from micro.mucp import headers as names
from micro.mucp.headers import Headers
from micro.service.subscription import Event
from micro.trust.policy import Caller

WAIT_SECONDS = 10.0


JSON = "application/json"


def event(
    id: str,
    topic: str = "events",
    time: float = 1_700_000_000.0,
    *,
    body: bytes = b'{"kind":"greeted"}',
    attempt: int = 1,
) -> Event:
    headers = {names.ID: id, names.TOPIC: topic, names.TIMESTAMP: repr(time), names.CALLER: "b1/greeter"}
    headers |= {names.CONTENT_TYPE: JSON, names.ATTEMPT: str(attempt)}
    return Event(None, Headers(headers), body, 0)  # type: ignore[arg-type]


async def ids(main: ModuleType, context: Any, **options: Any) -> list[str]:
    return [record.id for record in await main.recent(context, **options)]


async def test_what_was_published_is_kept(main: ModuleType, context: Any) -> None:
    """With all that is known about it."""
    await main.on_event(event("1"), context)

    assert await main.recent(context) == [
        main.Record("1", "events", 1_700_000_000.0, "b1/greeter", "application/json", 18, '{"kind":"greeted"}')
    ]


async def test_it_is_kept_in_order(main: ModuleType, context: Any) -> None:
    """Of time, whatever the order in which events came."""
    for number in (3, 1, 2):
        await main.on_event(event(str(number), time=float(number)), context)

    assert (await ids(main, context), await ids(main, context, limit=2)) == (["1", "2", "3"], ["2", "3"])


async def test_what_comes_twice_is_kept_once(main: ModuleType, context: Any) -> None:
    """At least once is the broker's promise; once is ours."""
    for attempt in (1, 2):
        await main.on_event(event("1", attempt=attempt), context)

    assert await main.count(context) == 1


async def test_topics_can_be_told_apart(main: ModuleType, context: Any) -> None:
    """Also where one begins like another."""
    for number, topic in enumerate(("a", "a/b", "a-b")):
        await main.on_event(event(str(number), topic, time=float(number)), context)

    assert [await ids(main, context, topic=topic, limit=1) for topic in ("a", "a/b", "a-b")] == [["0"], ["1"], ["2"]]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"\xff\x00", "\\xff\x00"),
        (b"x" * 20_000, "x" * 4000),
        (b"x" + "🚀".encode() * 2000, "x" + "🚀" * 999),
        (b"", ""),
    ],
)
async def test_any_body_is_shown(main: ModuleType, context: Any, body: bytes, text: str) -> None:
    """Cut where it is long, and with its whole size."""
    await main.on_event(event("1", body=body), context)
    (record,) = await main.recent(context)

    assert (record.body, record.size) == (text, len(body))


async def test_the_oldest_give_way(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is not filled by what nobody reads."""
    monkeypatch.setattr(main, "EVENTS_MAX", 3)
    for number in range(6):
        await main.on_event(event(str(number), time=float(number)), context)

    assert await ids(main, context) == ["3", "4", "5"]


async def test_large_events_are_found_too(main: ModuleType, context: Any) -> None:
    """Where events are large, the store lists few of them at once."""
    large = b"\xff" * 4000
    events = [event(str(number), time=float(number), body=large) for number in range(300)]
    await asyncio.gather(*(main.on_event(one, context) for one in events))

    assert len(await context.store.list(limit=1000, table="events")) < 300
    assert (await main.count(context), await ids(main, context, limit=3)) == (300, ["297", "298", "299"])


async def test_one_can_follow(main: ModuleType, context: Any) -> None:
    """New events only, and a repeated one not again."""
    await main.on_event(event("0"), context)
    following = main.follow(context, topic="events")
    first = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0)
    for number, topic, attempt in ((1, "other", 1), (0, "events", 2), (2, "events", 1)):
        await main.on_event(event(str(number), topic, attempt=attempt), context)
    async with asyncio.timeout(WAIT_SECONDS):
        record = await first
    await following.aclose()

    assert (record.id, main._watchers) == ("2", [])


async def test_a_slow_follower_misses_the_oldest(
    main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is bounded."""
    monkeypatch.setattr(main, "WAITING_MAX", 2)
    following = main.follow(context)
    first = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0)
    for number in range(5):
        await main.on_event(event(str(number)), context)
    async with asyncio.timeout(WAIT_SECONDS):
        record = await first
    await following.aclose()

    assert record.id in ("0", "3")


async def test_followers_are_bounded(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is asked to come later."""
    monkeypatch.setattr(main, "WATCHERS_MAX", 0)
    with pytest.raises(TooManyRequests, match="later"):
        await anext(main.follow(context))


@pytest.mark.parametrize("endpoint", ["recent", "count", "follow"])
async def test_only_the_owner_is_answered(main: ModuleType, context: Any, endpoint: str) -> None:
    """What others publish is nobody else's business."""
    context.caller = Caller(nid="b" + "b" * 55)
    answer = getattr(main, endpoint)(context)
    with pytest.raises(Forbidden):
        await (anext(answer) if endpoint == "follow" else answer)


@pytest.mark.parametrize("limit", [-1, 201])
async def test_a_page_is_bounded(main: ModuleType, context: Any, limit: int) -> None:
    """The fault says what is allowed."""
    with pytest.raises(BadRequest, match="limit"):
        await main.recent(context, limit=limit)


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example, and the topics are named."""
    description = main.service.describe()

    assert all(endpoint["description"] and endpoint["examples"] for endpoint in description["endpoints"])
    assert [(topic["topic"], topic["queue"]) for topic in description["topics"]] == [("events", "audit")]
