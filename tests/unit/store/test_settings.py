"""Settings: a tree by dotted paths, secrets that do not show, and watching."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from micro.errors import BadRequest, Conflict, InternalError, NotFound, TooLarge
from micro.store import settings as module
from micro.store.settings import MASK, Settings
from micro.system import SystemDisk
from tests.unit.store.hand import CountingEntropy

KEY = bytes(range(32))


def settings_at(folder: Path, key: bytes = KEY, *, threaded: bool = True) -> Settings:
    settings = Settings(SystemDisk(), folder / "settings.db", CountingEntropy(), key, threaded=threaded)
    settings.open()
    return settings


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.fixture(params=["threaded", "inline"])
async def settings(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Settings]:
    settings = settings_at(tmp_path, threaded=request.param == "threaded")
    yield settings
    await settings.close()


@pytest.mark.parametrize("value", ["x", 1, 1.5, True, None, [], [1, {"a": 2}], {}, {"a": {"b": [1]}, "c": {}}])
async def test_what_was_set_is_got(settings: Settings, value: Any) -> None:
    """Any JSON value."""
    await settings.set("a.b", value)

    assert settings.get("a.b") == value


async def test_a_branch_is_got_as_an_object(settings: Settings) -> None:
    """However its leaves were set; the empty path is the whole tree."""
    await settings.set("db", {"host": "here", "port": 1})
    await settings.set("db.user.name", "ann")
    await settings.set("db-x", 1)

    assert settings.get("db") == {"host": "here", "port": 1, "user": {"name": "ann"}}
    assert settings.get() == {"db": settings.get("db"), "db-x": 1}
    assert settings.get("db.port") == 1


async def test_setting_a_path_replaces_what_was_below(settings: Settings) -> None:
    """Nothing of the old value is left."""
    await settings.set("db", {"host": "here", "port": 1})
    await settings.set("db", {"url": "there"})

    assert settings.get() == {"db": {"url": "there"}}


async def test_a_value_is_not_replaced_by_what_would_lie_in_it(settings: Settings) -> None:
    """Whoever sets it is told what is there; an empty branch takes it."""
    await settings.set("db", "x" * 200)
    with pytest.raises(Conflict, match=r'db is the value "x{20,60}…, and db.host.port would lie in it; delete db'):
        await settings.set("db.host.port", 1)
    assert settings.get("db") == "x" * 200

    await settings.set("db", {})
    await settings.set("db.host", "here")
    assert settings.get() == {"db": {"host": "here"}}


async def test_deleting_removes_a_whole_branch(settings: Settings) -> None:
    """And says whether there was one."""
    await settings.set("db", {"host": "here", "port": 1})

    assert await settings.delete("db")
    assert not await settings.delete("db")
    assert settings.get() == {}


async def test_what_is_not_set_is_not_found(settings: Settings) -> None:
    """The fault names the path."""
    with pytest.raises(NotFound, match=r"db\.host"):
        settings.get("db.host")


async def test_settings_are_there_after_a_restart(tmp_path: Path) -> None:
    """They are on the disk, secrets too."""
    first = settings_at(tmp_path)
    await first.set("a", 1)
    await first.set("b", "hidden", secret=True)
    await first.close()
    second = settings_at(tmp_path)
    found = second.get(reveal=True)
    await second.close()

    assert found == {"a": 1, "b": "hidden"}


# --------------------------------------------------------------------------------------------------------- secrets


async def test_a_secret_is_masked_unless_it_is_to_be_revealed(settings: Settings) -> None:
    """By itself and within a branch."""
    await settings.set("db.password", "hidden", secret=True)
    await settings.set("db.host", "here")

    assert settings.get("db") == {"host": "here", "password": MASK}
    assert settings.get("db.password") == MASK
    assert settings.get("db", reveal=True) == {"host": "here", "password": "hidden"}


async def test_a_secret_object_stays_whole(settings: Settings) -> None:
    """It is one leaf, and nothing can be set within it."""
    await settings.set("login", {"user": "ann", "password": "hidden"}, secret=True)

    assert settings.get("login") == MASK
    assert settings.get("login", reveal=True) == {"user": "ann", "password": "hidden"}
    with pytest.raises(Conflict, match="login is a secret"):
        await settings.set("login.user", "bob")


async def test_no_secret_is_on_the_disk(tmp_path: Path) -> None:
    """Neither in the file nor in its log."""
    settings = settings_at(tmp_path)
    await settings.set("open", "visible-value")
    await settings.set("password", "hidden-value", secret=True)
    during = all_bytes(tmp_path)
    await settings.close()
    after = all_bytes(tmp_path)

    assert b"visible-value" in during + after
    assert b"hidden-value" not in during + after


async def test_the_same_secret_never_looks_the_same(tmp_path: Path) -> None:
    """Each time has a nonce of its own."""
    settings = settings_at(tmp_path)
    for path in ("a", "b"):
        await settings.set(path, "hidden", secret=True)
    await settings.close()
    rows = apsw.Connection(str(tmp_path / "settings.db")).execute("SELECT value FROM settings").fetchall()

    assert rows[0] != rows[1]


async def test_a_secret_needs_its_key(tmp_path: Path) -> None:
    """Another node cannot read it, and says what to do."""
    settings = settings_at(tmp_path)
    await settings.set("password", "hidden", secret=True)
    await settings.close()
    other = settings_at(tmp_path, key=bytes(32))
    with pytest.raises(InternalError, match="set it again"):
        other.get("password", reveal=True)
    await other.close()


async def test_a_secret_cannot_be_moved(tmp_path: Path) -> None:
    """Somebody who can write the file cannot make it show at another path."""
    settings = settings_at(tmp_path)
    await settings.set("password", "hidden", secret=True)
    await settings.close()
    apsw.Connection(str(tmp_path / "settings.db")).execute("UPDATE settings SET path = 'title'")
    settings = settings_at(tmp_path)
    with pytest.raises(InternalError):
        settings.get("title", reveal=True)
    await settings.close()


async def test_the_mask_is_not_taken_for_a_value(settings: Settings) -> None:
    """Writing back what was shown does not destroy the secret."""
    await settings.set("password", "hidden", secret=True)
    with pytest.raises(BadRequest, match="password"):
        await settings.set("password", settings.get("password"), secret=True)

    assert settings.get("password", reveal=True) == "hidden"


async def test_a_key_of_another_length_is_refused(tmp_path: Path) -> None:
    """A mistake of the caller's."""
    with pytest.raises(ValueError, match="32 bytes"):
        settings_at(tmp_path, key=b"short")


