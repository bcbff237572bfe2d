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
TOKEN_BYTES = 32


@command("conformance", example="micro conformance unix:$HOME/.micro/run/node.sock", node=False)
@click.argument("address")
@click.argument("words", nargs=-1, metavar="COMMAND")
@click.option("--token", default="", envvar="MICRO_TOKEN", help="Shown in each HELLO, or as a bearer token.")
@click.option("--client", is_flag=True, help="Listen at the address, and try the client that comes.")
@click.option("--service", is_flag=True, help="Listen at the address, and try the service that registers there.")
@click.option("--only", default="", metavar="WORD", help="Only checks with this in their name.")
def conformance(
    session: Session, address: str, words: tuple[str, ...], token: str, client: bool, service: bool, only: str
) -> None:
    """Try an implementation of MUCP from outside.

    With --service the COMMAND, after --, starts the service; without one the kit waits for it.

    Each check names the paragraph of docs/reference/mucp.md that it holds an implementation to, what is expected and
    what was seen. The exit code is 1 if one fails.
    """
    found: list[Outcome] = []

    async def work() -> None:
        async for outcome in _outcomes(address, words, token, only, client=client, service=service):
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


def _outcomes(
    address: str, words: tuple[str, ...], token: str, only: str, *, client: bool, service: bool
) -> AsyncIterator[Outcome]:
    if client and service:
        raise Usage("--client and --service are two kits; try one after the other")
    if words and not service:
        raise Usage(f"a command is for --service alone; next: micro conformance --service {address} -- {words[0]}")
    if service:
        return _of_service(address, words, token, only)
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


def _of_service(address: str, words: tuple[str, ...], token: str, only: str) -> AsyncIterator[Outcome]:
    from micro.doors.conformance.service import tried
    from micro.system import SystemEntropy

    if only:
        raise Usage("--service does not take --only: what a service did is asked for by later checks")
    shown = token or (SystemEntropy().random_bytes(TOKEN_BYTES).hex() if words else "")
    return tried(address, lambda where: note(f"waiting for a service at {where}"), command=words, token=shown)


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
