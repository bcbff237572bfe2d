"""The commands `micro store …`: keys and values at rest."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import click

from micro.doors.cli.body import read_bytes
from micro.doors.cli.completion import complete_services
from micro.doors.cli.moment import ago, span
from micro.doors.cli.options import FreeOption, Function, group, seconds
from micro.doors.cli.output import Column, cell
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, say, say_bytes
from micro.errors import NotFound

__all__ = ["store"]

LIST_MAX = 10_000

OWN = "owner"
"""Whose store it is where no service is named."""

COLUMNS = [Column(name) for name in ("key", "bytes", "changed", "expires")]


@group("store", example="micro store write greeting hello && micro store read greeting")
def store() -> None:
    """Read and write the keys of a store.

    Without --service it is a store of your own; with it the one of a service, of which each caller may have a part.
    """


def _place(function: Function) -> Function:
    """Adds the options that say which store, and which part of it."""
    function = click.option("--table", metavar="TABLE", help="Which table of it.")(function)
    about = "Whose part of it, where each caller has one."
    function = click.option("--scope", metavar="SCOPE", help=about)(function)
    about = "The service whose store it is; without it, your own."
    return click.option("--service", metavar="SERVICE", help=about, shell_complete=complete_services)(function)


def _request(place: Mapping[str, str | None], **fields: Any) -> dict[str, Any]:
    given = {**place, "service": place["service"] or OWN, **fields}
    return {name: value for name, value in given.items() if value is not None}


@store.command_of("read", example="micro store read greeting")
@click.argument("key")
@_place
def read(session: Session, key: str, **place: str | None) -> None:
    """Print the value of a key, byte for byte.

    As JSON the value is in base64.
    """
    session.hint = "micro store list"
    found = session.ask("store", "Store.Read", _request(place, key=key))
    if not found["found"]:
        raise NotFound(f"there is no key {key!r}")
    if session.shape() == "json":
        session.show(found)
    else:
        say_bytes(b64decode(found["value"]))


@store.command_of("write", example="micro store write greeting hello --expire 60")
@click.argument("key")
@click.argument("value")
@click.option("--expire", type=seconds, metavar="SECONDS", help="Forget it after so long.")
@_place
def write(session: Session, key: str, value: str, expire: float | None, **place: str | None) -> None:
    """Write a value under a key.

    VALUE is text, - for the standard input, or @FILE. It is on disk when the command ends.
    """
    data = b64encode(read_bytes(value)).decode("ascii")
    found = session.ask("store", "Store.Write", _request(place, key=key, value=data, expiry_seconds=expire))
    if session.shape() == "json":
        session.show(found)


@store.command_of("list", example="micro store list --prefix user/")
@click.option("--prefix", cls=FreeOption, metavar="PREFIX", help="Only keys that begin so.")
@click.option("--limit", type=click.IntRange(1, LIST_MAX), metavar="N", help="How many at most.")
@click.option("--offset", type=click.IntRange(0), metavar="N", help="How many to leave out first.")
@_place
def list_keys(session: Session, prefix: str | None, limit: int | None, offset: int | None, **place: str | None) -> None:
    """List the keys, in order."""
    found = session.ask("store", "Store.List", _request(place, prefix=prefix, limit=limit, offset=offset))
    if session.shape() == "plain":
        for item in found["items"]:
            say(cell(item["key"]))
        return
    session.show_rows(found, [_row(item) for item in found["items"]], COLUMNS)
    if not found["items"] and session.shape() == "table":
        note("no keys")


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    expires = f"in {span(item['expires'] - time.time())}" if "expires" in item else ""
    return {
        "key": item["key"],
        "bytes": len(b64decode(item["value"])),
        "changed": ago(item["changed"]),
        "expires": expires,
    }


@store.command_of("delete", example="micro store delete greeting")
@click.argument("key")
@_place
def delete(session: Session, key: str, **place: str | None) -> None:
    """Delete a key."""
    session.hint = "micro store list"
    found = session.ask("store", "Store.Delete", _request(place, key=key))
    if not found["deleted"]:
        raise NotFound(f"there is no key {key!r}")
    if session.shape() == "json":
        session.show(found)
