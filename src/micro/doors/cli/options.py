"""What the commands have in common: the options that say which node and which form, and an example in the help."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import click

from micro.doors.cli.session import Session

__all__ = [
    "HELP",
    "Command",
    "ExampleGroup",
    "Function",
    "command",
    "group",
    "node_options",
    "output_option",
    "session_of",
]

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

Function = Callable[..., Any]


def session_of(context: click.Context) -> Session:
    """Returns the session of this run."""
    return context.find_root().ensure_object(Session)


class _Example:
    """Adds the lines of an example to a command's help."""

    example = ""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        if self.example:
            with formatter.section("Example"):
                for line in self.example.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Command(_Example, click.Command):
    """A command with an example."""


class ExampleGroup(_Example, click.Group):
    """A group of commands with an example; without a command it shows its help."""

    def parse_args(self, context: click.Context, words: list[str]) -> list[str]:
        if not words and not context.resilient_parsing:
            click.echo(context.get_help(), color=context.color)
            context.exit()
        return super().parse_args(context, words)

    def command_of(self, name: str, *, example: str) -> Callable[[Function], Command]:
        """Adds to the group what `command` makes of a function."""

        def decorate(function: Function) -> Command:
            made = command(name, example=example)(function)
            self.add_command(made)
            return made

        return decorate


def command(name: str, *, example: str, output: bool = True, node: bool = True) -> Callable[[Function], Command]:
    """Makes a command of a function that takes the session first; its docstring is the help.

    Args:
        name: what is typed.
        example: one line that works as it is.
        output: whether it prints data in one of the three forms.
        node: whether it talks to a node.
    """

    def decorate(function: Function) -> Command:
        def callback(*arguments: Any, **options: Any) -> Any:
            return function(session_of(click.get_current_context()), *arguments, **options)

        update_wrapper(callback, function)
        decorated: Function = callback
        if node:
            decorated = node_options(decorated)
        if output:
            decorated = output_option(decorated)
        made = click.command(name, cls=Command, context_settings=HELP)(decorated)
        made.example = example
        return made

    return decorate


def group(name: str, *, example: str) -> Callable[[Function], ExampleGroup]:
    """Makes a group of commands of a function that does nothing; its docstring is the help."""

    def decorate(function: Function) -> ExampleGroup:
        made = click.group(name, cls=ExampleGroup, context_settings=HELP)(function)
        made.example = example
        return made

    return decorate


def _keeper(attribute: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Returns a callback that keeps an option's value in the session; the innermost one given counts."""

    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is not None:
            setattr(session_of(context), attribute, value)

    return keep


def output_option(function: Function) -> Function:
    """Adds `--output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", "plain"]),
        callback=_keeper("form"),
        expose_value=False,
        help="How to write results: table for people (as on a terminal), json for programs, plain for pipes.",
    )(function)


def node_options(function: Function, *, hidden: bool = True) -> Function:
    """Adds `--timeout`, and `--home` and `--address`, which need no word in each command's help."""
    function = click.option(
        "--address",
        metavar="ADDRESS",
        callback=_keeper("address"),
        expose_value=False,
        hidden=hidden,
        help="The node's socket, unix:/path or tcp:host:port, instead of the one in its home.",
    )(function)
    function = click.option(
        "--home",
        metavar="PATH",
        callback=_keeper("home"),
        expose_value=False,
        hidden=hidden,
        help="The node's home; by default MICRO_HOME, else ~/.micro.",
    )(function)
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        callback=_keeper("timeout_seconds"),
        expose_value=False,
        help="How long to wait for an answer, in seconds.",
    )(function)
