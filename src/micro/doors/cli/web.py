"""The command `micro web`: opens the node's page in a browser, signed in as its owner."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

import click

from micro.doors.cli.options import command
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, say
from micro.errors import MicroError, Unavailable

__all__ = ["web"]

ANSWER_SECONDS = 10.0
ANSWER_BYTES_MAX = 4096


@command("web", example="micro web")
@click.option("--open/--no-open", "opens", default=True, help="Open the browser, or only print the link.")
def web(session: Session, opens: bool) -> None:
    """Open the web app of the node, signed in.

    The link works once, within ten minutes; the browser that opens it stays signed in for thirty days.
    """
    status = session.ask("node", "Node.Status")
    address = status.get("api")
    if not address:
        raise Unavailable("this node has no HTTP door, so it has no page; start it without --no-api")
    link = f"{address}/#login={_code(str(address), Path(str(status['home'])))}"
    if session.shape() == "json":
        session.show({"link": link})
        return
    say(link)
    if opens and not webbrowser.open(link):
        note("no browser could be opened here: open the link in one on this machine")


def _code(address: str, home: Path) -> str:
    """Asks the door for a code, with the token that only the owner can read."""
    try:
        token = (home / "token").read_text().strip()
    except OSError as error:
        raise Unavailable(f"the node's token cannot be read: {error.strerror}; run this as the node's owner") from error
    request = urllib.request.Request(  # noqa: S310 - the address is the node's own word
        f"{address}/-/session/code", method="POST", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            return str(json.loads(answer.read(ANSWER_BYTES_MAX))["code"])
    except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
        raise _no_code(address, error) from error


def _no_code(address: str, error: Exception) -> MicroError:
    return Unavailable(f"the node's HTTP door at {address} gave no link: {error}; is something between it and here?")
