"""How messages and tasks are written: by A2A 1.0, and as clients of 0.3 have it.

Pure.

| | 1.0 | 0.3 |
| --- | --- | --- |
| method | `SendMessage` | `message/send` |
| state | `TASK_STATE_INPUT_REQUIRED` | `input-required` |
| part | `{"text": …}`, `{"data": …}`, `{"raw": …}` | the same with `kind`; a file in `{"file": {"bytes": …}}` |
| result | `{"task": …}` | the task, with `"kind": "task"` |

Which of them a client speaks, its method tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from micro.doors.a2a.task import TERMINAL, Part, Task
from micro.errors import BadRequest

__all__ = ["METHODS", "Heard", "Spelling", "Unsupported", "Verb", "read_message"]

Verb = Literal["send", "stream", "get", "cancel"]

TEXT_CHARACTERS_MAX: Final = 2_000
ID_CHARACTERS_MAX: Final = 64
WHOLE_MAX: Final = 2**53
"""Beyond it a float tells whole numbers apart no more."""

_SAID: Final = frozenset({"choose", "fields", "confirm", "language"})


class Unsupported(BadRequest):
    """A part of a kind that the assistant does not read."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client says.

    Attributes:
        said: the request of `Assistant.Say`, without the conversation.
        context: which conversation goes on; "" for a new one.
        task: which task goes on; "" for a new one.
    """

    said: Mapping[str, Any]
    context: str
    task: str


@dataclass(frozen=True, slots=True)
class Spelling:
    """One of the two; both are made by the same hand so that they say the same.

    Attributes:
        is_old: whether it is that of 0.3.
    """

    is_old: bool

    def task(self, task: Task) -> dict[str, Any]:
        """Returns a task."""
        found: dict[str, Any] = {"id": task.id, "contextId": task.context, "status": self.status(task)}
        if task.given:
            found["artifacts"] = [self.artifact(task, task.given)]
        return {"kind": "task", **found} if self.is_old else found

    def sent(self, task: Task) -> dict[str, Any]:
        """Returns the result of sending a message."""
        return self.task(task) if self.is_old else {"task": self.task(task)}

    def status(self, task: Task) -> dict[str, Any]:
        """Returns a task's status, with what the assistant says."""
        state = task.state if self.is_old else f"TASK_STATE_{task.state.upper().replace('-', '_')}"
        found: dict[str, Any] = {"state": state}
        if task.told:
            found["message"] = self._message(task, task.told)
        return found

    def artifact(self, task: Task, parts: Sequence[Part]) -> dict[str, Any]:
        """Returns what services answered, or a piece of it."""
        about = {"name": task.subject} if task.subject else {}
        return {"artifactId": f"{task.id}-answer", **about, "parts": [self._part(part) for part in parts]}

    def artifact_update(self, task: Task, parts: Sequence[Part], *, is_first: bool) -> dict[str, Any]:
        """Returns an event of a stream: more of the artifact."""
        update = {**_whose(task), "artifact": self.artifact(task, parts), "append": not is_first}
        return {"kind": "artifact-update", **update} if self.is_old else {"artifactUpdate": update}

    def status_update(self, task: Task) -> dict[str, Any]:
        """Returns an event of a stream: how the task stands now."""
        update = {**_whose(task), "status": self.status(task)}
        if not self.is_old:
            return {"statusUpdate": update}
        return {"kind": "status-update", **update, "final": task.state in TERMINAL or task.state == "input-required"}

    def _message(self, task: Task, parts: Sequence[Part]) -> dict[str, Any]:
        role = "agent" if self.is_old else "ROLE_AGENT"
        found = {
            "messageId": f"{task.id}-said",
            "role": role,
            "parts": [self._part(part) for part in parts],
            "taskId": task.id,
            "contextId": task.context,
        }
        return {"kind": "message", **found} if self.is_old else found

    def _part(self, part: Part) -> dict[str, Any]:
        if part.raw:
            kind = part.media_type or "application/octet-stream"
            if self.is_old:
                return {"kind": "file", "file": {"bytes": part.raw, "mimeType": kind}}
            return {"raw": part.raw, "mediaType": kind}
        if part.has_data:
            if not self.is_old:
                return {"data": part.data, "mediaType": "application/json"}
            return {"kind": "data", "data": part.data if isinstance(part.data, dict) else {"value": part.data}}
        return {"kind": "text", "text": part.text} if self.is_old else {"text": part.text}


def _whose(task: Task) -> dict[str, str]:
    return {"taskId": task.id, "contextId": task.context}


NEW, OLD = Spelling(is_old=False), Spelling(is_old=True)

METHODS: Final[dict[str, tuple[Spelling, Verb]]] = {
    "SendMessage": (NEW, "send"),
    "SendStreamingMessage": (NEW, "stream"),
    "GetTask": (NEW, "get"),
    "CancelTask": (NEW, "cancel"),
    "message/send": (OLD, "send"),
    "message/stream": (OLD, "stream"),
    "tasks/get": (OLD, "get"),
    "tasks/cancel": (OLD, "cancel"),
}


def read_message(parameters: Mapping[str, Any]) -> Heard:
    """Reads what a client sends, in either spelling.

    Raises:
        BadRequest: it is no message, or says nothing.
        Unsupported: it has a part that the assistant does not read.
    """
    message = parameters.get("message")
    if not isinstance(message, Mapping):
        raise BadRequest("message: an object with parts is expected")
    parts = message.get("parts")
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise BadRequest("message.parts: a list of objects is expected")
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    values = [part["data"] for part in parts if part.get("data") is not None]
    if len(texts) + len(values) < len(parts):
        raise Unsupported("message.parts: the assistant reads text, and data with the values of fields; no files")
    return Heard(_said(texts, values), _id(message, "contextId"), _id(message, "taskId"))


def _said(texts: list[str], values: list[Any]) -> dict[str, Any]:
    text = "\n".join(texts).strip()
    if values and not text:
        if len(values) > 1 or not isinstance(values[0], dict):
            raise BadRequest("message.parts: one object of data is expected, with the values of fields")
        value = _whole(values[0])
        return dict(value) if value and set(value) <= _SAID else {"fields": value}
    if not text or values:
        raise BadRequest("message.parts: a text is expected, or data; not both")
    if len(text) > TEXT_CHARACTERS_MAX:
        raise BadRequest(f"message.parts: a text has at most {TEXT_CHARACTERS_MAX} characters, not {len(text)}")
    return {"text": text}


def _whole(value: Any) -> Any:
    """Returns a value in which 2.0 is 2: clients that speak protobuf know no whole numbers in data."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= WHOLE_MAX else value
    if isinstance(value, dict):
        return {key: _whole(one) for key, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


def _id(message: Mapping[str, Any], name: str) -> str:
    found = message.get(name) or ""
    if not isinstance(found, str) or len(found) > ID_CHARACTERS_MAX:
        raise BadRequest(f"message.{name}: at most {ID_CHARACTERS_MAX} characters are expected")
    return found
