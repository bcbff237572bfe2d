"""The command `micro web`: opens the node's page in a browser, signed in as its owner."""

from __future__ import annotations

import html
import json
import os
import sys
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from typing import Any

import click

from micro.doors.cli.options import command
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import colorful, note, paint, say
from micro.errors import Fault, MicroError, Unavailable

__all__ = ["web"]

ANSWER_SECONDS = 10.0
ANSWER_BYTES_MAX = 65_536

OPENING_PAGE = "open-web.html"
"""A file that leads to the link, in the home, where its owner alone reads it."""


@command("web", example="micro web")
@click.option("--open/--no-open", "opens", default=True, help="Open the browser, or only print the link.")
@click.option(
    "--phone/--no-phone",
    "phone",
    default=None,
    help="Pair a phone in the same house: print two codes for its camera. Or let no phone in any more.",
)
@click.option(
    "--outside/--no-outside",
    "outside",
    default=None,
    help="Pair a phone that reaches this node from anywhere, through a super node. Or let none in from outside.",
)
def web(session: Session, opens: bool, phone: bool | None, outside: bool | None) -> None:
    """Open the web app of the node, signed in.

    The link works once, within ten minutes; the browser that opens it stays signed in for thirty days.
    """
    status = session.ask("node", "Node.Status")
    address = status.get("api")
    if not address:
        raise Unavailable("this node has no HTTP door, so it has no page; start it without --no-api")
    home = Path(str(status["home"]))
    if phone is not None or outside is not None:
        paired, where = (phone, "phone") if phone is not None else (outside, "phone/outside")
        found = _asked(str(address), home, f"{where}/{'pair' if paired else 'stop'}")
        _show_phone(session, found, paired=bool(paired))
        return
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


def _show_phone(session: Session, found: dict[str, Any], *, paired: bool) -> None:
    """Prints what is scanned, step by step."""
    if session.shape() == "json":
        session.show(found)
    elif not paired:
        say("phones are let in no more; sessions stay, and the page Settings ends them")
    else:
        from micro.doors.phone.square import terminal_lines

        steps = (
            ("1. Have the phone trust this node: scan this with its camera, and do what the page says.", "trust"),
            ("2. Sign the phone in, once it trusts the node; this works once, within ten minutes:", "sign_in"),
        )
        for title, step in steps:
            say(paint(title, "bold", sys.stdout))
            say("\n".join(terminal_lines(found[step]["square"], colors=colorful(sys.stdout))))
            say(f"{found[step]['link']}\n")
        say(f"On the phone compare the SHA-256 fingerprint of the certificate {found['name']}:")
        say(found["fingerprint"])


def _code(address: str, home: Path) -> str:
    """Asks the door for a code."""
    try:
        return str(_asked(address, home, "session/code")["code"])
    except KeyError as error:
        raise _no_answer(address, error) from error


def _asked(address: str, home: Path, path: str) -> dict[str, Any]:
    """Posts to the door, with the token that only the owner can read; returns what it answers."""
    try:
        token = (home / "token").read_text().strip()
    except OSError as error:
        raise Unavailable(f"the node's token cannot be read: {error.strerror}; run this as the node's owner") from error
    request = urllib.request.Request(  # noqa: S310 - the address is the node's own word
        f"{address}/-/{path}", method="POST", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            return dict(json.loads(answer.read(ANSWER_BYTES_MAX)))
    except urllib.error.HTTPError as error:
        raise Fault.parse(error.read(ANSWER_BYTES_MAX).decode("utf-8", "replace")) from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise _no_answer(address, error) from error


def _no_answer(address: str, error: Exception) -> MicroError:
    return Unavailable(f"the node's HTTP door at {address} gave no link: {error}; is something between it and here?")
