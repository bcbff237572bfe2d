"""Accounts, rules and API tokens at rest: all of them in memory, each change on disk before it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from micro.errors import BadRequest, Conflict, EngineError, NotFound, TooLarge
from micro.store.database import Database
from micro.trust.account import Account
from micro.trust.api_token import ApiToken
from micro.trust.rules import DEFAULT, RULES_MAX, Resource, Rule

if TYPE_CHECKING:
    from micro.ports import Disk

__all__ = ["ACCOUNTS_MAX", "API_TOKENS_MAX", "AuthStore"]

ACCOUNTS_MAX = 10_000
API_TOKENS_MAX = 1_000

_ACCOUNTS = """
    CREATE TABLE accounts (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        scopes TEXT NOT NULL,           -- words between spaces
        sealed BLOB NOT NULL,           -- salt and hash of the secret, empty where there is none
        generation INTEGER NOT NULL,
        disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
        created REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE rules (
        age INTEGER PRIMARY KEY AUTOINCREMENT,  -- of equal priority the oldest decides
        id TEXT NOT NULL UNIQUE,
        scope TEXT NOT NULL,
        type TEXT NOT NULL,
        name TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        access TEXT NOT NULL,
        priority INTEGER NOT NULL
    ) STRICT;
    """
_API_TOKENS = """
    CREATE TABLE api_tokens (
        name TEXT PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,    -- the SHA-256 of the token
        scopes TEXT NOT NULL,           -- resources between spaces, which they have none of
        account TEXT NOT NULL,          -- empty for the owner
        generation INTEGER NOT NULL,
        created REAL NOT NULL,
        expires REAL NOT NULL,          -- 0 for never
        used REAL NOT NULL              -- 0 for never
    ) STRICT, WITHOUT ROWID;
    """
_PRESENT = {
    "account": "SELECT 1 FROM accounts WHERE id = ?",
    "rule": "SELECT 1 FROM rules WHERE id = ?",
    "token": "SELECT 1 FROM api_tokens WHERE name = ?",
}
_COUNT = {
    "account": "SELECT count(*) FROM accounts",
    "rule": "SELECT count(*) FROM rules",
    "token": "SELECT count(*) FROM api_tokens",
}
_DELETE = {
    "account": "DELETE FROM accounts WHERE id = ?",
    "rule": "DELETE FROM rules WHERE id = ?",
    "token": "DELETE FROM api_tokens WHERE name = ?",
}
_ADD_TOKEN = "INSERT INTO api_tokens VALUES (?, ?, ?, ?, ?, ?, ?, 0)"  # noqa: S105 - a statement
_CHANGE = """
    UPDATE accounts SET kind = ?, scopes = ?, sealed = ?, generation = ?, disabled = ?, created = ? WHERE id = ?
    """
_ADD_RULE = "INSERT INTO rules (id, scope, type, name, endpoint, access, priority) VALUES (?, ?, ?, ?, ?, ?, ?)"


def _begin(connection: apsw.Connection) -> None:
    connection.execute(_ACCOUNTS)
    connection.execute(_ADD_RULE, _rule_row(DEFAULT))


class AuthStore:
    """The accounts, rules and API tokens of one node; a new one has the rule `DEFAULT`.

    Args:
        disk: where the file is.
        path: the file.
        threaded: False does without threads, for the simulated world.
    """

    def __init__(self, disk: Disk, path: Path, *, threaded: bool = True) -> None:
        self._database = Database(disk, path, (_begin, _API_TOKENS), threaded=threaded)
        self._accounts: dict[str, Account] = {}
        self._rules: dict[str, Rule] = {}
        self._tokens: dict[str, ApiToken] = {}
        self._used: dict[str, float] = {}

    def open(self) -> None:
        """Opens the file and reads it.

        Raises:
            EngineError: it is damaged or newer than this program.
        """
        self._database.open()
        try:
            for row in self._database.read("SELECT * FROM accounts ORDER BY id"):
                self._accounts[row[0]] = _account(row)
            for row in self._database.read("SELECT * FROM rules ORDER BY age"):
                self._rules[row[1]] = Rule(row[1], row[2], Resource(*row[3:6]), row[6], row[7])
            for row in self._database.read("SELECT * FROM api_tokens ORDER BY name"):
                self._tokens[row[0]], self._used[row[0]] = _token(row), row[7]
        except BadRequest as error:
            file = self._database.path.name
            raise EngineError(f"{file} holds what this program does not write ({error}); restore it") from error

    async def close(self) -> None:
        """Writes what is under way, and closes the file."""
        await self._database.close()

    @property
    def accounts(self) -> Mapping[str, Account]:
        """All accounts, by id."""
        return self._accounts

    @property
    def rules(self) -> Sequence[Rule]:
        """All rules, the oldest first."""
        return list(self._rules.values())

    @property
    def tokens(self) -> Mapping[str, ApiToken]:
        """All API tokens, by name."""
        return self._tokens

    @property
    def used(self) -> Mapping[str, float]:
        """When each API token was used last as far as is kept, in seconds since 1970, by name; 0 for never."""
        return self._used

    async def add_account(self, account: Account) -> None:
        """Adds an account.

        Raises:
            Conflict: there is one of that id.
            TooLarge: there are too many.
        """
        await self._database.write(_add_account, (_account_row(account),))
        self._accounts[account.id] = account

    async def change_account(self, account: Account) -> None:
        """Puts an account in place of the one of its id.

        Raises:
            NotFound: there is none.
        """
        await self._database.write(_change_account, (_account_row(account),))
        self._accounts[account.id] = account

    async def delete_account(self, id: str) -> None:
        """Removes an account.

        Raises:
            NotFound: there is none of that id.
        """
        await self._database.write(_delete, ("account", id))
        self._accounts.pop(id, None)

    async def add_rule(self, rule: Rule) -> None:
        """Adds a rule.

        Raises:
            Conflict: there is one of that id.
            TooLarge: there are too many.
        """
        await self._database.write(_add_rule, (_rule_row(rule),))
        self._rules[rule.id] = rule

    async def delete_rule(self, id: str) -> None:
        """Removes a rule.

        Raises:
            NotFound: there is none of that id.
        """
        await self._database.write(_delete, ("rule", id))
        self._rules.pop(id, None)

    async def add_token(self, token: ApiToken) -> None:
        """Adds an API token.

        Raises:
            Conflict: there is one of that name.
            TooLarge: there are too many.
        """
        await self._database.write(_add_token, (_token_row(token),))
        self._tokens[token.name] = token
        self._used[token.name] = 0.0

    async def delete_token(self, name: str) -> None:
        """Removes an API token.

        Raises:
            NotFound: there is none of that name.
        """
        await self._database.write(_delete, ("token", name))
        self._tokens.pop(name, None)
        self._used.pop(name, None)

    async def keep_used(self, moments: Mapping[str, float]) -> None:
        """Keeps when API tokens were used last, by name; one that is gone meanwhile is left out."""
        rows = [(moment, name) for name, moment in moments.items()]
        await self._database.write(_keep_used, (rows,))
        self._used.update({name: moment for name, moment in moments.items() if name in self._tokens})


def _token(row: Sequence[Any]) -> ApiToken:
    scopes = tuple(Resource.parse(text) for text in row[2].split())
    return ApiToken(row[0], row[1], scopes, row[3], row[4], row[5], row[6])


def _token_row(token: ApiToken) -> tuple[Any, ...]:
    scopes = " ".join(str(scope) for scope in token.scopes)
    known = (token.name, token.digest, scopes, token.account, token.generation)
    return (*known, float(token.created), float(token.expires))


def _add_token(connection: apsw.Connection, row: tuple[Any, ...]) -> None:
    _make_room(connection, "token", str(row[0]), API_TOKENS_MAX)
    connection.execute(_ADD_TOKEN, row)


def _keep_used(connection: apsw.Connection, rows: Sequence[tuple[float, str]]) -> None:
    connection.executemany("UPDATE api_tokens SET used = ? WHERE name = ?", rows)


def _account(row: Sequence[Any]) -> Account:
    return Account(row[0], row[1], tuple(row[2].split()), row[3], row[4], bool(row[5]), row[6])


def _account_row(account: Account) -> tuple[Any, ...]:
    scopes = " ".join(account.scopes)
    known = (account.id, account.kind, scopes, account.sealed, account.generation)
    return (*known, int(account.disabled), float(account.created))


def _rule_row(rule: Rule) -> tuple[Any, ...]:
    return (rule.id, rule.scope, *rule.resource, rule.access, rule.priority)


def _add_account(connection: apsw.Connection, row: tuple[Any, ...]) -> None:
    _make_room(connection, "account", str(row[0]), ACCOUNTS_MAX)
    connection.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _add_rule(connection: apsw.Connection, row: tuple[Any, ...]) -> None:
    _make_room(connection, "rule", str(row[0]), RULES_MAX)
    connection.execute(_ADD_RULE, row)


def _make_room(connection: apsw.Connection, what: str, id: str, count_max: int) -> None:
    if connection.execute(_PRESENT[what], (id,)).fetchone():
        raise Conflict(f"there is {_one(what)} called {id} already; delete it first, or choose another name")
    found: Any = connection.execute(_COUNT[what]).fetchone()
    if found[0] >= count_max:
        raise TooLarge(f"a node keeps at most {count_max:,} {what}s; delete one first")


def _change_account(connection: apsw.Connection, row: tuple[Any, ...]) -> None:
    connection.execute(_CHANGE, (*row[1:], row[0]))
    _must_exist(connection, "account", str(row[0]))


def _delete(connection: apsw.Connection, what: str, id: str) -> None:
    connection.execute(_DELETE[what], (id,))
    _must_exist(connection, what, id)


def _must_exist(connection: apsw.Connection, what: str, id: str) -> None:
    if not connection.changes():
        raise NotFound(f"there is no {what} called {id[:80]}; `micro auth list {what}s` shows all there are")


def _one(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"
