"""The command `micro completion`, and what the tab key finds on the node: services and their endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from micro.doors.cli.options import command, session_of
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import say
from micro.errors import MicroError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["complete_endpoints", "complete_services", "completion", "service_items"]

COMPLETION_SECONDS_MAX = 1.0
"""Whoever pressed the tab key waits no longer than this."""


@command("completion", example='eval "$(micro completion bash)"', output=False, node=False)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
def completion(session: Session, shell: str) -> None:
    """Print what makes a shell complete what is typed.

    Commands, services, their endpoints and fields are completed. Put the line of the example into ~/.bashrc, with zsh
    into ~/.zshrc; for fish: micro completion fish > ~/.config/fish/completions/micro.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    found = kind(click.get_current_context().find_root().command, {}, "micro", "_MICRO_COMPLETE")
    say(found.source_template % found.source_vars())


def _quietly(session: Session, service: str, endpoint: str, request: dict[str, Any]) -> Any:
    """Asks the node, and returns nothing where it does not answer: the tab key is no place for messages."""
    session.timeout_seconds = COMPLETION_SECONDS_MAX
    try:
        return session.ask(service, endpoint, request) or {}
    except (MicroError, OSError, TimeoutError):
        return {}


def service_items(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Returns the services whose names begin so."""
    from click.shell_completion import CompletionItem

    found = _quietly(session_of(context), "registry", "Registry.List", {}).get("services", [])
    return [
        CompletionItem(service["name"], help=service.get("description", ""))
        for service in found
        if service["name"].startswith(incomplete)
    ]


def complete_services(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes an argument that is a service's name."""
    return service_items(context, incomplete)


def complete_endpoints(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes an argument that is an endpoint of the service in the argument before it."""
    from click.shell_completion import CompletionItem

    name = context.params.get("service")
    found = _quietly(session_of(context), "registry", "Registry.Get", {"name": name}) if name else {}
    return [
        CompletionItem(endpoint["name"], help=str(endpoint.get("description", "")).partition("\n")[0])
        for endpoint in found.get("endpoints", [])
        if endpoint["name"].lower().startswith(incomplete.lower())
    ]
