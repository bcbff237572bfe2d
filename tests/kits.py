"""The compilers of guests, as tests have them: in `.venv/kits`, where `make` puts all but the largest.

`python -m tests.kits NAME...` fetches some of them, by the way on which a node does.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import micro.runtime.guest.build as guest_build
from micro.errors import MicroError
from micro.runtime.command import Finished, run_command
from micro.runtime.guest.build import build_wasm, find_tools
from micro.runtime.guest.kits import KITS, Kits, kits_of
from micro.runtime.guest.recipes import LANGUAGES, RUST_TARGETS, Language, Tools
from micro.runtime.workbench import Unshare, Workbench
from micro.system import SystemDisk, SystemProcesses

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".venv" / "kits"
GUESTS = ROOT / "tests" / "guests"
BUILD_SECONDS_MAX = 240.0


def kits() -> Kits:
    return Kits(SystemDisk(), Path(sys.executable), FOLDER)


def program(name: str) -> str:
    """Returns the path of one of the machine's programs, and skips a test that needs it where it is not there."""
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed here")
    return found


async def tools_for(language: Language) -> Tools:
    """Returns the tools that a language needs; skips where one is not there."""
    words: dict[str, tuple[str, ...]] = {}
    needed = LANGUAGES[language].tools
    for name in kits_of(needed):
        folder = kits().find(name)
        if folder is None:
            pytest.skip(
                f"the compilers of the kit {name} ({KITS[name].megabytes} MB) are not here: `make kits` fetches them"
            )
        words |= kits().words(name, folder, program("node") if KITS[name].manager == "npm" else "")
    for name in needed:
        if name not in words:
            program(name)
    target = await rust_target() if "cargo" in needed else ""
    return find_tools([Path(each) for each in os.environ["PATH"].split(":")], SystemDisk(), words, target)


async def rust_target() -> str:
    asked = await run([program("rustc"), "--print", "sysroot"], ROOT, {})
    there = {entry.name for entry in SystemDisk().entries(Path(asked.output.decode().strip(), "lib", "rustlib"))}
    found = next((target for target in RUST_TARGETS if target in there), "")
    if not found:
        pytest.skip("Rust has no target for WebAssembly here")
    return found


async def run(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Finished:
    return await run_command(
        SystemProcesses(),
        command,
        directory=directory,
        environment={**os.environ, **environment},
        seconds_max=BUILD_SECONDS_MAX,
        output_bytes_max=10_000_000,
    )


def environment() -> dict[str, str]:
    """Returns the owner's variables."""
    return {"HOME": str(Path.home()), **os.environ}


async def built(folder: Path, language: Language, source: str) -> Path:
    """Returns what one of the sources in `tests/guests` is built to, in an empty folder.

    Building the same again from the same, by the same recipe, is left out: the artefact of the last time is taken.
    """
    tools = await tools_for(language)
    kept = FOLDER / "built" / f"{_name(language, source, tools)}.wasm"
    shutil.copytree(GUESTS / source, folder / "source")
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)  # compilers are kept only where nobody else may write
    kept.parent.mkdir(exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:  # tests run side by side, and one build is enough
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not kept.exists():
            made = await build_wasm(language, folder / "source", run=run, tools=tools, disk=SystemDisk())
            shutil.copyfile(made, part := kept.with_suffix(".new"))
            part.replace(kept)
    return Path(shutil.copyfile(kept, folder / "guest.wasm"))


def _name(language: Language, source: str, tools: Tools) -> str:
    """Returns the hash of all that a build is made from, but the owner's compilers."""
    runtime = Path(guest_build.__file__).parent
    files = [*(GUESTS / source).rglob("*"), *(runtime / "sdk").rglob("*"), *(runtime / "wit").rglob("*")]
    files += [runtime / "build.py", runtime / "recipes.py"]
    said = [language, *(repr(tools.words[name]) for name in LANGUAGES[language].tools)]
    said += [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files) if file.is_file()]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


async def fetch(names: Sequence[str]) -> bool:
    """Fetches kits, and says what is missing."""
    complete = True
    for name in names or [*KITS]:

        def tell(step: str, detail: str) -> None:
            sys.stdout.write(f"{step}: {detail}\n")

        log = FOLDER / f"{name}.log"
        bench = Workbench(SystemDisk(), Unshare(SystemProcesses()), environment(), tell, log)
        try:
            await kits().get(name, bench)
        except MicroError as error:
            sys.stderr.write(f"no guests are built with the kit {name} in tests: {error}\n")
            complete = False
    return complete


if __name__ == "__main__":
    sys.exit(not asyncio.run(fetch(sys.argv[1:])))
