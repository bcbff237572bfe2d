"""People sign up, log in and out, and nobody else gets in."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, Conflict, NotFound, TooLarge, TooManyRequests, Unauthorized

PASSWORD = "correct horse"
OTHER = "staple tractor"


@pytest.fixture(autouse=True)
def cheap(main: ModuleType, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service has the test's time, and passwords are hashed quickly."""
    monkeypatch.setattr(main, "now", clock.now)
    monkeypatch.setattr(main, "COST", (16, 8, 1))


async def test_who_signed_up_logs_in(main: ModuleType, context: Any) -> None:
    """And his session is his until he logs out."""
    made = await main.create(context, "Ann", PASSWORD, "ann@example.com", {"language": "it"})
    session = await main.login(context, " ANN ", PASSWORD)
    user = await main.verify(context, session.token)

    assert (user, user.name, user.email, user.profile) == (made, "ann", "ann@example.com", {"language": "it"})
    assert [await main.logout(context, session.token) for _ in range(2)] == [True, False]
    with pytest.raises(Unauthorized, match="log in again"):
        await main.verify(context, session.token)


async def test_a_password_costs_what_it_should(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One account with the cost that everybody pays; and it is not in the store."""
    monkeypatch.undo()
    await main.create(context, "ann", PASSWORD)
    session = await main.login(context, "ann", PASSWORD)
    account = await context.store.read("ann", table=main.USERS)

    assert b"[16384,8,5]" in account
    assert PASSWORD.encode() not in account
    assert await context.store.list(session.token, table=main.SESSIONS) == []


@pytest.mark.parametrize(("name", "password"), [("ann", OTHER), ("ann", ""), ("bea", PASSWORD), ("ann", "x" * 9999)])
async def test_nobody_else_logs_in(main: ModuleType, context: Any, name: str, password: str) -> None:
    """And it is not told whether it was the name or the password."""
    await main.create(context, "ann", PASSWORD)
    with pytest.raises(Unauthorized, match=r"^name or password is wrong$"):
        await main.login(context, name, password)


@pytest.mark.parametrize("name", ["ann", "nobody"])
async def test_guessing_is_slow(main: ModuleType, context: Any, clock: Any, name: str) -> None:
    """After five wrong passwords even the right one has to wait, also for an account that is not there."""
    await main.create(context, "ann", PASSWORD)
    tried = [main.login(context, name, OTHER) for _ in range(8)]
    faults = [type(fault) for fault in await asyncio.gather(*tried, return_exceptions=True)]
    assert faults.count(Unauthorized) == 5
    assert faults.count(TooManyRequests) == 3
    clock.ahead_seconds = 59
    with pytest.raises(TooManyRequests, match="try again in 1 s"):
        await main.login(context, name, PASSWORD)
    clock.ahead_seconds = 60
    with pytest.raises(Unauthorized):
        await main.login(context, name, OTHER)
    clock.ahead_seconds = 60 + 119
    with pytest.raises(TooManyRequests):
        await main.login(context, name, PASSWORD)


async def test_the_right_password_forgives_the_wrong_ones(main: ModuleType, context: Any) -> None:
    """Only those in a row count."""
    await main.create(context, "ann", PASSWORD)
    for _ in range(3):
        for _ in range(main.TRIES_MAX - 1):
            with pytest.raises(Unauthorized):
                await main.login(context, "ann", OTHER)
        assert (await main.login(context, "ann", PASSWORD)).name == "ann"


async def test_a_session_ends(main: ModuleType, context: Any, clock: Any) -> None:
    """At its time, and not before."""
    await main.create(context, "ann", PASSWORD)
    session = await main.login(context, "ann", PASSWORD, 3600)
    clock.ahead_seconds = 3599
    user = await main.verify(context, session.token)
    clock.ahead_seconds = 3600

    assert (user.name, session.expires) == ("ann", clock.now())
    with pytest.raises(Unauthorized):
        await main.verify(context, session.token)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_new_password_ends_all_sessions(main: ModuleType, context: Any, reset: bool) -> None:
    """And the old one is void."""
    await main.create(context, "ann", PASSWORD)
    session = await main.login(context, "ann", PASSWORD)
    if reset:
        await main.reset_password(context, "ann", OTHER)
    else:
        await main.change_password(context, "ann", PASSWORD, OTHER)

    with pytest.raises(Unauthorized, match="password was changed"):
        await main.verify(context, session.token)
    with pytest.raises(Unauthorized):
        await main.login(context, "ann", PASSWORD)
    session = await main.login(context, "ann", OTHER)
    assert (await main.verify(context, session.token)).name == "ann"


async def test_only_who_knows_a_password_changes_it(main: ModuleType, context: Any) -> None:
    """Guesses here are counted like any other."""
    await main.create(context, "ann", PASSWORD)
    for _ in range(main.TRIES_MAX):
        with pytest.raises(Unauthorized):
            await main.change_password(context, "ann", OTHER, "x" * 10)
    with pytest.raises(TooManyRequests):
        await main.login(context, "ann", PASSWORD)


async def test_a_name_is_given_once(main: ModuleType, context: Any) -> None:
    """Even to many who want it at once, however they type it."""
    tried = [main.create(context, name, PASSWORD) for name in ("ann", "ANN", "\uff41nn", " Ann")]
    made = await asyncio.gather(*tried, return_exceptions=True)

    assert [type(one) for one in made].count(Conflict) == 3
    assert await main.names(context) == ["ann"]


async def test_two_generations_give_a_name_once(
    main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though neither knows what the other holds."""
    monkeypatch.setattr(main, "_lock", lambda context, name: asyncio.Lock())
    made = await asyncio.gather(*(main.create(context, "ann", PASSWORD) for _ in range(3)), return_exceptions=True)

    assert [str(one) for one in made if isinstance(one, Conflict)] == [
        "name: there is an account ann already; choose another name"
    ] * 2


async def test_an_account_is_changed_and_deleted(main: ModuleType, context: Any, clock: Any) -> None:
    """With its sessions, which a later account of the same name does not inherit."""
    await main.create(context, "ann", PASSWORD, profile={"a": 1})
    session = await main.login(context, "ann", PASSWORD)
    changed = await main.update(context, "ann", profile={"b": 2})
    assert (changed, changed.profile) == (await main.verify(context, session.token), {"a": 1, "b": 2})
    assert [await main.delete(context, "ann") for _ in range(2)] == [True, False]
    with pytest.raises(NotFound, match="user names"):
        await main.read(context, "ann")
    clock.ahead_seconds = 1
    await main.create(context, "ann", PASSWORD)
    with pytest.raises(Unauthorized):
        await main.verify(context, session.token)


async def test_callers_have_their_own(main: ModuleType, context: Any, stranger: Any) -> None:
    """The people of one program are not those of another."""
    await main.create(context, "ann", PASSWORD)
    session = await main.login(context, "ann", PASSWORD)

    assert await main.names(stranger) == []
    for ask in (main.verify(stranger, session.token), main.login(stranger, "ann", PASSWORD)):
        with pytest.raises(Unauthorized):
            await ask


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 61},
        {"name": "a/b"},
        {"name": "a b"},
        {"name": "a\nb"},
        {"password": "x" * 7},
        {"password": "x" * 257},
        {"email": "ann"},
        {"email": "ann @example.com"},
        {"email": "ann@" + "x" * 191},
    ],
)
async def test_an_account_is_bounded(main: ModuleType, context: Any, fields: dict[str, Any]) -> None:
    """The fault names the field, and nothing is kept."""
    with pytest.raises(BadRequest, match=r"^(name|password|email): expected"):
        await main.create(context, **({"name": "ann", "password": PASSWORD} | fields))

    assert await main.names(context) == []


async def test_what_is_kept_is_bounded(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts, profiles, and how long a session lasts."""
    monkeypatch.setattr(main, "USERS_MAX", 1)
    await main.create(context, "ann", PASSWORD)
    with pytest.raises(TooManyRequests, match="delete some"):
        await main.create(context, "bea", PASSWORD)
    with pytest.raises(TooLarge, match="profile"):
        await main.update(context, "ann", profile={"x": "x" * 9000})
    with pytest.raises(BadRequest, match="session_seconds"):
        await main.login(context, "ann", PASSWORD, 1.0)


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
