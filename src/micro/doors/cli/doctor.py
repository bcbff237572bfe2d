"""The command `micro doctor`."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from micro.doors.cli.checks import CHECKS, Check
from micro.doors.cli.elsewhere import at_home
from micro.doors.cli.ending import FAULT, Usage
from micro.doors.cli.kept import older_lines
from micro.doors.cli.options import command
from micro.doors.cli.output import clean
from micro.doors.cli.session import Session
from micro.doors.cli.settings import load_config
from micro.doors.cli.terminal import paint, say
from micro.errors import Forbidden, MicroError, Unauthorized
from micro.node.damaged import ASIDE
from micro.node.home import Home

__all__ = ["doctor"]

STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@command("doctor", example="micro doctor")
def doctor(session: Session) -> None:
    """Check this machine, and say what to do about what is wrong.

    The exit code is 1 if something fails; a warning is none.
    """
    config = load_config(session.home, {})
    found = [check(config) for check in CHECKS]
    if found[-1].state == "ok":
        greeting, status = _greeting(session)
        found.append(greeting)
        if status:
            found = [_served(check, status) for check in found] + _backbone(status)
        if greeting.state == "ok":
            found += _copies(session)
    found += _damaged(Home(config.home).path)
    if session.shape() == "json":
        session.show({"checks": [dataclasses.asdict(check) for check in found]})
    else:
        for check in found:
            _show(session, check)
    if any(check.state == "fail" for check in found):
        click.get_current_context().exit(FAULT)


def _greeting(session: Session) -> tuple[Check, Mapping[str, Any]]:
    """The node speaks our language; and what it says of itself, nothing where it says nothing."""
    from micro.version import VERSION

    try:
        status = session.ask("node", "Node.Status")
    except Forbidden:
        why = "MICRO_TOKEN is of an account, and only the owner is told"
        return Check("version", "warn", why, "unset MICRO_TOKEN"), {}
    except Unauthorized as error:
        again = "unset MICRO_TOKEN, or get another: micro auth token ID"
        return Check("token", "fail", f"MICRO_TOKEN: {error}", again), {}
    except Usage as error:
        return Check("token", "fail", str(error), error.remedy), {}
    except (MicroError, OSError) as error:
        return Check("version", "fail", str(error), "stop the node and start it again: micro server"), {}
    if status["version"] != VERSION:
        why = f"the node is {status['version']}, this command {VERSION}"
        return Check("version", "warn", why, "start the node again"), status
    return Check("version", "ok", VERSION), status


def _served(check: Check, status: Mapping[str, Any]) -> Check:
    """The port that the node serves the HTTP API at says more than whether the one in the settings is free."""
    if check.name != "api port":
        return check
    address = status.get("api")
    return Check("api port", "ok", f"the node serves {address}" if address else "the node serves no HTTP API")


def _backbone(status: Mapping[str, Any]) -> list[Check]:
    """The network answers; nothing where the node is in none."""
    found = status.get("backbone")
    if not found:
        return []
    if found.get("trouble") or not found.get("home"):
        why = found.get("trouble") or "no super node answers yet"
        again = "see that one of its super nodes runs; or, with the ticket of another: micro network join TICKET"
        return [Check("super nodes", "warn", why, again)]
    return [Check("super nodes", "ok", f"{found['home']} answers, one of {found['super_nodes']} in the map")]


def _copies(session: Session) -> list[Check]:
    """What is in the way of the copies of topics, or was not taken back from them; nothing where all is well."""
    try:
        topics = session.ask("events", "Events.Copies")["topics"]
    except (MicroError, OSError, Usage) as error:
        return [Check("copies", "warn", str(error), "micro events copies")]
    lines = [f"{each['topic']}: {each['trouble']}" for each in topics if each["trouble"]]
    lines += [line for each in topics for line in older_lines(each["topic"], each.get("older", []))]
    return [Check("copies", "warn", line, "micro events copies") for line in lines]


def _damaged(home: Path) -> list[Check]:
    """Files that could not be read lie aside; nothing where there are none."""
    again = "stop the node, mend it and put it back; or remove it"
    return [
        Check("damaged", "warn", f"{path} could not be read, and is not in use", again)
        for path in sorted(home.glob(f"*{ASIDE}*"))
    ]


def _show(session: Session, check: Check) -> None:
    if session.shape() == "plain":
        say("\t".join((check.state, check.name, clean(check.detail), check.remedy)))
        return
    say(f"{paint(check.state.ljust(4), STYLES[check.state], sys.stdout)}  {check.name:<11} {clean(check.detail)}")
    if check.remedy:
        say(f"{'':17} {paint('next: ' + at_home(check.remedy, session.home), 'bold', sys.stdout)}")
