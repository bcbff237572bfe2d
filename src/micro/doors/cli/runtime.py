"""The commands about running services: `run`, `update`, `kill`, `status` and `logs`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from micro.doors.cli.building import engine_option, follow, local_source
from micro.doors.cli.completion import complete_services
from micro.doors.cli.elsewhere import typed_line
from micro.doors.cli.ending import Usage
from micro.doors.cli.moment import ago, clock_time, span
from micro.doors.cli.options import command
from micro.doors.cli.output import Column, clean, rows_text
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, paint, say, width
from micro.errors import NotFound

__all__ = ["kill", "logs", "run", "status", "update"]

RUNNING = [Column(name) for name in ("name", "state", "revision", "pid", "restarts", "started", "looked", "source")]
LINES_MAX = 100_000
REVISION_CHARACTERS = 10


@command("run", example="micro run github.com/ann/greeter@main")
@click.argument("source")
@click.option("--name", metavar="NAME", help="What to call the service; by default what it calls itself.")
@click.option(
    "--env", "environment", multiple=True, metavar="NAME=VALUE", help="A variable for its process; may be repeated."
)
@click.option(
    "--evolve/--no-evolve",
    default=None,
    help="Whether it moves by itself when its source changes; by default a repository without a pinned commit does.",
)
@click.option(
    "--allow", multiple=True, metavar="WHAT", help="What it may beyond its own: `network`, the machine's network."
)
@engine_option
def run(
    session: Session,
    source: str,
    name: str | None,
    environment: tuple[str, ...],
    evolve: bool | None,
    allow: tuple[str, ...],
    engine: str | None,
) -> None:
    """Run a service from its source.

    SOURCE is a folder, or a git URL with an optional sub-path and reference: github.com/owner/repository/path@ref. The
    command ends when the service is registered, or with its log where it does not come up. The node starts it again
    whenever it is needed, until `micro kill`.

    A service sees its source, its packages and its node, and nothing else of the machine. One that needs the network
    says so, or fails: allow it where you trust it.
    """
    variables = dict(_variable(text) for text in environment)
    request = {
        "source": local_source(source),
        "name": name,
        "environment": variables or None,
        "evolve": evolve,
        "allow": list(allow) or None,
        "engine": engine,
    }
    _follow(session, "Runtime.Run", {key: value for key, value in request.items() if value is not None})


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
    last = follow(session, endpoint, request)
    if session.shape() == "table" and last.get("service"):
        session.next(typed_line("micro", str(last["service"])) + " --help")


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
@click.argument("service", required=False, shell_complete=complete_services)
def status(session: Session, service: str | None) -> None:
    """Show the node and the services it runs, or one of them.

    Of a SERVICE it shows the source: which commit it runs, when the source was last looked at for a newer one, and what
    was wrong with it.
    """
    if service is not None:
        _show_running(session, service)
        return
    node = session.ask("node", "Node.Status")
    running = session.ask("runtime", "Runtime.Status")["services"]
    if session.shape() == "json":
        session.show({**node, "running": running})
        return
    session.show_fields(node)
    if session.shape() == "plain":
        for each in running:
            say(f"service\t{each['name']}\t{each['state']}\t{each['revision']}\t{each['source']}")
    elif running:
        say("")
        say(rows_text([_row(each) for each in running], RUNNING, "table", width=width()))
        for each in running:
            for field, look in (("reason", "logs"), ("trouble", "status")):
                if each.get(field):
                    note(f"{clean(each['name'])}: {clean(str(each[field]))}")
                    session.next(typed_line(f"micro {look}", str(each["name"])))
            if each.get("waits"):
                note(f"{clean(each['name'])}: {clean(str(each['waits']))}")
                session.next(typed_line("micro evolution", str(each["name"])))


def _show_running(session: Session, name: str) -> None:
    running = session.ask("runtime", "Runtime.Status")["services"]
    found = next((each for each in running if each["name"] == name), None)
    if found is None:
        session.hint = "micro status"
        raise NotFound(f"no service {name!r} runs on this node")
    if session.shape() == "table":
        wait = found.pop("look_seconds", 0.0)
        found["next look"] = f"in {span(wait)}" if found.get("evolves") else "never"
        found = {**found, "started": ago(found.get("started")), "looked": ago(found.get("looked"))}
    if session.shape() == "json":
        session.show(found)
    else:
        session.show_fields(found)


def _row(service: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a service as a line of the table."""
    return {
        **service,
        "revision": _short(service["revision"]),
        "started": ago(service.get("started")),
        "looked": ago(service.get("looked")),
    }


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
