"""The commands `micro store …`: keys and values at rest."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import click

from micro.doors.cli.body import read_bytes
from micro.doors.cli.completion import complete_services
from micro.doors.cli.options import Function, group
from micro.doors.cli.output import Column
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, say, say_bytes

__all__ = ["store"]

LIST_MAX = 10_000


@group("store", example="micro store write greeting hello && micro store read greeting")
def store() -> None:
    """Read and write the keys of a store.

    Without --service it is the owner's own store; with it the one of a service.
    """


def _place(function: Function) -> Function:
    """Adds the options that say which store and which table."""
    function = click.option("--table", metavar="TABLE", help="A part of the store of its own.")(function)
    about = "The service whose store it is; without it, your own."
    return click.option("--service", metavar="SERVICE", help=about, shell_complete=complete_services)(function)


def _request(service: str | None, table: str | None, **fields: Any) -> dict[str, Any]:
    given = {"service": service, "table": table, **fields}
    return {name: value for name, value in given.items() if value is not None}


@store.command_of("read", example="micro store read greeting")
@click.argument("key")
@_place
def read(session: Session, key: str, service: str | None, table: str | None) -> None:
    """Print the value of a key, byte for byte."""
    session.hint = "micro store list"
    found = session.ask("store", "Store.Read", _request(service, table, key=key))
    if session.shape() == "json":
        session.show(found)
    else:
        say_bytes(b64decode(found["value"]))


@store.command_of("write", example="micro store write greeting hello --expire 60")
@click.argument("key")
@click.argument("value")
@click.option(
    "--expire", "expiry_seconds", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Forget it then."
)
@_place
def write(
    session: Session, key: str, value: str, expiry_seconds: float | None, service: str | None, table: str | None
) -> None:
    """Write a value under a key.

    VALUE is text, - for the standard input, or @FILE.
    """
    data = b64encode(read_bytes(value)).decode("ascii")
    request = _request(service, table, key=key, value=data, expiry_seconds=expiry_seconds)
    found = session.ask("store", "Store.Write", request)
    if session.shape() == "json":
        session.show(found)


@store.command_of("list", example="micro store list --prefix user/")
@click.option("--prefix", metavar="PREFIX", help="Only keys that begin so.")
@click.option("--limit", type=click.IntRange(1, LIST_MAX), help="How many at most.")
@click.option("--offset", type=click.IntRange(0), help="How many to leave out first.")
@_place
def list_keys(
    session: Session, prefix: str | None, limit: int | None, offset: int | None, service: str | None, table: str | None
) -> None:
    """List the keys."""
    found = session.ask("store", "Store.List", _request(service, table, prefix=prefix, limit=limit, offset=offset))
    if session.shape() == "json":
        session.show(found)
        return
    records = next((value for value in found.values() if isinstance(value, list)), [])
    rows = [record if isinstance(record, dict) else {"key": record} for record in records]
    if session.shape() == "plain":
        for row in rows:
            say(str(row["key"]))
    elif rows:
        columns = [Column(name) for name in dict.fromkeys(name for row in rows for name in row) if name != "value"]
        session.show_rows(found, rows, columns)
    else:
        note("no keys")


@store.command_of("delete", example="micro store delete greeting")
@click.argument("key")
@_place
def delete(session: Session, key: str, service: str | None, table: str | None) -> None:
    """Delete a key."""
    session.hint = "micro store list"
    found = session.ask("store", "Store.Delete", _request(service, table, key=key))
    if session.shape() == "json":
        session.show(found)
