"""The options of a request's fields: how each is typed, what its help says, and what its words mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from micro.doors.cli.example import option_of
from micro.doors.cli.options import FreeOption
from micro.doors.cli.output import as_line, clean
from micro.doors.cli.values import parse_field
from micro.service.schema.fields import ABSENT, Field

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["about_field", "field_option", "given_values", "type_of"]

METAVAR_CHARACTERS_MAX = 60
HELP_CHARACTERS_MAX = 400

_METAVARS = {
    "text": "TEXT",
    "integer": "INTEGER",
    "number": "NUMBER",
    "bytes": "TEXT|@FILE",
    "pairs": "KEY=VALUE|JSON",
    "json": "JSON",
    "any": "VALUE",
}


def field_option(field: Field, name: str, taken: set[str]) -> click.Option | None:
    """Returns the option of a field, or None where its name is taken; then only JSON reaches the field.

    Args:
        field: the field.
        name: under which the callback gets what was typed.
        taken: the options there are already; this one's are added.
    """
    option = option_of(field)
    underlined = "--" + ".".join(field.path)
    spellings = [option] + ([underlined] if underlined != option else [])
    negative = f"--no-{option[2:]}"
    if option in taken:
        return None
    spellings = [spelling for spelling in spellings if spelling not in taken]
    taken.update(spellings)
    about = about_field(field)
    if field.kind == "flag" and not field.many and negative not in taken:
        taken.add(negative)
        return click.Option([f"{option}/{negative}", name], default=None, help=about)
    multiple = field.many or field.kind == "pairs"
    return _FieldOption([*spellings, name], field=field, multiple=multiple, help=about, metavar=type_of(field))


class _FieldOption(FreeOption):
    """An option that shows one spelling in the help, and completes the choices of its field."""

    def __init__(self, declarations: Sequence[str], *, field: Field, **options: Any) -> None:
        super().__init__(declarations, **options)
        self._field = field

    def get_help_record(self, context: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(context)
        return (f"{self.opts[0]} {self.metavar}", record[1]) if record is not None else None

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        words = [_word(choice) for choice in self._field.choices]
        return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _word(value: Any) -> str:
    return value if isinstance(value, str) else as_line(value)


def type_of(field: Field) -> str:
    """Returns in a word how a field is typed."""
    if field.kind == "choice":
        shown = clean("|".join(_word(choice) for choice in field.choices))
        return f"[{shown}]" if len(shown) <= METAVAR_CHARACTERS_MAX else "CHOICE"
    if field.kind == "text" and field.format:
        return clean(field.format.upper())
    return _METAVARS.get(field.kind, "TRUE|FALSE")


def about_field(field: Field) -> str:
    """Returns the help of a field: what the service says of it, and what may be typed."""
    notes = []
    if field.required:
        notes.append("required")
    elif field.default is not ABSENT and field.default not in (None, "", [], {}):
        notes.append(f"default: {clean(_word(field.default))}")
    if field.many or field.kind == "pairs":
        notes.append("may be given several times")
    text = clean(" ".join(field.description.split()))[:HELP_CHARACTERS_MAX]
    return f"{text}  [{'; '.join(notes)}]".strip() if notes else text


def given_values(
    known: Mapping[str, Field], options: Mapping[str, Any], read: Callable[[str], bytes]
) -> dict[tuple[str, ...], Any]:
    """Returns the values of the fields that were typed.

    Args:
        known: name of an option -> its field.
        options: name of an option -> what was typed for it.
        read: reads the file named after an `@`.

    Raises:
        click.BadParameter: a text has another form than its field.
    """
    found: dict[tuple[str, ...], Any] = {}
    for name, field in known.items():
        typed = options.get(name)
        if typed is None or typed == ():
            continue
        if isinstance(typed, bool):
            found[field.path] = typed
            continue
        texts = [typed] if isinstance(typed, str) else list(typed)
        try:
            found[field.path] = parse_field(field, texts, read)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint=option_of(field)) from error
    return found
