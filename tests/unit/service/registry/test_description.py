"""Descriptions: checked as if a stranger wrote them."""

from __future__ import annotations

from typing import Any

import pytest

from micro.errors import BadRequest, Fault, TooLarge
from micro.service.registry.description import EndpointSummary, Shelf, check_description

HELLO = {
    "name": "Say.Hello",
    "kind": "call",
    "description": "Greets someone.",
    "idempotent": True,
    "price": "0.001",
    "request": {"type": "object"},
    "response": {"type": "object", "x-micro-result": True},
    "examples": [{"name": "Ann"}],
}


def greeter(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": "greeter",
        "version": "1.2.0",
        "description": "Greets people.\n\nIn many languages.",
        "metadata": {"tags": ["hello", "demo"], "home": "https://greeter.example"},
        "topics": [{"topic": "events", "queue": "greeter"}, {"topic": "news", "queue": None}],
        "endpoints": [HELLO],
    }
    return {**fields, **changes}


def endpoint(**changes: Any) -> dict[str, Any]:
    return greeter(endpoints=[{**HELLO, **changes}])


def test_what_a_caller_needs_is_at_hand() -> None:
    """Endpoints are summed up without their schemas."""
    assert check_description(greeter()).endpoints == (EndpointSummary("Say.Hello", idempotent=True, price="0.001"),)


def test_the_first_line_is_the_summary() -> None:
    """A list shows one line."""
    assert check_description(greeter()).summary == "Greets people."


def test_the_description_is_kept_whole() -> None:
    """What is read back is what was said, fields of a later version included."""
    fields = greeter(motto="ave")

    assert fields == check_description(fields).decode()


def test_the_hash_does_not_know_the_order_of_fields() -> None:
    """One content has one name."""
    fields = greeter()

    assert check_description(fields).hash == check_description(dict(reversed(fields.items()))).hash


def test_the_hash_leaves_out_what_the_registry_says() -> None:
    """Nodes come and go without changing the description."""
    assert check_description(greeter()).hash == check_description(greeter(nodes=[{"nid": "b"}], owner="b")).hash


def test_the_hash_knows_the_content() -> None:
    """Another price is another description."""
    assert check_description(greeter()).hash != check_description(endpoint(price="0.002")).hash


def test_the_hash_is_blake3_of_the_canonical_form() -> None:
    """Anybody can compute it; this one was computed once with the reference tool."""
    found = check_description({"name": "a", "version": "1"})

    assert found.body == b'{"name":"a","version":"1"}'
    assert found.hash == "b6174bfac119111fe3a11515f0671d071ea01586476163599c96cf1332c19d5d"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (None, "expected an object"),
        ([], "expected an object"),
        ({}, "service name"),
        (greeter(name="Greeter"), "service name"),
        (greeter(version=1), "version"),
        (greeter(description=None), "description: expected text"),
        (greeter(description="x" * 20_000), "at most 16384 characters"),
        (greeter(description="\x1b[2J"), r"U\+001B"),
        (greeter(description="a\u202eb"), r"U\+202E"),
        (greeter(metadata=[]), "metadata: expected an object"),
        (greeter(metadata={str(number): "" for number in range(65)}), "at most 64"),
        (greeter(metadata={"tags": 5}), "tags"),
        (greeter(metadata={"tags": ["a", 5]}), "tags"),
        (greeter(metadata={1: "x"}), "metadata key: expected text"),
        (greeter(topics={}), "topics: expected a list"),
        (greeter(topics=["events"]), r"topics\[0\]: expected an object"),
        (greeter(topics=[{"queue": "q"}]), r"topics\[0\]: topic: expected text"),
        (greeter(topics=[{"topic": "t", "queue": 7}]), r"topics\[0\]: queue"),
        (greeter(logs=[{"export": True}]), r"logs\[0\]: topic: expected text"),
        (greeter(logs=[{"topic": "t", "export": 1}]), r"logs\[0\]: export"),
        (greeter(functions=[{"topic": "t"}]), r"functions\[0\]: name: expected text"),
        (greeter(functions=[{"name": "", "topic": "t"}]), r"functions\[0\]: name"),
        (greeter(functions=[{"name": "f", "topic": "t"}] * 2), r"functions\[1\]: name"),
        (greeter(functions=[{"name": "f"}]), r"functions\[0\] \(f\): topic"),
        (greeter(functions=[{"name": "f", "topic": "t", "emits": None}]), r"functions\[0\] \(f\): emits"),
        (greeter(functions=[{"name": "f", "topic": "t", "event": []}]), r"functions\[0\] \(f\): event"),
        (greeter(endpoints=None), "endpoints: expected a list"),
        (greeter(endpoints=[HELLO] * 257), "at most 256"),
        (greeter(endpoints=[HELLO, HELLO]), "there twice"),
        (greeter(endpoints=[7]), r"endpoints\[0\]: expected an object"),
        (endpoint(name="Hello"), "exactly one dot"),
        (endpoint(name="Say.Hello.There"), "exactly one dot"),
        (endpoint(name="Say.\x07"), "control character"),
        (endpoint(name=None), "name: expected text"),
        (endpoint(kind="shout"), "expected call or stream"),
        (endpoint(kind=[[]]), "expected call or stream"),
        (endpoint(idempotent="yes"), "expected true or false"),
        (endpoint(description=[]), "description: expected text"),
        (endpoint(request="string"), "expected a JSON Schema"),
        (endpoint(response=7), "expected a JSON Schema"),
        (endpoint(examples={"a": 1}), "examples"),
        (endpoint(examples=[1] * 33), "at most 32"),
        (endpoint(price=0.001), "decimal text"),
        (endpoint(price="-1"), "decimal text"),
        (endpoint(price="0.0000000001"), "decimal text"),
    ],
)
def test_a_malformed_description_is_refused(fields: object, complaint: str) -> None:
    """The fault says where and what."""
    with pytest.raises(BadRequest, match=complaint):
        check_description(fields)


