"""Descriptions of strangers: whatever they hold, they are refused, or whoever reads them can."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from micro.assistant.knowledge import Knowledge
from micro.assistant.lexical import LexicalEngine
from micro.assistant.sentence import Sentence
from micro.doors.api.asyncapi import asyncapi
from micro.doors.api.fields import request_of
from micro.doors.api.llms import llms_text
from micro.doors.api.openapi import openapi
from micro.doors.mcp.reach import Reach
from micro.doors.mcp.toolbox import tools_for
from micro.errors import BadRequest, TooLarge
from micro.mucp.codec import encode_json
from micro.service.registry.description import Description, check_description
from micro.service.schema.fields import read_fields

WORDS = [
    "type",
    "properties",
    "$defs",
    "required",
    "x-micro-fields",
    "anyOf",
    "oneOf",
    "allOf",
    "items",
    "prefixItems",
    "additionalProperties",
    "enum",
    "const",
    "default",
    "description",
    "format",
    "contentEncoding",
    "x-micro-open",
    "x-micro-stream",
    "x-micro-result",
    "$ref",
    "_",
    "name",
    "a",
]
TEXTS = st.sampled_from(["", "_", "a", "name", "object", "array", "string", "null", "binary", "#/$defs/a", "base64"])
NAMES = st.sampled_from(WORDS)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-3, 2**54), st.floats(), TEXTS)
JSON = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas that are mostly right, so that they come through."""
    named = st.dictionaries(NAMES, inner, max_size=3)
    words: dict[str, st.SearchStrategy[Any]] = {
        "type": st.one_of(st.just("object"), TEXTS, st.lists(TEXTS, max_size=2)),
        "properties": named,
        "$defs": named,
        "required": st.lists(NAMES, max_size=2),
        "x-micro-fields": st.lists(NAMES, max_size=2),
        "anyOf": st.lists(inner, max_size=2),
        "allOf": st.lists(inner, max_size=2),
        "items": inner,
        "additionalProperties": inner,
        "enum": st.lists(JSON, max_size=2),
        "x-micro-open": inner,
        "x-micro-stream": PLAIN,
        "x-micro-result": PLAIN,
        "$ref": st.one_of(TEXTS, PLAIN),
        "format": st.one_of(TEXTS, JSON),
        "default": JSON,
        "description": JSON,
    }
    return st.fixed_dictionaries({}, optional=words)


SCHEMAS = st.recursive(st.one_of(st.booleans(), st.just({"type": "string"})), _schemas, max_leaves=8)
EITHER = st.one_of(SCHEMAS, SCHEMAS, JSON)
ENDPOINTS = st.fixed_dictionaries(
    {"name": st.just("Say.Hello")},
    optional={
        "request": EITHER,
        "response": EITHER,
        "examples": st.one_of(st.lists(JSON, max_size=2), JSON),
        "content_types": st.one_of(st.lists(TEXTS, max_size=2), JSON),
        "readonly": JSON,
        "idempotent": st.booleans(),
        "kind": st.sampled_from(["call", "stream"]),
    },
)
FUNCTIONS = st.fixed_dictionaries(
    {"name": st.just("f"), "topic": st.just("t")}, optional={"event": EITHER, "result": EITHER, "emits": st.just("u")}
)
DESCRIPTIONS = st.fixed_dictionaries(
    {"name": st.just("greeter"), "version": st.just("1"), "endpoints": st.lists(ENDPOINTS, min_size=1, max_size=1)},
    optional={"functions": st.lists(FUNCTIONS, max_size=1), "metadata": st.dictionaries(TEXTS, JSON, max_size=2)},
)


class _One:
    """The one service in reach."""

    number = 1

    def __init__(self, description: Description) -> None:
        self._description = description

    def descriptions(self) -> Iterator[Description]:
        yield self._description


class _Client:
    """A node with that service alone."""

    def __init__(self, description: Description) -> None:
        self._description = description

    async def call_raw(self, service: str, endpoint: str, body: bytes = b"", *, content_type: str = "") -> bytes:
        if endpoint == "Registry.List":
            return encode_json({"services": [{"name": "greeter", "endpoints": 1}]})
        return self._description.body


def described(**endpoint: Any) -> dict[str, Any]:
    return {"name": "greeter", "version": "1", "endpoints": [{"name": "Say.Hello", "idempotent": True, **endpoint}]}


async def _read(description: Description) -> None:
    """Reads a description as everybody does who shows or uses it; one that is left out counts as a failure."""
    fields = description.decode()
    endpoint = fields["endpoints"][0]
    request = endpoint.get("request")
    schema = request if isinstance(request, dict) else {}
    read_fields(schema)
    try:
        request_of([("a", "1"), ("name.a", "2")], schema)
    except BadRequest:
        pass
    known = Knowledge(_One(description), lambda: (LexicalEngine(),))
    assert len(await known.offers()) == (0 if schema.get("x-micro-stream") else 1)
    await known.rank(Sentence("say hello to 'Ann' called a: 5"))
    tools = await tools_for(Reach(_Client(description)))  # type: ignore[arg-type]
    assert len(tools) == 4
    document = openapi([fields], version="1", url="http://node")
    assert [tag["name"] for tag in document["tags"]] == ["greeter"]
    encode_json(document)
    encode_json(asyncapi([fields], version="1", host="node"))
    llms_text([{"name": "greeter"}], [fields], "http://node")


@given(st.one_of(DESCRIPTIONS, DESCRIPTIONS, JSON))
@settings(max_examples=100, deadline=None)
@example(described(request={"type": "object", "properties": {"a": True}, "required": 5}))
@example(described(request={"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": 5}))
@example(described(request={"type": "object", "properties": {"_": {"type": "string"}}, "required": ["_"]}))
@example(described(request={"properties": {"a": {}}, "x-micro-fields": [[]]}))
@example(described(request={"x-micro-stream": True, "x-micro-open": {"properties": 5}}))
@example(described(request={"properties": {"a": {"anyOf": 5}}}))
@example(described(request={"properties": {"a": {"type": ["string", "null"]}}}))
@example(described(content_types=5))
@example(described(response=True))
def test_what_is_kept_can_be_read(fields: Any) -> None:
    """Arbitrary JSON is refused for what is wrong with it, or breaks none of those who read descriptions."""
    try:
        description = check_description(fields)
    except (BadRequest, TooLarge):
        return
    asyncio.run(_read(description))
