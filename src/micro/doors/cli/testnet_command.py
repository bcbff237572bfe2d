"""The commands `micro testnet …`: a network of nodes on this machine, to try things out."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from micro.doors.cli.elsewhere import home_words
from micro.doors.cli.ending import Usage
from micro.doors.cli.options import Command, Function, command, group
from micro.doors.cli.output import Column, clean
from micro.doors.cli.session import Session
from micro.doors.cli.settings import home_folder
from micro.doors.cli.terminal import note, paint, say
from micro.errors import NotFound
from micro.service.registry.charter import PER_PREFIX_MAX

if TYPE_CHECKING:
    from micro.doors.cli.testnet import Testnet

__all__ = ["suggestions", "testnet"]

NODES_MAX = 100
"""More processes are too much for one machine."""

NODES, SUPER_NODES = 5, 3
STARTED = [Column(name) for name in ("name", "role", "home", "api")]
FOUND = [Column(name) for name in ("name", "role", "state", "mapped", "pid", "home", "api")]


@group("testnet", example="micro testnet up --nodes 12 --super 3")
def testnet() -> None:
    """Run a network of nodes on this machine.

    Every node is a process with a home of its own, all below one folder, and talks to the others over loopback as it
    would over the net. `micro --home HOME …` is any command at one of them.
    """


def _folder(function: Function) -> Function:
    return click.option(
        "--folder",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="Where it is.  [default: testnet in the home of this machine's node]",
    )(function)


def _command(name: str, *, example: str) -> Callable[[Function], Command]:
    def decorate(function: Function) -> Command:
        made = command(name, example=example, node=False)(_folder(function))
        testnet.add_command(made)
        return made

    return decorate


def _open(session: Session, folder: Path | None) -> Testnet:
    from micro.doors.cli.testnet import Testnet

    return Testnet(folder or home_folder(session.home) / "testnet", note)


@_command("up", example="micro testnet up --nodes 12 --super 3 --catalogue services")
@click.option(
    "--nodes",
    type=click.IntRange(1, NODES_MAX),
    metavar="NUMBER",
    help=f"How many nodes, super nodes included.  [default: {NODES}, or as many as there were]",
)
@click.option(
    "--super",
    "supers",
    type=click.IntRange(1, PER_PREFIX_MAX),
    metavar="NUMBER",
    help=f"How many of them are super nodes.  [default: {SUPER_NODES}, or as many as there were]",
)
@click.option(
    "--catalogue",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="CATALOGUE",
    help="Run every service in the folders of this folder, each on one of the nodes.",
)
def up(session: Session, folder: Path | None, nodes: int | None, supers: int | None, catalogue: Path | None) -> None:
    """Start a network, or those nodes of it that do not run.

    The command ends when every node has found the network; the nodes go on until `micro testnet down`. Ctrl-C takes
    down what was started so far.
    """
    from micro.doors.cli.testnet import Shape

    found = _open(session, folder)
    known = found.shape or Shape(max(NODES, (supers or 0) + 1), min(SUPER_NODES, nodes or SUPER_NODES))
    shape = Shape(nodes or known.nodes, supers or known.super_nodes)
    if shape.super_nodes > shape.nodes:
        raise Usage(
            f"{shape.super_nodes} super nodes are more than {shape.nodes} nodes", remedy="micro testnet up --help"
        )
    session.hint = "micro testnet down"
    for number in (signal.SIGTERM, signal.SIGHUP):  # whoever ends this command otherwise means the same
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))

    async def work() -> tuple[int, list[dict[str, Any]]]:
        return await found.up(shape, catalogue), await found.rows()

    started, rows = session.run(work)
    if not started:
        note(f"it runs already: all {shape.nodes} nodes of {found.folder}")
    session.show_rows({"folder": str(found.folder), "nodes": rows}, rows, STARTED)
    if session.shape() == "table":
        say(paint("Try next:", "bold", sys.stdout))
        for line in suggestions(rows[-1], folder, session.home):
            say(f"  {line}")


def suggestions(row: dict[str, Any], folder: Path | None, home: str | None) -> list[str]:
    """Returns what to type next, at the last node of the network.

    Args:
        row: of that node.
        folder: the network's, None for the one in the home of this machine's node.
        home: that home, None for what the environment says.
    """
    # Another terminal knows nothing of this one's home, and stands in another folder.
    there = shlex.quote(os.path.abspath(row["home"]))
    option = "" if folder is None else f" --folder {shlex.quote(str(folder.absolute()))}"
    before = home_words(home) if folder is None else ""
    return [
        f"micro new greeter && micro --home {there} run ./greeter",
        f"micro --home {there} services",
        f"{before}micro testnet logs {row['name']}{option}",
        f"{before}micro testnet down{option}",
    ]


@_command("status", example="micro testnet status")
def status(session: Session, folder: Path | None) -> None:
    """Show the nodes of the network, and how many super nodes the map of each names.

    One that died stays in the maps until the keeper takes it out.
    """
    found = _there(session, folder)
    rows = session.run(found.rows, waiting="asking the nodes")
    session.show_rows({"folder": str(found.folder), "nodes": rows}, rows, FOUND)
    stopped = sum(row["state"] == "stopped" for row in rows)
    if stopped and session.shape() == "table":
        note(f"{stopped} of {len(rows)} nodes do not run")
        session.next("micro testnet up")


@_command("down", example="micro testnet down")
@click.option("--keep", is_flag=True, help="Leave the homes, so that `micro testnet up` starts the same nodes again.")
def down(session: Session, folder: Path | None, keep: bool) -> None:
    """Stop all nodes of the network, and remove their homes."""
    found = _there(session, folder)
    session.hint = "micro testnet status"
    count = len(found.members())
    stopped = session.run(lambda: found.down(keep=keep), waiting="stopping the nodes")
    if session.shape() == "json":
        session.show({"folder": str(found.folder), "stopped": stopped, "kept": keep})
    else:
        say(f"stopped {stopped} of {count} nodes; their homes are {'kept' if keep else 'gone'}")


@_command("logs", example="micro testnet logs node-1")
@click.argument("name")
@click.option("-n", "--lines", type=click.IntRange(0, 100_000), default=100, help="How many of the last lines.")
def logs(session: Session, folder: Path | None, name: str, lines: int) -> None:
    """Print what the node NAME wrote."""
    found = _there(session, folder)
    member = next((member for member in found.members() if member.name == name), None)
    if member is None:
        session.hint = "micro testnet status"
        raise NotFound(f"no node is called {name!r}; there are {', '.join(member.name for member in found.members())}")
    for line in member.tail(lines):
        say(clean(line))


def _there(session: Session, folder: Path | None) -> Testnet:
    found = _open(session, folder)
    if found.shape is None:
        session.hint = "micro testnet up"
        raise NotFound(f"there is no test network in {found.folder}")
    return found
