"""The key-value store: records, scopes, tables, expiry, lists, quotas and watching."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from micro.errors import BadRequest, Conflict, Fault, TooLarge, TooManyRequests
from micro.store import kv
from micro.store.condition import Room
from micro.store.database import Database
from micro.store.kv import KeyValue, KeyValueLimits, Usage
from micro.system import SystemDisk
from tests.unit.store.hand import HandClock

LIMITS = KeyValueLimits(scope_records=5, scope_bytes=2_000, total_records=8, total_bytes=3_000)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["threaded", "inline"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> AsyncIterator[KeyValue]:
    store = KeyValue(SystemDisk(), tmp_path / "notes.db", clock, threaded=request.param == "threaded")
    store.open()
    yield store
    await store.close()


@pytest.fixture
async def small(tmp_path: Path, clock: HandClock) -> AsyncIterator[KeyValue]:
    store = KeyValue(SystemDisk(), tmp_path / "small.db", clock, limits=LIMITS)
    store.open()
    yield store
    await store.close()


async def keys(store: KeyValue, scope: str = "ann", **options: object) -> list[str]:
    return [record.key for record in await store.list(scope, **options)]  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------ one record


async def test_what_was_written_is_read(store: KeyValue, clock: HandClock) -> None:
    """Value, metadata, and when it changed."""
    await store.write("ann", "key", b"\x00value", metadata={"kind": "note"})
    record = await store.read("ann", "key")

    assert record is not None
    assert (record.key, record.value, record.metadata) == ("key", b"\x00value", {"kind": "note"})
    assert (record.changed, record.expires) == (clock.time, None)


async def test_nothing_is_read_where_nothing_was_written(store: KeyValue) -> None:
    """None, and no exception."""
    assert await store.read("ann", "key") is None


async def test_a_second_write_replaces_the_first(store: KeyValue) -> None:
    """All of it, its expiry and metadata too."""
    await store.write("ann", "key", b"1", expires=1e10, metadata={"a": "b"})
    await store.write("ann", "key", b"2")
    record = await store.read("ann", "key")

    assert record is not None
    assert (record.value, record.metadata, record.expires) == (b"2", {}, None)


async def test_what_was_deleted_is_gone(store: KeyValue) -> None:
    """And deleting says whether there was anything."""
    await store.write("ann", "key", b"1")

    assert await store.delete("ann", "key")
    assert not await store.delete("ann", "key")
    assert await store.read("ann", "key") is None


# ------------------------------------------------------------------------------------------------ what must hold


async def test_every_write_has_a_version_of_its_own(store: KeyValue) -> None:
    """Of any key, also of one that was deleted meanwhile."""
    first = await store.write("ann", "key", b"1")
    second = await store.write("ann", "other", b"2")
    assert await store.delete("ann", "key")
    third = await store.write("ann", "key", b"1")

    assert first < second < third
    record = await store.read("ann", "key")
    assert record is not None
    assert record.version == third
    assert [one.version for one in await store.list("ann")] == [third, second]


async def test_versions_go_on_after_a_restart(tmp_path: Path, clock: HandClock) -> None:
    """Though the newest record is gone."""
    versions = []
    for _ in range(2):
        store = KeyValue(SystemDisk(), tmp_path / "again.db", clock)
        store.open()
        versions.append(await store.write("ann", "key", b""))
        await store.delete("ann", "key")
        await store.close()

    assert versions[0] < versions[1]


async def test_a_write_may_ask_for_a_version(store: KeyValue) -> None:
    """Whoever read what is not there any more is told, and nothing is changed."""
    version = await store.write("ann", "key", b"one", if_version=0)
    await store.write("ann", "key", b"two", if_version=version)
    for wrong in (0, version, version + 100):
        with pytest.raises(Conflict, match="read it again"):
            await store.write("ann", "key", b"three", if_version=wrong)
    with pytest.raises(Conflict, match="is not there"):
        await store.write("ann", "none", b"", if_version=version)

    record = await store.read("ann", "key")
    assert record is not None
    assert record.value == b"two"
    assert await store.read("ann", "none") is None


async def test_a_deletion_may_ask_for_a_version(store: KeyValue) -> None:
    """As a write may."""
    version = await store.write("ann", "key", b"one")
    with pytest.raises(Conflict):
        await store.delete("ann", "key", if_version=version + 1)
    assert await store.delete("ann", "key", if_version=version)
    with pytest.raises(Conflict):
        await store.delete("ann", "key", if_version=version)


async def test_what_has_expired_is_not_there(store: KeyValue, clock: HandClock) -> None:
    """So that a lease can be taken that somebody let go."""
    await store.write("ann", "lease", b"", expires=clock.time + 5, if_version=0)
    with pytest.raises(Conflict):
        await store.write("ann", "lease", b"", if_version=0)
    clock.time += 6
    assert await store.write("ann", "lease", b"", if_version=0)


async def test_of_many_who_want_one_key_one_gets_it(store: KeyValue) -> None:
    """However close together they come."""
    outcomes = await asyncio.gather(
        *(store.write("ann", "key", bytes([number]), if_version=0) for number in range(50)), return_exceptions=True
    )

    assert sum(isinstance(one, int) for one in outcomes) == 1
    assert sum(isinstance(one, Conflict) for one in outcomes) == 49


async def test_there_is_room_for_so_many_keys(store: KeyValue, clock: HandClock) -> None:
    """Side by side no more are written than there may be; those of others, and expired ones, do not count."""
    room = Room(3, "list/")
    await store.write("ann", "other", b"", room=room)
    await store.write("bob", "list/1", b"")
    await store.write("ann", "list/old", b"", expires=clock.time + 1)
    clock.time += 2
    outcomes = await asyncio.gather(
        *(store.write("ann", f"list/{number}", b"", room=room) for number in range(10)), return_exceptions=True
    )

    assert sum(isinstance(one, TooManyRequests) for one in outcomes) == 7
    kept = await keys(store, prefix="list/")
    assert len(kept) == 3
    await store.write("ann", kept[0], b"new", room=room)
    await store.delete("ann", kept[0])
    await store.write("ann", "list/another", b"", room=room)
    with pytest.raises(BadRequest, match="keys_max"):
        await store.write("ann", "list/x", b"", room=Room(0, "list/"))


async def test_a_store_of_an_earlier_version_gets_versions(tmp_path: Path, clock: HandClock) -> None:
    """Its records differ in theirs, and new ones go on from there."""
    path = tmp_path / "earlier.db"
    earlier = Database(SystemDisk(), path, kv.MIGRATIONS[:1])
    earlier.open()
    for key in (b"a", b"b"):
        values = ("ann", "main", key, 129, 0.0, None, b"{}", b"")
        statement = "INSERT INTO records (scope, place, key, size, changed, expires, metadata, value) VALUES"
        await earlier.write(f"{statement} (?, ?, ?, ?, ?, ?, ?, ?)", values)
    await earlier.close()

    store = KeyValue(SystemDisk(), path, clock)
    store.open()
    versions = [record.version for record in await store.list("ann")]
    versions.append(await store.write("ann", "c", b""))
    assert versions == sorted(set(versions))
    assert versions[0] > 0
    await store.close()


# ---------------------------------------------------------------------------------------------------------- whose


async def test_scopes_do_not_see_each_other(store: KeyValue) -> None:
    """One caller's records are not another's."""
    await store.write("ann", "key", b"hers")
    await store.write("bob", "key", b"his")
    await store.delete("bob", "key")

    assert (await store.read("ann", "key")).value == b"hers"  # type: ignore[union-attr]
    assert await keys(store, "bob") == []


async def test_tables_do_not_see_each_other(store: KeyValue) -> None:
    """The same key may be in several."""
    await store.write("ann", "key", b"1", table="one")
    await store.write("ann", "key", b"2", table="two")

    assert (await store.read("ann", "key", table="one")).value == b"1"  # type: ignore[union-attr]
    assert await store.read("ann", "key") is None


async def test_records_are_there_after_a_restart(tmp_path: Path, clock: HandClock) -> None:
    """They are on the disk."""
    first = KeyValue(SystemDisk(), tmp_path / "notes.db", clock)
    first.open()
    await first.write("ann", "key", b"1")
    await first.close()
    second = KeyValue(SystemDisk(), tmp_path / "notes.db", clock)
    second.open()
    record = await second.read("ann", "key")
    await second.close()

    assert record is not None


# ---------------------------------------------------------------------------------------------------------- expiry


async def test_an_expired_record_is_invisible_at_once(store: KeyValue, clock: HandClock) -> None:
    """To read, list and delete, before anything sweeps."""
    await store.write("ann", "key", b"1", expires=clock.time + 10)
    clock.time += 10

    assert await store.read("ann", "key") is None
    assert await keys(store) == []
    assert not await store.delete("ann", "key")


async def test_sweeping_removes_what_expired(store: KeyValue, clock: HandClock) -> None:
    """It no longer counts, and what has time left stays."""
    await store.write("ann", "old", b"1", expires=clock.time + 10)
    await store.write("ann", "new", b"1", expires=clock.time + 30)
    clock.time += 20

    assert await store.sweep() == 1
    assert await store.sweep() == 0
    assert store.usage("ann").records == 1


async def test_writing_sweeps_in_passing(store: KeyValue, clock: HandClock) -> None:
    """A store in use needs no sweeper."""
    await store.write("ann", "old", b"1", expires=clock.time + 10)
    clock.time += 20
    await store.write("bob", "key", b"1")

    assert store.usage("ann") == Usage(0, 0)


# ----------------------------------------------------------------------------------------------------------- lists


async def test_a_list_is_in_order_of_the_bytes_of_keys(store: KeyValue) -> None:
    """Whatever the order of writing."""
    for key in ("b", "a", "ä", "B", "a/b"):
        await store.write("ann", key, b"")

    assert await keys(store) == ["B", "a", "a/b", "b", "ä"]
    assert await keys(store, order="descending") == ["ä", "b", "a/b", "a", "B"]


async def test_a_prefix_limits_a_list(store: KeyValue) -> None:
    """Nothing else, and no wildcard is one."""
    for key in ("user/1", "user/2", "users", "%", "\U0010ffff", "user/\U0010ffff"):
        await store.write("ann", key, b"")

    assert await keys(store, prefix="user/") == ["user/1", "user/2", "user/\U0010ffff"]
    assert await keys(store, prefix="%") == ["%"]


async def test_a_list_goes_on_at_an_offset(store: KeyValue) -> None:
    """Page by page."""
    for number in range(10):
        await store.write("ann", str(number), b"")

    assert await keys(store, limit=3) == ["0", "1", "2"]
    assert await keys(store, limit=3, offset=8) == ["8", "9"]


async def test_a_list_ends_where_its_values_are_too_much(store: KeyValue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is had by asking from there."""
    monkeypatch.setattr(kv, "LIST_BYTES_MAX", 250)
    for number in range(5):
        await store.write("ann", str(number), b"x" * 100)

    assert await keys(store) == ["0", "1", "2"]


