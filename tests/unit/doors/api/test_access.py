"""Who asks."""

from __future__ import annotations

import math
from typing import Any

import pytest

from micro.doors.api.access import ANONYMOUS, OWNER, Doorkeeper, is_local
from micro.doors.api.request import Request
from micro.errors import TooManyRequests, Unauthorized
from micro.trust.attempts import TRIES, TRIES_PER_SECOND
from micro.trust.policy import Caller

ANN = Caller(user=True, account="ann")


def user(token: str) -> Caller:
    """The one token of a user there is."""
    if token != "ma_ann":
        raise Unauthorized("wrong")
    return ANN


KEEPER = Doorkeeper("secret", user)


async def nothing(*_: Any) -> Any:
    raise AssertionError


def request(address: str = "127.0.0.1", path: str = "/", **headers: str) -> Request:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"raw_path": path.encode(), "query_string": b"", "headers": given, "client": (address, 1)}
    return Request(scope, nothing, nothing)


@pytest.mark.parametrize("shown", ["Bearer secret", "bearer secret", "BEARER  secret "])
def test_the_token_makes_the_owner(shown: str) -> None:
    """From anywhere."""
    assert KEEPER.caller(request("192.0.2.1", authorization=shown)) is OWNER


@pytest.mark.parametrize("shown", ["Bearer wrong", "Bearer ", "Bearer", "Basic secret", "secret", "Bearer secret2", ""])
def test_a_wrong_token_is_nobody(shown: str) -> None:
    """Not even anonymous: whoever shows one means it."""
    with pytest.raises(Unauthorized):
        KEEPER.caller(request(authorization=shown))


def test_a_node_without_a_token_has_no_owner_here() -> None:
    """An empty token opens nothing."""
    with pytest.raises(Unauthorized):
        Doorkeeper("", user).caller(request(authorization="Bearer "))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_without_a_token_a_program_here_is_anonymous(address: str) -> None:
    """It may call what costs nothing."""
    assert KEEPER.caller(request(address)) is ANONYMOUS


@pytest.mark.parametrize("address", ["192.0.2.1", "::2", "", "fe80::1%eth0", "::ffff:192.0.2.1"])
def test_without_a_token_another_machine_is_nobody(address: str) -> None:
    """A door that is open to others wants the token of them."""
    with pytest.raises(Unauthorized):
        KEEPER.caller(request(address))


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "x_real_ip", "via"])
def test_a_proxy_here_speaks_for_somebody_elsewhere(header: str) -> None:
    """What comes through one needs the token too."""
    assert not is_local(request(**{header: "1.1 proxy"}))


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1"])
def test_a_users_token_makes_that_user(address: str) -> None:
    """From anywhere, and no more than that."""
    assert KEEPER.caller(request(address, authorization="Bearer ma_ann")) is ANN


def test_somebody_elsewhere_may_ask_for_a_token() -> None:
    """Else nobody with a secret could begin; any other path stays shut."""
    assert KEEPER.caller(request("192.0.2.1", "/api/auth/Auth.Token")) is ANONYMOUS
    for path in ("/api/auth/Auth.Generate", "/api/auth/auth.token", "/auth/Auth.Token", "/rpc"):
        with pytest.raises(Unauthorized):
            KEEPER.caller(request("192.0.2.1", path))


def test_what_needs_somebody_known_takes_no_anonymous_caller() -> None:
    """The owner and users pass."""
    assert KEEPER.known(request(authorization="Bearer secret"), "publishing") is OWNER
    assert KEEPER.known(request(authorization="Bearer ma_ann"), "publishing") is ANN
    with pytest.raises(Unauthorized):
        KEEPER.known(request(), "publishing")


def test_an_api_token_ends_what_it_opened() -> None:
    """The owner himself is never sent away, whoever has a token of his is."""
    lent = Caller(owner=True, token="laptop")
    keeper = Doorkeeper("secret", lambda token: lent, lambda token: 7.0)
    assert keeper.seconds_left(request(authorization="Bearer mp_x")) == 7.0
    assert keeper.seconds_left(request(authorization="Bearer secret")) == math.inf


def test_wrong_tokens_from_another_machine_are_bounded() -> None:
    """After so many even a right one has to wait, from there; other machines, and this one, are not disturbed."""
    now = [0.0]
    keeper = Doorkeeper("secret", user, now=lambda: now[0])
    wrong, right = {"authorization": "Bearer mp_wrong"}, {"authorization": "Bearer ma_ann"}
    for _ in range(TRIES):
        assert keeper.caller(request("192.0.2.1", **right)) is ANN
        with pytest.raises(Unauthorized):
            keeper.caller(request("192.0.2.1", **wrong))
    for shown in (wrong, right):
        with pytest.raises(TooManyRequests):
            keeper.caller(request("192.0.2.1", **shown))
    assert keeper.caller(request("192.0.2.2", **right)) is ANN
    assert keeper.caller(request(**right)) is ANN
    now[0] = 1 / TRIES_PER_SECOND
    assert keeper.caller(request("192.0.2.1", **right)) is ANN


def test_wrong_tokens_on_this_machine_shut_nobody_out() -> None:
    """Programs here cannot be told apart, and one with an old token would stop all others."""
    keeper = Doorkeeper("secret", user)
    for _ in range(TRIES * 3):
        with pytest.raises(Unauthorized):
            keeper.caller(request(authorization="Bearer wrong"))
    assert keeper.caller(request(authorization="Bearer secret")) is OWNER
