"""What a description says about how an endpoint is asked."""

from __future__ import annotations

import pytest

from micro.doors.api.target import Target, target_of
from micro.errors import NotFound

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}
BINARY = {"type": "string", "format": "binary"}
DESCRIPTION = {
    "name": "greeter",
    "endpoints": [
        {"name": "Say.Hello", "kind": "call", "request": SCHEMA, "response": SCHEMA},
        {"name": "API.GetURL", "kind": "call"},
        {"name": "Say.Echo", "kind": "call", "request": BINARY, "response": BINARY},
        {"name": "Say.Room", "kind": "stream", "request": {**SCHEMA, "x-micro-stream": True, "x-micro-open": SCHEMA}},
        {"name": "Say.Sum", "kind": "stream", "request": {**SCHEMA, "x-micro-stream": True}},
    ],
}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("Say.Hello", "Say.Hello"),
        ("say.hello", "Say.Hello"),
        ("Api.GetUrl", "API.GetURL"),
        ("Api.Get-url", "API.GetURL"),
    ],
)
def test_spelling_does_not_matter_where_nothing_else_is_called_so(wanted: str, found: str) -> None:
    """Capitals and dashes are forgiven."""
    assert target_of("greeter", wanted, DESCRIPTION).endpoint == found


def test_an_unknown_endpoint_is_told_with_near_ones() -> None:
    """Whoever mistyped sees what he meant."""
    with pytest.raises(NotFound, match=r"Say\.Hullo; it has Say\.Hello"):
        target_of("greeter", "Say.Hullo", DESCRIPTION)


@pytest.mark.parametrize(
    ("wanted", "stream", "takes_stream", "wants_parameters"),
    [
        ("Say.Hello", False, False, True),
        ("API.GetURL", False, False, False),
        ("Say.Room", True, True, True),
        ("Say.Sum", True, True, False),
        ("Debug.Health", False, False, False),
        ("Debug.Log", True, False, True),
    ],
)
def test_it_is_known_how_an_endpoint_is_asked(
    wanted: str, stream: bool, takes_stream: bool, wants_parameters: bool
) -> None:
    """Calls, streams both ways, parameters beside a stream, and what every service has."""
    found = target_of("greeter", wanted, DESCRIPTION)

    assert (found.stream, found.takes_stream, found.wants_parameters) == (stream, takes_stream, wants_parameters)


@pytest.mark.parametrize(
    ("raw", "sent", "answered"),
    [
        (False, "application/json", "application/json"),
        (False, "application/protobuf", "application/protobuf"),
        (False, "application/octet-stream", "application/json"),
        (True, "application/json", "application/octet-stream"),
    ],
)
def test_an_answer_is_of_the_request_s_type_unless_it_is_bytes(raw: bool, sent: str, answered: str) -> None:
    """The answer's type is known before it comes."""
    assert Target("a", "B.C", raw_response=raw).answer_type(sent) == answered
