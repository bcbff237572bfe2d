"""What a path is for, remembered for a moment."""

from __future__ import annotations

from typing import Any

import pytest

from micro.doors.api import directory
from micro.doors.api.directory import Directory
from micro.doors.api.path import Wanted
from micro.errors import Forbidden, NotFound
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey

HELLO = (Wanted("greeter", "Say.Hello"),)


class Registry:
    """Services, and how often they were asked for."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.asked = 0

    def describe(self, name: str) -> dict[str, Any] | None:
        self.asked += 1
        return {"name": name, "endpoints": [{"name": "Say.Hello"}]} if name in self.names else None

    def directory(self) -> Directory:
        return Directory(self.describe, lambda: [{"name": name} for name in self.names])


async def test_a_path_is_looked_up_once() -> None:
    """The next request finds it remembered."""
    registry = Registry("greeter")
    found = registry.directory()

    assert found.recall("/a") is None
    target = found.find(HELLO)
    found.remember("/a", target)
    assert (found.recall("/a"), registry.asked) == (target, 1)


async def test_it_is_looked_up_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that changed is seen so."""
    monkeypatch.setattr(directory, "REMEMBERED_SECONDS", -1.0)
    found = Registry("greeter").directory()
    found.remember("/a", found.find(HELLO))

    assert found.recall("/a") is None


async def test_what_is_not_there_is_looked_for_each_time() -> None:
    """A service that has just begun is found at once."""
    registry = Registry()
    found = registry.directory()
    with pytest.raises(NotFound):
        found.find(HELLO)
    registry.names.append("greeter")

    assert found.find(HELLO).endpoint == "Say.Hello"


async def test_the_first_reading_that_exists_counts() -> None:
    """A path may mean several things."""
    readings = (Wanted("v1.greeter", "Say.Hello"), Wanted("greeter@1", "Say.Hello"))

    assert Registry("greeter").directory().find(readings).service == "greeter@1"


async def test_paths_are_remembered_in_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are tried."""
    monkeypatch.setattr(directory, "REMEMBERED_MAX", 10)
    found = Registry("greeter").directory()
    for number in range(35):
        found.remember(f"/{number}", found.find(HELLO))

    assert len(found._found) <= 10


@pytest.mark.parametrize(
    ("names", "hint"),
    [([], "none runs yet"), (["greeting"], "did you mean greeting"), (["zzz"], "there are zzz")],
)
async def test_an_unknown_service_comes_with_a_hint(names: list[str], hint: str) -> None:
    """Near names, else what there is, else how to begin."""
    assert hint in Registry(*names).directory().unknown("greeter").detail


async def test_a_name_that_nobody_vouches_for_is_refused() -> None:
    """Whoever looks only brings it within reach; the fault tells a program from every other 403 what it is about."""
    asked: list[str] = []

    async def unverified(name: str) -> tuple[str, ...]:
        asked.append(name)
        return ("b1", "b2") if name == "greeter" else ()

    found = Directory(Registry("greeter").describe, list, unverified)
    with pytest.raises(Forbidden, match="offered by 2 nodes") as refused:
        await found.met("greeter@1")
    assert (refused.value.status, refused.value.id) == ("unverified_name", "greeter")
    await found.look("greeter@1")
    await found.met("notes")
    assert asked == ["greeter", "greeter", "notes"]


async def test_the_service_of_one_node_is_asked_for_as_such() -> None:
    """Whoever names the node says whom he means, and is not asked."""
    asked: list[str] = []

    async def unverified(name: str) -> tuple[str, ...]:
        asked.append(name)
        return () if "@" in name else ("b1",)

    nid = nid_of(NodeKey(bytes(32)).public)
    await Directory(Registry("greeter").describe, list, unverified).met(f"greeter@{nid}")
    assert asked == [f"greeter@{nid}"]
