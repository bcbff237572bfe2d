"""Python source in the making: how code for a derived message is put together and run.

Pure.

Whatever comes from outside enters as a quoted literal or as a bound value, never as code.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from micro.service.schema.proto import Field, Message
from micro.service.schema.wire import decimal_text, finite, set_duration, set_moment

__all__ = ["ABSENT", "Filler", "NotDirect", "Source", "writing"]

ABSENT: Any = object()
"""Stands for a key that is not there."""


class NotDirect(Exception):
    """No short code fits this pair of message and type; the general way does."""


class Source:
    """Python source in the making, and the names it uses."""

    def __init__(self, **names: Any) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = names
        self.functions: dict[tuple[int, int], str] = {}

    def bind(self, value: Any, prefix: str = "c") -> str:
        """Gives a value a name of its own."""
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def add(self, depth: int, *lines: str) -> None:
        self.lines.extend("    " * depth + line for line in lines)

    def compiled(self, name: str) -> Any:
        """Runs the source and returns one of the functions it defines."""
        exec(compile("\n".join(self.lines), "<derived protobuf>", "exec"), self.names)  # noqa: S102 - our own source
        return self.names[name]


def writing(message: Message, root: Any) -> Source:
    """Returns the beginnings of code that fills and writes a message of class `root`."""
    deterministic = any(field.count == "map" for inner in message.everything() for field in inner.fields)

    def in_order(m: Any) -> bytes:
        written: bytes = m.SerializeToString(deterministic=True)
        return written

    return Source(
        Root=root,
        serialize=in_order if deterministic else root.SerializeToString,
        ABSENT=ABSENT,
        UNSET=UNSET,
        set_moment=set_moment,
        set_duration=set_duration,
        finite=finite,
        decimal_text=decimal_text,
    )


class Filler:
    """What both kinds of code share: how one field is set from an expression."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.functions: list[str] = []

    def one(self, depth: int, field: Field, value: str, convert: str, fill: str) -> None:
        add, target = self.source.add, f"m.f{field.number}"
        if fill:
            add(depth, f"{fill}({target}, {value})")
        elif field.kind == "double":
            add(depth, f"x = {value}", "if x - x: finite(x)", f"{target} = x")
        else:
            add(depth, f"{target} = {convert.format(value)}")

    def many(self, depth: int, field: Field, value: str, convert: str, fill: str, *, unordered: bool = False) -> None:
        add, target = self.source.add, f"m.f{field.number}"
        if fill:
            add(depth, f"for i in {value}: {fill}({target}.add(), i)")
            return
        items = value if convert == "{}" else f"[{convert.format('i')} for i in {value}]"
        add(depth, f"{target}.extend({f'sorted({items})' if unordered else items})")

    def map(self, depth: int, field: Field, value: str, convert: str, fill: str) -> None:
        add, target = self.source.add, f"t = m.f{field.number}"
        setting = f"{fill}(t[k], i)" if fill else f"t[k] = {convert.format('i')}"
        add(depth, target, f"for k, i in {value}.items(): {setting}")
