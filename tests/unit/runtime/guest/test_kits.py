"""The compilers of guests: where they are kept, when they are fetched, and that half a kit is none."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from micro.errors import EngineError, SourceError
from micro.runtime.guest.kits import KITS, Kits, cache_folder, kits_of
from micro.runtime.guest.recipes import LANGUAGES
from micro.runtime.workbench import Unshare, Workbench
from micro.system import SystemDisk, SystemProcesses


def kits(folder: Path, shared: Path | None = None, python: str = sys.executable) -> Kits:
    return Kits(SystemDisk(), Path(python), folder, shared)


def bench(folder: Path, said: list[str]) -> Workbench:
    return Workbench(
        SystemDisk(), Unshare(SystemProcesses()), {}, lambda step, detail: said.append(detail), folder / "log"
    )


def pretend(folder: Path, name: str = "zig") -> Path:
    """Puts an empty kit into a folder, as one looks that was fetched."""
    place = folder / kits(folder)._name(name)
    SystemDisk().make_folder(folder)
    SystemDisk().make_folder(place)
    (place / "complete").touch()
    return place


def test_every_tool_of_a_language_comes_from_a_kit_or_from_the_owner() -> None:
    """Nobody has to install a compiler for Python, JavaScript, C, C++, Zig or AssemblyScript."""
    assert {name: kits_of(one.tools) for name, one in LANGUAGES.items()} == {
        "assemblyscript": ["assemblyscript"],
        "c": ["zig"],
        "cpp": ["zig"],
        "go": [],
        "javascript": ["javascript"],
        "python": ["python"],
        "rust": [],
        "typescript": ["javascript"],
        "zig": ["zig"],
    }


def test_homes_of_one_owner_share_what_was_fetched(tmp_path: Path) -> None:
    """What one of them has put into the cache is there for the others."""
    place = pretend(tmp_path / "shared")

    assert kits(tmp_path / "own", tmp_path / "shared").find("zig") == place
    assert kits(tmp_path / "own").find("zig") is None


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o755])
async def test_a_cache_that_others_could_fill_is_not_used(tmp_path: Path, mode: int) -> None:
    """A compiler that anybody may have put there is none; the home's own folder takes its place."""
    pretend(tmp_path / "shared")
    (tmp_path / "shared").chmod(mode)
    mine = kits(tmp_path / "own", tmp_path / "shared")

    assert mine.find("zig") is None
    assert mine._place() == tmp_path / "own"


def test_without_a_place_of_ones_own_it_says_so(tmp_path: Path) -> None:
    """The message names the folder."""
    (tmp_path / "own").mkdir(mode=0o755)
    with pytest.raises(EngineError, match="own cannot be made, or others may look into it"):
        kits(tmp_path / "own")._place()


def test_half_a_kit_is_none(tmp_path: Path) -> None:
    """One that was being filled when the machine went out is fetched again."""
    place = pretend(tmp_path / "own")
    (place / "complete").unlink()

    assert kits(tmp_path / "own").find("zig") is None


async def test_what_cannot_be_fetched_leaves_nothing_behind(tmp_path: Path) -> None:
    """The message says what was wanted; the owner was told how large it is before."""
    said: list[str] = []
    with pytest.raises(SourceError, match=r"cannot fetch ziglang 0\.17\.1"):
        await kits(tmp_path / "own", python="/bin/false").get("zig", bench(tmp_path, said))

    assert kits(tmp_path / "own").find("zig") is None
    assert f"ziglang 0.17.1, to build this with: {KITS['zig'].megabytes} MB, this once" in said


async def test_what_another_node_is_fetching_is_waited_for(tmp_path: Path) -> None:
    """Two nodes of one owner fetch a compiler once."""
    name = kits(tmp_path)._name("zig")
    SystemDisk().make_folder(tmp_path / "own")
    give_back = SystemDisk().lock(tmp_path / "own" / f".new-{name}.lock")
    assert give_back is not None
    waiting = asyncio.ensure_future(kits(tmp_path / "own", python="/bin/false").get("zig", bench(tmp_path, [])))
    await asyncio.sleep(0.1)
    place = pretend(tmp_path / "own")
    give_back()

    assert await waiting == place


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        ({"HOME": "/h"}, "/h/.cache/micro/kits"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/micro/kits"),
        ({"XDG_CACHE_HOME": "x"}, None),
        ({}, None),
    ],
)
def test_the_cache_is_where_the_owner_has_his_others(settings: dict[str, str], folder: str | None) -> None:
    """As the field's convention has it; a place that is no full path is none."""
    assert cache_folder(settings) == (Path(folder) if folder else None)
