"""The commands about running services: `run`, `update`, `kill`, `status` and `logs`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import click

from micro.doors.cli.completion import complete_services
from micro.doors.cli.ending import Usage
from micro.doors.cli.moment import ago, clock_time
from micro.doors.cli.options import command
from micro.doors.cli.output import Column, clean, rows_text
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, paint, say, width
from micro.errors import InternalError
from micro.runtime.source.spec import parse

__all__ = ["kill", "logs", "run", "status", "update"]

RUNNING = [Column(name) for name in ("name", "state", "revision", "pid", "restarts", "started", "source")]
LINES_MAX = 100_000
REVISION_CHARACTERS = 10


def local_source(source: str) -> str:
    """Returns a source as the node understands it, whose working directory is another one: local paths in full.

    Raises:
        SourceError: it follows no form that is known.
    """
    if "@" in source and os.path.isdir(source):  # a folder that is there is meant, not a reference
        source = f"file://{quote(os.path.abspath(source))}"
    return str(parse(source).below(os.getcwd()))


@command("run", example="micro run github.com/ann/greeter@main")
@click.argument("source")
@click.option("--name", metavar="NAME", help="What to call the service; by default what it calls itself.")
@click.option(
    "--env", "environment", multiple=True, metavar="NAME=VALUE", help="A variable for its process; may be repeated."
)
def run(session: Session, source: str, name: str | None, environment: tuple[str, ...]) -> None:
    """Run a service from its source.

    SOURCE is a folder, or a git URL with an optional sub-path and reference: github.com/owner/repository/path@ref. The
    command ends when the service is registered, or with its log where it does not come up. The node starts it again
    whenever it is needed, until `micro kill`.
    """
    variables = dict(_variable(text) for text in environment)
    request = {"source": local_source(source), "name": name, "environment": variables}
    _follow(session, "Runtime.Run", {key: value for key, value in request.items() if value})


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Usage(f"{text!r} is no variable; write --env NAME=VALUE")
    return name, value


@command("update", example="micro update greeter")
@click.argument("service", shell_complete=complete_services)
@click.option("--trial", is_flag=True, help="Try it beside what runs, and move only if it is shown to be no worse.")
def update(session: Session, service: str, trial: bool) -> None:
    """Move a service to the newest revision of its source.

    The old processes answer until the new ones do; no call fails. With --trial the newest revision gets 5 % of the
    calls at most until it is shown to be no worse: see `micro evolution`.
    """
    _follow(session, "Runtime.Offer" if trial else "Runtime.Update", {"name": service})


def _follow(session: Session, endpoint: str, request: Mapping[str, Any]) -> None:
    """Shows the steps of a run or an update as they come, and fails as it fails."""

    async def work() -> Mapping[str, Any]:
        last: Mapping[str, Any] = {}
        async for step in session.stream("runtime", endpoint, request):
            last = step
            if session.shape() == "json":
                session.show_item(step)
            elif not step.get("failed") and not step.get("done"):
                note(f"{paint(str(step['step']).ljust(9), 'dim', sys.stderr)} {clean(str(step.get('detail', '')))}")
        return last

    session.hint = "micro status"
    last = session.run(work, waiting="working", whole=endpoint.rpartition(".")[2].lower())
    if last.get("failed") or not last.get("done"):
        for line in last.get("tail") or ():
            note(f"  {clean(str(line))}")
        verb = endpoint.rpartition(".")[2].lower()
        session.hint = f"micro logs {clean(str(last['service']))}" if last.get("tail") else f"micro {verb} --help"
        raise InternalError(str(last.get("detail") or "the node ended the run without saying why"))
    if session.shape() != "json":
        say(clean(str(last.get("detail") or "done")))
    if session.shape() == "table" and last.get("service"):
        session.next(f"micro {clean(str(last['service']))} --help")


@command("kill", example="micro kill greeter")
@click.argument("service", shell_complete=complete_services)
def kill(session: Session, service: str) -> None:
    """Stop a service and forget it.

    Calls under way are finished. Its store and its settings stay.
    """
    session.hint = "micro status"
    found = session.ask("runtime", "Runtime.Kill", {"name": service}, waiting=f"stopping {service}")
    if session.shape() == "json":
        session.show(found)
    else:
        say(f"{service} is stopped")


@command("status", example="micro status --output json")
def status(session: Session) -> None:
    """Show the node and the services it runs."""
    node = session.ask("node", "Node.Status")
    running = session.ask("runtime", "Runtime.Status")["services"]
    if session.shape() == "json":
        session.show({**node, "running": running})
        return
    session.show_fields(node)
    if session.shape() == "plain":
        for service in running:
            say(f"service\t{service['name']}\t{service['state']}\t{service['revision']}\t{service['source']}")
    elif running:
        rows = [
            {**service, "revision": _short(service["revision"]), "started": ago(service.get("started"))}
            for service in running
        ]
        say("")
        say(rows_text(rows, RUNNING, "table", width=width()))
        for service in running:
            if service.get("reason"):
                note(f"{clean(service['name'])}: {clean(str(service['reason']))}")
                session.next(f"micro logs {clean(service['name'])}")


def _short(revision: str) -> str:
    """Returns enough of a revision's name to tell it from others."""
    return revision.rpartition("-")[2][:REVISION_CHARACTERS]


@command("logs", example="micro logs -f greeter")
@click.argument("service", shell_complete=complete_services)
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines as they come; Ctrl-C ends it.")
@click.option(
    "-n", "--lines", type=click.IntRange(0, LINES_MAX), default=100, help="How many of the last lines come first."
)
def logs(session: Session, service: str, follow: bool, lines: int) -> None:
    """Print what a service wrote.

    The log of a service that was killed is still there.
    """

    async def work() -> None:
        request = {"name": service, "follow": follow, "lines": lines}
        async for line in session.stream("runtime", "Runtime.Logs", request):
            if session.shape() == "json":
                session.show_item(line)
            elif session.shape() == "plain":
                say(line["line"])
            else:
                say(f"{paint(clock_time(line['time']), 'dim', sys.stdout)}  {clean(line['line'])}")

    session.hint = "micro status"
    try:
        session.run(work, whole=f"the log of {service}")
    except KeyboardInterrupt:
        if not follow:
            raise