async def test_a_far_offset_gives_the_same(store: KeyValue, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is only read elsewhere."""
    monkeypatch.setattr(kv, "OFFSET_ON_LOOP_MAX", 0)
    for number in range(3):
        await store.write("ann", str(number), b"")

    assert await keys(store, offset=1) == ["1", "2"]


# ---------------------------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize("key", ["", "x" * 513, "ä" * 257, "\ud800"])
async def test_a_bad_key_is_refused(store: KeyValue, key: str) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match="key"):
        await store.write("ann", key, b"")


@pytest.mark.parametrize("table", ["", "no table", "x" * 65, "a;b"])
async def test_a_bad_table_is_refused(store: KeyValue, table: str) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match="table"):
        await store.read("ann", "key", table=table)


async def test_a_long_scope_is_refused(store: KeyValue) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match="scope"):
        await store.read("x" * 257, "key")


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": 1_001}, {"offset": -1}, {"order": "random"}])
async def test_a_bad_list_is_refused(store: KeyValue, options: dict[str, object]) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match=next(iter(options))):
        await keys(store, **options)


async def test_the_largest_value_fits_and_no_larger(store: KeyValue) -> None:
    """The limit itself is allowed."""
    await store.write("ann", "key", b"x" * kv.VALUE_BYTES_MAX)
    with pytest.raises(TooLarge, match="value"):
        await store.write("ann", "key", b"x" * (kv.VALUE_BYTES_MAX + 1))
    with pytest.raises(TooLarge, match="metadata"):
        await store.write("ann", "key", b"", metadata={"a": "x" * 5_000})


async def test_a_scope_has_a_quota_of_records(small: KeyValue) -> None:
    """One more is refused; replacing one is not, nor is another scope."""
    for number in range(5):
        await small.write("ann", str(number), b"")
    with pytest.raises(TooLarge, match="5 records"):
        await small.write("ann", "5", b"")
    await small.write("ann", "4", b"again")
    await small.write("bob", "0", b"")


async def test_a_scope_has_a_quota_of_bytes(small: KeyValue) -> None:
    """What was deleted no longer counts."""
    await small.write("ann", "a", b"x" * 1_500)
    with pytest.raises(TooLarge, match="2,000"):
        await small.write("ann", "b", b"x" * 500)
    await small.delete("ann", "a")
    await small.write("ann", "b", b"x" * 1_500)


async def test_the_whole_store_has_a_quota(small: KeyValue) -> None:
    """Also where no scope has used up its own."""
    await small.write("ann", "a", b"x" * 1_700)
    with pytest.raises(TooLarge, match="service's store"):
        await small.write("bob", "a", b"x" * 1_700)


async def test_a_full_store_can_be_made_smaller(small: KeyValue) -> None:
    """Replacing a value by a shorter one is always allowed."""
    await small.write("ann", "a", b"x" * 1_800)
    await small.write("ann", "a", b"x")

    assert small.usage("ann").bytes == 128 + 1 + 1 + 2


# -------------------------------------------------------------------------------------------------------- watching


async def test_a_watcher_hears_of_writes_deletions_and_expiry(store: KeyValue, clock: HandClock) -> None:
    """In its scope, table and prefix, and of no others."""
    watch = store.watch("ann", prefix="a")
    await store.write("ann", "a1", b"")
    await store.write("ann", "b1", b"")
    await store.write("bob", "a1", b"")
    await store.write("ann", "a1", b"", table="other")
    await store.delete("ann", "a1")
    await store.delete("ann", "a2")
    await store.write("ann", "a3", b"", expires=clock.time + 1)
    clock.time += 2
    await store.sweep()
    await store.close()

    assert [(change.kind, change.key) async for change in watch] == [
        ("write", "a1"),
        ("delete", "a1"),
        ("write", "a3"),
        ("expire", "a3"),
    ]


async def test_a_write_that_failed_is_not_told(small: KeyValue) -> None:
    """Watchers hear only of what is so."""
    watch = small.watch("ann")
    with pytest.raises(Fault):
        await small.write("ann", "a", b"x" * 5_000)
    await small.close()

    assert [change async for change in watch] == []
