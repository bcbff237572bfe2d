"""The commands that look at what there is: `services` and `describe`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from micro.doors.cli.completion import complete_services
from micro.doors.cli.example import example_line, opening_of, option_of
from micro.doors.cli.fieldoptions import about_field, type_of
from micro.doors.cli.options import command
from micro.doors.cli.output import Column, cell, clean, rows_text
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, paint, say, width
from micro.service.schema.fields import read_fields

__all__ = ["describe", "services"]

WORDS = (
    "in a network only eight words of a service count: of its name, its tags, the first line of its description and "
    "its endpoints"
)
"""By what a stranger's service is found: see `micro.service.registry.record.terms_of`."""

LIST_MAX = 1000
COLUMNS = [Column(name) for name in ("name", "version", "endpoints", "nodes", "where", "description")]


@command("services", example="micro services qr code")
@click.argument("query", nargs=-1, metavar="[QUERY]")
@click.option("--limit", type=click.IntRange(1, LIST_MAX), default=LIST_MAX, metavar="N", help="How many at most.")
@click.option("-w", "--watch", is_flag=True, help="Go on, and print what comes and goes.")
def services(session: Session, query: tuple[str, ...], limit: int, watch: bool) -> None:
    """List the services in reach, or search the network.

    QUERY is looked for in names, descriptions, endpoints and tags; the best match comes first. What strangers offer
    stands behind what is in reach.
    """
    if watch:
        _watch(session, " ".join(query))
        return
    if query:
        found = session.ask(
            "registry", "Registry.Search", {"query": " ".join(query), "limit": limit, "everywhere": True}
        )
    else:
        found = session.ask("registry", "Registry.List", {"limit": limit})
    rows = found["services"]
    session.show_rows(found, rows, COLUMNS)
    if session.shape() != "json" and not rows:
        none = "no services yet; in a network `micro services WORD` searches it"
        note(f"no service matches {' '.join(query)!r}; {WORDS}" if query else none)
        session.next("micro new hello && micro run ./hello")


def _watch(session: Session, query: str) -> None:
    async def work() -> None:
        async for change in session.stream("registry", "Registry.Watch"):
            instance = change.get("instance")
            if not instance or query.lower() not in str(instance.get("service", "")).lower():
                continue
            if session.shape() == "json":
                session.show_item(change)
            else:
                words = [change["kind"], instance.get("service"), instance.get("version"), instance.get("nid")]
                say("  ".join(cell(word) for word in words))

    try:
        session.run(work, whole="the watch")
    except KeyboardInterrupt:
        return


@command("describe", example="micro describe greeter --output json")
@click.argument("service", shell_complete=complete_services)
@click.option("--proto", is_flag=True, help="Print the protobuf messages of the endpoints instead.")
def describe(session: Session, service: str, proto: bool) -> None:
    """Show what a service offers.

    As JSON it is one object with the JSON Schema of every request and answer: all that any caller needs to know.
    """
    session.hint = "micro services"
    service = session.whole(service)
    found = session.ask("registry", "Registry.Get", {"name": service})
    if proto:
        from micro.service.schema.protosource import proto_source

        say(proto_source(service, found.get("endpoints", ())).rstrip())
    elif session.shape() == "json":
        session.show(found)
    elif session.shape() == "plain":
        for endpoint in found.get("endpoints", ()):
            words = (endpoint["name"], endpoint.get("kind", "call"), endpoint.get("price"))
            say("\t".join(cell(word) for word in (*words, _first_line(endpoint))))
    else:
        _show(found)


def _show(found: Mapping[str, Any]) -> None:
    title = clean(f"{found['name']} {found.get('version', '')}")
    say(paint(title, "bold", sys.stdout))
    if found.get("description"):
        say(clean(found["description"]))
    for endpoint in found.get("endpoints", ()):
        notes = [endpoint.get("kind", "call")]
        notes += ["idempotent"] if endpoint.get("idempotent") else []
        notes += [f"price {endpoint['price']}"] if endpoint.get("price") else []
        say("")
        say(f"{paint(clean(endpoint['name']), 'cyan', sys.stdout)}  {clean(', '.join(notes))}")
        if endpoint.get("description"):
            say(f"  {_first_line(endpoint)}")
        for line in _field_lines(endpoint):
            say(f"  {line}")
        say(f"  {paint(clean(example_line(found, endpoint)), 'dim', sys.stdout)}")
    for function in found.get("functions", ()):
        follows = f" -> {function['emits']}" if function.get("emits") else ""
        say("")
        said = clean(f"{function['topic']} -> {function['name']}{follows}")
        say(f"{paint(said, 'cyan', sys.stdout)}  function")
        if function.get("description"):
            say(f"  {_first_line(function)}")
    if found.get("topics"):
        say("")
        topics = [
            f"{topic['topic']} ({topic['queue']})" if topic.get("queue") else topic["topic"]
            for topic in found["topics"]
        ]
        say(f"topics   {clean(', '.join(topics))}")
    nodes = found.get("nodes") or []
    if nodes:
        say("")
        say(rows_text(nodes, [Column(name) for name in ("nid", "instance", "address")], "table", width=width()))


def _first_line(endpoint: Mapping[str, Any]) -> str:
    return clean(str(endpoint.get("description", "")).strip().partition("\n")[0])


def _field_lines(endpoint: Mapping[str, Any]) -> list[str]:
    rows = [
        {"option": option_of(field), "type": type_of(field), "about": about_field(field)}
        for field in read_fields(opening_of(endpoint))
    ]
    if not rows:
        return []
    return rows_text(rows, [Column("option"), Column("type"), Column("about")], "table", width=width()).splitlines()[1:]
