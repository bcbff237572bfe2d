"""Lines that can be typed as they are."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import AsyncIterator
from typing import Any, Literal

from micro.doors.cli.endpoint import EndpointCommand
from micro.doors.cli.example import example_line, example_request, opening_of, option_of, takes_items, yields_items
from micro.mucp.codec import decode_json
from micro.service.schema.fields import Field
from micro.service.service import Service
from micro.service.typed import Stream


def described(function: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the description of a service with one endpoint, and that endpoint."""
    service = Service("example")
    service.endpoint("Example.Do", **options)(function)
    found = service.describe()
    return found, found["endpoints"][0]


def test_the_services_own_example_is_typed() -> None:
    """Quoted for a shell where it must be."""

    async def do(name: str, tags: list[str], loud: bool = False, labels: dict[str, int] | None = None) -> None: ...

    found = described(do, examples=[{"name": "Ann Lee", "tags": ["a", "b"], "loud": True, "labels": {"x": 1}}])

    assert example_line(*found) == "micro example do --name 'Ann Lee' --tags a --tags b --loud --labels x=1"


def test_without_an_example_required_fields_get_samples() -> None:
    """Of their type."""

    async def do(name: str, when: dt.date, way: Literal["up", "down"], count: int = 5) -> None: ...

    assert example_line(*described(do)) == "micro example do --name name --when 2026-01-31 --way down"


def test_what_is_shown_can_be_typed() -> None:
    """The example's words come to the example's request."""

    async def do(name: str, ratio: float, data: list[bytes], deep: bool, labels: dict[str, str]) -> None: ...

    example = {"name": "-x y", "ratio": 1.5, "data": ["aGk="], "deep": False, "labels": {"a": "b c"}}
    description, endpoint = described(do, examples=[example])
    words = shlex.split(example_line(description, endpoint))[3:]
    command = EndpointCommand(description, endpoint)
    body, _ = command.body(command.make_context("do", words).params)

    assert decode_json(body) == example


def test_bytes_that_are_no_text_come_from_a_file() -> None:
    """Nobody types them."""

    async def do(data: list[bytes]) -> None: ...

    assert example_line(*described(do, examples=[{"data": ["/9g="]}])) == "micro example do --data @FILE"


def test_a_body_of_bytes_comes_from_a_file() -> None:
    """It has no fields."""

    async def do(data: bytes) -> bytes:
        return data

    assert example_line(*described(do)) == "micro example do @FILE"


def test_a_sample_request_may_be_empty() -> None:
    """Where nothing is required."""

    async def do(name: str = "world") -> None: ...

    assert example_request(described(do)[1]) == {}


def test_streams_are_told_apart() -> None:
    """By what each side sends many of; the parameters beside an incoming stream open it."""

    async def take(items: Stream[str], room: str) -> None: ...

    async def give(count: int) -> AsyncIterator[int]:
        yield count

    taking, giving = described(take)[1], described(give)[1]

    assert (takes_items(taking), yields_items(taking)) == (True, False)
    assert (takes_items(giving), yields_items(giving)) == (False, True)
    assert list(opening_of(taking)["properties"]) == ["room"]
    assert list(opening_of(giving)["properties"]) == ["count"]


def test_a_stream_without_parameters_opens_with_nothing() -> None:
    """The schema of its items is none of its request's."""

    async def take(items: Stream[str]) -> None: ...

    assert opening_of(described(take)[1]) == {}


def test_options_are_dotted_and_dashed() -> None:
    """As they are typed."""
    assert option_of(Field(("home_address", "zipCode"), "text")) == "--home-address.zip-code"
