"""The commands `micro flow …`: how events flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from micro.doors.cli.options import group
from micro.doors.cli.output import Column, clean
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, say
from micro.trust.identity import short

__all__ = ["drawing", "flow"]

STEPS = [Column(name) for name in ("topic", "service", "function", "emits", "queue", "nodes")]

Step = Mapping[str, Any]


@group("flow", example="micro flow show")
def flow() -> None:
    """Draw how events flow from function to function.

    A function takes the events of a topic and publishes others; what the services in reach say of theirs makes a chain.
    """


@flow.command_of("show", example="micro flow show orders")
@click.argument("topic", required=False)
def show(session: Session, topic: str | None) -> None:
    """Draw the chains of functions and subscribers, with the services and nodes they are on.

    With TOPIC only what follows from it is drawn.
    """
    session.hint = "micro events list"
    found = session.ask("events", "Events.Flow")
    steps: list[Step] = found["steps"] if topic is None else list(_after(found["steps"], topic))
    if session.shape() != "table":
        session.show_rows({"steps": steps}, steps, STEPS)
    else:
        for line in drawing(steps):
            say(line)
    if not steps and session.shape() != "json":
        note("no service takes events" if topic is None else f"no service takes events from {topic}")
        note("next: declare @service.function, or @service.subscribe")


def _after(steps: Sequence[Step], topic: str) -> Iterator[Step]:
    """Yields the steps that events of a topic can come to."""
    reached, left = {topic}, list(steps)
    while taken := [step for step in left if step["topic"] in reached]:
        left = [step for step in left if step["topic"] not in reached]
        reached |= {step["emits"] for step in taken if step["emits"]}
        yield from taken


def drawing(steps: Sequence[Step]) -> list[str]:
    """Returns the lines of a picture: each topic with who takes it, and below each what follows from that.

    A topic is drawn once; where it comes again it is named alone, so that a circle has an end.
    """
    by_topic: dict[str, list[Step]] = {}
    for step in steps:
        by_topic.setdefault(step["topic"], []).append(step)
    emitted = {step["emits"] for step in steps}
    roots = [topic for topic in by_topic if topic not in emitted]
    lines: list[str] = []
    drawn: set[str] = set()
    for topic in (*roots, *by_topic):  # those that only a circle leads to come last
        if topic not in drawn:
            lines.append(clean(topic))
            drawn.add(topic)
            _draw(by_topic, topic, "", drawn, lines)
    return lines


def _draw(by_topic: Mapping[str, Sequence[Step]], first: str, indent: str, drawn: set[str], lines: list[str]) -> None:
    """Adds the lines below a topic; without recursion, since a stranger's chain may be long."""
    stack = [iter(_marked(by_topic[first], indent))]
    while stack:
        step, corner, below = next(stack[-1], (None, "", ""))
        if step is None:
            stack.pop()
            continue
        name = f"{step['service']}.{step['function']}" if step["function"] else step["service"]
        on = f"{len(step['nodes'])} nodes" if len(step["nodes"]) > 1 else f"on {short(''.join(step['nodes']))}"
        emits = step["emits"]
        is_again = emits in drawn and emits in by_topic
        follows = f" -> {emits}{' (above)' if is_again else ''}" if emits else ""
        lines.append(clean(f"{corner}{name}  {on}{follows}"))
        if emits in by_topic and not is_again:
            drawn.add(emits)
            stack.append(iter(_marked(by_topic[emits], below)))


def _marked(steps: Sequence[Step], indent: str) -> Iterator[tuple[Step, str, str]]:
    for number, step in enumerate(steps, 1):
        is_last = number == len(steps)
        yield step, f"{indent}{'└' if is_last else '├'}─ ", f"{indent}{'   ' if is_last else '│  '}"
