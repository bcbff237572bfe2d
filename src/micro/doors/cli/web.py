"""The command `micro web`: opens the node's page in a browser, signed in as its owner."""

from __future__ import annotations

import html
import json
import os
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

OPENING_PAGE = "open-web.html"
"""A file that leads to the link, in the home, where its owner alone reads it."""


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
    home = Path(str(status["home"]))
    link = f"{address}/#login={_code(str(address), home)}"
    if session.shape() == "json":
        session.show({"link": link})
        return
    say(link)
    if opens and not _open(link, home / OPENING_PAGE):
        note("no browser could be opened here: open the link in one on this machine")


def _open(link: str, page: Path) -> bool:
    """Opens a link in the browser; returns whether that could be tried.

    The browser is given a file that leads there: every user of the machine may read what a program is started with.
    The file stays until the next time, for nobody knows when a browser has read it; its code works once, and not long.
    """
    target = html.escape(link)
    text = f"""<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={target}">
<title>Micro</title>
<p><a href="{target}">Open the app</a></p>
"""
    try:
        page.unlink(missing_ok=True)
        with open(os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write(text)
    except OSError:
        return False
    return webbrowser.open(page.as_uri())


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
