"""Settings: a tree of JSON values by dotted path, of which some are secrets that lie encrypted on the disk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from micro.errors import BadRequest, Conflict, InternalError, NotFound, TooLarge
from micro.store.database import Database, Row
from micro.store.watch import Change, Watch, Watchers

if TYPE_CHECKING:
    from micro.ports import Disk, Entropy

__all__ = ["MASK", "Settings"]

MASK = "********"
"""What is shown instead of a secret."""

SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
PATH_BYTES_MAX = 256
DEPTH_MAX = 16
VALUE_BYTES_MAX = 64 * 1024
SETTINGS_MAX = 10_000
"""Leaves of the whole tree."""

SHOWN_CHARACTERS_MAX = 60
"""How much of a value is shown that stands in the way of another."""
EMPTY = b"{}"
"""A branch with nothing below it."""

KEY_BYTES = 32
NONCE_BYTES = 12

MIGRATIONS = (
    """
    CREATE TABLE settings (
        path TEXT PRIMARY KEY,
        value BLOB NOT NULL,        -- JSON of a leaf; a secret's is a nonce and its ciphertext
        secret INTEGER NOT NULL CHECK (secret IN (0, 1))
    ) STRICT, WITHOUT ROWID;
    """,
)

_BELOW = "SELECT path, value, secret FROM settings WHERE path = ? OR (path > ? AND path < ?) ORDER BY path"


class Settings:
    """The tree: an object with fields is a branch, any other JSON value is a leaf.

    A secret is a leaf whatever its value is. It is encrypted with ChaCha20-Poly1305 under a key of its own derived from
    `key`, bound to its path, so that nobody who can write the file can move it to a path where it is shown.

    Args:
        disk: where the file is.
        path: the file.
        entropy: for nonces.
        key: 32 secret bytes, for instance the node's seed.
        threaded: False does without threads, for the simulated world.
    """

    def __init__(self, disk: Disk, path: Path, entropy: Entropy, key: bytes, *, threaded: bool = True) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {KEY_BYTES} bytes, not {len(key)}")
        self._entropy = entropy
        self._cipher = ChaCha20Poly1305(blake2b(key=key, person=b"micro-settings-1", digest_size=KEY_BYTES).digest())
        self._database = Database(disk, path, MIGRATIONS, threaded=threaded)
        self._watchers = Watchers()

    def open(self) -> None:
        """Opens the file; raises `EngineError` if it is damaged or newer than this program."""
        self._database.open()

    async def close(self) -> None:
        """Ends all watches, writes what is under way, and closes the file."""
        self._watchers.close()
        await self._database.close()

    def get(self, path: str = "", *, reveal: bool = False) -> Any:
        """Returns the value at `path`: a leaf, or the tree below it as nested objects; "" is the whole tree.

        Args:
            path: names joined by dots.
            reveal: whether secrets are shown instead of `MASK`.

        Raises:
            NotFound: there is nothing.
            InternalError: a secret was encrypted under another key.
        """
        rows = self._rows(_checked(path) if path else "")
        if not rows and path:
            raise NotFound(f"there is no setting {path}; `micro config get` shows all there are")
        tree: dict[str, Any] = {}
        for found, value, secret in rows:
            shown = self._decrypt(found, value) if secret and reveal else MASK if secret else msgspec.json.decode(value)
            if found == path:
                return shown
            _plant(tree, found[len(path) + 1 if path else 0 :].split("."), shown)
        return tree

    async def set(self, path: str, value: Any, *, secret: bool = False) -> None:
        """Sets what is at `path`, in place of all that was at it or below it.

        Args:
            path: names of letters, digits, `_` and `-`, joined by dots; at most 16 of them, 256 bytes.
            value: a JSON value, 64 KiB at most. Fields of objects are named as the parts of a path are.
            secret: whether it is a secret, to be encrypted and masked.

        Raises:
            Conflict: `path` leads through a value or a secret that is there.
            Fault: the path or the value is no good, or there are too many settings.
        """
        leaves = [(_checked(path), value)] if secret else list(_leaves(_checked(path), value))
        rows = [
            (leaf, self._encrypt(leaf, each) if secret else _encoded(leaf, each), int(secret)) for leaf, each in leaves
        ]
        await self._database.write(_set, (path, rows))
        self._watchers.tell(Change("write", path))

    async def delete(self, path: str) -> bool:
        """Removes what is at `path` and below it; returns whether there was anything."""
        found = await self._database.write(_clear, (_checked(path),))
        if found:
            self._watchers.tell(Change("delete", path))
        return bool(found)

    def watch(self, path: str = "") -> Watch:
        """Returns an iterator of the changes from now on at `path`, below it, and of what it lies in.

        Raises:
            TooManyRequests: there are too many watchers.
        """
        if path:
            _checked(path)
        return self._watchers.add(lambda change: _touches(change.key, path))

    def _rows(self, path: str) -> list[Row]:
        if not path:
            return self._database.read("SELECT path, value, secret FROM settings ORDER BY path")
        return self._database.read(_BELOW, (path, path + ".", path + "/"))

    def _encrypt(self, path: str, value: Any) -> bytes:
        nonce = self._entropy.random_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, _encoded(path, value), _bound(path))

    def _decrypt(self, path: str, sealed: bytes) -> Any:
        try:
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(path))
        except InvalidTag as error:
            raise InternalError(f"the secret {path} was not encrypted by this node; set it again") from error
        return msgspec.json.decode(plain)


def _bound(path: str) -> bytes:
    return b"micro-setting-v1\0" + path.encode()


def _checked(path: str) -> str:
    parts = path.split(".")
    if len(parts) > DEPTH_MAX or len(path) > PATH_BYTES_MAX or not all(map(SEGMENT.match, parts)):
        raise BadRequest(
            f"path: expected up to {DEPTH_MAX} names of letters, digits, '_' and '-' joined by dots, "
            f"{PATH_BYTES_MAX} bytes in all, got {path[:64]!r}"
        )
    return path


def _leaves(path: str, value: Any) -> Sequence[tuple[str, Any]]:
    """Returns the leaves of a value set at `path`; an empty object is one."""
    if not isinstance(value, dict) or not value:
        return [(_checked(path), value)]
    found: list[tuple[str, Any]] = []
    for name, each in value.items():
        if not isinstance(name, str) or not SEGMENT.match(name):
            raise BadRequest(f"{path}: the field {str(name)[:64]!r} is no name; use letters, digits, '_' and '-'")
        found.extend(_leaves(_checked(f"{path}.{name}"), each))
        if len(found) > SETTINGS_MAX:
            raise TooLarge(f"{path}: more than {SETTINGS_MAX:,} settings")
    return found


def _encoded(path: str, value: Any) -> bytes:
    if value == MASK:
        raise BadRequest(f"{path}: {MASK!r} is what is shown instead of a secret; set the value itself")
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(f"{path}: expected a JSON value, got {type(value).__name__}") from error
    if len(encoded) > VALUE_BYTES_MAX:
        raise TooLarge(
            f"{path}: {len(encoded):,} bytes exceed the limit of {VALUE_BYTES_MAX:,}; keep a reference to it"
        )
    return encoded


def _plant(tree: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    for part in parts[:-1]:
        tree = tree.setdefault(part, {})
    tree[parts[-1]] = value


def _touches(changed: str, path: str) -> bool:
    return not path or changed == path or changed.startswith(path + ".") or path.startswith(changed + ".")


def _shown(value: bytes) -> str:
    text = value.decode()
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…"


def _clear(connection: apsw.Connection, path: str) -> int:
    connection.execute("DELETE FROM settings WHERE path = ? OR (path > ? AND path < ?)", (path, path + ".", path + "/"))
    return connection.changes()


def _set(connection: apsw.Connection, path: str, rows: Sequence[tuple[str, bytes, int]]) -> None:
    parts = path.split(".")
    for count in range(1, len(parts)):
        above = ".".join(parts[:count])
        found = connection.execute("SELECT secret, value FROM settings WHERE path = ?", (above,)).fetchone()
        if found and (found[0] or found[1] != EMPTY):
            there = "a secret" if found[0] else f"the value {_shown(found[1])}"
            raise Conflict(f"{above} is {there}, and {path} would lie in it; delete {above} first")
        connection.execute("DELETE FROM settings WHERE path = ?", (above,))
    _clear(connection, path)
    connection.executemany("INSERT INTO settings VALUES (?, ?, ?)", rows)
    counted: Any = connection.execute("SELECT count(*) FROM settings").fetchone()
    total = counted[0]
    if total > SETTINGS_MAX:
        raise TooLarge(f"there would be {total:,} settings; {SETTINGS_MAX:,} are the limit")
