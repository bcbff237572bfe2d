"""Keeps what was published lately, for its owner to look at."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from urllib.parse import quote

import msgspec

from micro import Context, Event, Service, errors

TOPICS = tuple(filter(None, (topic.strip() for topic in os.environ.get("AUDIT_TOPICS", "events").split(","))))
"""The topics it listens to, from `micro.toml` or the environment."""

EVENTS_MAX = 1000
"""So many events are kept; the oldest give way."""

PAGE_MAX = 200
BODY_BYTES_MAX = 4000
"""So much of an event's body is kept."""

WATCHERS_MAX = 100
WAITING_MAX = 1000
"""So many events wait for one who follows and reads slowly; then the oldest give way."""

TABLE = "events"

service = Service(
    "audit",
    version="1.0.0",
    description="Keeps what was published lately, for its owner to look at.",
    metadata={"tags": "log, events, operations"},
    store="shared",
)


@dataclass
class Record:
    """An event that was published.

    Attributes:
        id: the event's id.
        topic: its topic.
        time: when it was stored by the broker, in seconds since 1970.
        publisher: the node, and after a slash the service, that published it.
        content_type: what the body is.
        size: the length of the body in bytes.
        body: the body as text, cut where it is long; bytes that are no text are shown as such.
    """

    id: str
    topic: str
    time: float
    publisher: str
    content_type: str
    size: int
    body: str


_watchers: list[asyncio.Queue[Record]] = []


async def on_event(event: Event, context: Context) -> None:
    """Keeps an event. It is acknowledged when this returns, and on disk by then; one that comes twice is kept once."""
    record = Record(
        id=event.id,
        topic=event.topic,
        time=event.time,
        publisher=event.publisher,
        content_type=event.content_type,
        size=len(event.body),
        body=_text(event.body),
    )
    key = f"{int(event.time * 1000):013d}/{quote(event.topic, safe='')}/{event.id}"
    known = event.attempt > 1 and await context.store.read(key, table=TABLE) is not None
    await context.store.write(key, msgspec.json.encode(asdict(record)), table=TABLE)
    await _forget_oldest(context)
    if not known:
        _tell(record)


for _topic in TOPICS:
    service.subscribe(_topic, queue="audit")(on_event)


@service.endpoint(idempotent=True, examples=[{}, {"topic": "events", "limit": 5}])
async def recent(context: Context, topic: str = "", limit: int = 20) -> list[Record]:
    """Tell what was published lately, the latest last. For the node's owner only.

    Wishes:
        show the last messages that were published
        which events came on the topic payments

    Args:
        topic: only events of this topic.
        limit: how many at most, up to 200.
    """
    _check_owner(context)
    if not 0 <= limit <= PAGE_MAX:
        raise errors.BadRequest(f"limit: expected 0 to {PAGE_MAX}, got {limit}")
    keys = await _keys(context)
    if topic:
        keys = [key for key in keys if key.split("/")[1] == quote(topic, safe="")]
    kept = await asyncio.gather(
        *(context.store.read(key, table=TABLE) for key in keys[len(keys) - min(limit, len(keys)) :])
    )
    return [msgspec.json.decode(one, type=Record) for one in kept if one is not None]


@service.endpoint(idempotent=True, examples=[{}])
async def count(context: Context) -> int:
    """Tell how many events are kept. For the node's owner only.

    Wishes:
        how many events were recorded so far
    """
    _check_owner(context)
    return len(await _keys(context))


@service.endpoint(idempotent=True, examples=[{}])
async def follow(context: Context, topic: str = "") -> AsyncIterator[Record]:
    """Tell what is published from now on. For the node's owner only.

    Wishes:
        follow the topic payments as it happens
        show me new events live

    Args:
        topic: only events of this topic.

    Yields:
        The events as they come.
    """
    _check_owner(context)
    if len(_watchers) >= WATCHERS_MAX:
        raise errors.TooManyRequests(f"{WATCHERS_MAX} callers follow already; try again later")
    queue: asyncio.Queue[Record] = asyncio.Queue(WAITING_MAX)
    _watchers.append(queue)
    try:
        while True:
            record = await queue.get()
            if not topic or record.topic == topic:
                yield record
    finally:
        _watchers.remove(queue)


async def _keys(context: Context) -> list[str]:
    """Returns the keys of all events that are kept; a page of the store ends early where values are large."""
    keys: list[str] = []
    while some := await context.store.list(limit=EVENTS_MAX, offset=len(keys), table=TABLE):
        keys += some
    return keys[-EVENTS_MAX:]


async def _forget_oldest(context: Context) -> None:
    """Deletes the events beyond those that are kept."""
    beyond = await context.store.list(limit=PAGE_MAX, offset=EVENTS_MAX, table=TABLE)
    if beyond:
        for old in await context.store.list(limit=len(beyond), table=TABLE):
            await context.store.delete(old, table=TABLE)


def _tell(record: Record) -> None:
    for queue in _watchers:
        if queue.full():
            queue.get_nowait()
        queue.put_nowait(record)


def _check_owner(context: Context) -> None:
    if not context.caller.owner:
        raise errors.Forbidden("what was published is shown to the owner of this node only")


def _text(body: bytes) -> str:
    """Returns a body as text, cut between two characters."""
    end = min(len(body), BODY_BYTES_MAX)
    while 0 < end < len(body) and body[end] & 0xC0 == 0x80 and end > BODY_BYTES_MAX - 4:
        end -= 1
    return body[:end].decode("utf-8", "backslashreplace")


if __name__ == "__main__":
    service.run()
