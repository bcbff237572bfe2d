"""Guests with locked packages: fetched from the registries, built without a network, called, and verified."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest

from micro.errors import SourceError
from micro.runtime.artefact.artefacts import BILL, OUT, Artefact, Artefacts
from micro.runtime.artefact.verification import verify
from micro.runtime.detect import detect
from micro.runtime.environments import Environments, Interpreter
from micro.runtime.guest.grant import Grant
from micro.runtime.recipe.plan import Files, Plan
from micro.runtime.recipe.recipe import Recipe
from micro.runtime.recipe.table import recipes
from micro.runtime.requirements import read_requirements
from micro.runtime.source.source import Revision, Tree
from micro.runtime.workbench import BuildFailed, Unshare, Workbench
from micro.system import SystemClock, SystemDisk, SystemProcesses
from micro.trust.keys import NodeKey
from tests.kits import FOLDER, environment, kits, program, run, tools_for
from tests.unit.runtime.guest.guests import KeptHost, machine
from tests.unit.runtime.test_environments import wheel

ASK_SECONDS_MAX = 60.0
INTEGRITY = "sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="

GO = {
    "go.mod": "module guest\n\ngo 1.24\n\nrequire github.com/google/uuid v1.6.0\n",
    "go.sum": "github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\n"
    "github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n",
    "main.go": """package main

import "github.com/google/uuid"

func init() {
	Describe = `{"name":"namer","endpoints":[{"name":"Namer.Name"}]}`
	OnCall = func(request Message) ([]byte, error) {
		return []byte(uuid.NewSHA1(uuid.NameSpaceURL, request.Body).String()), nil
	}
}
""",
}
JAVASCRIPT = {
    "package.json": json.dumps({"dependencies": {"ms": "2.1.3"}, "devDependencies": {"no-such-one": "1.0.0"}}),
    "package-lock.json": json.dumps(
        {
            "lockfileVersion": 3,
            "packages": {
                "": {"dependencies": {"ms": "2.1.3"}, "devDependencies": {"no-such-one": "1.0.0"}},
                "node_modules/ms": {"version": "2.1.3", "integrity": INTEGRITY},
                "node_modules/no-such-one": {"version": "1.0.0", "integrity": INTEGRITY, "dev": True},
            },
        }
    ),
    "main.js": """import ms from "ms";
import { Service } from "./micro.js";

export default new Service("spans").endpoint("Spans.Read", ({ text }) => ({ milliseconds: ms(text) }));
""",
}
PYTHON = {
    "main.py": """import hats
from micro import Service

sizes = Service("sizes")


@sizes.endpoint("Sizes.Say")
async def say() -> int:
    return hats.SIZE
