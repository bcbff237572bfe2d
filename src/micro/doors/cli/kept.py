"""The commands `micro events …`: the events that the node keeps."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

import click

from micro.doors.cli.events import value_of
from micro.doors.cli.moment import ago, length, moment
from micro.doors.cli.options import Function, group
from micro.doors.cli.output import Column, as_line, cell
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, say
from micro.trust.identity import short

__all__ = ["copy_rows", "events", "older_lines"]

TOPICS = [Column(name) for name in ("topic", "messages", "bytes", "subscribers", "queues")]
SUBSCRIBERS = [Column(name) for name in ("topic", "nid", "subscriptions", "announced")]
UPSTREAMS = [Column(name) for name in ("name", "nid", "queue", "subscriber", "state", "reason")]
OWNED = [Column(name) for name in ("topic", "service", "exported", "replicas")]
COPIES = [Column(name) for name in ("topic", "replicas", "copies", "last", "copied", "waiting", "trouble")]
EVENTS = [Column(name) for name in ("sequence", "when", "id", "publisher", "body")]
LIMIT = 100

READING = (
    "its copies hand it out while this node is away: stop this node, and read at another node of the network with "
    "`micro subscribe {topic}@{nid} --queue QUEUE`, which begins within a minute"
)
"""How an older log is read."""


@group("events", example="micro events list orders --from 1h")
def events() -> None:
    """List the events that are kept, replay them, drop queues, and open topics to other nodes.

    A topic keeps its events for some days, also those that everybody has had: see the setting kept_days.
    """


def _point(function: Function) -> Function:
    """Adds the options that say from which point in time on."""
    about = "From this date on, in the form of ISO 8601."
    function = click.option("--since", type=moment, metavar="DATE", help=about)(function)
    return click.option("--from", "length", type=length, metavar="TIME", help="From so long ago on: 90s, 15m, 1h, 7d.")(
        function
    )


def _start(since: float | None, back: float | None) -> float:
    """Returns the point in time that was asked for, 0 for none."""
    if since is not None and back is not None:
        raise click.UsageError("--since and --from both say from when on; give one of them.")
    return since if since is not None else time.time() - back if back is not None else 0.0


@events.command_of("list", example="micro events list orders --since 2026-11-01T00:00:00Z")
@click.argument("topic", required=False)
@_point
@click.option("--limit", type=click.IntRange(1), default=LIMIT, metavar="N", help=f"How many.  [default: {LIMIT}]")
def list_(session: Session, topic: str | None, since: float | None, length: float | None, limit: int) -> None:
    """List the topics, or the events of one topic that are kept, the oldest first."""
    start = _start(since, length)
    if topic is None:
        found = session.ask("node", "Node.Topics")
        rows = [{**each, "queues": [queue["queue"] for queue in each["queues"]]} for each in found["topics"]]
        session.show_rows(found, rows, TOPICS)
        return
    session.hint = "micro events list"
    kept = _read(session, topic, start, limit)
    rows = [{**event, "when": ago(event["time"]), "body": cell(event["body"])} for event in kept]
    session.show_rows({"topic": topic, "events": kept}, rows, EVENTS)
    if not kept and session.shape() == "table":
        note("no such event is kept")


def _read(session: Session, topic: str, since: float, limit: int) -> list[dict[str, Any]]:
    async def work() -> list[dict[str, Any]]:
        asked = {"topic": topic, "since": since, "limit": limit}
        return [_with_value(event) async for event in session.stream("events", "Events.Read", asked)]

    return session.run(work, waiting=f"reading {topic}", whole=f"reading {topic}")


def _with_value(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "body": value_of(b64decode(event["body"]))}


@events.command_of("export", example="micro events export orders")
@click.argument("topic", required=False)
@click.option("--off", is_flag=True, help="Close it again.")
@click.option(
    "--replicas", type=click.IntRange(0, 3), metavar="N", help="Have so many super nodes keep a copy of its events."
)
def export(session: Session, topic: str | None, off: bool, replicas: int | None) -> None:
    """Open a topic to other nodes, or list those that belong to a service or were opened.

    Subscribers on linked nodes then get its events, as far as the rules let those nodes. With --replicas an event is
    acknowledged once so many super nodes have it, too, and outlives this node.
    """
    if topic is None and (off or replicas is not None):
        raise click.UsageError("Say which topic to close, or to have copied.")
    if topic is not None:
        found = session.ask("events", "Events.Export", {"topic": topic, "exported": not off, "replicas": replicas})
        older = found.get("older", [])
        is_whole = session.shape() == "json"
        session.show_fields({name: found[name] for name in found if is_whole or name != "older"})
        for line in older_lines(topic, older):
            note(f"{line}; `micro events copies` says how to read it")
        return
    found = session.ask("events", "Events.Exports")
    session.show_rows(found, found["topics"], OWNED)
    if not found["topics"] and session.shape() == "table":
        note("every topic is the node's own, and local")


@events.command_of("subscribers", example="micro events subscribers orders")
@click.argument("topic", required=False)
def subscribers(session: Session, topic: str | None) -> None:
    """List the other nodes that subscribe to topics of this one.

    Those that are linked now are shown with the number of their subscriptions; those that say in the network that they
    subscribe are shown as announced, also while they are away.
    """
    found = session.ask("events", "Events.Subscribers", {"topic": topic or ""})
    session.show_rows(found, found["subscribers"], SUBSCRIBERS)
    if not found["subscribers"] and session.shape() == "table":
        note("no other node subscribes")


@events.command_of("subscriptions", example="micro events subscriptions")
@click.argument("topic", required=False)
def subscriptions(session: Session, topic: str | None) -> None:
    """List the logs of other nodes that subscribers here are given, or wait for.

    The state is open, asked, refused or sought; for the last two the reason says why, and what helps.
    """
    found = session.ask("events", "Events.Subscriptions", {"topic": topic or ""})
    session.show_rows(found, found["subscriptions"], UPSTREAMS)
    if not found["subscriptions"] and session.shape() == "table":
        note("nobody here subscribes to logs of other nodes")


@events.command_of("copies", example="micro events copies")
def copies(session: Session) -> None:
    """List the topics of which super nodes keep copies, and up to which event they have it.

    Where an older log of a topic lies at them that was not taken back, that is said, and how it can be read.
    """
    found = session.ask("events", "Events.Copies")
    session.show_rows(found, copy_rows(found["topics"], is_plain=session.shape() == "plain"), COPIES)
    if not found["topics"] and session.shape() == "table":
        note("no copies are wanted of any topic; `micro events export TOPIC --replicas 2` says so")
    for each in found["topics"]:
        for line in older_lines(each["topic"], each.get("older", [])):
            note(f"{line}; {READING.format(topic=each['topic'], nid=found['nid'])}")


def copy_rows(topics: Sequence[Mapping[str, Any]], *, is_plain: bool) -> list[dict[str, Any]]:
    """Returns the rows of `micro events copies`: with whole node ids and commas for programs, cut ones for people."""
    return [
        {**each, "copies": ",".join(each["copies"]) if is_plain else [short(nid) for nid in each["copies"]]}
        for each in topics
    ]


def older_lines(topic: str, older: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns a line on each older log of a topic that lies at copies and was not taken back."""
    return [
        f"an older log of {topic}, events {each['first']} to {each['last']}, the newest {ago(each['time'])}, lies at "
        f"{', '.join(short(nid) for nid in each['copies'])} and was not taken back"
        for each in older
    ]


