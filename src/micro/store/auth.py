"""Accounts and rules at rest: all of them in memory, each change on disk before it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from micro.errors import BadRequest, Conflict, EngineError, NotFound, TooLarge
from micro.store.database import Database
from micro.trust.account import Account
from micro.trust.rules import DEFAULT, RULES_MAX, Resource, Rule

if TYPE_CHECKING:
    from micro.ports import Disk

__all__ = ["ACCOUNTS_MAX", "AuthStore"]

ACCOUNTS_MAX = 10_000

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
_PRESENT = {
    "account": "SELECT 1 FROM accounts WHERE id = ?",
    "rule": "SELECT 1 FROM rules WHERE id = ?",
}
_COUNT = {"account": "SELECT count(*) FROM accounts", "rule": "SELECT count(*) FROM rules"}
_DELETE = {"account": "DELETE FROM accounts WHERE id = ?", "rule": "DELETE FROM rules WHERE id = ?"}
_CHANGE = """
    UPDATE accounts SET kind = ?, scopes = ?, sealed = ?, generation = ?, disabled = ?, created = ? WHERE id = ?
    """
_ADD_RULE = "INSERT INTO rules (id, scope, type, name, endpoint, access, priority) VALUES (?, ?, ?, ?, ?, ?, ?)"


def _begin(connection: apsw.Connection) -> None:
    connection.execute(_ACCOUNTS)
    connection.execute(_ADD_RULE, _rule_row(DEFAULT))


class AuthStore:
    """The accounts and rules of one node; a new one has the rule `DEFAULT`.

    Args:
        disk: where the file is.
        path: the file.
        threaded: False does without threads, for the simulated world.
    """

    def __init__(self, disk: Disk, path: Path, *, threaded: bool = True) -> None:
        self._database = Database(disk, path, (_begin,), threaded=threaded)
        self._accounts: dict[str, Account] = {}
        self._rules: dict[str, Rule] = {}

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
