"""The AsyncAPI document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from micro.doors.api import asyncapi as module
from micro.doors.api.asyncapi import asyncapi
from micro.service.service import Service
from micro.service.subscription import Event
from tests.unit.doors.api.specification import check_asyncapi

POINT = {"type": "object", "properties": {"x": {"type": "integer"}}}
LINE = {"type": "object", "properties": {"a": {"$ref": "#/$defs/Point"}}, "$defs": {"Point": POINT}}


def document(*descriptions: dict[str, Any]) -> dict[str, Any]:
    """Returns the document, once a model of the specification took it, and every reference in it led somewhere."""
    found = asyncapi(descriptions, version="1.0.0", host="127.0.0.1:8080")
    check_asyncapi(found)
    for reference in references(found):
        place: Any = found
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for one in value.values() for found in references(one)]
    return [found for one in value for found in references(one)] if isinstance(value, list) else []


def function(**more: Any) -> dict[str, Any]:
    return {"name": "Pen.Draw", "topic": "lines", "queue": "pen", "event": LINE, **more}


def test_no_topic_is_a_valid_document_too() -> None:
    """And what is none is found out."""
    assert document()["channels"] == {}
    with pytest.raises(ValidationError):
        check_asyncapi({**document(), "operations": {"a": {"action": "take"}}})


def test_a_real_service_says_what_it_takes_and_gives() -> None:
    """Subscribers, functions with their results, and topics that it keeps."""
    service = Service("shop", description="Sells.")
    service.topic("orders.kept")

    @service.subscribe("orders.seen", queue="audit")
    async def seen(event: Event) -> None: ...

    found = document(service.describe())

    assert {channel["address"] for channel in found["channels"].values()} == {"orders.kept", "orders.seen"}
    (operation,) = found["operations"].values()
    assert (operation["action"], "audit" in operation["description"]) == ("receive", True)


def test_a_function_receives_and_sends() -> None:
    """Each with the schema of what it says, its definitions filed apart."""
    found = document({"name": "pen", "functions": [function(emits="drawn", result=POINT)]})

    assert sorted(operation["action"] for operation in found["operations"].values()) == ["receive", "send"]
    payload = found["channels"]["lines"]["messages"]["event"]["payload"]["$ref"].rpartition("/")[2]
    inner = found["components"]["schemas"][payload]["properties"]["a"]["$ref"].rpartition("/")[2]
    assert found["components"]["schemas"][inner] == POINT
    assert found["channels"]["drawn"]["messages"]["event"]["payload"]


def test_what_takes_a_topic_says_what_it_carries() -> None:
    """Before what emits to it; who says nothing of it is not asked."""
    emitting = {"name": "a", "functions": [{"name": "A.B", "topic": "x", "emits": "lines", "result": POINT}]}
    silent = {"name": "b", "topics": [{"topic": "lines", "queue": ""}]}
    taking = {"name": "pen", "functions": [function()]}

    payload = document(emitting, silent, taking)["channels"]["lines"]["messages"]["event"]["payload"]

    assert "pen" in payload["$ref"]


def test_two_topics_never_share_a_channel() -> None:
    """Also where their names differ in a sign that no key may have."""
    topics = [{"topic": name, "queue": ""} for name in ("a.b", "a_b", "a/b")]
    found = document({"name": "s", "topics": topics})

    assert len(found["channels"]) == len(found["operations"]) == 3


def test_a_function_is_told_once() -> None:
    """Its topic and queue stand among the topics of the service, too."""
    found = document({"name": "pen", "topics": [{"topic": "lines", "queue": "pen"}], "functions": [function()]})

    assert len(found["operations"]) == 1


def test_topics_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever describes himself cannot fill the document."""
    monkeypatch.setattr(module, "CHANNELS_MAX", 2)
    topics = [{"topic": f"t{number}", "queue": ""} for number in range(5)]

    assert len(document({"name": "s", "topics": topics})["channels"]) == 2


def test_a_schema_without_an_end_is_cut() -> None:
    """A stranger's description does not make the node dig for ever."""
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"items": deep}
    assert len(json.dumps(document({"name": "pen", "functions": [function(event=deep)]}))) < 4_000
