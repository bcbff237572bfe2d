"""The reference is whole: every command, option, setting and error stands in it."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import re
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import msgspec
import pytest

from micro import errors

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def built(name: str) -> ModuleType:
    """Returns a module, or skips the test while nobody has built it."""
    parts = name.split(".")
    for length in range(2, len(parts) + 1):
        if importlib.util.find_spec(".".join(parts[:length])) is None:
            pytest.skip(f"{name} is not built yet")
    return importlib.import_module(name)


def page(name: str) -> str:
    path = REFERENCE / name
    assert path.exists(), f"docs/reference/{name} is missing"
    return path.read_text()


def sections(text: str) -> dict[str, str]:
    """Returns heading -> text below it, up to the next heading."""
    parts = re.split(r"^#+ (.+)\n", text, flags=re.MULTILINE)
    return {heading.strip().strip("`"): below for heading, below in zip(parts[1::2], parts[2::2], strict=True)}


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yields every command below this one that is shown to people, with what is typed to reach it."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            if below is not None and not below.hidden:
                yield from commands(below, f"{name} {word}")


def undocumented_commands(command: click.Command, text: str) -> Iterator[str]:
    """Every command has a heading, and every option stands below it."""
    known = sections(text)
    for name, found in commands(command, "micro"):
        if name not in known:
            yield f"`{name}` has no heading"
            continue
        for parameter in found.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                if not any(f"`{option}" in known[name] for option in parameter.opts):
                    yield f"`{name}` does not explain `{parameter.opts[0]}`"
            elif (
                isinstance(parameter, click.Argument)
                and parameter.make_metavar(click.Context(found)) not in known[name]
            ):
                yield f"`{name}` does not explain {parameter.make_metavar(click.Context(found))}"


def settings(kind: type, prefix: str = "") -> Iterator[tuple[str, type, str]]:
    """Yields (dotted path, class, field) of every setting in a tree of dataclasses or structs."""
    hints = typing.get_type_hints(kind)
    names = (
        [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else kind.__struct_fields__
    )
    for name in names:
        hint = hints[name]
        if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, msgspec.Struct)):
            yield from settings(hint, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind, name


def explained_fields(kind: type) -> set[str]:
    """Returns the fields of a class that have a docstring, a `meaning`, or a line in the class's own `Attributes:`."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = set(re.findall(r"^ +(\w+): ", (ast.get_docstring(body) or "").partition("Attributes:")[2], re.MULTILINE))
    if dataclasses.is_dataclass(kind):
        found.update(field.name for field in dataclasses.fields(kind) if field.metadata.get("meaning"))
    for statement, following in zip(body.body, body.body[1:], strict=False):
        text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and text:
            found.add(statement.target.id)
    return found


def undocumented_settings(kind: type, text: str) -> Iterator[str]:
    """Every setting stands in the reference under its dotted path, and the code says what it means."""
    for path, owner, name in settings(kind):
        if f"`{path}`" not in text:
            yield f"`{path}` is missing"
        if name not in explained_fields(owner):
            yield f"`{owner.__name__}.{name}` has no meaning"


def undocumented_errors(text: str) -> Iterator[str]:
    """Every error stands in the reference, a fault with its code and status."""
    for name in errors.__all__:
        kind = getattr(errors, name)
        if not isinstance(kind, type):
            continue  # what speaks about errors is none
        if f"`{name}`" not in text:
            yield f"`{name}` is missing"
        elif issubclass(kind, errors.Fault) and kind is not errors.Fault:
            row = next((line for line in text.splitlines() if line.startswith("|") and f"`{name}`" in line), "")
            if f" {kind.code} " not in row or kind.status not in row:
                yield f"`{name}` stands without {kind.code} {kind.status}"


def test_every_command_is_documented() -> None:
    """Nobody has to read the source to use the command line."""
    main = built("micro.doors.cli.main")
    groups = [value for value in vars(main).values() if isinstance(value, click.Group)]
    assert groups, "micro.doors.cli.main has no click group"

    assert [] == list(undocumented_commands(groups[0], page("cli.md")))


def test_every_setting_is_documented() -> None:
    """Nobody has to read the source to configure a node."""
    config = built("micro.node.config")

    assert [] == list(undocumented_settings(config.NodeConfig, page("settings.md")))


def test_every_error_is_documented() -> None:
    """Nobody has to read the source to understand an error."""
    assert [] == list(undocumented_errors(page("errors.md")))


@click.group("micro")
def example_group() -> None: ...


@example_group.command("run")
@click.argument("source")
@click.option("--name")
def example_command(source: str, name: str) -> None: ...


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds."""

    body_bytes_max: int = 1
    frame_bytes_max: int = dataclasses.field(default=1, metadata={"meaning": "The largest frame."})
    queue_messages_max: int = 2
    """How many."""


@dataclasses.dataclass(frozen=True)
class Example:
    """A tree.

    Attributes:
        limits: bounds.
    """

    limits: Limits


def test_missing_commands_are_found() -> None:
    """A command without a heading, and a parameter that nobody explains, are found."""
    assert list(undocumented_commands(example_group, "# `micro`\n")) == ["`micro run` has no heading"]
    assert list(undocumented_commands(example_group, "# `micro`\n## `micro run`\n")) == [
        "`micro run` does not explain SOURCE",
        "`micro run` does not explain `--name`",
    ]
    whole = "# `micro`\n## `micro run`\n`SOURCE` is run as `--name TEXT`.\n"
    assert [] == list(undocumented_commands(example_group, whole))


def test_missing_settings_are_found() -> None:
    """A setting that is not in the reference, or has no meaning, is found."""
    assert list(undocumented_settings(Example, "`limits.body_bytes_max` `limits.frame_bytes_max`")) == [
        "`Limits.body_bytes_max` has no meaning",
        "`limits.queue_messages_max` is missing",
    ]


def test_missing_errors_are_found() -> None:
    """An error that is not in the reference is found, and so is a wrong code."""
    text = page("errors.md")

    assert list(undocumented_errors(text.replace("`NoNode`", ""))) == ["`NoNode` is missing"]
    assert list(undocumented_errors(text.replace(" 404 ", " 405 "))) == ["`NotFound` stands without 404 Not Found"]


def test_the_test_kit_is_documented() -> None:
    """Every name of `micro.testing` has a place, and every method and attribute of a world a line."""
    kit, text = built("micro.testing"), page("testing.md")
    world = kit.World(1, nodes=1)
    names = [name for name in kit.__all__ if f"`{name}" not in text and f"## {name}" not in text]
    public = sorted(name for name in {*dir(kit.World), *vars(world)} if not name.startswith("_"))
    names += [name for name in public if f"`{name}" not in text and f"`await {name}" not in text]

    assert [] == names
