"""API tokens: how they are spelled, and what they cover."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest
from micro.trust.api_token import (
    EVERY_SERVICE,
    SCOPES_MAX,
    TOKEN_BYTES,
    ApiToken,
    digest_of,
    is_api_token,
    read_scopes,
    spell_token,
)
from micro.trust.rules import Resource

TOKEN = spell_token(bytes(range(TOKEN_BYTES)))


def covers(scopes: list[str], what: str) -> bool:
    """Says whether a token with these scopes covers `service:name:endpoint` or `topic:name:verb`."""
    type_, name, endpoint = what.split(":")
    return ApiToken("t", b"", read_scopes(scopes)).covers(type_, name, endpoint)  # type: ignore[arg-type]


def test_a_token_is_known_by_its_digest() -> None:
    """And no other text is it, however near."""
    token = ApiToken("laptop", digest_of(TOKEN))
    assert token.is_spelled(TOKEN)
    assert not any(token.is_spelled(other) for other in (TOKEN[:-1], TOKEN + "A", TOKEN[:-1] + "A", "", "\ud800"))


def test_only_what_is_spelled_so_is_a_token() -> None:
    """A text of another length, or with other letters, is not even looked up."""
    assert is_api_token(TOKEN)
    assert not any(is_api_token(text) for text in (TOKEN[:-1], TOKEN + "A", "ma_" + TOKEN[3:], TOKEN[:-1] + "=", ""))


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("greeter", ("service", "greeter", "*")),
        ("greeter:Say.Hello", ("service", "greeter", "Say.Hello")),
        ("service:greeter", ("service", "greeter", "*")),
        ("service:greeter:Say.*", ("service", "greeter", "Say.*")),
        ("topic:orders", ("topic", "orders", "*")),
        ("topic:orders.*:Publish", ("topic", "orders.*", "Publish")),
        (" greeter ", ("service", "greeter", "*")),
        ("*:*:*", ("*", "*", "*")),
    ],
)
def test_a_scope_has_short_spellings(text: str, resource: tuple[str, str, str]) -> None:
    """Of a service, an endpoint, a topic."""
    assert read_scopes([text]) == (Resource(*resource),)


def test_no_scope_means_every_service() -> None:
    """And the same one twice is one."""
    assert read_scopes([]) == (EVERY_SERVICE,)
    assert len(read_scopes(["greeter", "service:greeter:*"])) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "auth",
        "auth:Tokens.Create",
        "wallet",
        "keys:*",
        "queue:a:b",
        "a b",
        "topic:or/ders",
        "topic:orders:Read",
        "::",
    ],
)
def test_what_cannot_be_covered_is_refused(text: str) -> None:
    """What has no form, what no token may have, and topics that cannot be."""
    with pytest.raises(BadRequest):
        read_scopes([text])


def test_scopes_are_few() -> None:
    """More than fit on a page are a mistake, and would slow each call down."""
    with pytest.raises(BadRequest, match="at most"):
        read_scopes([f"s{number}" for number in range(SCOPES_MAX + 1)])


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a" * 65, "a:b"])
def test_a_name_is_a_word(name: str) -> None:
    """It is typed to delete the token."""
    with pytest.raises(BadRequest, match="name"):
        ApiToken(name, b"")


@pytest.mark.parametrize(
    ("scopes", "what"),
    [
        ([], "service:greeter:Say.Hello"),
        (["greeter"], "service:greeter:Say.Hello"),
        (["greeter"], "service:Greeter:say.hello"),
        (["greeter:Say.Hello"], "service:greeter:SAY.HELLO"),
        (["greeter:Say.*"], "service:greeter:Say.Bye"),
        (["notes", "greeter"], "service:greeter:Say.Hello"),
        (["topic:orders.*:Publish"], "topic:orders.paid:Publish"),
        (["*:*:*"], "topic:orders:Subscribe"),
        (["runtime"], "service:runtime:Runtime.Status"),
        (["greeter:Debug.Log"], "service:greeter:Debug.Log"),
        (["greeter"], "service:registry:Registry.List"),
        (["greeter"], "service:notes:Debug.Health"),
    ],
)
def test_what_a_scope_covers(scopes: list[str], what: str) -> None:
    """In any spelling of names; what answers everybody needs no scope."""
    assert covers(scopes, what)


@pytest.mark.parametrize(
    ("scopes", "what"),
    [
        (["greeter"], "service:notes:Say.Hello"),
        (["greeter:Say.Hello"], "service:greeter:Say.Bye"),
        (["topic:orders:Publish"], "topic:orders:Subscribe"),
        (["topic:orders"], "topic:Orders:Publish"),
        (["topic:orders"], "service:orders:Say.Hello"),
        ([], "topic:orders:Publish"),
        ([], "service:runtime:Runtime.Run"),
        (["*:*:*"], "service:config:Config.Get"),
        (["*:*:*"], "service:auth:Tokens.Create"),
        (["*:*:*"], "service:AUTH:Auth.Token"),
        (["*:*:*"], "service:registry:Registry.Register"),
        (["greeter"], "service:greeter:Debug.Log"),
        (["*:*:*"], "service:greeter:debug.trace"),
    ],
)
def test_what_a_scope_does_not_cover(scopes: list[str], what: str) -> None:
    """A wildcard means services alone: the node itself has to be named, and what makes tokens is never covered."""
    assert not covers(scopes, what)


def test_a_token_ends() -> None:
    """At its moment; one with 0 never."""
    assert [ApiToken("t", b"", expires=10.0).has_expired(now) for now in (9.9, 10.0, 11.0)] == [False, True, True]
    assert not ApiToken("t", b"").has_expired(1e12)
