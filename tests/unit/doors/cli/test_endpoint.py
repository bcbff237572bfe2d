"""An endpoint as a command: what its words come to, and what its help says."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click
import pytest

from micro.doors.cli.ending import Usage
from micro.doors.cli.endpoint import EndpointCommand
from micro.mucp.codec import decode_json
from micro.service.service import Service
from micro.service.typed import Stream


@dataclass
class Address:
    city: str
    zip_code: int = 0


async def send(
    name: str,
    address: Address | None = None,
    loud: bool = False,
    size: Literal["small", "large"] = "small",
    tags: list[str] | None = None,
    timeout: int = 5,
) -> None:
    """Send something.

    Args:
        name: to whom.
        tags: words about it.
    """


def command_of(function: Callable[..., Any], **options: Any) -> EndpointCommand:
    """Returns the command of an endpoint."""
    service = Service("post")
    service.endpoint("Letter.Send", **options)(function)
    description = service.describe()
    return EndpointCommand(description, description["endpoints"][0])


def typed(command: EndpointCommand, *words: str) -> Any:
    """Returns the request that the words come to."""
    body, _ = command.body(command.make_context("send", list(words)).params)
    return decode_json(body)


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (["--name", "Ann"], {"name": "Ann"}),
        (["--name", "Ann", "--loud"], {"name": "Ann", "loud": True}),
        (["--name", "Ann", "--no-loud"], {"name": "Ann", "loud": False}),
        (["--name=Ann", "--address.city", "Rome"], {"name": "Ann", "address": {"city": "Rome"}}),
        (["--name=Ann", "--address.zip-code", "5"], {"name": "Ann", "address": {"zip_code": 5}}),
        (["--name=Ann", "--address.zip_code", "5"], {"name": "Ann", "address": {"zip_code": 5}}),
        (["--name=Ann", "--tags", "a", "--tags", "b"], {"name": "Ann", "tags": ["a", "b"]}),
        (["--json", '{"name": "Ann", "size": "large"}'], {"name": "Ann", "size": "large"}),
        (["--json", '{"name": "Ann"}', "--name", "Bea"], {"name": "Bea"}),
        (['{"name": "Ann"}', "--loud"], {"name": "Ann", "loud": True}),
        (["--name", "Ann", "--timeout", "9"], {"name": "Ann", "timeout": 9}),
    ],
)
def test_words_come_to_a_request(words: list[str], request_: dict[str, Any]) -> None:
    """What is not typed is not sent: the service has its own defaults."""
    assert typed(command_of(send), *words) == request_


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "needs --name"),
        (["--loud"], "needs --name"),
        (["Ann"], "given by its name, such as --name Ann"),
        (["{"], "no JSON"),
        (["[1]", "--loud"], "this JSON is none"),
    ],
)
def test_words_that_make_no_request_are_refused(words: list[str], complaint: str) -> None:
    """With the command that helps."""
    with pytest.raises(Usage, match=complaint) as caught:
        typed(command_of(send), *words)

    assert "--help" in caught.value.remedy or "no JSON" in complaint


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["--name", "Ann", "--size", "huge"], "--size"),
        (["--name", "Ann", "--address.zip-code", "x"], "--address.zip-code"),
    ],
)
def test_a_wrong_value_names_its_option(words: list[str], option: str) -> None:
    """Before anything is sent."""
    with pytest.raises(click.BadParameter) as caught:
        typed(command_of(send), *words)

    assert caught.value.param_hint == option


def test_a_request_comes_from_a_file(tmp_path: Path) -> None:
    """After an @."""
    (tmp_path / "request.json").write_text('{"name": "Ann"}')

    assert typed(command_of(send), f"@{tmp_path / 'request.json'}") == {"name": "Ann"}


def test_a_request_comes_from_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a dash."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"name": "Ann"}')))

    assert typed(command_of(send), "--json", "-") == {"name": "Ann"}


def test_a_missing_file_is_a_mistake_in_typing() -> None:
    """And not a fault."""
    with pytest.raises(Usage, match="cannot be read"):
        typed(command_of(send), "@nowhere.json")


def test_a_body_of_bytes_is_sent_as_it_is(tmp_path: Path) -> None:
    """Text, or a file."""

    async def put(data: bytes) -> None: ...

    (tmp_path / "photo").write_bytes(b"\xff\xd8")
    command = command_of(put)

    for word, data in (("{hello", b"{hello"), (f"@{tmp_path / 'photo'}", b"\xff\xd8")):
        assert command.body(command.make_context("put", [word]).params) == (data, "application/octet-stream")


def test_the_standard_input_is_not_used_twice() -> None:
    """It holds the items of a stream already."""

    async def talk(items: Stream[str], room: str = "hall") -> None: ...

    with pytest.raises(Usage, match="the standard input holds the items"):
        typed(command_of(talk), "-")


def help_of(command: EndpointCommand) -> str:
    """Returns the help without its layout."""
    return " ".join(command.get_help(click.Context(command, info_name="send")).split())


def test_the_help_tells_what_may_be_typed() -> None:
    """Types, choices, what is required, defaults, price and an example."""
    text = help_of(command_of(send, price="0.001", examples=[{"name": "Ann"}]))

    for part in (
        "Send something.",
        "A call costs 0.001.",
        "--name TEXT to whom. [required]",
        "--loud / --no-loud",
        "--size [large|small] [default: small]",
        "--tags TEXT words about it. [may be given several times]",
        "--address.zip-code INTEGER",
        "micro post send --name Ann",
    ):
        assert part in text


def test_a_field_goes_before_a_general_option() -> None:
    """`--timeout` is the field; the general one still works right after `micro`."""
    command = command_of(send)

    assert [option.opts for option in command.params].count(["--timeout"]) == 1
    assert "How long to wait" not in help_of(command)


def test_a_field_called_help_is_given_as_json() -> None:
    """The help stays the help."""

    async def ask(help: str = "") -> None: ...  # noqa: A002 - a word that people use

    assert typed(command_of(ask), '{"help": "me"}') == {"help": "me"}


def test_a_field_called_json_takes_the_option() -> None:
    """The request as JSON is still BODY."""

    async def ask(json: str = "") -> None: ...

    assert typed(command_of(ask), "--json", "{") == {"json": "{"}


def test_choices_are_completed() -> None:
    """By their beginning."""
    command = command_of(send)
    context = click.Context(command, info_name="send")
    size = next(parameter for parameter in command.params if "--size" in parameter.opts)

    assert [item.value for item in size.shell_complete(context, "l")] == ["large"]
