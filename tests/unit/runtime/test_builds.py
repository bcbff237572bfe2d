"""Builds that are asked for without running anything: who leaves one ends it, and who waits for a place is told."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.runtime.town import Town, found, last

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from micro.runtime.generation import Progress

pytestmark = pytest.mark.skipif(
    not shutil.which("make") or not shutil.which("cc"), reason="make and cc are not installed here"
)
PATIENCE_SECONDS = 60.0
FILTER = "int main() { return 0; }\n"
LOOP = "all:\n\t@echo looping; while sleep 0.2; do : {mark}; done\n"
QUICK = "all:\n\tcp a.c app && chmod +x app\n"


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    made = found(tmp_path / "home", settings={"PATH": "/usr/bin:/bin"})
    yield made
    await made.supervisor.close()


def source(folder: Path, makefile: str) -> str:
    """Writes a filter in C that is built so, and returns where it is."""
    folder.mkdir()
    (folder / "a.c").write_text(FILTER)
    (folder / "Makefile").write_text(makefile)
    return str(folder)


def looping(mark: str) -> bool:
    """Whether a process with this mark in its command lives."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes():
                return True
        except OSError:
            continue
    return False


async def hears(work: AsyncGenerator[Progress], line: str) -> None:
    """Looks on until the build says a line."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for progress in work:
            assert not progress.done, progress.detail
            if progress.detail.startswith(line):
                return
    raise AssertionError("it ended")


async def begun(town: Town, place: str, line: str = "looping") -> AsyncGenerator[Progress]:
    """Asks for a build, and returns it when it says a line."""
    work = town.supervisor.inspection.build(place)
    await hears(work, line)
    return work


async def test_a_build_that_its_asker_leaves_ends(town: Town, tmp_path: Path) -> None:
    """Nothing of it goes on, and two of them keep nobody from building."""
    marks = [f"{tmp_path.parent.name}-{tmp_path.name}-{number}" for number in range(2)]
    works = [await begun(town, source(tmp_path / mark, LOOP.format(mark=mark))) for mark in marks]
    assert all(looping(mark) for mark in marks)

    for work in works:
        await work.aclose()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await last(town.supervisor.inspection.build(source(tmp_path / "quick", QUICK)))).build
        while any(looping(mark) for mark in marks):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.05)


async def test_who_waits_for_a_place_to_build_is_told(town: Town, tmp_path: Path) -> None:
    """The line names those at work; what is built already waits for nobody."""
    quick = source(tmp_path / "quick", QUICK)
    assert (await last(town.supervisor.inspection.build(quick))).build
    one, two = [await begun(town, source(tmp_path / name, LOOP.format(mark=name))) for name in ("one", "two")]

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await last(town.supervisor.inspection.build(quick))).build
    three = await begun(
        town, source(tmp_path / "three", LOOP.format(mark="x")), "waits: 2 builds are at work (one, two)"
    )
    for work in (three, two, one):
        await work.aclose()


async def test_who_waits_for_the_same_build_goes_on_with_it(town: Town, tmp_path: Path) -> None:
    """It is told what it waits for, and is not given up when the first one leaves."""
    place = source(tmp_path / "one", LOOP.format(mark="one"))
    first = await begun(town, place)
    second = await begun(town, place, "waits: the same is being built already")
    await first.aclose()

    await hears(second, "looping")
    await second.aclose()
