"""The commands `micro config …`: the settings that services see."""

from __future__ import annotations

import click

from micro.doors.cli.body import read_bytes
from micro.doors.cli.options import group
from micro.doors.cli.session import Session
from micro.doors.cli.values import parse_json
from micro.errors import NotFound

__all__ = ["config"]


@group("config", example="micro config set greeter.greeting Hello")
def config() -> None:
    """Read and write the settings that services see.

    Settings form a tree: a path is names joined by dots, and the path of a branch gives all below it. Those below a
    service's name are that service's.
    """


@config.command_of("get", example="micro config get greeter")
@click.argument("path", required=False, metavar="[PATH]")
@click.option("--reveal", is_flag=True, help="Show secrets instead of masking them.")
def get(session: Session, path: str | None, reveal: bool) -> None:
    """Print a setting, or all below a path."""
    session.hint = "micro config get"
    found = session.ask("config", "Config.Get", {"path": path or "", "reveal": reveal})
    if path and not found["found"]:
        raise NotFound(f"there is no setting {path!r}")
    if session.shape() == "json":
        session.show(found)
    elif found["found"]:
        session.show(found["value"])


@config.command_of("set", example="micro config set greeter.key @key.pem --secret")
@click.argument("path")
@click.argument("value")
@click.option("--secret", is_flag=True, help="Keep it encrypted, and show it to its service alone.")
def set_value(session: Session, path: str, value: str, secret: bool) -> None:
    """Write a setting.

    VALUE is JSON where it is JSON, else text; - is the standard input, @FILE a file.
    """
    text = read_bytes(value).decode(errors="replace")
    try:
        parsed = parse_json(text)
    except ValueError:
        parsed = text
    found = session.ask("config", "Config.Set", {"path": path, "value": parsed, "secret": secret})
    if session.shape() == "json":
        session.show(found)


@config.command_of("delete", example="micro config delete greeter.greeting")
@click.argument("path")
def delete(session: Session, path: str) -> None:
    """Delete a setting, and all below it."""
    session.hint = "micro config get"
    found = session.ask("config", "Config.Delete", {"path": path})
    if not found["deleted"]:
        raise NotFound(f"there is no setting {path!r}")
    if session.shape() == "json":
        session.show(found)
