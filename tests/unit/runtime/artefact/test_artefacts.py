"""Builds of real trees with a real `make`: made once, named by what went into them, checked and made again."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from micro.errors import SourceError
from micro.runtime.artefact.artefacts import STATEMENT, VERSION_OF, Artefact, Artefacts
from micro.runtime.artefact.statement import open_statement
from micro.runtime.artefact.verification import verify
from micro.runtime.recipe.make import MakeRecipe
from micro.runtime.recipe.plan import Component, Files, Plan
from micro.runtime.recipe.recipe import Job, Recipe
from micro.runtime.source.source import Revision, Tree
from micro.runtime.workbench import BuildFailed, Unshare
from micro.system import SystemClock, SystemDisk, SystemProcesses
from micro.trust.keys import NodeKey
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    not shutil.which("make") or not shutil.which("cc"), reason="make and cc are not installed here"
)
EQUAL = "app:\n\tprintf '#!/bin/sh\\necho hello\\n' > app && chmod +x app && echo built\n"
TWO = EQUAL.replace("app && echo", "app && cp app other && echo")
RANDOM = EQUAL.replace("hello", "$$(od -An -N8 -tx1 /dev/urandom)").replace("'#", '"#').replace("\\n' >", '\\n" >')


class Workplace:
    """A home, a tree, and builds of it."""

    def __init__(self, folder: Path, makefile: str, settings: Mapping[str, str] | None = None) -> None:
        self.tree = folder / "tree"
        self.tree.mkdir(exist_ok=True)
        (self.tree / "Makefile").write_text(makefile)
        self.told: list[str] = []
        self.artefacts = Artefacts(
            SystemDisk(),
            SystemClock(),
            NodeKey(b"k" * 32),
            Unshare(SystemProcesses()),
            folder / "home",
            settings or {"PATH": "/usr/bin:/bin"},
        )

    def report(self, step: str, line: str) -> None:
        self.told.append(line)

    def look(self, tree_hash: str = "t" * 64) -> tuple[Tree, Files, Plan, Recipe]:
        names = [path.name for path in self.tree.iterdir()]
        files = Files(names, lambda path: (self.tree / path).read_bytes())
        recipe = MakeRecipe()
        plan = Plan("make", "program", (), "", build=("make",))
        return Tree(self.tree, Revision("content-1"), tree_hash), files, plan, recipe

    async def make(self, tree_hash: str = "t" * 64) -> Artefact:
        tree, files, plan, recipe = self.look(tree_hash)
        return await self.artefacts.make(recipe, plan, files, tree, "./it", "it", self.report)

    async def verify(self, key: str, tree_hash: str = "t" * 64) -> str:
        async def again(source: str, revision: str, recipe: str) -> tuple[Tree, Files, Plan, Recipe]:
            assert (source, revision) == ("./it", "content-1")
            return self.look(tree_hash)

        return await verify(self.artefacts, SystemDisk(), key, again, self.report)


async def test_a_tree_is_built_once(tmp_path: Path) -> None:
    """The second time it is there already; another tree has a build of its own."""
    place = Workplace(tmp_path, EQUAL)
    first = await place.make()
    second = await place.make()

    assert (first.key, first.digest, first.start) == (second.key, second.digest, second.start)
    assert place.told.count("built") == 1
    assert first.start.command == (str(place.artefacts.folder / first.key / "out" / "app"),)
    assert not (place.tree / "app").exists()
    assert (await place.make("u" * 64)).key != first.key


async def test_what_a_crash_left_is_made_anew(tmp_path: Path) -> None:
    """A build without its last mark is not trusted, and what was only begun is swept away."""
    place = Workplace(tmp_path, EQUAL)
    made = await place.make()
    folder = place.artefacts.folder / made.key
    (folder / "complete").unlink()
    (folder / "out" / "app").write_text("half")
    (place.artefacts.folder / ".scratch-x").mkdir()
    place.artefacts.clear()
    await place.make()

    assert (folder / "out" / "app").read_text() == "#!/bin/sh\necho hello\n"
    assert not list(place.artefacts.folder.glob(".*"))


async def test_what_builds_the_same_is_verified(tmp_path: Path) -> None:
    """It is built again, and compared; where the source is another one by now that is said instead."""
    place = Workplace(tmp_path, EQUAL)
    made = await place.make()

    assert "are equal in every bit" in await place.verify(made.key)
    assert "its source has changed since" in await place.verify(made.key, "u" * 64)
    assert not list(place.artefacts.folder.glob(".*"))


async def test_another_version_of_a_recipe_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would make says nothing of what another one made; nor does that of another compiler."""
    place = Workplace(tmp_path, EQUAL)
    made = await place.make()
    monkeypatch.setattr(MakeRecipe, "version", 99)
    monkeypatch.setitem(VERSION_OF, "cc", ("-dumpmachine",))  # type: ignore[arg-type] # it is a table

    assert "by another version of cc, recipe than is here" in await place.verify(made.key)


