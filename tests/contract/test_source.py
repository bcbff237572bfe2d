"""What every source of code promises, whatever engine answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from micro.errors import SourceError
from micro.runtime.source.directory import DirectorySource
from micro.runtime.source.git import GitSource
from micro.runtime.source.source import Source, silent
from micro.runtime.source.spec import SourceSpec
from micro.system import SystemDisk, SystemEntropy, SystemProcesses
from tests.unit.runtime.source.forge import Repository


@dataclass
class Place:
    """A source, what leads to it, and how its author changes it."""

    source: Source
    spec: SourceSpec
    publish: Callable[[str], object]


@pytest.fixture(params=["git", "directory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    disk = SystemDisk()
    if request.param == "git":
        repository = Repository(tmp_path / "forge")
        repository.files(main_py="1")
        source = GitSource(SystemProcesses(), disk, SystemEntropy(), tmp_path / "sources")
        spec = SourceSpec("git", str(repository.folder), ref="main")
        return Place(source, spec, lambda text: repository.files(main_py=text))
    folder = tmp_path / "tree"
    disk.make_folder(folder)
    disk.write(folder / "main.py", b"1")
    spec = SourceSpec("directory", str(folder))
    return Place(DirectorySource(disk), spec, lambda text: disk.write(folder / "main.py", text.encode()))


async def test_a_revision_stays_until_something_changes(place: Place) -> None:
    """The newest revision is the same for the same code, and another for other code."""
    first, again = await place.source.newest(place.spec), await place.source.newest(place.spec)
    place.publish("2")

    assert first == again != await place.source.newest(place.spec)


async def test_a_revision_becomes_its_files(place: Place) -> None:
    """What is fetched is what was published, and says which revision it is."""
    place.publish("2")
    revision = await place.source.newest(place.spec)
    tree = await place.source.fetch(place.spec, revision, silent)

    assert (SystemDisk().read(tree.folder / "main.py"), tree.revision) == (b"2", revision)


async def test_the_hash_is_of_the_files(place: Place) -> None:
    """Equal files have equal hashes, others have others."""
    hashes = []
    for text in ("2", "3", "2"):
        place.publish(text)
        tree = await place.source.fetch(place.spec, await place.source.newest(place.spec), silent)
        hashes.append(tree.hash)

    assert hashes[0] == hashes[2] != hashes[1]


async def test_what_is_not_there_is_an_error_of_sources(place: Place) -> None:
    """A place that holds nothing is said to be one, in the one error that sources have."""
    nowhere = SourceSpec(place.spec.kind, f"{place.spec.location}-nowhere", ref=place.spec.ref)

    with pytest.raises(SourceError, match="nowhere"):
        await place.source.newest(nowhere)
