"""The commands `call` and `stream`: any endpoint, with bodies as they travel."""

from __future__ import annotations

import click

from micro.doors.cli.body import json_body, read_bytes
from micro.doors.cli.completion import complete_endpoints, complete_services
from micro.doors.cli.elsewhere import typed_line
from micro.doors.cli.ending import Usage
from micro.doors.cli.example import takes_items, yields_items
from micro.doors.cli.exchange import (
    BYTES,
    JSON,
    exchange_call,
    exchange_stream,
    find_endpoint,
    item_of,
    show_answer,
)
from micro.doors.cli.options import command
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import say_bytes
from micro.doors.cli.values import parse_json

__all__ = ["call", "parse_headers", "stream"]

HEADER = "A header of the request; may be given several times."


def parse_headers(texts: tuple[str, ...]) -> dict[str, str] | None:
    """Returns the headers that were typed as `NAME=VALUE`, or None where there are none.

    Raises:
        Usage: one has another form.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Usage(f"{text!r} is no header; write --header NAME=VALUE")
        found[name] = value
    return found or None


def _opening(body: str | None, *, raw: bool) -> tuple[bytes, str]:
    """Returns the request's bytes and what they are: JSON, or with `--raw` anything."""
    if body is None:
        return b"{}", JSON
    if not raw:
        return json_body(body), JSON
    data = read_bytes(body)
    try:
        parse_json(data.decode())
    except ValueError:
        return data, BYTES
    return data, JSON


@command("call", example="""micro call greeter Say.Hello '{"name": "Ann"}'""")
@click.argument("service", shell_complete=complete_services)
@click.argument("endpoint", shell_complete=complete_endpoints)
@click.argument("body", required=False, metavar="[BODY]")
@click.option("--raw", is_flag=True, help="Send BODY and print the answer byte for byte, whatever they are.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help=HEADER)
def call(session: Session, service: str, endpoint: str, body: str | None, raw: bool, headers: tuple[str, ...]) -> None:
    """Call an endpoint.

    BODY is the request as JSON, - for the standard input, or @FILE; without it the request is empty. The answer is
    printed as JSON, as it travelled, unless --output says otherwise.
    """
    session.hint = typed_line("micro describe", service)
    data, content_type = _opening(body, raw=raw)
    service = session.whole(service)
    answer = exchange_call(session, service, endpoint, data, content_type=content_type, headers=parse_headers(headers))
    if raw:
        say_bytes(answer)
    else:
        show_answer(session, answer, "json")


@command("stream", example="micro stream ticker Ticker.Tick '{\"count\": 3}'")
@click.argument("service", shell_complete=complete_services)
@click.argument("endpoint", shell_complete=complete_endpoints)
@click.argument("body", required=False, metavar="[BODY]")
@click.option("--raw", is_flag=True, help="Print what comes byte for byte.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help=HEADER)
def stream(
    session: Session,
    service: str,
    endpoint: str,
    body: str | None,
    raw: bool,
    headers: tuple[str, ...],
) -> None:
    """Open a stream and print what comes.

    BODY opens the stream: JSON, - for the standard input, or @FILE. What comes is printed one item a line. Where the
    endpoint takes a stream, each line of the standard input is sent as one item.
    """
    session.hint = typed_line("micro describe", service)
    service = session.whole(service)
    found = find_endpoint(session, service, endpoint)
    takes = takes_items(found)
    if takes and body == "-":
        raise Usage("the standard input holds the items of this stream; give BODY as JSON or @FILE")
    data, content_type = _opening(body, raw=raw)
    request = found.get("request") or {}
    exchange_stream(
        session,
        service,
        endpoint,
        data,
        content_type=content_type,
        items=(lambda line: item_of(request, line)) if takes else None,
        answers=yields_items(found),
        headers=parse_headers(headers),
        default="json",
        raw=raw,
    )
