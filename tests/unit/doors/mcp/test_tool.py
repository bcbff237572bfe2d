"""Tools: what they are called, what they take, and what they answer, from what services say of themselves."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest

from micro.doors.api.machines import target_of_tool
from micro.doors.mcp.tool import NAME_CHARACTERS_MAX, Tool, tool_name, tools_of
from micro.errors import BadRequest
from micro.mucp.codec import BYTES, JSON
from micro.service.service import Service
from micro.service.typed import Stream


@dataclass
class Point:
    """A place."""

    x: int
    y: int = 0


def described() -> dict[str, Tool]:
    """Returns the tools of a service with an endpoint of each kind, by endpoint."""
    service = Service("map", description="Knows places.")

    @service.endpoint("Map.Near", idempotent=True)
    async def near(place: Point, name: str, count: int = 3) -> list[Point]:
        """Find what is near."""
        return [place] * count

    @service.endpoint("Map.Draw")
    async def draw(data: bytes) -> bytes:
        return data

    @service.endpoint("Map.Walk")
    async def walk(steps: Stream[Point], speed: float = 1.0) -> AsyncIterator[Point]:
        async for step in steps:
            yield step

    @service.endpoint("Map.Say")
    async def say(words: Stream[str]) -> AsyncIterator[str]:
        async for word in words:
            yield word

    return {tool.endpoint: tool for tool in tools_of(service.describe())}


TOOLS = described()


@pytest.mark.parametrize("endpoint", list(TOOLS))
def test_schemas_are_schemas_of_objects(endpoint: str) -> None:
    """Whole, with every reference inside leading somewhere, and without words that are ours alone."""
    for schema in (TOOLS[endpoint].input_schema(), TOOLS[endpoint].output_schema()):
        if schema is not None:
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
            assert "x-micro" not in json.dumps(schema)


def test_arguments_are_judged_by_the_schema() -> None:
    """Also those of a type that the description defines apart."""
    schema = TOOLS["Map.Near"].input_schema()
    jsonschema.validate({"place": {"x": 1}, "name": "a"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"place": {"x": "one"}, "name": "a"}, schema)


def test_messages_of_a_stream_are_an_argument() -> None:
    """Beside the parameters; what is no object is the value itself."""
    walk, say = TOOLS["Map.Walk"], TOOLS["Map.Say"]
    jsonschema.validate({"speed": 2, "messages": [{"x": 1, "y": 2}]}, walk.input_schema())
    given = walk.given({"speed": 2, "messages": [{"x": 1}]})
    assert (json.loads(given.body), [json.loads(one) for one in given.messages]) == ({"speed": 2}, [{"x": 1}])
    jsonschema.validate({"messages": ["a"]}, say.input_schema())
    assert [json.loads(one) for one in say.given({"messages": ["a"]}).messages] == [{"result": "a"}]
    with pytest.raises(BadRequest, match="messages"):
        say.given({"messages": "a"})


def test_what_a_stream_answers_is_a_list() -> None:
    """Of values, and whether these were all."""
    jsonschema.validate({"items": ["a"], "complete": True}, TOOLS["Map.Say"].output_schema() or {})
    jsonschema.validate({"items": [{"x": 1, "y": 2}], "complete": True}, TOOLS["Map.Walk"].output_schema() or {})
    assert [TOOLS["Map.Say"].item_of({"result": "a"}), TOOLS["Map.Walk"].item_of({"x": 1})] == ["a", {"x": 1}]


def test_bytes_are_given_in_base64_or_as_text() -> None:
    """And go out as they are."""
    draw = TOOLS["Map.Draw"]
    given = draw.given({"data": base64.b64encode(b"\0\xff").decode()})
    assert (given.content_type, given.body) == (BYTES, b"\0\xff")
    assert draw.given({"text": "hé"}).body == "hé".encode()
    assert TOOLS["Map.Near"].given({"name": "a"}).content_type == JSON
    for wrong in ({}, {"data": "no base64!"}, {"data": 5}):
        with pytest.raises(BadRequest, match="data"):
            draw.given(wrong)
    assert draw.output_schema() is None


def test_what_is_missing_is_named() -> None:
    """With its schema, so that a person can be asked for it."""
    missing = TOOLS["Map.Near"].missing({"count": 1})
    assert list(missing) == ["place", "name"]
    assert missing["name"]["type"] == "string"


def test_a_name_has_letters_that_clients_take() -> None:
    """And no two endpoints share one, also where they are too long."""
    assert tool_name("greeter", "Say.Hello") == "greeter_Say_Hello"
    long = [tool_name("a-service", f"{'Struct' * 12}.{method}") for method in ("One", "Two")]
    assert len(set(long)) == 2
    assert {len(name) for name in long} == {NAME_CHARACTERS_MAX}


@pytest.mark.parametrize(
    "endpoint",
    [
        {"name": "A.B"},
        {"name": "A.B", "request": None, "response": []},
        {"name": "A.B", "request": {"type": "string"}, "response": {"type": "array"}},
        {"name": "A.B", "request": {"required": "all"}, "kind": "stream"},
        {"name": "A.B", "request": {"x-micro-stream": True, "x-micro-open": 5, "x-micro-result": True}},
    ],
)
def test_whatever_a_stranger_says_of_an_endpoint_is_an_object(endpoint: dict[str, Any]) -> None:
    """A client that checks the list would otherwise lose all other tools too."""
    (tool,) = tools_of({"name": "odd", "endpoints": [endpoint]})
    assert tool.input_schema()["type"] == "object"
    assert (tool.output_schema() or {"type": "object"})["type"] == "object"
    assert tool.missing({}) == {}
    tool.given({})


def test_a_schema_that_nests_without_end_is_cut() -> None:
    """A stranger's description does not make the node dig for ever."""
    nested: dict[str, Any] = {}
    for _ in range(500):
        nested = {"properties": {"a": nested}}
    (tool,) = tools_of({"name": "deep", "endpoints": [{"name": "A.B", "request": nested}]})
    assert len(json.dumps(tool.input_schema())) < 2_000


@pytest.mark.parametrize(
    ("endpoint", "changes", "destroys"),
    [
        ({"name": "Notes.List", "idempotent": True}, False, False),
        ({"name": "Notes.Delete", "idempotent": True}, True, True),
        ({"name": "Notes.Add", "description": "Add a note."}, True, False),
        ({"name": "Notes.Rename", "description": "Rename a note."}, True, True),
        ({"name": "Notes.Frobnicate"}, True, True),
        ({"name": "Notes.Frobnicate", "readonly": True}, False, False),
        ({"name": "Notes.List", "idempotent": True, "readonly": False}, True, True),
    ],
)
def test_what_a_tool_does_is_told_from_its_description(endpoint: dict[str, Any], changes: bool, destroys: bool) -> None:
    """As the assistant tells it, so that both ask a person before the same; what says nothing may do anything."""
    (tool,) = tools_of({"name": "notes", "endpoints": [endpoint]})
    assert (tool.changes, tool.destroys) == (changes, destroys)


def test_the_record_knows_the_secrets_of_a_tool() -> None:
    """What is asked through MCP is noted with the schema that says which values are secrets."""
    secret = {"type": "object", "properties": {"word": {"type": "string", "format": "password"}}}
    endpoints = [{"name": "Vault.Open", "request": secret}, {"name": "Vault.Close", "request": {"type": "object"}}]
    tools = tools_of({"name": "vault", "endpoints": endpoints})
    open_target, close_target = map(target_of_tool, tools)

    assert (open_target.has_secrets, open_target.parameters) == (True, secret)
    assert not close_target.has_secrets