@pytest.mark.parametrize(
    "fields",
    [
        greeter(metadata={str(number): "" for number in range(64)}),
        greeter(description="x" * 16_384),
        greeter(endpoints=[{"name": f"Say.A{number}"} for number in range(256)]),
        greeter(topics=[{"topic": "t"}] * 256),
        endpoint(examples=[1] * 32),
        endpoint(price="999999999999.999999999"),
        endpoint(price=None, examples=None, request=None, response=True),
        endpoint(name="S." + "x" * 126),
    ],
    ids=range(8),
)
def test_what_just_fits_is_taken(fields: dict[str, Any]) -> None:
    """A bound is the greatest that may be."""
    check_description(fields)


def test_a_description_has_a_size() -> None:
    """256 KiB and no more."""
    with pytest.raises(TooLarge, match="262144 bytes"):
        check_description(endpoint(examples=["x" * 300_000]))


@pytest.mark.parametrize("field", ["request", "examples", "metadata", "motto"])
def test_depth_is_bounded_everywhere(field: str) -> None:
    """A pile of brackets ends in a fault wherever it stands."""
    pile: Any = {}
    for _ in range(50_000):
        pile = {"a": [pile]}
    fields = endpoint(request=pile) if field == "request" else greeter(**{field: pile})
    if field == "examples":
        fields = endpoint(examples=[pile])

    with pytest.raises(Fault, match="deeper"):
        check_description(fields)


def test_prose_may_have_lines_and_any_script() -> None:
    """Only what harms a reader is refused."""
    check_description(greeter(description="Zeile\n\tمی\u200cخواهم 👩\u200d🚀 שלום"))


@pytest.mark.parametrize("tags", [["hello", "demo"], "hello demo", "hello, demo"])
def test_tags_are_a_list_or_one_text(tags: object) -> None:
    """go-micro's metadata knows texts only."""
    assert check_description(greeter(metadata={"tags": tags})).texts()["tags"] == "hello demo"


def test_a_shelf_keeps_one_copy() -> None:
    """Two instances with equal descriptions share the first."""
    shelf = Shelf()
    one, other = check_description(greeter()), check_description(greeter())

    assert shelf.take(one) is shelf.take(other)


def test_a_shelf_counts_what_it_keeps() -> None:
    """Each copy once."""
    shelf = Shelf()
    one, other = check_description(greeter()), check_description(greeter(version="2"))
    for description in (one, other, one):
        shelf.take(description)

    assert shelf.bytes == len(one.body) + len(other.body)


def test_a_shelf_lets_go_with_the_last_use() -> None:
    """What nobody uses takes no place."""
    shelf = Shelf()
    description = shelf.take(shelf.take(check_description(greeter())))
    shelf.release(description)
    kept = (description.hash in shelf, shelf.bytes)
    shelf.release(description)

    assert (kept, description.hash in shelf, shelf.bytes) == ((True, len(description.body)), False, 0)


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"required": 5}, "required"),
        ({"required": [5]}, "required"),
        ({"x-micro-fields": [[]]}, "x-micro-fields"),
        ({"type": 5}, "type"),
        ({"enum": "ab"}, "enum"),
        ({"$defs": 5}, r"\$defs"),
        ({"properties": {"a": 5}}, "properties"),
        ({"properties": {"a": {"anyOf": 5}}}, "properties: anyOf"),
        ({"x-micro-stream": True, "x-micro-open": {"properties": 5}}, "x-micro-open: properties"),
        ({"items": [{}]}, "items"),
    ],
)
def test_a_schema_has_the_shape_of_one(schema: dict[str, Any], named: str) -> None:
    """Whoever reads it counts on that, so what has another shape is refused, and the fault says where it is wrong."""
    with pytest.raises(BadRequest, match=rf"request: {named}"):
        check_description(endpoint(request=schema))
    with pytest.raises(BadRequest, match=named):
        check_description(greeter(functions=[{"name": "f", "topic": "t", "event": schema}]))


def test_a_schema_is_not_endless() -> None:
    """One that is nested deeper than JSON may be is refused, however deep it is."""
    schema: dict[str, Any] = {}
    for _ in range(10_000):
        schema = {"items": schema}
    with pytest.raises(BadRequest, match="nested deeper"):
        check_description(endpoint(request=schema))


def test_a_schema_may_say_more() -> None:
    """Words that mean nothing here are kept as they are, and true and false are schemas."""
    schema = {"properties": {"a": True, "b": {"type": ["string", "null"]}}, "required": ["a"], "x-new": 5, "if": 5}
    assert check_description(endpoint(request=schema)).decode()["endpoints"][0]["request"] == schema
