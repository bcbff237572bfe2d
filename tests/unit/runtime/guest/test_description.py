"""What a guest says about itself is completed, checked and bounded."""

from __future__ import annotations

import json

import pytest

from micro.errors import EngineError
from micro.runtime.guest.description import command_description, read_description


def test_what_is_missing_has_a_default() -> None:
    """An endpoint's name is all that must be said."""
    declared = read_description('{"endpoints": [{"name": "Say.Hello"}]}')
    assert (declared.name, declared.version, declared.instances, declared.shared) == ("", "0.1.0", "stateless", False)
    assert declared.endpoints[0]["kind"] == "call"
    assert declared.endpoints[0]["content_types"] == ["application/json"]


def test_everything_that_is_said_is_kept() -> None:
    """Nothing of it is lost on the way to the registry."""
    endpoint = {
        "name": "Say.Hello",
        "kind": "stream",
        "idempotent": True,
        "price": "0.001",
        "content_types": ["text/x"],
    }
    said = {
        "name": "greeter",
        "version": "2",
        "instances": "resident",
        "store": "shared",
        "endpoints": [endpoint],
        "subscriptions": [{"topic": "news", "queue": "q"}],
        "logs": [{"topic": "greeted", "export": True}],
    }
    declared = read_description(json.dumps(said))
    assert (declared.name, declared.version, declared.instances, declared.shared) == ("greeter", "2", "resident", True)
    assert {**declared.endpoints[0], **endpoint} == declared.endpoints[0]
    assert (declared.subscriptions[0].topic, declared.subscriptions[0].queue) == ("news", "q")
    assert declared.logs == ({"topic": "greeted", "export": True},)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "refused"),
        ("[]", "refused"),
        ('{"endpoints": [{}]}', "refused"),
        ('{"endpoints": [{"name": "no dot"}]}', "refused"),
        ('{"endpoints": [{"name": "A.B"}, {"name": "A.B"}]}', "twice"),
        ('{"endpoints": [{"name": "A.B", "content_types": []}]}', "content_types"),
        ('{"endpoints": [{"name": "A.B", "price": "-1"}]}', "price"),
        ('{"name": "Not A Name"}', "refused"),
        ('{"instances": "many"}', "refused"),
        ('{"nonsense": 1}', "nonsense"),
        (json.dumps({"subscriptions": [{"topic": "a"}] * 65}), "at most 64"),
        (json.dumps({"description": "x" * 300_000}), "characters"),
    ],
)
def test_what_is_wrong_is_refused(text: str, reason: str) -> None:
    """The message names what is wrong with it."""
    with pytest.raises(EngineError, match=reason):
        read_description(text)


def test_a_command_has_one_endpoint() -> None:
    """It takes bytes as they are."""
    declared = read_description(command_description())
    assert [each["name"] for each in declared.endpoints] == ["Command.Run"]
    assert declared.endpoints[0]["content_types"][0] == "application/octet-stream"
