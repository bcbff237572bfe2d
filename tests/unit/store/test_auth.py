"""Accounts and rules at rest: what was acknowledged is there again, in its order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from micro.errors import Conflict, EngineError, NotFound, TooLarge
from micro.store import auth as module
from micro.store.auth import AuthStore
from micro.system import SystemDisk
from micro.trust.account import Account
from micro.trust.api_token import ApiToken
from micro.trust.rules import DEFAULT, Resource, Rule

ANN = Account("ann", "user", ("ops", "team/blue"), b"salt and hash", 2**47, created=1.5)
RULE = Rule("mine", "account:ann", Resource("service", "greeter", "Say.*"), "denied", 7)


def store_at(folder: Path, *, threaded: bool = True) -> AuthStore:
    store = AuthStore(SystemDisk(), folder / "auth.db", threaded=threaded)
    store.open()
    return store


@pytest.fixture(params=["threaded", "inline"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AuthStore]:
    store = store_at(tmp_path, threaded=request.param == "threaded")
    yield store
    await store.close()


async def reopened(store: AuthStore, folder: Path) -> AuthStore:
    await store.close()
    return store_at(folder)


async def test_a_new_store_has_the_default_rule_alone(store: AuthStore) -> None:
    """And nobody's account."""
    assert (list(store.rules), dict(store.accounts)) == ([DEFAULT], {})


async def test_what_was_added_is_there_again(store: AuthStore, tmp_path: Path) -> None:
    """Whole, and rules in the order of their age."""
    await store.add_account(ANN)
    for id in ("zebra", "ant"):
        await store.add_rule(Rule(id, "", Resource("*", "*", "*")))
    await store.add_rule(RULE)
    again = await reopened(store, tmp_path)
    assert dict(again.accounts) == {"ann": ANN}
    assert [rule.id for rule in again.rules] == ["default", "zebra", "ant", "mine"]
    assert again.rules[-1] == RULE
    await again.close()


async def test_the_default_rule_stays_deleted(store: AuthStore, tmp_path: Path) -> None:
    """Opening the store again does not bring it back."""
    await store.delete_rule("default")
    again = await reopened(store, tmp_path)
    assert list(again.rules) == []
    await again.close()


async def test_a_change_is_kept(store: AuthStore, tmp_path: Path) -> None:
    """Every part of it, and of that account alone."""
    changed = Account("ann", "user", ("dev",), b"another", 9, disabled=True, created=1.5)
    await store.add_account(ANN)
    await store.add_account(Account("bob"))
    await store.change_account(changed)
    again = await reopened(store, tmp_path)
    assert dict(again.accounts) == {"ann": changed, "bob": Account("bob")}
    await again.close()


async def test_a_name_is_taken_once(store: AuthStore) -> None:
    """What is there stays as it is."""
    await store.add_account(ANN)
    with pytest.raises(Conflict, match="an account called ann"):
        await store.add_account(Account("ann", scopes=("admin",)))
    with pytest.raises(Conflict, match="a rule called default"):
        await store.add_rule(Rule("default", "ops", Resource("*", "*", "*")))
    assert (store.accounts["ann"], list(store.rules)) == (ANN, [DEFAULT])


async def test_what_is_not_there_cannot_be_changed_or_deleted(store: AuthStore) -> None:
    """And does not come to be by it."""
    with pytest.raises(NotFound):
        await store.change_account(ANN)
    with pytest.raises(NotFound):
        await store.delete_account("ann")
    with pytest.raises(NotFound):
        await store.delete_rule("mine")
    assert dict(store.accounts) == {}


async def test_there_is_a_limit(store: AuthStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of accounts and of rules."""
    monkeypatch.setattr(module, "ACCOUNTS_MAX", 1)
    monkeypatch.setattr(module, "RULES_MAX", 1)
    await store.add_account(ANN)
    with pytest.raises(TooLarge):
        await store.add_account(Account("bob"))
    with pytest.raises(TooLarge):
        await store.add_rule(RULE)


async def test_a_file_that_holds_something_else_is_refused(store: AuthStore, tmp_path: Path) -> None:
    """A rule that cannot be read must not be left out: it may be the one that denies."""
    await store.close()
    connection = apsw.Connection(str(tmp_path / "auth.db"))
    connection.execute("UPDATE rules SET access = 'perhaps'")
    connection.close()
    with pytest.raises(EngineError, match=r"auth\.db"):
        store_at(tmp_path)


TOKEN = ApiToken("laptop", b"d" * 32, (Resource("service", "greeter", "*"), DEFAULT.resource), "ann", 7, 1.5, 2.5)


async def test_api_tokens_are_there_again(store: AuthStore, tmp_path: Path) -> None:
    """Whole, and with when they were used."""
    await store.add_token(TOKEN)
    await store.add_token(ApiToken("phone", b"e" * 32))
    await store.keep_used({"laptop": 9.5, "gone": 1.0})
    again = await reopened(store, tmp_path)
    assert again.tokens["laptop"] == TOKEN
    assert dict(again.used) == {"laptop": 9.5, "phone": 0.0}
    await again.delete_token("laptop")
    assert (list(again.tokens), dict(again.used)) == (["phone"], {"phone": 0.0})
    with pytest.raises(NotFound, match="micro auth list tokens"):
        await again.delete_token("laptop")
    with pytest.raises(Conflict, match="a token called phone"):
        await again.add_token(ApiToken("phone", b"f" * 32))
    await again.close()


async def test_a_file_of_before_gets_a_table_of_tokens(store: AuthStore, tmp_path: Path) -> None:
    """A home that an earlier version wrote keeps its accounts and rules."""
    await store.add_account(ANN)
    await store.close()
    connection = apsw.Connection(str(tmp_path / "auth.db"))
    connection.execute("DROP TABLE api_tokens; PRAGMA user_version = 1")
    connection.close()
    again = store_at(tmp_path)
    assert (dict(again.accounts), dict(again.tokens)) == ({"ann": ANN}, {})
    await again.add_token(TOKEN)
    await again.close()
