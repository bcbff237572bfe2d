"""Services as commands: `micro greeter hello --name Ann`, made from what a service says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from micro.doors.cli.ending import Usage
from micro.doors.cli.endpoint import EndpointCommand
from micro.doors.cli.example import example_line
from micro.doors.cli.naming import dashed, find_endpoint, methods_of, near, spelled, structs_of
from micro.doors.cli.options import HELP, ExampleGroup, session_of
from micro.errors import BadRequest, NotFound
from micro.service.registry.instance import bare_name

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from micro.doors.cli.session import Session

__all__ = ["ServiceCommand", "service_command"]


def service_command(session: Session, name: str) -> ServiceCommand:
    """Returns the command of a service.

    Raises:
        NotFound: no service is called so.
        NoNode: no node runs that could know.
    """
    name = session.whole(name)
    found = session.ask("registry", "Registry.Get", {"name": bare_name(name)})
    return ServiceCommand({**found, "name": name})  # `name@version` and `name#2` are called as such


class ServiceCommand(ExampleGroup):
    """A service: its endpoints are its commands, with or without their struct."""

    def __init__(self, description: Mapping[str, Any], *, struct: str = "") -> None:
        """Makes the command of a service, or of one struct of it."""
        self.description = description
        every: dict[str, Mapping[str, Any]] = {e["name"]: e for e in description.get("endpoints", ())}
        mine = methods_of(every, struct).values() if struct else every
        self.endpoints = {name: every[name] for name in mine}
        self.struct = struct
        title = f"{description['name']} {description.get('version', '')}".strip()
        about = str(description.get("description", "")).strip()
        about = f"{title}: {about}" if about else title
        super().__init__(struct or description["name"], help=about, context_settings=HELP)
        self.example = next((example_line(description, endpoint) for endpoint in self.endpoints.values()), "")

    def list_commands(self, context: click.Context) -> list[str]:
        if self.struct:
            return list(methods_of(self.endpoints, self.struct))
        return [spelled(list(self.endpoints), name) for name in self.endpoints]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return self._find(name.split(" "))[0]

    def _find(self, words: list[str]) -> tuple[click.Command | None, int]:
        """Returns what the first words name, and how many they are."""
        names = list(self.endpoints)
        found = find_endpoint(names, words)
        if found is not None:
            return EndpointCommand(self.description, self.endpoints[found[0]]), found[1]
        if words and not self.struct and dashed(words[0]) in structs_of(names):
            return ServiceCommand(self.description, struct=dashed(words[0])), 1
        return None, 0

    def resolve_command(
        self, context: click.Context, words: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            found, count = self._find(words)
        except BadRequest as error:
            raise Usage(str(error), remedy=f"{context.command_path} --help") from None
        if found is not None:
            return " ".join(words[:count]), found, words[count:]
        if context.resilient_parsing or words[0].startswith("-"):
            return super().resolve_command(context, words)
        commands = self.list_commands(context)
        similar = near(words[0], commands)
        session_of(context).hint = f"{context.command_path} --help"
        advice = f"did you mean {' or '.join(similar)}?" if similar else f"it has {', '.join(commands) or 'none'}"
        raise NotFound(f"{self.description['name']} has no endpoint {words[0]!r}; {advice}")

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name, endpoint in zip(self.list_commands(context), self.endpoints.values(), strict=False):
            rows.append((name, _summary(endpoint)))
        if rows:
            with formatter.section("Endpoints"):
                formatter.write_dl(rows)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, context, incomplete)
        found: dict[str, CompletionItem] = {}
        for name, endpoint in zip(self.list_commands(context), self.endpoints.values(), strict=False):
            word = name.partition(" ")[0]
            if word.startswith(incomplete):
                found.setdefault(word, CompletionItem(word, help=_summary(endpoint)))
        return list(found.values())


def _summary(endpoint: Mapping[str, Any]) -> str:
    text = str(endpoint.get("description", "")).strip().partition("\n")[0]
    notes = [f"price {endpoint['price']}"] if endpoint.get("price") else []
    notes += ["stream"] if endpoint.get("kind") == "stream" else []
    return f"{text} [{', '.join(notes)}]".strip() if notes else text
