"""What a go-micro server registered of its endpoints becomes a description that the node's registry takes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from micro.doors.mucp.registered import endpoints_of, schema_of
from micro.doors.mucp.speaking import described
from micro.service.registry.description import check_description
from micro.service.registry.mdns import Found, answer, read_answer


def value(kind: str, name: str = "", *inside: dict[str, Any]) -> dict[str, Any]:
    return {"name": name or kind, "type": kind, "values": list(inside) or None}


ORDER = value(
    "Order",
    "Order",
    value("string", "note"),
    value("int64", "count"),
    value("float32", "price"),
    value("bool", "paid"),
    value("[]uint8", "picture"),
    value("[]string", "tags"),
    value("[]Item", "items"),
    value("Time", "when"),
    value("", "anything"),
    value("Address", "address", value("string", "city")),
)


def found(*endpoints: dict[str, Any], **metadata: str) -> Found:
    return Found("orders", "latest", "orders-1", "127.0.0.1", 9, {"protocol": "mucp", **metadata}, endpoints)


def test_fields_are_those_of_the_go_type() -> None:
    """With the types that JSON has; of what go-micro says nothing of, anything may be in it."""
    assert schema_of(ORDER) == {
        "type": "object",
        "properties": {
            "note": {"type": "string"},
            "count": {"type": "integer"},
            "price": {"type": "number"},
            "paid": {"type": "boolean"},
            "picture": {"type": "string", "contentEncoding": "base64"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "items": {"type": "array", "items": {}},
            "when": {},
            "anything": {},
            "address": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }


def test_nothing_is_said_where_nothing_is_known() -> None:
    """Of a type without a name there may be any fields; one with a name and none has none."""
    for unknown in (None, "text", value(""), value("string")):
        assert schema_of(unknown) is None
    assert schema_of(value("Empty")) == {"type": "object", "properties": {}}


def test_endpoints_are_called_and_streamed_and_subscribers_are_none() -> None:
    """As they were said over multicast DNS, with types."""
    call = {"name": "Orders.Place", "request": ORDER, "response": value("Receipt", "", value("string", "id"))}
    stream = {"name": "Orders.Watch", "request": value("Context"), "metadata": {"stream": "true"}}
    subscriber = {"name": "Func", "request": ORDER, "metadata": {"subscriber": "true", "topic": "orders"}}
    [heard] = read_answer(answer("orders", [found(call, stream, subscriber)]))

    placing, watching = endpoints_of(heard)

    assert placing["response"] == {"type": "object", "properties": {"id": {"type": "string"}}}
    assert (watching["kind"], watching["request"]) == ("stream", {"x-micro-stream": True})
    assert check_description(described(heard)).name == "orders"


NAMES = st.text(max_size=4)
PLAIN = st.none() | st.integers() | NAMES | st.lists(NAMES, max_size=2)
VALUES = st.recursive(
    st.fixed_dictionaries({"name": NAMES, "type": NAMES}) | PLAIN,
    lambda inside: st.fixed_dictionaries(
        {"name": NAMES, "type": st.sampled_from(("A", "string", "[]A")), "values": st.lists(inside, max_size=3)}
    ),
    max_leaves=6,
)


@given(VALUES)
def test_whatever_it_says_is_taken(said: object) -> None:
    """A stranger's registration never breaks who reads it."""
    schema = schema_of(said)

    assert schema is None or schema["type"] == "object"


def test_a_deep_type_is_cut() -> None:
    """Deeper than go-micro says them, there may be anything."""
    deep = value("Leaf")
    for _ in range(50):
        deep = value("A", "a", deep)

    assert str(schema_of(deep)).count("properties") <= 5
