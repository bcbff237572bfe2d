"""The commands about source that is not run yet: `detect`, `build` and `verify`; and how long work is followed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click

from micro.doors.cli.completion import complete_services
from micro.doors.cli.elsewhere import typed_line
from micro.doors.cli.options import command
from micro.doors.cli.output import clean
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, paint, say
from micro.errors import InternalError
from micro.runtime.source.spec import parse

__all__ = ["build", "detect", "engine_option", "follow", "local_source", "reminding", "verify"]

REMINDER_SECONDS = 10.0
"""So often a long work says that it goes on where nobody sees a terminal."""


def local_source(source: str) -> str:
    """Returns a source as the node understands it, whose working directory is another one: local paths in full.

    Raises:
        SourceError: it follows no form that is known.
    """
    if "@" in source and os.path.isdir(source):  # a folder that is there is meant, not a reference
        source = f"file://{quote(os.path.abspath(source))}"
    return str(parse(source).below(os.getcwd()))


engine_option = click.option(
    "--engine",
    type=click.Choice(["process", "wasm"]),
    help="What runs it: by default what it is made for; its micro.toml has the last word.",
)


@command("detect", example="micro detect github.com/ann/greeter")
@click.argument("source")
@engine_option
def detect(session: Session, source: str, engine: str | None) -> None:
    """Say what a source is, and how it would start.

    SOURCE is a folder or a git URL, as for `micro run`. It is fetched, looked at and left alone: nothing of it is run.
    """
    request = asked(source, engine)
    found = session.ask("runtime", "Runtime.Detect", request, waiting=f"looking at {source}")
    if session.shape() == "json":
        session.show(found)
        return
    listed = {"command": " ".join, "build": " ".join, "endpoints": ", ".join, "tools": ", ".join, "notes": "; ".join}
    shown = {key: listed[key](value) if key in listed else value for key, value in found.items()}
    session.show_fields({key: clean(str(value)) for key, value in shown.items() if value})
    session.next(f"micro run {clean(source)}")


def asked(source: str, engine: str | None) -> dict[str, str]:
    """Returns the request about a source, with the engine that somebody asks for."""
    return {"source": local_source(source), **({"engine": engine} if engine else {})}


@command("build", example="micro build github.com/ann/greeter")
@click.argument("source")
@engine_option
def build(session: Session, source: str, engine: str | None) -> None:
    """Build a source without running it.

    What it asks for is fetched from the registries of its language, and then it is built without a network. The last
    line names the build, which `micro verify` takes.
    """
    last = follow(session, "Runtime.Build", asked(source, engine))
    if session.shape() == "table" and last.get("build"):
        session.next(f"micro verify {clean(str(last['build']))[:16]}")


@command("verify", example="micro verify greeter")
@click.argument("service", shell_complete=complete_services)
@click.option("--attestations", type=click.IntRange(1, 64), help="So many linked nodes have to have built the same.")
def verify(session: Session, service: str, attestations: int | None) -> None:
    """Check what a service was built from.

    SERVICE is the name of one that runs here, or the beginning of a build's name. That this node stated the build is
    checked, that nothing was changed since, and, where its language allows, that it comes out the same again.

    With --attestations the nodes that this one is linked with are asked which artefact came of the same build there.
    Each signs its answer and is shown; where builds come out equal in every bit, one that differs is an error.
    """
    follow(session, "Runtime.Verify", {"name": service, "attestations": attestations or 0})


@contextlib.contextmanager
def reminding(step: Callable[[], str], *, silent: bool = False) -> Iterator[None]:
    """Says every ten seconds that a step goes on, where no terminal shows that something moves.

    Args:
        step: returns what is being done; while that is empty nothing is said.
        silent: say nothing.
    """
    if silent or sys.stderr.isatty():
        yield
        return
    import asyncio

    loop = asyncio.get_running_loop()
    began = loop.time()
    waiting = loop.call_later(REMINDER_SECONDS, lambda: remind())

    def remind() -> None:
        nonlocal waiting
        waiting = loop.call_later(REMINDER_SECONDS, remind)
        if step():
            note(f"{step().ljust(9)} goes on, {loop.time() - began:.0f} s so far")

    try:
        yield
    finally:
        waiting.cancel()


def follow(session: Session, endpoint: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Shows the steps of a long work as they come, fails as it fails, and returns the last one."""
    verb = endpoint.rpartition(".")[2].lower()
    last: Mapping[str, Any] = {}  # stays empty until the node has taken the request

    async def work() -> None:
        with reminding(lambda: str(last.get("step", "")), silent=session.shape() == "json"):
            await show()

    async def show() -> None:
        nonlocal last
        async for step in session.stream("runtime", endpoint, request):
            last = step
            if session.shape() == "json":
                session.show_item(step)
            elif not step.get("failed") and not step.get("done"):
                note(f"{paint(str(step['step']).ljust(9), 'dim', sys.stderr)} {clean(str(step.get('detail', '')))}")

    session.hint = "micro status"
    try:
        session.run(work, waiting="working", whole=verb)
    except KeyboardInterrupt:
        if not last:
            note("stopped before the node said that it took the request; `micro status` shows what runs")
        elif verb in {"run", "update", "offer"}:  # whoever looks on no more ends nothing
            note("the node goes on with it: `micro status` shows what runs, `micro kill SERVICE` stops it")
        else:
            note("the node gives it up: nobody looks on any more")
        raise
    if last.get("failed") or not last.get("done"):
        for line in last.get("tail") or ():
            note(f"  {clean(str(line))}")
        logged = last.get("logged") and last.get("service")
        session.hint = typed_line("micro logs", str(last["service"])) if logged else ""
        raise InternalError(str(last.get("detail") or "the node ended the work without saying why"))
    if session.shape() != "json":
        say(clean(str(last.get("detail") or "done")))
    return last
