"""Bindings: bodies in, results out."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import pytest
from msgspec import Meta

from micro.errors import BadRequest, InternalError
from micro.mucp.codec import BYTES, JSON, PROTOBUF
from micro.service.schema.binding import SPELLINGS_MAX
from tests.unit.service.schema.samples import Address, Context, Price, Rich, Stream, bind, chat, rich, say_hi


def add(one: int, two: Annotated[int, Meta(ge=0)] = 1, *, times: int = 1) -> int:
    return (one + two) * times


def echo(value: Rich) -> Rich:
    return value


def move(address: Address, price: Price | None = None) -> Address:
    return dataclasses.replace(address, city="Rome") if price is None else address


def reverse(data: bytes) -> bytes:
    return data[::-1]


def size(data: bytes) -> int:
    return len(data)


def fetch(name: str) -> bytes:
    return name.encode()


def nothing() -> None:
    return None


def anything(value: Any) -> Any:
    return value


def late(context: Context, name: str) -> str:
    return f"{name} {context}"


def say_hi_twice(name: str, *, times: int) -> str:
    return name * times


async def upload(name: str, chunks: Stream[bytes]) -> AsyncIterator[int]:
    yield 1


async def words(lines: Stream[str]) -> AsyncIterator[str]:
    yield ""


async def inline(name: str) -> str:
    return name


def called(function: Callable[..., Any], body: bytes, content_type: str = JSON, *supplied: Any) -> bytes:
    codec = bind(function).codec(content_type)
    return codec.encode(codec.invoke(body, *supplied))


def test_a_call_in_json() -> None:
    """Fields become arguments, the result is wrapped."""
    assert called(add, b'{"one": 2, "two": 3, "times": 2}') == b'{"result":10}'


def test_defaults_are_used() -> None:
    """Where a field is absent."""
    assert called(add, b'{"one": 2}') == b'{"result":3}'


def test_a_call_in_protobuf() -> None:
    """Fields by their numbers: one = 1, times = 3."""
    assert called(add, b"\x08\x02\x18\x05", PROTOBUF) == b"\x08\x0f"


def test_an_empty_call_in_protobuf_uses_defaults() -> None:
    """Absence survives."""
    assert called(functools.partial(add, 2), b"", PROTOBUF) == b"\x08\x03"


def test_a_rich_body_goes_through_json() -> None:
    """Every kind of field, in and out."""
    codec = bind(echo).codec(JSON)
    value = rich(parts=[rich()], second=Address("x"))

    assert codec.decode(codec.encode(value)) == value


def test_a_rich_body_goes_through_protobuf() -> None:
    """The same."""
    codec = bind(echo).codec(PROTOBUF)
    value = rich(parts=[rich()], second=Address("x"))

    assert codec.decode(codec.encode(value)) == value


def test_structs_may_be_fields() -> None:
    """Beside others."""
    assert called(move, b'{"address": {"street": "a"}}') == b'{"street":"a","city":"Rome"}'


def test_the_context_is_supplied() -> None:
    """Wherever it stands among the parameters."""
    assert called(late, b'{"name": "Ann"}', JSON, "here") == b'{"result":"Ann here"}'


def test_arguments_can_be_decoded_first_and_called_later() -> None:
    """Something may happen in between."""
    binding = bind(late)

    assert binding.call(binding.codec(JSON).decode(b'{"name": "Ann"}'), "here") == "Ann here"


def test_a_coroutine_is_returned_unrun() -> None:
    """The server drives it."""
    with pytest.raises(StopIteration) as stopped:
        bind(inline).codec(JSON).invoke(b'{"name": "Ann"}').send(None)

    assert stopped.value.value == "Ann"


@pytest.mark.parametrize("body", [b"", b"{}", b" {} "])
def test_nothing_in_and_out(body: bytes) -> None:
    """No parameters and None are empty objects."""
    assert called(nothing, body) == b"{}"


def test_nothing_in_and_out_in_protobuf() -> None:
    """An empty message has no bytes."""
    assert called(nothing, b"", PROTOBUF) == b""


def test_what_takes_nothing_refuses_fields() -> None:
    """They would be ignored otherwise."""
    with pytest.raises(BadRequest, match="x: unknown field; the endpoint takes none"):
        called(nothing, b'{"x": 1}')


@pytest.mark.parametrize("content_type", [BYTES, JSON, "image/png", None])
def test_bytes_travel_as_they_are(content_type: str | None) -> None:
    """Whatever they are said to be."""
    codec = bind(reverse).codec(content_type)

    assert (codec.content_type, codec.encode(codec.invoke(b"ab"))) == (BYTES, b"ba")


def test_bytes_in_and_a_value_out() -> None:
    """The answer is JSON then."""
    codec = bind(size).codec(BYTES)

    assert (codec.content_type, codec.encode(codec.invoke(b"ab"))) == (JSON, b'{"result":2}')


def test_a_value_in_and_bytes_out() -> None:
    """The answer says that it is bytes."""
    codec = bind(fetch).codec(JSON)

    assert (codec.content_type, codec.encode(codec.invoke(b'{"name": "a"}'))) == (BYTES, b"a")


def test_bytes_that_are_none_are_refused() -> None:
    """A service that declares bytes gives bytes."""
    with pytest.raises(InternalError, match="declared as bytes, but is a str"):
        bind(reverse).codec(JSON).encode("a")


@pytest.mark.parametrize(
    ("content_type", "body", "answer"),
    [
        ("application/json", b"", JSON),
        ("application/json; charset=utf-8", b"", JSON),
        ("Application/JSON", b"", JSON),
        ("application/protobuf", b"", PROTOBUF),
        ("application/x-protobuf", b"", PROTOBUF),
        (None, b'{"name": "a"}', JSON),
        ("", b"\x0a\x01a", PROTOBUF),
        (None, b"", PROTOBUF),
    ],
)
def test_the_answer_is_of_the_type_of_the_request(content_type: str | None, body: bytes, answer: str) -> None:
    """Parameters and older names are understood; where nothing is said the first byte tells."""
    assert bind(inline).codec(content_type, body).content_type == answer


def test_other_types_are_refused() -> None:
    """With those that are spoken."""
    with pytest.raises(BadRequest, match=r"'text/plain'; send application/protobuf or application/json"):
        bind(inline).codec("text/plain")


def test_what_protobuf_cannot_say_is_json_only() -> None:
    """The binding knows why."""
    binding = bind(anything)

    assert (binding.content_types, binding.json_only) == (
        (JSON,),
        "the request has no protobuf form: value may be anything",
    )


def test_why_there_is_no_protobuf_is_told() -> None:
    """To who tries."""
    with pytest.raises(BadRequest, match="because the request has no protobuf form"):
        bind(anything).codec(PROTOBUF)


def test_an_empty_body_of_no_type_is_json_where_nothing_else_is_spoken() -> None:
    """It could be either."""
    assert bind(anything).codec(None).content_type == JSON


def test_spellings_are_bounded() -> None:
    """Senders cannot fill the memory."""
    binding = bind(inline)
    for number in range(SPELLINGS_MAX * 2):
        binding.codec(f"application/json; x={number}")

    assert len(binding._spellings) == SPELLINGS_MAX


def test_incoming_items_are_values() -> None:
    """Objects as they are."""
    assert bind(chat).codec(JSON).decode_item(b'{"street": "a"}') == Address("a")


def test_incoming_items_are_unwrapped() -> None:
    """What is no object comes under `result`."""
    assert bind(words).codec(JSON).decode_item(b'{"result": "a"}') == "a"


def test_incoming_bytes_are_as_they_are() -> None:
    """In a stream as well."""
    assert bind(upload).codec(JSON).decode_item(b"\x00") == b"\x00"


def test_a_call_takes_no_items() -> None:
    """Who sends one is told."""
    with pytest.raises(BadRequest, match="takes no stream"):
        bind(add).codec(JSON).decode_item(b"{}")


def test_items_go_through_protobuf() -> None:
    """Both ways."""
    codec = bind(words).codec(PROTOBUF)

    assert codec.decode_item(codec.encode("a")) == "a"


def test_a_stream_says_so() -> None:
    """Both schemas are of one item, and the parameters stand beside."""
    binding = bind(chat)

    assert (
        binding.request["x-micro-stream"],
        binding.response["x-micro-stream"],
        binding.request["title"],
        list(binding.request["x-micro-open"]["properties"]),
    ) == (True, True, "Address", ["room"])


def test_a_stream_without_parameters_has_no_opening() -> None:
    """It begins with nothing."""
    assert "x-micro-open" not in bind(words).request


def test_arguments_given_by_keyword_only() -> None:
    """Reach the function by name."""
    assert called(say_hi_twice, b'{"name": "Ann", "times": 2}') == b'{"result":"AnnAnn"}'


def test_an_unknown_argument_is_told_from_a_known_one() -> None:
    """With a guess."""
    with pytest.raises(BadRequest, match="nmae: unknown field; did you mean name"):
        bind(say_hi).codec(JSON).decode(b'{"nmae": "Ann"}')