""",
}
ASSEMBLYSCRIPT = {"index.ts": (FOLDER.parents[1] / "tests/guests/assemblyscript/index.ts").read_text()}


class Yard:
    """A home, the source of a guest, and its builds."""

    def __init__(self, folder: Path, files: dict[str, str], settings: dict[str, str] | None = None) -> None:
        self.tree = folder / "tree"
        self.tree.mkdir()
        for name, text in files.items():
            (self.tree / name).write_text(text)
        self.known = recipes(Environments(SystemDisk(), Interpreter.of_this_process()), kits())
        seclusion = Unshare(SystemProcesses())
        key, own = NodeKey(b"k" * 32), settings or environment()
        self.artefacts = Artefacts(SystemDisk(), SystemClock(), key, seclusion, folder / "home", own)
        self.told: list[str] = []

    def look(self) -> tuple[Tree, Files, Plan, Recipe]:
        names = [path.name for path in self.tree.iterdir()]
        files = Files(names, lambda path: (self.tree / path).read_bytes())
        plan = detect(files, self.known, "wasm")
        return Tree(self.tree, Revision("content-1"), "t" * 64), files, plan, self.known[plan.recipe]

    def report(self, step: str, line: str) -> None:
        self.told.append(line)

    async def make(self) -> Artefact:
        tree, files, plan, recipe = self.look()
        return await self.artefacts.make(recipe, plan, files, tree, "./it", "it", self.report)

    async def verify(self, key: str) -> str:
        async def again(source: str, revision: str, recipe: str) -> tuple[Tree, Files, Plan, Recipe]:
            return self.look()

        return await verify(self.artefacts, SystemDisk(), key, again, self.report)

    async def call(self, made: Artefact, endpoint: str, body: bytes) -> bytes:
        artefact = (self.artefacts.folder / made.key / OUT / "guest.wasm").read_bytes()
        one = await (await machine(FOLDER / "compiled").load(artefact, Grant())).instantiate()
        headers = {"Micro-Endpoint": endpoint, "Content-Type": "application/json"}
        return await one.call(headers, body, KeptHost())

    def bill(self, made: Artefact) -> dict[str, list[str]]:
        """Returns the addresses of what is in a build, and of what built it."""
        said = json.loads(self.artefacts.read(made.key, BILL))
        tools = said["metadata"]["tools"]["components"]
        parts = said.get("components", [])
        return {"parts": [one["purl"] for one in parts], "tools": [one.get("purl", one["name"]) for one in tools]}


def registry(folder: Path, *command: str) -> None:
    """Skips a test where the registry that its packages come from does not answer."""
    try:
        done = subprocess.run(
            [program(command[0]), *command[1:]], cwd=folder, capture_output=True, timeout=ASK_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"no registry answers {command[0]} here within {ASK_SECONDS_MAX:.0f} s")
    if done.returncode:
        pytest.skip(f"no registry answers {command[0]} here, so nothing can be fetched from it")


async def test_a_guest_in_go_has_its_modules(tmp_path: Path) -> None:
    """They are fetched by their sums; the build is equal in every bit when it is made again."""
    registry(tmp_path, "go", "list", "-m", "github.com/google/uuid@v1.6.0")
    cache = await run(["go", "env", "GOCACHE"], tmp_path, {})  # what Go compiled of itself before is used again
    yard = Yard(tmp_path, GO, {**environment(), "GOCACHE": cache.output.decode().strip()})
    made = await yard.make()

    assert await yard.call(made, "Namer.Name", b"micro") == str(uuid5(NAMESPACE_URL, "micro")).encode()
    assert yard.bill(made)["parts"] == ["pkg:golang/github.com/google/uuid@v1.6.0"]
    assert "1 files are equal in every bit" in await yard.verify(made.key)


async def test_a_guest_in_javascript_has_its_packages(tmp_path: Path) -> None:
    """What is only for development is not fetched; why the build is not compared is said."""
    await tools_for("javascript")
    registry(tmp_path, "npm", "view", "ms@2.1.3", "version")
    yard = Yard(tmp_path, JAVASCRIPT)
    made = await yard.make()

    assert json.loads(await yard.call(made, "Spans.Read", b'{"text":"2 days"}')) == {"milliseconds": 172_800_000}
    assert yard.bill(made)["parts"] == ["pkg:npm/ms@2.1.3"]
    assert {one.partition("@")[0] for one in yard.bill(made)["tools"]} >= {
        "pkg:npm/componentize-qjs",
        "pkg:npm/esbuild",
    }
    assert "the memory of its interpreter, which is another one after each build" in await yard.verify(made.key)


async def test_a_guest_in_python_has_its_packages(tmp_path: Path) -> None:
    """It would not build without them, for it is imported while it is built."""
    await tools_for("python")
    digest = wheel(tmp_path / "wheels", "hats", "1.0", "SIZE = 5")
    wanted = f"hats==1.0 --hash=sha256:{digest}\n"
    yard = Yard(tmp_path, {**PYTHON, "requirements.txt": wanted}, shelf(tmp_path))
    made = await yard.make()

    assert yard.bill(made)["parts"] == ["pkg:pypi/hats@1.0"]
    assert "pkg:pypi/componentize-py@0.25.1" in yard.bill(made)["tools"]


async def test_a_guest_is_built_again_and_compared(tmp_path: Path) -> None:
    """What is built of it twice is equal, and what is not what its statement says is found out."""
    await tools_for("assemblyscript")
    yard = Yard(tmp_path, ASSEMBLYSCRIPT)
    made = await yard.make()

    assert "1 files are equal in every bit" in await yard.verify(made.key)
    assert made.packages == ""


def shelf(folder: Path) -> dict[str, str]:
    """Returns the variables of an owner whose packages come from a folder."""
    own = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "wheels"), "PIP_NO_CACHE_DIR": "1"}
    return {**environment(), **own}


def bench(folder: Path) -> Workbench:
    return Workbench(SystemDisk(), Unshare(SystemProcesses()), shelf(folder), lambda *_: None, folder / "log")


async def test_packages_of_a_guest_are_listed(tmp_path: Path) -> None:
    """Name, version and hash of each, from a folder without an interpreter."""
    digest = wheel(tmp_path / "wheels", "hats", "1.0", "SIZE = 5")
    environments = Environments(SystemDisk(), Interpreter.of_this_process())
    (tmp_path / "packages").mkdir()
    wanted = read_requirements(f"hats==1.0 --hash=sha256:{digest}".encode())

    assert await environments.gather(tmp_path / "packages", wanted, bench(tmp_path)) == [("hats", "1.0", digest)]
    assert (tmp_path / "packages" / "deps" / "hats.py").read_text() == "SIZE = 5"
    assert not (tmp_path / "packages" / "python").exists()


async def test_code_of_a_machine_is_no_package_of_a_guest(tmp_path: Path) -> None:
    """A wheel for one kind of machine is not taken, nor one that says it is for all and is not."""
    wheel(tmp_path / "wheels", "hats", "1.0", "SIZE = 5")
    made = tmp_path / "wheels" / "hats-1.0-py3-none-any.whl"
    environments = Environments(SystemDisk(), Interpreter.of_this_process())
    (tmp_path / "one").mkdir()
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("hats.so", b"\x7fELF")
    with pytest.raises(SourceError, match=r"hats\.so is code of a machine"):
        await environments.gather(tmp_path / "one", read_requirements(b"hats==1.0"), bench(tmp_path))

    (tmp_path / "two").mkdir()
    made.rename(made.with_name("hats-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"))
    with pytest.raises(BuildFailed, match="as Python alone, which is all that a guest can have"):
        await environments.gather(tmp_path / "two", read_requirements(b"hats==1.0"), bench(tmp_path))
