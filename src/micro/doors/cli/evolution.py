"""The commands about generations: `evolution` and `rollback`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from micro.doors.cli.completion import complete_services
from micro.doors.cli.elsewhere import typed_line
from micro.doors.cli.moment import ago
from micro.doors.cli.options import command
from micro.doors.cli.output import Column, clean
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, say

__all__ = ["evolution", "rollback"]

COLUMNS = [
    Column(name)
    for name in (
        "generation",
        "state",
        "weight",
        "revision",
        "since",
        "calls",
        "failed",
        "rejected",
        "answers",
        "speed",
        "cost",
        "crashes",
    )
]
REVISION_CHARACTERS = 10
WEIGHT_WHOLE = 10_000


@command("evolution", example="micro evolution greeter")
@click.argument("service", shell_complete=complete_services)
def evolution(session: Session, service: str) -> None:
    """Show the generations of a service, and why each gets what it gets.

    A new revision is a newcomer: it gets 5 % of the calls at most until it is shown to be no worse than its parent, and
    nothing once it is shown to be worse. Both are compared in pairs of concurrent calls: `answers`, `speed` and
    `cost` say in how many the newcomer was better, the same and worse. Any generation that lives can be called as
    SERVICE#GENERATION.
    """
    session.hint = "micro status"
    found = session.ask("runtime", "Runtime.Evolution", {"name": service})
    rows = [_row(each) for each in reversed(found["generations"])]
    session.show_rows(found, rows, COLUMNS)
    if session.shape() != "table":
        return
    for each in reversed(found["generations"]):
        for reason in each["reasons"]:
            note(f"generation {each['generation']}: {clean(str(reason))}")
    if found.get("waits"):  # a node of before says nothing of it
        note(clean(str(found["waits"])))
    if len(rows) > 1:
        session.next(f"micro rollback {clean(service)}")


def _row(each: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: _counts(each[name]) for name in ("answers", "speed", "cost", "crashes")}
    revision = str(each["revision"]).rpartition("-")[2][:REVISION_CHARACTERS]
    weight = f"{each['weight'] * 100 / WEIGHT_WHOLE:g} %"
    return {**each, **counts, "revision": revision, "weight": weight, "since": ago(each["since"])}


def _counts(pairs: Mapping[str, int]) -> str:
    if not any(pairs.values()):
        return ""
    return f"{pairs['better']}/{pairs['same']}/{pairs['worse']}"


@command("rollback", example="micro rollback greeter 2")
@click.argument("service", shell_complete=complete_services)
@click.argument("generation", type=click.IntRange(min=1), required=False)
def rollback(session: Session, service: str, generation: int | None) -> None:
    """Give all calls of a service to a generation that lives.

    Without GENERATION a newcomer on trial gets nothing any more, or else the generation before the active one takes its
    place. Nothing is started or stopped: only the weights change, at once.
    """
    session.hint = "micro status"
    session.ask("runtime", "Runtime.Evolution", {"name": service})  # else there is nothing to show of it, either
    session.hint = typed_line("micro evolution", service)
    request = {"name": service, **({"generation": generation} if generation is not None else {})}
    found = session.ask("runtime", "Runtime.Rollback", request)
    if session.shape() == "json":
        session.show(found)
    else:
        say(clean(str(found["detail"])))
