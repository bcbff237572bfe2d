"""Environments for services that ask for packages, made with the real venv and pip, from wheels made here."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from micro.errors import SourceError
from micro.runtime.artefact.stock import COMPLETE, Stock
from micro.runtime.environments import Environments, Interpreter
from micro.runtime.recipe.plan import Fetched, Files, Plan
from micro.runtime.recipe.python import PythonRecipe
from micro.runtime.requirements import Requirements, read_requirements
from micro.runtime.workbench import Unshare, Workbench
from micro.system import SystemDisk, SystemProcesses


def wheel(folder: Path, name: str, version: str, text: str) -> str:
    """Makes a wheel of one module, and returns its hash as pip wants it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data.encode()).digest()).rstrip(b'=').decode()},\n"
        for path, data in files.items()
    )
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, data in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(inner, data)
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Shelf:
    """The folder `packages/` of a test, filled by the recipe for Python."""

    def __init__(self, folder: Path) -> None:
        settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "wheels"), "PIP_NO_CACHE_DIR": "1"}
        self.environments = Environments(SystemDisk(), Interpreter.of_this_process())
        self.recipe = PythonRecipe(self.environments)
        self.stock = Stock(SystemDisk(), folder / "packages")
        self.settings = {**settings, "SECRET": "x"}
        self.told: list[str] = []

    async def fetch(self, requirements: Requirements | None) -> Fetched:
        plan = Plan("python", "micro", ("python", "main.py"), "", requirements=requirements)
        return await self.stock.get(
            self.recipe, plan, Files([], lambda path: b""), self.stock.folder, lambda log: self.bench(log)
        )

    async def build(self, requirements: Requirements | None) -> Interpreter:
        fetched = await self.fetch(requirements)
        return self.environments.interpreter(self.stock.folder / fetched.name if fetched.name else None)

    def bench(self, log: Path) -> Workbench:
        def report(step: str, detail: str) -> None:
            self.told.append(f"{step}: {detail}")

        return Workbench(SystemDisk(), Unshare(SystemProcesses()), self.settings, report, log)


def python(interpreter: Interpreter, code: str) -> str:
    """Runs code in an environment as a service would."""
    done = subprocess.run(
        [interpreter.program, "-c", code], env=interpreter.environment(), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


async def test_nothing_asked_nothing_built(tmp_path: Path) -> None:
    """A service without packages runs with the node's own interpreter, which knows `micro`."""
    interpreter = await Shelf(tmp_path).build(None)

    assert str(interpreter.program) == sys.executable
    assert python(interpreter, "import micro.errors; print(1)") == "1"
    assert not (tmp_path / "packages").exists()


async def test_packages_beside_the_nodes(tmp_path: Path) -> None:
    """A service finds its own packages first, then the node's; the node finds nothing new."""
    wheel(tmp_path / "wheels", "greeting", "1.0", "TEXT = 'hello'")
    wheel(tmp_path / "wheels", "msgspec", "99.0", "OWN = True")
    made = Shelf(tmp_path)
    interpreter = await made.build(read_requirements(b"greeting==1.0\nmsgspec==99.0"))

    code = "import greeting, msgspec, micro.errors, click; print(greeting.TEXT, msgspec.OWN)"
    assert python(interpreter, code) == "hello True"
    with pytest.raises(subprocess.CalledProcessError):
        python(Interpreter.of_this_process(), "import greeting")


async def test_built_once(tmp_path: Path) -> None:
    """Equal requirements share an environment, however they are ordered; others get another."""
    for name in ("one", "two"):
        wheel(tmp_path / "wheels", name, "1.0", "")
    made = Shelf(tmp_path)
    first = await made.build(read_requirements(b"one==1.0\ntwo==1.0"))
    (tmp_path / "wheels").rename(tmp_path / "gone")
    again = await made.build(read_requirements(b"two==1.0\none==1.0"))

    assert first.program == again.program
    with pytest.raises(SourceError):
        await made.build(read_requirements(b"one==1.0"))


async def test_hashes_are_checked(tmp_path: Path) -> None:
    """A package that is not the one that was named is not installed."""
    digest = wheel(tmp_path / "wheels", "one", "1.0", "")
    made = Shelf(tmp_path)
    await made.build(read_requirements(f"one==1.0 --hash=sha256:{digest}".encode()))

    with pytest.raises(SourceError, match=r"(?i)hash"):
        await made.build(read_requirements(f"one==1.0 --hash=sha256:{'0' * 64}".encode()))


async def test_a_source_package_is_not_built(tmp_path: Path) -> None:
    """Only wheels are installed: building would run a stranger's code."""
    package = tmp_path / "evil-1.0"
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": f"open({str(tmp_path / 'ran')!r}, 'w')\n",
    }
    SystemDisk().make_folder(package)
    for name, text in files.items():
        SystemDisk().write(package / name, text.encode())
    SystemDisk().make_folder(tmp_path / "wheels")
    with tarfile.open(tmp_path / "wheels" / "evil-1.0.tar.gz", "w:gz") as archive:
        archive.add(package, "evil-1.0")
    with pytest.raises(SourceError, match="cannot install the service's packages"):
        await Shelf(tmp_path).build(read_requirements(b"evil==1.0"))

    assert SystemDisk().read(tmp_path / "ran") is None


