"""Both spellings of A2A: judged by the official models of each version."""

from __future__ import annotations

import json
from typing import Any

import pytest
from a2a.compat.v0_3 import types as old_types
from a2a.types.a2a_pb2 import SendMessageResponse, StreamResponse
from a2a.types.a2a_pb2 import Task as NewTask
from google.protobuf.json_format import ParseDict

from micro.doors.a2a.spelling import NEW, OLD, TEXT_CHARACTERS_MAX, Unsupported, read_message
from micro.doors.a2a.task import Part, State, Task
from micro.errors import BadRequest


def task(state: State = "input-required") -> Task:
    parts = [Part(text="hi"), Part(data=[1], has_data=True), Part(raw="AAE=", media_type="image/png")]
    return Task("t1", "c1", state, told=list(parts), given=list(parts), subject="greeter Say.Hello")


@pytest.mark.parametrize("state", ["working", "input-required", "completed", "failed", "canceled"])
def test_a_task_is_what_the_newer_version_takes(state: State) -> None:
    """By its own strict parser: no field that it does not know."""
    found = ParseDict(NEW.sent(task(state)), SendMessageResponse()).task
    assert (found.id, found.context_id, len(found.artifacts[0].parts)) == ("t1", "c1", 3)
    assert found.status.message.parts[0].text == "hi"
    assert ParseDict(NEW.task(task(state)), NewTask()).status.state == found.status.state != 0


@pytest.mark.parametrize("state", ["working", "input-required", "completed", "failed", "canceled"])
def test_a_task_is_what_the_older_version_takes(state: State) -> None:
    """A value that is no object is wrapped, for there data is one."""
    found = old_types.Task.model_validate(OLD.sent(task(state)))
    assert (found.id, found.context_id, found.status.state.value) == ("t1", "c1", state)
    assert found.artifacts is not None
    assert [part.root.kind for part in found.artifacts[0].parts] == ["text", "data", "file"]


def test_events_of_a_stream_are_what_both_take() -> None:
    """The last one ends it."""
    parts = task().given
    ParseDict(NEW.artifact_update(task(), parts, is_first=True), StreamResponse())
    assert ParseDict(NEW.status_update(task()), StreamResponse()).status_update.task_id == "t1"
    assert old_types.TaskArtifactUpdateEvent.model_validate(OLD.artifact_update(task(), parts, is_first=False)).append
    assert old_types.TaskStatusUpdateEvent.model_validate(OLD.status_update(task())).final
    assert not old_types.TaskStatusUpdateEvent.model_validate(OLD.status_update(task("working"))).final


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([{"text": "greet Ann"}], {"text": "greet Ann"}),
        ([{"kind": "text", "text": " greet"}, {"kind": "text", "text": "Ann "}], {"text": "greet\nAnn"}),
        ([{"data": {"name": "Ann"}}], {"fields": {"name": "Ann"}}),
        ([{"kind": "data", "data": {"confirm": True}}], {"confirm": True}),
        ([{"data": {"a": [2.0, 1.5, 1e300], "b": {"c": -1.0}}}], {"fields": {"a": [2, 1.5, 1e300], "b": {"c": -1}}}),
        ([{"data": {"choose": "a A.B", "fields": {}}}], {"choose": "a A.B", "fields": {}}),
    ],
)
def test_a_message_is_a_sentence_or_values(parts: list[dict[str, Any]], said: dict[str, Any]) -> None:
    """In either spelling."""
    heard = read_message({"message": {"parts": parts, "contextId": "c1", "taskId": "t1"}})
    assert json.dumps(heard.said) == json.dumps(said)
    assert (heard.context, heard.task) == ("c1", "t1")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"message": {"parts": "hi"}},
        {"message": {"parts": ["hi"]}},
        {"message": {"parts": []}},
        {"message": {"parts": [{"text": "  "}]}},
        {"message": {"parts": [{"text": "x" * (TEXT_CHARACTERS_MAX + 1)}]}},
        {"message": {"parts": [{"text": "hi"}, {"data": {"a": 1}}]}},
        {"message": {"parts": [{"data": [1]}]}},
        {"message": {"parts": [{"text": "hi"}], "contextId": 5}},
        {"message": {"parts": [{"text": "hi"}], "taskId": "t" * 65}},
    ],
)
def test_what_is_no_message_is_refused(parameters: dict[str, Any]) -> None:
    """With what was expected."""
    with pytest.raises(BadRequest, match="message"):
        read_message(parameters)


def test_files_are_not_read() -> None:
    """The assistant has no use for them, and says so rather than to leave them out."""
    with pytest.raises(Unsupported):
        read_message({"message": {"parts": [{"text": "look"}, {"raw": "AAE="}]}})
