"""The entry point of the command `micro`: parses, runs, and turns every error into lines and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

import click

from micro.doors.cli.ending import FAULT, INTERRUPTED, NO_NODE, REFUSED, USAGE, exit_code, explain
from micro.doors.cli.root import root
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import Unread, note, paint
from micro.errors import MicroError

__all__ = ["main", "root", "run"]

BROKEN_PIPE = 141
"""What a shell reports of a program that wrote to a pipe nobody reads any more."""


def main() -> None:
    """Runs the command with the words it was started with, and ends the process."""
    if isinstance(sys.stdout, TextIOWrapper):  # a letter that the terminal does not know is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    if "_MICRO_COMPLETE" in os.environ:
        _complete()
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    try:
        session = Session()
        try:
            _warn()
            return _run(words, session)
        finally:
            session.close()
            sys.stdout.flush()
    except (Unread, BrokenPipeError):
        # What is still unwritten has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(words: Sequence[str], session: Session) -> int:
    try:
        code = root.main(list(words), prog_name="micro", standalone_mode=False, obj=session)
        return code if isinstance(code, int) else 0
    except click.UsageError as error:
        _tell([f"micro: {error.format_message()}", f"next: {_help_of(error)}"], session)
        return USAGE
    except click.ClickException as error:
        _tell([f"micro: {error.format_message()}", f"next: {session.typed} --help"], session)
        return FAULT
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (MicroError, OSError, TimeoutError) as error:
        code = exit_code(error)
        known = {} if code == NO_NODE else {"remedy": session.remedy, "hint": session.hint}
        if code == REFUSED and not session.hint and "MICRO_TOKEN" in os.environ:
            known["hint"] = "unset MICRO_TOKEN"  # whose it is may less than the owner
        _tell(explain(error, **known, typed=session.typed), session)
        return code


def _warn() -> None:
    """Tells of environment variables that were probably meant for us, and are misspelled."""
    if any(name.startswith("MICRO_") for name in os.environ):  # else the settings need not be loaded
        from micro.doors.cli.settings import unknown_words

        for words in unknown_words(near=True):
            note(paint(f"micro: {words}", "yellow", sys.stderr))


def _help_of(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx is not None else "micro"
    return f"{path} --help"


def _tell(lines: Sequence[str], session: Session) -> None:
    first, *rest = lines
    note(paint(first, "red", sys.stderr))
    for line in rest:
        session.next(line.removeprefix("next: "))


def _complete() -> None:
    """Answers the shell, which wants words or silence: whatever goes wrong, it is no place for messages."""
    try:
        root.main(prog_name="micro", standalone_mode=False, obj=Session())
    except (MicroError, OSError, click.ClickException, ValueError, RuntimeError):
        sys.exit(0)