async def test_what_never_builds_the_same_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is told, and where to ask instead; nobody is a liar who got something else."""
    place = Workplace(tmp_path, EQUAL)
    monkeypatch.setattr(MakeRecipe, "differs", lambda self, plan: "each is another")
    made = await place.make()
    inner = open_statement(place.artefacts.read(made.key, STATEMENT), place.artefacts.nid)["predicate"]

    told = f"each is another, so it was not built again: `micro verify {made.key[:16]} --attestations 1` asks"
    assert told in await place.verify(made.key)
    assert inner["buildDefinition"]["internalParameters"]["differs"] == "each is another"


async def test_what_builds_otherwise_is_found_out(tmp_path: Path) -> None:
    """The files that differ are named."""
    place = Workplace(tmp_path, RANDOM)
    made = await place.make()

    with pytest.raises(SourceError, match="1 files differ: app"):
        await place.verify(made.key)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("out/app", "out was changed after it was built"),
        ("sbom.json", "sbom.json was changed"),
        ("lock", "lock was changed"),
        ("statement.json", "is no DSSE envelope"),
    ],
)
async def test_a_changed_file_is_found_out(tmp_path: Path, name: str, reason: str) -> None:
    """Whichever of a build's files it is."""
    place = Workplace(tmp_path, EQUAL)
    key = (await place.make()).key
    with (place.artefacts.folder / key / name).open("a") as file:
        file.write("x")

    with pytest.raises(SourceError, match=reason):
        await place.verify(key)


async def test_a_statement_about_another_build_is_found_out(tmp_path: Path) -> None:
    """Though the node signed it."""
    place = Workplace(tmp_path, EQUAL)
    one, two = (await place.make()).key, (await place.make("u" * 64)).key
    shutil.copy(place.artefacts.folder / two / "statement.json", place.artefacts.folder / one / "statement.json")

    with pytest.raises(SourceError, match="about another build"):
        await place.verify(one)


async def test_a_failed_build_leaves_its_log_and_nothing_else(tmp_path: Path) -> None:
    """It is no build: the next try begins anew."""
    place = Workplace(tmp_path, "app:\n\t@echo trying; exit 3\n")
    with pytest.raises(BuildFailed, match="the build by make failed") as failed:
        await place.make()

    assert "trying" in failed.value.tail
    (log,) = place.artefacts.folder.glob("*/build.log")
    assert "trying" in log.read_text()
    assert [file.name for file in log.parent.iterdir()] == ["build.log"]
    (place.tree / "Makefile").write_text(EQUAL)
    assert await place.make()


async def test_a_build_that_leaves_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes or in files, and it is cleared away."""
    place = Workplace(tmp_path, EQUAL)
    for name in ("OUT_BYTES_MAX", "FILES_MAX"):
        with monkeypatch.context() as patched:
            patched.setattr(f"micro.runtime.artefact.artefacts.{name}", 1)
            with pytest.raises(SourceError, match="the build left"):
                await place.make()
    assert not list(place.artefacts.folder.glob("*/out"))


async def test_two_programs_are_one_too_many(tmp_path: Path) -> None:
    """They are named, with what to write where."""
    with pytest.raises(SourceError, match=r"make left 2 programs \(app, other\).*micro\.toml"):
        await Workplace(tmp_path, TWO).make()


async def test_all_missing_tools_are_named_at_once(tmp_path: Path) -> None:
    """Before anything is fetched."""
    place = Workplace(tmp_path, EQUAL, {"PATH": str(tmp_path)})
    with pytest.raises(SourceError, match=r"apt-get install make.*apt-get install gcc"):
        await place.make()


async def test_a_build_is_found_by_the_beginning_of_its_name(tmp_path: Path) -> None:
    """If there is just one."""
    place = Workplace(tmp_path, EQUAL)
    key = (await place.make()).key

    assert place.artefacts.find(key[:8]) == key
    for wrong in ("", "x", ".scratch", "../home"):
        with pytest.raises(SourceError, match="micro build SOURCE"):
            place.artefacts.find(wrong)
    assert json.loads(place.artefacts.read(key, "complete"))["service"] == "it"


async def test_the_oldest_unused_builds_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that a service uses stay."""
    monkeypatch.setattr("micro.runtime.artefact.artefacts.BUILDS_MAX", 0)
    place = Workplace(tmp_path, EQUAL)
    one, two = (await place.make()).key, (await place.make("u" * 64)).key
    place.artefacts.sweep({one}, set())

    assert [folder.name for folder in place.artefacts.folder.iterdir()] == [one]
    assert two != one


class SlowRecipe(MakeRecipe):
    """Fetches something, and not before it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.fetches = 0

    def asks(self, plan: Plan, files: Files) -> bytes:
        return b"one package"

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        self.fetches += 1
        await self.may.wait()
        return b"one package", ()


async def test_who_waits_for_the_same_packages_is_told(tmp_path: Path) -> None:
    """They are fetched once; who was first is told nothing of the kind."""
    place, recipe = Workplace(tmp_path, EQUAL), SlowRecipe()
    tree, files, plan, _ = place.look()
    told: tuple[list[str], list[str]] = ([], [])
    waiting = [
        asyncio.ensure_future(
            place.artefacts.fetched(recipe, plan, files, tree, lambda step, line, lines=lines: lines.append(line))  # type: ignore[misc]
        )
        for lines in told
    ]
    await until(lambda: bool(told[1]) and recipe.fetches == 1)
    recipe.may.set()
    first, second = await asyncio.gather(*waiting)

    assert (told, recipe.fetches) == (([], ["waits: the same is being fetched already"]), 1)
    assert first == second
