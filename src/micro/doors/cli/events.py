"""The commands `publish` and `subscribe`: events on topics."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from micro.doors.cli.body import read_bytes
from micro.doors.cli.call import HEADER, parse_headers
from micro.doors.cli.elsewhere import at_home, typed_line
from micro.doors.cli.ending import Usage
from micro.doors.cli.moment import clock_time
from micro.doors.cli.options import command
from micro.doors.cli.output import as_line, cell, clean
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, say, say_bytes
from micro.doors.cli.values import parse_json
from micro.errors import MicroError, TooManyRequests

if TYPE_CHECKING:
    from micro.service.subscription import Event

__all__ = ["content_type_of", "publish", "subscribe", "value_of"]


@command("publish", example="""micro publish events '{"kind": "greeted"}'""")
@click.argument("topic")
@click.argument("body")
@click.option("--id", "identifier", metavar="ID", help="Its id: publishing the same id again is no second event.")
@click.option("--no-wait", is_flag=True, help="Reach only who listens now, without waiting until it is on disk.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help=HEADER)
def publish(
    session: Session, topic: str, body: str, identifier: str | None, no_wait: bool, headers: tuple[str, ...]
) -> None:
    """Publish an event on a topic.

    BODY is JSON or any text, - for the standard input, or @FILE. The event's id is printed once the event is on disk;
    if the outcome is unknown, publish again with the same --id.
    """
    _check_id(identifier)
    session.hint = "micro network nodes" if "@" in topic else ""
    data = read_bytes(body)
    content_type = content_type_of(data)
    said = parse_headers(headers)

    async def work() -> str:
        client = await session.client()
        published = await client.publish_raw(
            topic,
            data,
            content_type=content_type,
            id=identifier,
            headers=said,
            durable=not no_wait,
            timeout_seconds=session.timeout_seconds,
        )
        if no_wait:  # nobody answers, so the link is asked something to be sure that it is written
            await session.call("node", "Node.Status")
        return published

    try:
        found = session.run(work, waiting=f"publishing on {topic}", whole="outcome unknown: publishing")
    except TooManyRequests:  # who it is that does not take what waits
        session.hint = typed_line("micro events subscriptions", topic)
        raise
    if session.shape() == "json":
        session.show({"topic": topic, "id": found})
    elif found:
        session.show(found)


def _check_id(identifier: str | None) -> None:
    """Checks an id where it can still be said that it is the id which is wrong: it travels as one header of many."""
    from micro.mucp.headers import checked

    try:
        checked(identifier or "")
    except ValueError as error:
        raise Usage(f"--id {identifier!r}: an id travels as a header, and {error}") from None


def content_type_of(data: bytes) -> str:
    """Returns what the bytes of an event are: JSON, text, or just bytes."""
    try:
        parse_json(data.decode())
    except UnicodeDecodeError:
        return "application/octet-stream"
    except ValueError:
        return "text/plain"
    return "application/json"


@command("subscribe", example="micro subscribe events --queue audit")
@click.argument("topic", required=False, metavar="TOPIC")
@click.option(
    "--queue", metavar="QUEUE", help="Share the topic with the other members of this queue, which loses nothing."
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after so many events.")
@click.option("--no-ack", is_flag=True, help="Leave events to the queue: they are delivered again.")
@click.option("--raw", is_flag=True, help="Print the bodies alone, byte for byte.")
def subscribe(
    session: Session, topic: str | None, queue: str | None, count: int | None, no_ack: bool, raw: bool
) -> None:
    """Print the events of a topic as they come.

    With a queue the events that waited in it come first, and each is acknowledged once it is printed. Ctrl-C ends it.

    Where another node's log cannot be had, the reason is written to the standard error: the node goes on trying, and
    the events come once they may. So it is where strangers announce the topic, and it is not pinned.
    """
    if topic is None:
        raise Usage("which topic? Missing argument 'TOPIC'", remedy="micro events list")

    session.hint = "micro network nodes" if "@" in topic else "micro events list"

    topic = session.whole(topic)

    async def work() -> None:
        client = await session.client()
        left = count
        async with await client.subscribe_raw(topic, queue) as events:
            if session.shape() == "table":
                note(f"listening on {topic}, Ctrl-C ends")
            events.on_waiting(_tell_waiting)
            asking = asyncio.get_running_loop().create_task(_tell_strangers(session, topic))
            try:
                async for event in events:
                    _show(session, event, raw=raw)
                    if not no_ack:
                        await event.ack()
                    left = None if left is None else left - 1
                    if left == 0:
                        return
            finally:
                asking.cancel()

    try:
        session.run(work, whole=f"listening on {topic}")
    except KeyboardInterrupt:
        return


async def _tell_strangers(session: Session, topic: str) -> None:
    """Tells of strangers that announce a log of a bare topic: no event of theirs comes before the topic is pinned.

    Only a person is told, who asked for this topic: the network would learn of every topic that a service subscribes
    to, if the node asked for each.
    """
    if "@" in topic:
        return
    try:
        found = await session.call("network", "Network.Meet", {"name": f"topic:{topic}"})
        peers = (await session.call("network", "Network.Peers"))["peers"] if found["nodes"] else []
    except (
        MicroError,
        OSError,
        TimeoutError,
    ):  # no network, no super node that answers, or not the owner: nothing is known
        return
    count = len(set(found["nodes"]) - {peer["nid"] for peer in peers if peer["wanted"]})
    if count:
        whose = "1 stranger announces" if count == 1 else f"{count} strangers announce"
        pin = at_home(typed_line("micro network pin", f"topic:{topic}"), session.home)
        _tell_waiting(f"{whose} {topic}, and events of strangers come once it is pinned: `{pin}`")


def _tell_waiting(why: str) -> None:
    note(f"waiting: {clean(why)}" if why else "waiting no longer: the events come now")


def _show(session: Session, event: Event, *, raw: bool) -> None:
    value = value_of(event.body)
    if raw:
        say_bytes(event.body)
    elif session.shape() == "json":
        said = {"topic": event.topic, "id": event.id, "time": event.time, "attempt": event.attempt, "body": value}
        session.show_item(said)
    elif session.shape() == "plain":
        say(value if isinstance(value, str) else as_line(value))
    else:
        when = clock_time(event.time) if event.time else ""
        again = f"  (delivery {event.attempt})" if event.attempt > 1 else ""
        say(f"{when}  {cell(value)}{again}".strip())


def value_of(body: bytes) -> Any:
    """Returns the body of an event as a value: of JSON, of text, else base64."""
    from base64 import b64encode

    try:
        text = body.decode()
    except UnicodeDecodeError:
        return b64encode(body).decode("ascii")
    try:
        return parse_json(text)
    except ValueError:
        return text
