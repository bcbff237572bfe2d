"""The command `micro server`: a node in the foreground."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from micro.doors.cli.elsewhere import home_words
from micro.doors.cli.example import example_line, example_request
from micro.doors.cli.options import FreeOption, Function, command, home_option
from micro.doors.cli.output import as_line, clean
from micro.doors.cli.session import Session
from micro.doors.cli.settings import load_config, unknown_words
from micro.doors.cli.terminal import note, paint, say
from micro.errors import ConfigError
from micro.node.config import NodeConfig

if TYPE_CHECKING:
    from micro.node.node import Node

__all__ = ["server"]

SHORTER = {"super_node": ("--super/--no-super",)}
"""Settings whose option has a shorter name too."""
KINDS: dict[type, Any] = {int: click.INT, float: click.FLOAT, str: click.STRING}
METAVARS = {int: "NUMBER", float: "NUMBER", str: "TEXT"}


def _settings(function: Function) -> Function:
    """Adds an option for each setting of a node; the home has one already."""
    for setting in reversed(dataclasses.fields(NodeConfig)):
        if setting.name == "home":
            continue
        option = f"--{setting.name.replace('_', '-')}"
        kind = type(setting.default)
        meaning = f"{setting.metadata['meaning']}  [default: {str(setting.default).lower() or 'none'}]"
        if kind is bool:
            function = click.option(
                f"{option}/--no-{option[2:]}", *SHORTER.get(setting.name, ()), setting.name, default=None, help=meaning
            )(function)
        else:
            function = click.option(
                option, setting.name, cls=FreeOption, type=KINDS[kind], metavar=METAVARS[kind], help=meaning
            )(function)
    return function


@command("server", example="micro server --catalogue services", output=False, node=False)
@click.option(
    "--catalogue",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Run every service in the folders of this folder too.",
)
@_settings
def server(session: Session, catalogue: Path | None, **settings: Any) -> None:
    """Start a node, and stop it with Ctrl-C.

    Services that ran when the node stopped run again. Each setting can stand in config.toml in the node's home, in the
    environment as MICRO_NAME, or here.
    """
    config = load_config(session.home, settings)
    for words in unknown_words(near=False):  # of the others every command tells
        note(f"micro: {words}")
    session.hint = "micro doctor"
    try:
        run(config, catalogue)
    except ConfigError as error:
        if "`micro network ticket`" in str(error):  # of the setting join
            session.hint = "micro network ticket, at a node of the network"
        raise


def run(config: NodeConfig, catalogue: Path | None) -> None:
    """Runs the node until it is told to stop."""
    import uvloop

    from micro.doors.opening import open_doors
    from micro.node.foreground import serve

    welcome = Welcome(catalogue is not None)
    uvloop.run(
        serve(config, catalogue=catalogue, open_doors=open_doors, on_ready=welcome.ready, on_service=welcome.service),
    )
    note("the node has stopped")


class Welcome:
    """Says what the node has come to, and what to try next."""

    def __init__(self, has_catalogue: bool) -> None:
        self._has_catalogue = has_catalogue
        self._node: Node | None = None
        self._names: list[str] = []

    def ready(self, node: Node) -> None:
        """The node serves."""
        self._node = node
        status = node.status()
        say(f"{paint('micro', 'bold', sys.stdout)} {status['version']}  node {status['nid']}")
        for name in ("home", "socket", "api", "mucp", "grpc", "network"):
            found = status.get(name)
            if found:
                say(f"  {name:<8} {clean(', '.join(found) if isinstance(found, list) else str(found))}")
        if self._has_catalogue:
            note("starting the services of the catalogue")
        else:
            self._try_next(None)

    def service(self, name: str) -> None:
        """A service of the catalogue runs; "" stands for the end of the catalogue."""
        if name:
            self._names.append(name)
            note(f"  {name} runs")
        elif self._node is not None:
            say(f"{len(self._names)} services run")
            self._try_next(self._first())

    def _first(self) -> dict[str, Any] | None:
        """Returns the description of the service that shows best what a call is."""
        assert self._node is not None
        name = "helloworld" if "helloworld" in self._names else next(iter(self._names), "")
        view = self._node.catalog.lookup(name) if name else None
        return dict(view.describe()) if view is not None else None

    def _try_next(self, description: dict[str, Any] | None) -> None:
        assert self._node is not None
        say(paint("Try next, in another terminal:", "bold", sys.stdout))
        python = typed("python", sys.executable)
        by_module = sys.argv[0].endswith("__main__.py")
        micro = f"{python} -m micro" if by_module else typed("micro", sys.argv[0])
        home = home_words(str(self._node.home.path))  # a terminal of its own knows nothing of this one's
        for line in suggestions(
            description, self._node.condition.api_address, micro=f"{home}{micro}", python=f"{home}{python}"
        ):
            say(f"  {line}")
        say("Ctrl-C stops the node; again, at once.")


def typed(program: str, path: str) -> str:
    """Returns how a program is typed here: by its name where that leads to it, else by its path.

    Args:
        program: its name.
        path: where it is.
    """
    found = shutil.which(program)
    if found is not None and os.path.abspath(found) == os.path.abspath(path):
        return program
    return min(os.path.relpath(path), path, key=len)


def suggestions(description: dict[str, Any] | None, api_address: str, *, micro: str, python: str) -> list[str]:
    """Returns a line to type for each door: the command line, HTTP and Python.

    Args:
        description: of a service that runs, or None where none does yet.
        api_address: where the HTTP API is, "" where it is nowhere.
        micro, python: how these programs are typed.
    """
    endpoints = (description or {}).get("endpoints", [])
    calls = [endpoint for endpoint in endpoints if endpoint.get("kind", "call") == "call"]
    if description is None or not calls:
        return [f"{micro} new hello && {micro} run ./hello && {micro} hello hello --name Ann", f"{micro} --help"]
    name, endpoint, request = description["name"], calls[0]["name"], as_line(example_request(calls[0]))
    lines = [f"{micro}{example_line(description, calls[0]).removeprefix('micro')}"]
    if api_address:
        url = f"{_url(api_address)}/api/{name}/{endpoint}"
        lines.append(f"curl -s {url} -H 'Content-Type: application/json' -d {shlex.quote(request)}")
    literal = str(json.loads(request)) if re.search("true|false|null", request) else request
    program = f'import asyncio, micro; print(asyncio.run(micro.Client().call("{name}", "{endpoint}", {literal})))'
    lines.append(f"{python} -c {shlex.quote(program)}")
    lines.append(f"{micro} services")
    return lines


def _url(address: str) -> str:
    return address if "://" in address else f"http://{address}"


server.params.append(home_option())
