"""What a function's declaration settles, and what follows from one event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from micro.errors import BadRequest, InternalError, TooLarge
from micro.mucp import headers as names
from micro.mucp.headers import Headers
from micro.service.context import Context
from micro.service.function import OUTPUTS_MAX, Function, Given, output_id
from micro.service.service import Service
from micro.service.subscription import Event
from micro.trust.policy import Caller


class Order(msgspec.Struct):
    """An order."""

    number: int


def event_of(body: bytes, id: str = "1", content_type: str = "application/json", topic: str = "orders") -> Event:
    """Returns an event as its keeper delivers it."""
    said = {names.TOPIC: topic, names.ID: id, names.CALLER: "nid/shop", names.CONTENT_TYPE: content_type}
    subscription: Any = None
    return Event(subscription, Headers(said), body, 1)


async def outputs(function: Callable[..., Any], event: Event, emits: str = "invoices") -> list[Given]:
    """Returns what follows from an event."""
    context = Context(None, Caller(nid="nid", service="shop"), event.headers, None, None)
    with ThreadPoolExecutor(1) as pool:
        return await Function(function, "orders", emits=emits, queue="").outputs(event, context, pool)


async def struct(order: Order) -> Order:
    return Order(order.number + 1)


def plain(order: Order) -> Order | None:
    return Order(7) if order.number else None


async def many(order: Order) -> AsyncIterator[int]:
    for number in range(order.number):
        yield number


def many_plain(order: Order) -> Iterator[bytes]:
    for number in range(order.number):
        yield b"%d" % number


async def raw(body: bytes) -> bytes:
    return body + body


async def whole(event: Event, context: Context) -> dict[str, str]:
    return {"id": event.id, "from": context.caller.service}


async def alone(number: int) -> int:
    return number + 1


@pytest.mark.parametrize(
    ("function", "body", "content_type", "bodies"),
    [
        (struct, b'{"number":1}', "application/json", [b'{"number":2}']),
        (plain, b'{"number":1}', "application/json", [b'{"number":7}']),
        (plain, b'{"number":0}', "application/json", []),
        (many, b'{"number":2}', "application/json", [b'{"result":0}', b'{"result":1}']),
        (many_plain, b'{"number":2}', "application/json", [b"0", b"1"]),
        (raw, b"ab", "application/octet-stream", [b"abab"]),
        (whole, b"\xff", "image/png", [b'{"id":"1","from":"shop"}']),
        (alone, b"1", "application/json", [b'{"result":2}']),
        (alone, b'{"result":1}', "application/json", [b'{"result":2}']),
    ],
)
async def test_a_function_takes_an_event_and_gives_events(
    function: Callable[..., Any], body: bytes, content_type: str, bodies: list[bytes]
) -> None:
    """Of any kind: awaited or not, one or many or none, of types, as bytes, or whole."""
    found = await outputs(function, event_of(body, content_type=content_type))

    assert [each.body for each in found] == bodies
    assert {each.topic for each in found} <= {"invoices"}


async def test_an_outputs_id_derives_from_the_input_the_function_and_its_number() -> None:
    """The same again gives the same; anything else gives another."""
    event = event_of(b'{"number":3}')
    ids = [each.id for each in await outputs(many, event)]

    assert [each.id for each in await outputs(many, event)] == ids == [output_id(event, "many", n) for n in range(3)]
    others = [event_of(b"", id="2"), event_of(b"", topic="others"), event_of(b"", id="1 1")]
    assert len({*ids, *(output_id(each, "many", 0) for each in others), output_id(event, "few", 0)}) == 7
    assert output_id(event, "many", 0) == "4eeb728f0ba6217e31d14e72db9351fc"  # written down: it must never change


@pytest.mark.parametrize(
    ("body", "content_type"), [(b'{"number":"one"}', "application/json"), (b"{}", "application/json"), (b"x", "a/b")]
)
async def test_an_event_that_is_not_what_it_takes_is_refused(body: bytes, content_type: str) -> None:
    """The function does not run."""
    with pytest.raises(BadRequest):
        await outputs(struct, event_of(body, content_type=content_type))


async def test_an_output_that_is_not_what_it_declares_is_refused() -> None:
    """Nobody is to get what the description excludes."""

    async def wrong(order: Order) -> Order:
        return "no order"  # type: ignore[return-value]

    with pytest.raises(InternalError):
        await outputs(wrong, event_of(b'{"number":1}'))


@pytest.mark.parametrize("function", [many, many_plain])
async def test_no_more_follows_than_may(function: Callable[..., Any]) -> None:
    """However much it would give."""
    assert len(await outputs(function, event_of(b'{"number":%d}' % OUTPUTS_MAX))) == OUTPUTS_MAX
    with pytest.raises(TooLarge):
        await outputs(function, event_of(b'{"number":%d}' % 10**12))


async def test_what_follows_is_not_larger_than_may() -> None:
    """Its bodies together are bounded."""
    with pytest.raises(TooLarge):
        await outputs(raw, event_of(b"x" * 1_500_000, content_type="application/octet-stream"))


async def two(first: int, second: int) -> None: ...
async def nothing(context: Context) -> None: ...
async def silent(order: Order) -> None: ...
async def unnamed(order) -> None: ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    ("function", "emits", "error"),
    [
        (two, "", "takes one event"),
        (nothing, "", "takes one event"),
        (silent, "invoices", "gives nothing"),
        (struct, "", "says not where"),
        (unnamed, "", "has no type"),
    ],
)
def test_a_function_that_cannot_be_one_is_refused(function: Callable[..., Any], emits: str, error: str) -> None:
    """When it is declared, in words."""
    with pytest.raises(TypeError, match=error):
        Service("billing").function("orders", emits=emits)(function)


def test_names_that_cannot_be_are_refused() -> None:
    """Of the topics and the queue; two functions of one name; and more than there may be."""
    service = Service("billing")
    for topic, emits, queue in (("", "a", ""), ("a b", "a", ""), ("a", "a b", ""), ("a", "a", "a b")):
        with pytest.raises(BadRequest):
            service.function(topic, emits=emits, queue=queue)(struct)
    service.function("orders", emits="invoices")(struct)
    with pytest.raises(ValueError, match="has a function struct already"):
        service.function("others", emits="invoices")(struct)


def test_a_description_lists_functions_and_subscribes_to_their_topics() -> None:
    """A service without any says nothing of them, so that its hash is as it was."""
    service = Service("billing")
    assert "functions" not in service.describe()
    service.function("orders", emits="invoices")(plain)
    service.function("letters", queue="post")(silent)
    found = service.describe()

    assert [(f["name"], f["topic"], f["queue"], f["emits"], f["yields"]) for f in found["functions"]] == [
        ("plain", "orders", "billing.plain", "invoices", False),
        ("silent", "letters", "post", "", False),
    ]
    assert found["functions"][0]["result"]["properties"].keys() == {"number"}
    assert "result" not in found["functions"][1]
    assert found["topics"] == [
        {"topic": "orders", "queue": "billing.plain"},
        {"topic": "letters", "queue": "post"},
    ]