@events.command_of("drop", example="micro events drop orders kichen")
@click.argument("topic")
@click.argument("queue")
def drop(session: Session, topic: str, queue: str) -> None:
    """Drop a queue that nobody is at, with the events that wait in it.

    The topic keeps its events, and its other queues. Who subscribes to a queue of that name later begins a new one.
    """
    session.hint = "micro events list"
    session.show_fields(session.ask("events", "Events.Drop", {"topic": topic, "queue": queue}))


@events.command_of("replay", example="micro events replay orders --from 1h --queue kitchen")
@click.argument("topic")
@_point
@click.option("--queue", metavar="QUEUE", help="Hand them to this queue once more.")
@click.option("--print", "prints", is_flag=True, help="Print them, and hand them to nobody.")
def replay(
    session: Session, topic: str, since: float | None, length: float | None, queue: str | None, prints: bool
) -> None:
    """Replay the kept events of a topic from a point in time on.

    The members of the queue get them as if for the first time; a queue that is new begins there. What is under way in
    the queue is not delivered twice, and what functions make of an event anew is known and published once.
    """
    if since is None and length is None:
        raise click.UsageError("Say from when on, with --since DATE or --from TIME.")
    if (queue is None) == (not prints):
        raise click.UsageError("Say where to: --queue QUEUE, or --print.")
    start = _start(since, length)
    session.hint = "micro events list"
    if queue is not None:
        found = session.ask("events", "Events.Replay", {"topic": topic, "queue": queue, "since": start})
        session.show_fields(found)
        return

    async def work() -> None:
        async for event in session.stream("events", "Events.Read", {"topic": topic, "since": start}):
            shown = _with_value(event)
            if session.shape() == "json":
                session.show_item(shown)
            else:
                say(shown["body"] if isinstance(shown["body"], str) else as_line(shown["body"]))

    session.run(work, whole=f"replaying {topic}")
