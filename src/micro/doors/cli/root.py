"""The command itself: its own commands, each loaded when it is used, and the services of the node as further ones."""

from __future__ import annotations

import shlex
from importlib import import_module
from typing import TYPE_CHECKING

import click

from micro.doors.cli.commands import ENTRIES, SECTIONS
from micro.doors.cli.elsewhere import typed_line
from micro.doors.cli.ending import Usage
from micro.doors.cli.naming import near
from micro.doors.cli.options import HELP, ExampleGroup, general_options, session_of
from micro.errors import Fault, MicroError, NoNode, NotFound
from micro.version import VERSION

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from micro.doors.cli.session import Session

__all__ = ["Root", "root"]

COMPLETION_SECONDS_MAX = 1.0
"""Whoever pressed the tab key waits no longer than this."""


class Root(ExampleGroup):
    """The command `micro`."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(ENTRIES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        entry = ENTRIES.get(name)
        if entry is None:
            return None
        found = getattr(import_module(f"micro.doors.cli.{entry.module}"), entry.name)
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, context: click.Context, words: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Returns the command that the first word names: one of ours, else a service's."""
        word = words[0]
        found = self.get_command(context, word)
        if found is None and not word.startswith("-"):
            found = self._service(context, word)
        if found is None:
            return super().resolve_command(context, words)
        return shlex.quote(word), found, words[1:]  # it stands in the usage, and in what to type next

    def _service(self, context: click.Context, word: str) -> click.Command | None:
        from micro.doors.cli.live import service_command

        session = session_of(context)
        if context.resilient_parsing:
            session.timeout_seconds = COMPLETION_SECONDS_MAX
            try:
                return service_command(session, word)
            except (MicroError, OSError, TimeoutError):
                return click.Command(word, add_help_option=False)  # after it nothing is known
        try:
            return service_command(session, word)
        except NotFound:
            raise _unknown(session, word) from None
        except NoNode as error:
            similar = near(word, ENTRIES)
            if similar:
                raise _misspelled(word, similar) from None
            raise NoNode(f"no command is called {word!r}, and no node runs that could have such a service") from error

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, ENTRIES))
        for section in SECTIONS:
            rows = [(name.ljust(width), entry.summary) for name, entry in ENTRIES.items() if entry.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(context, incomplete)
        found = [
            CompletionItem(name, help=entry.summary) for name, entry in ENTRIES.items() if name.startswith(incomplete)
        ]
        from micro.doors.cli.completion import service_items

        return found + [item for item in service_items(context, incomplete) if item.value not in ENTRIES]


def _misspelled(word: str, similar: list[str]) -> Usage:
    return Usage(
        f"no command is called {word!r}; did you mean {' or '.join(similar)}?", remedy=f"micro {similar[0]} --help"
    )


def _unknown(session: Session, word: str) -> MicroError:
    """Returns the error for a word that is neither a command nor a service here."""
    similar = near(word, ENTRIES)
    if similar:
        return _misspelled(word, similar)
    try:
        listed = session.ask("registry", "Registry.List", {}).get("services", [])
    except Fault:
        listed = []
    services = near(word, [service["name"] for service in listed])
    advice = f"; did you mean {' or '.join(services)}?" if services else ""
    session.hint = typed_line("micro", services[0]) + " --help" if services else "micro services"
    return NotFound(f"no command and no service is called {word!r}{advice}")


def _show_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"micro {VERSION}")
        context.exit()


@click.group("micro", cls=Root, context_settings=HELP, params=[*general_options(home=True)])
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Print the version."
)
def root() -> None:
    """A node, its services and their neighbours.

    Every service in reach is a command too: `micro SERVICE ENDPOINT --field value`, and `micro SERVICE --help` lists
    its endpoints. `micro COMMAND --help` explains a command. The options below may stand after a command as well.
    """


root.example = "micro new greeter && micro run ./greeter && micro greeter hello --name Ann"
