"""What the commands have in common: the options that say which node and which form, and an example in the help."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import click
from click.core import ParameterSource

from micro.doors.cli.session import Session

__all__ = [
    "HELP",
    "Command",
    "ExampleGroup",
    "FreeOption",
    "Function",
    "command",
    "general_options",
    "group",
    "home_option",
    "seconds",
    "session_of",
]

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

Function = Callable[..., Any]


def session_of(context: click.Context) -> Session:
    """Returns the session of this run."""
    return context.find_root().ensure_object(Session)


class FreeOption(click.Option):
    """An option that may be given empty, because that means something else than leaving it out."""


def _refuse_empty(context: click.Context, parameter: click.Parameter) -> None:
    """An empty value is what a script's variable holds that was never set: taken for none, it would do something else.

    Raises:
        click.BadParameter: always.
    """
    raise click.BadParameter("it is empty; give it a value, or leave it out where none is meant.", context, parameter)


class _Example(click.Command):
    """Adds the lines of an example to a command's help, and the command to what is said of its words."""

    example = ""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        if self.example:
            with formatter.section("Example"):
                for line in self.example.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")

    def parse_args(self, context: click.Context, words: list[str]) -> list[str]:
        session_of(context).typed = context.command_path
        try:
            rest = super().parse_args(context, words)
        except click.UsageError as error:
            error.ctx = error.ctx or context  # the parser does not know for whom it reads
            raise
        self._check_empty(context)
        return rest

    def _check_empty(self, context: click.Context) -> None:
        if context.resilient_parsing:
            return
        for parameter in self.params:
            name = parameter.name or ""
            if isinstance(parameter, FreeOption) or not isinstance(parameter, click.Option):
                continue
            if context.params.get(name) == "" and context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
                _refuse_empty(context, parameter)


class Command(_Example):
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

        made = click.command(name, cls=Command, context_settings=HELP)(update_wrapper(callback, function))
        made.params += general_options(output=output, node=node)
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
        if value == "" and not context.resilient_parsing:
            _refuse_empty(context, parameter)
        if value is not None:
            setattr(session_of(context), attribute, value)

    return keep


def seconds(text: str | float) -> float:
    """Returns a length of time that was typed, for an option's type: more than nothing, in seconds."""
    try:
        found = float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no number of seconds.") from None
    if not 0 < found < float("inf"):
        raise click.BadParameter(f"{text} seconds are none, or endless.")
    return found


def general_options(*, output: bool = True, node: bool = True, home: bool = False) -> list[click.Option]:
    """Returns the options that say which node and which form.

    Args:
        output: whether `--output` is among them.
        node: whether those about reaching a node are.
        home: whether `--home` and `--address` are shown in the help, which in most commands is long enough without.
    """
    form = click.Option(
        ["-o", "--output"],
        type=click.Choice(["table", "json", "plain"]),
        callback=_keeper("form"),
        expose_value=False,
        help="How to write results: table for people (as on a terminal), json for programs, plain for pipes.",
    )
    timeout = click.Option(
        ["--timeout"],
        type=seconds,
        metavar="SECONDS",
        callback=_keeper("timeout_seconds"),
        expose_value=False,
        help="How long to wait at most.",
    )
    address = click.Option(
        ["--address"],
        metavar="ADDRESS",
        callback=_keeper("address"),
        expose_value=False,
        hidden=not home,
        help="The node's socket, unix:/path or tcp:host:port, instead of the one in its home.",
    )
    return [*([form] if output else []), *([timeout, home_option(hidden=not home), address] if node else [])]


def home_option(*, hidden: bool = False) -> click.Option:
    """Returns the option that says in which home the node is."""
    return click.Option(
        ["--home"],
        metavar="PATH",
        callback=_keeper("home"),
        expose_value=False,
        hidden=hidden,
        help="The node's home; by default MICRO_HOME, else ~/.micro.",
    )
