"""A task: what another agent asked the assistant for, from its first sentence until it is done.

Pure.

    working ── the turn ends, it waits for nothing ──> completed | failed | canceled
       │  ^
       │  └─ the agent answers ──┐
       └─ it waits for a word ──> input required

A context is a conversation with the assistant, a task one wish within it. Each turn of the assistant is told in events
(docs/reference/assistant.md); those that ask become the message of the task's status, and those that give, its
artifact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from micro.mucp.codec import encode_json

__all__ = ["PARTS_MAX", "TERMINAL", "Part", "State", "Task"]

State = Literal["working", "input-required", "completed", "failed", "canceled"]
TERMINAL: Final = frozenset({"completed", "failed", "canceled"})

PARTS_MAX: Final = 1_000
"""What a stream gives beyond so many parts is left out of the task; whoever streams has seen it."""

GIVEN_BYTES_MAX: Final = 8 * 1024 * 1024
"""What is given beyond so many bytes is left out too: one answer of the largest that the assistant shows fits."""

_ASKING: Final = {
    "choices": ("choices",),
    "ask": ("missing", "field", "schema", "choices"),
    "confirm": ("reasons", "price"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of what is told: one of a text, a value, and bytes in base64.

    Attributes:
        text: words.
        data: a value that programs read; meant where `has_data` is true.
        raw: bytes, in base64.
        media_type: what the bytes are.
    """

    text: str = ""
    data: Any = None
    has_data: bool = False
    raw: str = ""
    media_type: str = ""


def _weight(part: Part) -> int:
    data = len(encode_json(part.data)) if part.has_data else 0
    return len(part.text) + len(part.raw) + data


def _text(text: str) -> Part:
    return Part(text=text)


def _data(value: Any) -> Part:
    return Part(data=value, has_data=True)


@dataclass(slots=True)
class Task:
    """One task.

    Attributes:
        id: its name.
        context: the conversation it belongs to; "" until the assistant has named it.
        state: where it stands.
        told: the message of its status: what the assistant says or asks.
        given: its artifact: what services answered.
        subject: which endpoint answered.
        touched: when it was last heard of, on a clock that never goes back.
        given_bytes: what its artifact weighs.
    """

    id: str
    context: str = ""
    state: State = "working"
    told: list[Part] = field(default_factory=list)
    given: list[Part] = field(default_factory=list)
    subject: str = ""
    touched: float = 0.0
    given_bytes: int = 0

    def begin_turn(self) -> None:
        """Takes note that the agent has said something: the assistant answers it."""
        self.state, self.told = "working", []

    def hear(self, event: Mapping[str, Any]) -> list[Part]:
        """Takes an event of the assistant, and returns what it gave, which whoever streams is sent at once."""
        kind = event.get("kind")
        if kind == "heard":
            self.context = str(event.get("conversation") or self.context)
        elif kind == "calling":
            self.subject = f"{event.get('service', '')} {event.get('endpoint', '')}"
        elif kind in ("item", "result"):
            return self._give(event)
        elif kind in _ASKING:
            self.told += [_text(str(event.get("text", "")))]
            self.told += [_data({key: event[key] for key in _ASKING[kind] if key in event})]
        elif kind == "told":
            self.told.append(_text(str(event.get("text", ""))))
            if event.get("topic") == "cancelled":
                self.state = "canceled"
        elif kind == "failed":
            self.told += [_text(str(event.get("text", ""))), _data({"fault": event.get("fault")})]
            self.state = "failed"
        elif kind == "turn":
            self._end_turn(str(event.get("waits_for") or ""))
        return []

    def _give(self, event: Mapping[str, Any]) -> list[Part]:
        found = []
        if "bytes" in event:
            found.append(Part(raw=str(event["bytes"]), media_type=str(event.get("content_type", ""))))
        elif "value" in event:
            found.append(_data(event["value"]))
        if event.get("text"):
            found.append(_text(str(event["text"])))
        for part in found:
            weight = _weight(part)
            if len(self.given) < PARTS_MAX and self.given_bytes + weight <= GIVEN_BYTES_MAX:
                self.given.append(part)
                self.given_bytes += weight
        return found

    def _end_turn(self, waits_for: str) -> None:
        if waits_for:
            self.state = "input-required"
        elif self.state == "working":
            self.state = "completed"
