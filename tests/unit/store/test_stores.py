"""The stores of all services: opened when used, closed when others need the room."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.errors import BadRequest, TooManyRequests
from micro.store import stores as module
from micro.store.stores import Stores
from micro.system import SystemDisk
from tests.unit.store.hand import HandClock


async def test_each_service_has_a_store_of_its_own(tmp_path: Path) -> None:
    """In a file that bears its name."""
    stores = Stores(SystemDisk(), tmp_path, HandClock())
    await (await stores.get("notes")).write("", "key", b"1")
    other = await (await stores.get("lists")).read("", "key")
    await stores.close()

    assert other is None
    assert (tmp_path / "notes.db").exists()


async def test_a_store_is_opened_once(tmp_path: Path) -> None:
    """Whoever asks gets the same."""
    stores = Stores(SystemDisk(), tmp_path, HandClock())
    same = await stores.get("notes") is await stores.get("notes")
    await stores.close()

    assert same


@pytest.mark.parametrize("service", ["", "../node", "Notes", "a--b", "-a", "a" * 65, "a/b", "a\n"])
async def test_a_bad_name_is_refused(tmp_path: Path, service: str) -> None:
    """It would become a file's name."""
    with pytest.raises(BadRequest, match="service"):
        await Stores(SystemDisk(), tmp_path, HandClock()).get(service)


async def test_the_store_unused_for_longest_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is opened again when it is wanted."""
    monkeypatch.setattr(module, "STORES_OPEN_MAX", 2)
    clock = HandClock()
    stores = Stores(SystemDisk(), tmp_path, clock)
    await (await stores.get("a")).write("", "key", b"1")
    kept = await stores.get("b")
    clock.time += 100
    await stores.get("b")
    await stores.get("c")
    clock.time += 100
    again = await (await stores.get("a")).read("", "key")
    await stores.close()

    assert again is not None
    assert kept is not None


async def test_stores_in_use_are_not_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was just asked for, or is watched, stays; there may be no room for another."""
    monkeypatch.setattr(module, "STORES_OPEN_MAX", 2)
    clock = HandClock()
    stores = Stores(SystemDisk(), tmp_path, clock)
    (await stores.get("a")).watch("")
    clock.time += 100
    await stores.get("b")
    with pytest.raises(TooManyRequests):
        await stores.get("c")
    await stores.close()


async def test_sweeping_sweeps_all(tmp_path: Path) -> None:
    """Every open store."""
    clock = HandClock()
    stores = Stores(SystemDisk(), tmp_path, clock)
    for service in ("a", "b"):
        await (await stores.get(service)).write("", "key", b"1", expires=clock.time + 1)
    clock.time += 2
    count = await stores.sweep()
    await stores.close()

    assert count == 2