# ---------------------------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a b", "ä", ".".join("a" * 17), "a" * 65, "a/b"])
async def test_a_bad_path_is_refused(settings: Settings, path: str) -> None:
    """The fault says what a path is."""
    with pytest.raises(BadRequest, match="path"):
        await settings.set(path, 1)


async def test_a_bad_field_is_refused(settings: Settings) -> None:
    """A name with a dot would be a path."""
    with pytest.raises(BadRequest, match="a\\.b"):
        await settings.set("db", {"a.b": 1})


async def test_what_is_no_json_is_refused(settings: Settings) -> None:
    """The fault names the path and the type."""
    with pytest.raises(BadRequest, match="db: expected a JSON value, got object"):
        await settings.set("db", object())


async def test_too_deep_an_object_is_refused(settings: Settings) -> None:
    """However deep it is."""
    value: dict[str, Any] = {}
    for _ in range(100_000):
        value = {"a": value}
    with pytest.raises(BadRequest, match="path"):
        await settings.set("db", value)
    while value:  # taken apart by hand, or taking it apart would itself be too deep
        value = value.pop("a")


async def test_too_large_a_value_is_refused(settings: Settings) -> None:
    """The fault names the limit."""
    with pytest.raises(TooLarge, match="65,536"):
        await settings.set("db", "x" * 70_000)


async def test_too_many_settings_are_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the tree stays as it was."""
    monkeypatch.setattr(module, "SETTINGS_MAX", 3)
    await settings.set("a", {"1": 1, "2": 2, "3": 3})
    with pytest.raises(TooLarge, match="3 are the limit"):
        await settings.set("b", 1)

    assert settings.get() == {"a": {"1": 1, "2": 2, "3": 3}}


# -------------------------------------------------------------------------------------------------------- watching


async def test_a_watcher_hears_of_its_path_above_and_below(settings: Settings) -> None:
    """And of no others; a deletion that removed nothing is none."""
    watch = settings.watch("db")
    await settings.set("db.host", "here")
    await settings.set("dbx", 1)
    await settings.set("db", 1)
    await settings.delete("db")
    await settings.delete("db")
    await settings.close()

    assert [(change.kind, change.key) async for change in watch] == [
        ("write", "db.host"),
        ("write", "db"),
        ("delete", "db"),
    ]


async def test_a_watcher_of_everything_hears_of_everything(settings: Settings) -> None:
    """The empty path is the whole tree."""
    watch = settings.watch()
    await settings.set("a", 1)
    await settings.close()

    assert [change.key async for change in watch] == ["a"]
