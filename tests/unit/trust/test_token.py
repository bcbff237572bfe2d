"""Tokens: only the node's own, unaltered, for itself, in their time."""

from __future__ import annotations

import base64
import json

import pytest

from micro.errors import BadRequest, Unauthorized
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.token import (
    ACCESS_SECONDS_MAX,
    CLOCK_SECONDS_MAX,
    TOKEN_CHARACTERS_MAX,
    Claims,
    check_lifetime,
    issue_token,
    read_token,
)

KEY, OTHER_KEY = NodeKey(bytes(range(32))), NodeKey(bytes(range(1, 33)))
NID, OTHER = nid_of(KEY.public), nid_of(OTHER_KEY.public)
NOW = 1_700_000_000
CLAIMS = Claims(NID, "ann", 7, "access", NOW, NOW + 900)


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(said: object, *, key: NodeKey = KEY, domain: bytes = b"micro-token-v1", prefix: str = "ma_") -> str:
    """A token with any claims, as nothing but the key could make it."""
    body = json.dumps(said).encode()
    return f"{prefix}{text(body)}.{text(key.sign(domain, body))}"


def said(**changed: object) -> dict[str, object]:
    return {"aud": NID, "sub": "ann", "gen": 7, "use": "access", "iat": NOW, "exp": NOW + 900, **changed}


@pytest.mark.parametrize("use", ["access", "refresh"])
def test_what_was_issued_is_read(use: str) -> None:
    """Every claim."""
    claims = Claims(NID, "ann@example.org", 2**48 - 1, use, NOW, NOW + 900)  # type: ignore[arg-type]
    token = issue_token(KEY, claims)
    assert read_token(token, NID, NOW + 899.9) == claims
    assert len(token) < TOKEN_CHARACTERS_MAX


def test_a_token_ends() -> None:
    """At its second."""
    with pytest.raises(Unauthorized, match="expired"):
        read_token(issue_token(KEY, CLAIMS), NID, NOW + 900)


def test_a_token_from_the_future_is_refused() -> None:
    """A little is forgiven: clocks are set."""
    token = issue_token(KEY, CLAIMS)
    assert read_token(token, NID, NOW - CLOCK_SECONDS_MAX)
    with pytest.raises(Unauthorized, match="future"):
        read_token(token, NID, NOW - CLOCK_SECONDS_MAX - 1)


def test_another_node_does_not_take_it() -> None:
    """It is not signed by that one, and not for it."""
    with pytest.raises(Unauthorized, match="did not issue"):
        read_token(issue_token(KEY, CLAIMS), OTHER, NOW)
    with pytest.raises(Unauthorized, match="something else"):
        read_token(signed(said(aud=OTHER)), NID, NOW)


@pytest.mark.parametrize("token", [signed(said(), key=OTHER_KEY), signed(said(), domain=b"micro-record-v1")])
def test_what_was_signed_otherwise_is_no_token(token: str) -> None:
    """By another key, or for another purpose."""
    with pytest.raises(Unauthorized, match="did not issue"):
        read_token(token, NID, NOW)


def test_one_use_is_not_another() -> None:
    """Neither by its prefix nor by its claim."""
    for token in (signed(said(), prefix="mr_"), signed(said(use="refresh")), signed(said(use="admin"))):
        with pytest.raises(Unauthorized):
            read_token(token, NID, NOW)


@pytest.mark.parametrize(
    "claims",
    [
        [],
        "x",
        {},
        {**said(), "more": 1},
        {k: v for k, v in said().items() if k != "gen"},
        said(exp=1e300),
        said(exp=None),
        said(gen=True),
        said(sub=["ann"]),
    ],
)
def test_claims_of_another_form_are_refused(claims: object) -> None:
    """Even where the signature holds."""
    with pytest.raises(Unauthorized):
        read_token(signed(claims), NID, NOW)


def test_every_altered_character_is_noticed() -> None:
    """Wherever it is, whatever it becomes."""
    token = issue_token(KEY, CLAIMS)
    for place in range(len(token)):
        for character in {"A", "_", ".", "=", " ", "é"} - {token[place]}:
            with pytest.raises(Unauthorized):
                read_token(token[:place] + character + token[place + 1 :], NID, NOW)


def test_a_token_has_one_spelling() -> None:
    """Padding, spaces, and bits left over are another text, which is no token."""
    token = issue_token(KEY, CLAIMS)
    last = token[-1]
    follower = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = follower[follower.index(last) ^ 1]
    for other in (token + "=", token + "\n", " " + token, token[:-1] + spare, token + ".", token.replace(".", "=.")):
        with pytest.raises(Unauthorized):
            read_token(other, NID, NOW)


@pytest.mark.parametrize(
    "token", ["", "ma_", "ma_.", "mt_abc", "ma_" + "x" * TOKEN_CHARACTERS_MAX, "ma_e30", "ma_e30.e30"]
)
def test_what_is_no_token_at_all(token: str) -> None:
    """It is refused like a wrong one."""
    with pytest.raises(Unauthorized):
        read_token(token, NID, NOW)


@pytest.mark.parametrize("seconds", [0, -1, ACCESS_SECONDS_MAX + 1])
def test_lifetimes_that_are_refused(seconds: int) -> None:
    """None at all, or more than a day."""
    with pytest.raises(BadRequest):
        check_lifetime(seconds)
