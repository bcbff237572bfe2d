"""The command `micro conformance`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click

from micro.doors.cli.ending import FAULT, Usage
from micro.doors.cli.options import command
from micro.doors.cli.output import clean
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, paint, say

if TYPE_CHECKING:
    from micro.doors.conformance.check import Outcome

__all__ = ["conformance"]

STYLES = {"passed": "green", "skipped": "yellow", "failed": "red"}
NAME_BYTES = 6


@command("conformance", example="micro conformance unix:$HOME/.micro/run/node.sock", node=False)
@click.argument("address")
@click.option("--token", default="", envvar="MICRO_TOKEN", help="Shown in each HELLO, or as a bearer token.")
@click.option("--client", is_flag=True, help="Listen at the address, and try the client that comes.")
@click.option("--only", default="", metavar="WORD", help="Only checks with this in their name.")
def conformance(session: Session, address: str, token: str, client: bool, only: str) -> None:
    """Try an implementation of MUCP from outside.

    Each check names the paragraph of docs/reference/mucp.md that it holds an implementation to, what is expected and
    what was seen. The exit code is 1 if one fails.
    """
    found: list[Outcome] = []

    async def work() -> None:
        async for outcome in _outcomes(address, token, only, client=client):
            found.append(outcome)
            if session.shape() != "json":
                _show(session, outcome)

    session.run(work)
    counts = {state: sum(each.state == state for each in found) for state in STYLES}
    if session.shape() == "json":
        session.show({"checks": [each.to_dict() for each in found], **counts})
    else:
        note(", ".join(f"{count} {state}" for state, count in counts.items()))
    if counts["failed"] or not counts["passed"]:
        click.get_current_context().exit(FAULT)


def _outcomes(address: str, token: str, only: str, *, client: bool) -> AsyncIterator[Outcome]:
    from micro.doors.conformance.client import tried
    from micro.doors.conformance.kit import checks_for, run
    from micro.system import SystemEntropy

    if client:
        if only:
            raise Usage("--client does not take --only: a client is told to do all there is")
        return tried(address, lambda where: note(f"waiting for a client at {where}"))
    checks = [check for check in checks_for(address) if only in check.name]
    if not checks:
        raise Usage(f"no check has {only!r} in its name; without --only all are made, and shown")
    entropy = SystemEntropy()
    return run(address, token=token, new_name=lambda: entropy.random_bytes(NAME_BYTES).hex(), checks=checks)


def _show(session: Session, outcome: Outcome) -> None:
    check = outcome.check
    if session.shape() == "plain":
        say("\t".join((outcome.state, check.name, check.paragraph, check.expected, clean(outcome.seen))))
        return
    say(f"{paint(outcome.state.ljust(7), STYLES[outcome.state], sys.stdout)}  {check.name}")
    if outcome.state != "passed":
        say(f"{'':9}{check.paragraph}")
        say(f"{'':9}expected: {check.expected}")
        say(f"{'':9}{'why' if outcome.state == 'skipped' else 'seen'}: {clean(outcome.seen)}")
