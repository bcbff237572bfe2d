"""What must hold of a key before it is changed: that nobody was faster, and that there is room for another one.

It is looked at within the transaction that makes the change, so nothing comes between.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from micro.errors import BadRequest, Conflict, TooManyRequests
from micro.store.keys import key_range

__all__ = ["Condition", "Room"]

KEYS_MAX = 100_000
"""How many keys are counted at most."""

_VERSION = """
    SELECT version FROM records WHERE scope = ? AND place = ? AND key = ? AND (expires IS NULL OR expires > ?)
"""
_NEIGHBOURS = """
    SELECT 1 FROM records
    WHERE scope = ? AND place = ? AND key >= ? AND key < ? AND (expires IS NULL OR expires > ?) LIMIT ?
"""


class Room(msgspec.Struct, frozen=True):
    """How many live keys of a table may begin with a prefix: a new one beyond them is refused."""

    keys_max: int
    prefix: str = ""


class Condition(msgspec.Struct, frozen=True):
    """What must hold of a key before it is changed, looked at within the transaction that changes it."""

    key: str
    if_version: int | None
    room: Room | None

    def check(self, connection: apsw.Connection, place: tuple[Any, ...]) -> None:
        """Raises what is not so; `place` is scope, table, key and now."""
        if self.if_version is None and self.room is None:
            return
        found = connection.execute(_VERSION, place).fetchone()
        version = found[0] if found else 0
        if self.if_version is not None and version != self.if_version:
            there = f"has version {version}" if version else "is not there"
            raise Conflict(f"{self.key[:64]!r} {there}, and version {self.if_version} was asked for; read it again")
        if self.room is None or version:
            return
        scope, table, _, now = place
        keys_max = self.room.keys_max
        if not 1 <= keys_max <= KEYS_MAX:
            raise BadRequest(f"keys_max: expected 1 to {KEYS_MAX:,}, got {keys_max}")
        within = (scope, table, *key_range(self.room.prefix), now, keys_max)
        if len(connection.execute(_NEIGHBOURS, within).fetchall()) >= keys_max:
            raise TooManyRequests(
                f"{keys_max:,} keys begin with {self.room.prefix[:64]!r}, and no more may; delete some"
            )
