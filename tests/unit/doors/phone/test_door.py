"""The door for phones, at the private addresses that this machine has."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from micro.doors.phone.addresses import private_addresses
from micro.doors.phone.door import PhoneDoor, Wanted
from micro.doors.phone.drawer import Drawer
from micro.errors import ConfigError, EngineError, Forbidden, Unavailable
from micro.system import SystemClock, SystemDisk, SystemEntropy
from micro.trust.authority import LEAF_SECONDS
from tests.waiting import until

Make = Callable[..., PhoneDoor]


class Later(SystemClock):
    """A clock that can be put forward."""

    by = 0.0

    def now(self) -> float:
        return super().now() + self.by


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers nothing of interest."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def here() -> list[str]:
    """Returns the private addresses of this machine, without which there is no such door."""
    found = private_addresses()
    if not found:
        pytest.skip("this machine has no private address; it needs a network")
    return found


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Returns what makes a door over the same home; all are closed at the end."""
    doors: list[PhoneDoor] = []

    def make(wanted: Wanted = Wanted(port=0, page_port=0), **settings: Any) -> PhoneDoor:  # noqa: B008
        drawer = Drawer(tmp_path, SystemDisk(), SystemClock(), SystemEntropy(), "Micro node test")
        doors.append(PhoneDoor(application, drawer, SystemClock(), wanted, **settings))
        return doors[-1]

    yield make
    for door in doors:
        await door.stop()


async def reached(url: str) -> bool:
    """Says whether somebody listens."""
    host, _, port = url.partition("://")[2].strip("/").rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError:
        return False
    writer.close()
    return True


async def test_it_is_closed_until_a_phone_is_paired(make: Make, here: list[str]) -> None:
    """Then open with its page, which closes by itself while the door stays."""
    door = make(page_seconds=0.5)
    await door.start()
    assert (door.is_open, door.urls, door.page_url, door.fingerprint) == (False, [], "", "")

    await door.pair()
    page = door.page_url
    assert await reached(page)
    await until(lambda: not door.page_url, what="the page has closed by itself")

    assert not await reached(page)
    assert door.page_until == 0.0
    assert await reached(door.urls[0])


async def test_pairing_again_keeps_the_page_for_longer(make: Make, here: list[str]) -> None:
    """From then on, at the same place."""
    door = make(page_seconds=600.0)
    await door.pair()
    first, page = door.page_until, door.page_url
    await asyncio.sleep(0.01)

    await door.pair()

    assert door.page_until > first
    assert door.page_url == page


async def test_it_is_open_again_where_it_was(make: Make, here: list[str]) -> None:
    """After a new start, with the same certificate; not after it was closed, nor where the settings forbid it."""
    door = make()
    await door.pair()
    urls, fingerprint = door.urls, door.fingerprint
    await door.stop()

    again = make()
    await again.start()
    assert (again.urls, again.fingerprint, again.page_url) == (urls, fingerprint, "")
    await again.stop()
    forbidden = make(Wanted(allowed=False))
    await forbidden.start()
    assert not forbidden.is_open

    await again.close()
    last = make()
    await last.start()
    assert not last.is_open


async def test_it_closes_at_once(make: Make, here: list[str]) -> None:
    """And opens again at the same port if the owner changes his mind."""
    door = make()
    await door.pair()
    url = door.urls[0]
    await door.close()
    assert not await reached(url)
    assert not door.is_open

    await door.pair()
    assert door.urls[0] == url


async def test_a_port_that_is_taken_is_passed_over(make: Make, here: list[str], tmp_path: Path) -> None:
    """Two nodes in one house."""
    one = make()
    await one.pair()
    port = int(one.urls[0].rpartition(":")[2])

    other = make(Wanted(port=port, page_port=0))
    await other.pair()

    assert int(other.urls[0].rpartition(":")[2]) not in (0, port)


async def test_without_an_address_there_is_nothing_to_pair(make: Make) -> None:
    """Nor where the settings forbid it, or name an address that this machine does not have."""
    with pytest.raises(Unavailable, match="no private address"):
        await make(addresses=list).pair()
    with pytest.raises(Forbidden, match="setting `phone` is off"):
        await make(Wanted(allowed=False)).pair()
    door = make(Wanted(host="10.255.255.254", port=0, page_port=0))
    with pytest.raises(EngineError, match="listened at"):
        await door.pair()
    assert not door.is_open


async def test_an_address_that_comes_later_is_listened_at(make: Make, here: list[str]) -> None:
    """The cable was out; and one that is gone is let go."""
    found = list(here[:1])
    door = make(addresses=lambda: list(found), look_seconds=0.05)
    await door.pair()
    url = door.urls[0]
    found.clear()
    await until(lambda: not door.urls, what="the door has let go of its address")
    assert not await reached(url)

    found.append(here[0])
    await until(lambda: door.urls == [url], what="the door is where it was")
    assert await reached(url)


async def test_a_certificate_that_grows_old_is_renewed(here: list[str], tmp_path: Path) -> None:
    """By itself, while the door is open; phones trust the same root."""
    time = Later()
    drawer = Drawer(tmp_path, SystemDisk(), time, SystemEntropy(), "Micro node test")
    door = PhoneDoor(application, drawer, time, Wanted(port=0, page_port=0), look_seconds=0.05)
    await door.pair()
    first, fingerprint = door._context, door.fingerprint
    await asyncio.sleep(0.2)
    assert door._context is first

    time.by = 0.7 * LEAF_SECONDS
    await until(lambda: door._context is not first, what="there is a new certificate")

    assert door.fingerprint == fingerprint
    assert door._leaf is not None
    assert door._leaf.ends > time.now() + 0.9 * LEAF_SECONDS
    await door.stop()


async def test_no_key_of_a_leaf_lies_around(make: Make, here: list[str], tmp_path: Path) -> None:
    """And nobody else reads what is kept."""
    await make().pair()

    disk = SystemDisk()
    kept = [each.name for each in disk.entries(tmp_path)]
    assert kept == ["phone-authority.pem", "phone.json"]
    assert [disk.access(tmp_path / name) for name in kept] == ["private", "private"]


async def test_a_damaged_authority_is_not_overwritten(make: Make, here: list[str], tmp_path: Path) -> None:
    """Phones trust the one that it was: the owner decides, and the node starts all the same."""
    (tmp_path / "phone-authority.pem").write_text("no pem")
    (tmp_path / "phone.json").write_text('{"open": true}')
    door = make()
    await door.start()
    assert not door.is_open

    with pytest.raises(ConfigError, match="remove it, and pair phones again"):
        await door.pair()
    assert (tmp_path / "phone-authority.pem").read_text() == "no pem"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"open": 1}', "\x00", '{"open": true, "port": 65536}'])
async def test_a_spoilt_note_leaves_it_closed(make: Make, tmp_path: Path, text: str) -> None:
    """Nobody is let in because of a damaged file."""
    (tmp_path / "phone.json").write_text(text)
    door = make()

    await door.start()

    assert not door.is_open


async def test_a_home_that_cannot_be_used_leaves_it_closed(make: Make, here: list[str], tmp_path: Path) -> None:
    """Nothing is half done."""
    (tmp_path / "phone.json").mkdir()
    door = make()

    with pytest.raises(OSError):
        await door.pair()
    assert not door.is_open


async def test_it_speaks_no_old_tls(make: Make, here: list[str]) -> None:
    """1.2 at least."""
    door = make()
    await door.pair()
    assert door._context is not None

    assert door._context.minimum_version == ssl.TLSVersion.TLSv1_2
