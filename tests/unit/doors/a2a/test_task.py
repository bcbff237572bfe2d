"""A task: how the assistant's events move it, and what they leave in it."""

from __future__ import annotations

from typing import Any

import pytest

from micro.doors.a2a import task as module
from micro.doors.a2a.task import Part, Task

HEARD = {"kind": "heard", "conversation": "c1", "text": "hi", "language": "en"}
CALLING = {"kind": "calling", "service": "greeter", "endpoint": "Say.Hello", "fields": {}}


def after(*events: dict[str, Any]) -> Task:
    """Returns a task that has heard these events, and the end of the turn."""
    found = Task("t1")
    found.begin_turn()
    for event in (HEARD, *events):
        found.hear(event)
    return found


def ended(waits_for: str = "") -> dict[str, Any]:
    return {"kind": "turn", "waits_for": waits_for, "conversation": "c1"}


def test_an_answer_completes_it() -> None:
    """And stands in its artifact, as a value and in words."""
    found = after(CALLING, {"kind": "result", "value": {"result": "Hello"}, "text": "Hello"}, ended())
    assert (found.state, found.context, found.subject) == ("completed", "c1", "greeter Say.Hello")
    assert found.given == [Part(data={"result": "Hello"}, has_data=True), Part(text="Hello")]


@pytest.mark.parametrize(
    ("event", "waits_for", "data"),
    [
        ({"kind": "ask", "text": "Who?", "missing": ["name"], "field": "name"}, "field", "missing"),
        ({"kind": "confirm", "text": "Sure?", "reasons": ["changes"]}, "confirmation", "reasons"),
        ({"kind": "choices", "text": "Which?", "choices": [{"choose": "a b"}]}, "choice", "choices"),
    ],
)
def test_a_question_requires_input(event: dict[str, Any], waits_for: str, data: str) -> None:
    """Its words, and what a program needs to answer it."""
    found = after(event, ended(waits_for))
    assert (found.state, found.told[0]) == ("input-required", Part(text=event["text"]))
    assert data in found.told[1].data


def test_what_failed_says_why() -> None:
    """With the fault as it is."""
    found = after({"kind": "failed", "text": "No.", "fault": {"code": 404}}, ended())
    assert (found.state, found.told[1].data) == ("failed", {"fault": {"code": 404}})


def test_what_was_cancelled_is_canceled() -> None:
    """An answer of the assistant itself, which is no artifact."""
    found = after({"kind": "told", "text": "All right.", "topic": "cancelled"}, ended())
    assert (found.state, found.given) == ("canceled", [])
    assert after({"kind": "told", "text": "I know no service.", "topic": "none"}, ended()).state == "completed"


def test_each_turn_has_a_message_of_its_own() -> None:
    """An old question is not asked again; what was given stays."""
    found = after({"kind": "item", "value": 1}, {"kind": "ask", "text": "Who?"}, ended("field"))
    found.begin_turn()
    assert (found.state, found.told) == ("working", [])
    found.hear(ended())
    assert (found.state, len(found.given)) == ("completed", 1)


def test_a_stream_gives_piece_by_piece_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever streams is sent all; the task keeps its beginning."""
    monkeypatch.setattr(module, "PARTS_MAX", 2)
    found = Task("t1")
    given = [found.hear({"kind": "item", "value": number}) for number in range(4)]
    assert [len(parts) for parts in given] == [1, 1, 1, 1]
    assert [part.data for part in found.given] == [0, 1]


def test_bytes_are_told_with_their_type() -> None:
    """In base64, as they came."""
    [part] = Task("t1").hear({"kind": "result", "bytes": "AAE=", "content_type": "image/png"})
    assert part == Part(raw="AAE=", media_type="image/png")


def test_a_kind_that_nobody_knows_is_left_out() -> None:
    """More of them may come with a later assistant."""
    assert after({"kind": "thought", "text": "hm"}, ended()).state == "completed"


def test_an_artifact_is_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too much is left out of the task, and sent to whoever streams; what fits after it is kept."""
    monkeypatch.setattr(module, "GIVEN_BYTES_MAX", 10)
    task = Task("t1")
    assert len(task.hear({"kind": "item", "bytes": "x" * 8})) == 1
    assert len(task.hear({"kind": "item", "value": "long"})) == 1
    task.hear({"kind": "item", "value": 12})
    assert ([part.raw or part.data for part in task.given], task.given_bytes) == (["x" * 8, 12], 10)