async def test_a_build_that_a_crash_left_is_made_anew(tmp_path: Path) -> None:
    """An environment without its last mark is not trusted."""
    wheel(tmp_path / "wheels", "one", "1.0", "")
    made, wanted = Shelf(tmp_path), read_requirements(b"one==1.0")
    await made.build(wanted)
    place = tmp_path / "packages" / (await made.fetch(wanted)).name
    (place / COMPLETE).unlink()
    (place / "python" / "bin" / "python").unlink()
    interpreter = await made.build(wanted)

    assert python(interpreter, "import one; print(1)") == "1"


async def test_progress_is_told(tmp_path: Path) -> None:
    """It names what is done, as pip says it."""
    wheel(tmp_path / "wheels", "one", "1.0", "")
    made = Shelf(tmp_path)
    await made.build(read_requirements(b"one"))

    assert made.told[0] == "fetching: 1 package into an environment of its own"
    assert any("Successfully installed one-1.0" in line for line in made.told)


async def test_what_was_chosen_is_locked(tmp_path: Path) -> None:
    """A requirement that leaves its version open has a lock with version and hash, and so has what it needs."""
    digest = wheel(tmp_path / "wheels", "one", "1.5", "")
    fetched = await Shelf(tmp_path).fetch(read_requirements(b"one>=1"))

    assert fetched.lock == f"one==1.5 --hash=sha256:{digest}\n".encode()
    assert [(one.kind, one.name, one.version) for one in fetched.components] == [("pypi", "one", "1.5")]


async def test_the_oldest_unused_packages_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what nobody uses only the youngest is kept."""
    monkeypatch.setattr("micro.runtime.artefact.stock.PACKAGES_MAX", 1)
    for age, name in enumerate(("used", "old", "young"), 1):
        (tmp_path / "packages" / name).mkdir(parents=True)
        os.utime(tmp_path / "packages" / name, (age, age))
    Stock(SystemDisk(), tmp_path / "packages").sweep({"used"})

    assert sorted(entry.name for entry in SystemDisk().entries(tmp_path / "packages")) == ["used", "young"]


async def test_a_lock_is_followed(tmp_path: Path) -> None:
    """Of what a package needs the locked version is taken, though a newer one is there."""
    for version in ("1.0", "2.0"):
        wheel(tmp_path / "wheels", "one", version, "")
    wanted = read_requirements(b"one").pinned(read_requirements(b"one==1.0\nother==3.0", "uv.lock"))
    fetched = await Shelf(tmp_path).fetch(wanted)

    assert fetched.lock.startswith(b"one==1.0 --hash=sha256:")


def test_a_checkout_that_is_installed_to_be_edited_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And not the folder that the node happens to stand in, which may be its owner's home."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path, str(tmp_path / "checkout")])
    folders = Interpreter.of_this_process().folders()

    assert tmp_path / "checkout" in folders
    assert tmp_path not in folders


def test_a_program_that_lies_somewhere_shows_nothing_around_it(tmp_path: Path) -> None:
    """Only the folder of an environment is one that holds nothing else."""
    environment = tmp_path / "environment"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text("home = somewhere")

    assert environment in Interpreter(environment / "bin" / "python").folders()
    assert tmp_path not in Interpreter(tmp_path / "bin" / "python").folders()
