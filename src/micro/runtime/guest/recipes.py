"""How sources become WebAssembly: for each language the files that are put beside them, and the commands to run.

Pure.

A build happens in a writable copy of a source, from what is there, without a network: `build` has the hands, and
whoever calls that says in which sandbox its commands run. A source that does not use the SDK of its language becomes a
command, which reads its standard input and writes its standard output.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from micro.errors import EngineError

__all__ = ["ARTEFACT", "LANGUAGES", "Language", "Recipe", "Step", "Tools", "recipe_for"]

Language = Literal["assemblyscript", "c", "cpp", "go", "javascript", "python", "rust", "typescript", "zig"]

ARTEFACT = "guest.wasm"
"""What a build makes, in the folder it works in."""

BUILT = "micro-build"
"""A folder of the build's own, below that one."""

GO_VERSION_MIN = "1.24"
"""The first that exports functions from a module."""

RUST_TARGETS = ("wasm32-wasip1", "wasm32-wasi")
"""What the target with a system interface is called, the newer name first: Rust before 1.78 knows only the second."""


@dataclass(frozen=True)
class Step:
    """One command, to be run in the folder with these variables beside those of the sandbox."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tools:
    """The words by which each tool is called; one that is not there is missing.

    Attributes:
        words: for each name of `NEEDED` the words that call it.
        sdk: the folder of the files that are put beside sources.
        wit: the folder of the world.
        rust_target: what Rust's target is called.
        packages: the folder of what was fetched for the source; empty where nothing was.
        start: the file that a guest in a scripting language begins with; empty for the first usual one.
    """

    words: Mapping[str, tuple[str, ...]]
    sdk: str
    wit: str
    rust_target: str = RUST_TARGETS[0]
    packages: str = ""
    start: str = ""

    def call(self, name: str) -> tuple[str, ...]:
        """Returns the words that call a tool.

        Raises:
            EngineError: it is not there; the message says how to install it.
        """
        found = self.words.get(name)
        if found is None:
            raise EngineError(f"this build needs {name}, which is not there: install {NEEDED.get(name, name)}")
        return found


NEEDED = {
    "go": f"Go {GO_VERSION_MIN} or newer, from https://go.dev/dl",
    "cargo": f"Rust, from https://rustup.rs, then rustup target add {RUST_TARGETS[0]}",
}
"""Each tool of the owner's, and what installs it; the others are in kits."""


SCRIPTS = ("main.ts", "main.js", "main.mjs", "index.ts", "index.js", "index.mjs")
"""What a guest in TypeScript or JavaScript begins with, the first that is there."""


class Steps(Protocol):
    """Returns the commands of a build."""

    def __call__(self, tools: Tools, names: Collection[str], *, sdk: bool) -> list[Step]: ...


@dataclass(frozen=True)
class Recipe:
    """How one language is built.

    Attributes:
        tools: the names of the tools it needs.
        steps: returns the commands, from the tools, the names of the folder's files and whether the SDK is used.
        beside: the files of the SDK to put into the folder: from where in the SDK, to where.
        mark: what stands in a source that uses the SDK; where it is empty, each does.
        differs: why two builds of one source are not equal in every bit; empty where they are.
        yields: of the files beside, which is left out where a source of this ending has this in it.
    """

    tools: tuple[str, ...]
    steps: Steps
    beside: tuple[tuple[str, str], ...]
    mark: bytes = b""
    differs: str = ""
    yields: tuple[tuple[str, str, re.Pattern[bytes]], ...] = ()


def _c(compiler: str, endings: tuple[str, ...], *more: str) -> Steps:
    def steps(tools: Tools, names: Collection[str], *, sdk: bool) -> list[Step]:
        sources = sorted(name for name in names if name.endswith(endings))
        if not sources:
            raise EngineError(f"there is no source in {' or '.join(endings)} to build")
        model = ("-mexec-model=reactor",) if sdk else ()
        compiled = (*tools.call("zig"), compiler, "-target", "wasm32-wasi", "-Os", *model, *more, "-I.", *sources)
        return [Step((*compiled, "-o", ARTEFACT), _zig_caches())]

    return steps


def _zig_caches() -> Mapping[str, str]:
    return {"ZIG_LOCAL_CACHE_DIR": f"{BUILT}/zig"}


def _zig(tools: Tools, names: Collection[str], *, sdk: bool) -> list[Step]:
    model = ("-fno-entry", "-rdynamic") if sdk else ()
    options = ("-target", "wasm32-wasi", "-O", "ReleaseSmall", *model, f"-femit-bin={ARTEFACT}")
    return [Step((*tools.call("zig"), "build-exe", "main.zig", *options), _zig_caches())]


def _go(tools: Tools, names: Collection[str], *, sdk: bool) -> list[Step]:
    vendored = "-mod=vendor" if "vendor/" in names else "-mod=mod"
    environment = {
        "GOOS": "wasip1",
        "GOARCH": "wasm",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": vendored,
        "CGO_ENABLED": "0",
    }
    model = ("-buildmode=c-shared",) if sdk else ()
    options = (*model, "-trimpath", "-ldflags=-s -w", "-o", ARTEFACT, ".")
    return [Step((*tools.call("go"), "build", *options), environment)]


def _rust(tools: Tools, names: Collection[str], *, sdk: bool) -> list[Step]:
    options = ("--release", "--offline", "--target", tools.rust_target, "--target-dir", f"{BUILT}/rust")
    return [Step((*tools.call("cargo"), "build", *options), {"CARGO_NET_OFFLINE": "true"})]


def _assemblyscript(tools: Tools, names: Collection[str], *, sdk: bool) -> list[Step]:
    entry = "index.ts" if "index.ts" in names else "assembly/index.ts"
    packages = ("--path", f"{tools.packages}/node_modules") if tools.packages else ()
    options = ("-O", "--runtime", "incremental", "--use", "abort=", *packages, "-o", ARTEFACT)
    return [Step((*tools.call("asc"), entry, *options))]


def _python(tools: Tools, names: Collection[str], *, sdk: bool) -> list[Step]:
    places = [".", *(["deps"] if "deps/" in names else []), *([f"{tools.packages}/deps"] if tools.packages else [])]
    folders = [word for place in places for word in ("-p", place)]
    command = (*tools.call("componentize-py"), "-d", tools.wit, "-w", "service", "componentize")
    return [Step((*command, *folders, "micro_component", "-o", ARTEFACT), {"PYTHONHASHSEED": "0"})]


def _javascript(tools: Tools, names: Collection[str], *, sdk: bool) -> list[Step]:
    entry = tools.start or next((name for name in SCRIPTS if name in names), SCRIPTS[0])
    bundle = (
        "micro_component.js",
        f"--alias:micro-main=./{entry}",
        "--bundle",
        "--format=esm",
        "--external:micro:*",
        f"--outfile={BUILT}/bundle.js",
    )
    made = ("-w", tools.wit, "-n", "service", "-j", f"{BUILT}/bundle.js", "--sync", "--opt-size", "-o", ARTEFACT)
    packages = {"NODE_PATH": f"{tools.packages}/node_modules"} if tools.packages else {}
    return [Step((*tools.call("esbuild"), *bundle), packages), Step((*tools.call("componentize-qjs"), *made))]


SNAPSHOT = "a guest of Python or JavaScript holds the memory of its interpreter, which is another one after each build"

_PYTHON_FILES = tuple(f"micro/{name}.py" for name in ("__init__", "_fault", "_guest", "_host", "_schema"))
_PYTHON = tuple((f"python/{name}", name) for name in ("micro_component.py", *_PYTHON_FILES))
_JAVASCRIPT = (("javascript/micro.js", "micro.js"), ("javascript/micro_component.js", "micro_component.js"))

_GO = tuple((f"go/{name}", name) for name in ("micro_guest.go", "micro_guest_main.go"))
_GO_MAIN = re.compile(rb"^func main\(\)", re.MULTILINE)

LANGUAGES: dict[Language, Recipe] = {
    "assemblyscript": Recipe(("asc",), _assemblyscript, (("assemblyscript/micro.ts", "micro.ts"),)),
    "c": Recipe(("zig",), _c("cc", (".c",)), (("c/micro.h", "micro.h"),), b'"micro.h"'),
    "cpp": Recipe(
        ("zig",), _c("c++", (".cc", ".cpp", ".cxx"), "-fno-exceptions"), (("c/micro.h", "micro.h"),), b'"micro.h"'
    ),
    "go": Recipe(("go",), _go, _GO, b"OnCall", yields=(("micro_guest_main.go", ".go", _GO_MAIN),)),
    "javascript": Recipe(("esbuild", "componentize-qjs"), _javascript, _JAVASCRIPT, differs=SNAPSHOT),
    "python": Recipe(("componentize-py",), _python, _PYTHON, differs=SNAPSHOT),
    "rust": Recipe(("cargo",), _rust, (("rust/micro.rs", "src/micro.rs"),), b"mod micro;"),
    "typescript": Recipe(("esbuild", "componentize-qjs"), _javascript, _JAVASCRIPT, differs=SNAPSHOT),
    "zig": Recipe(("zig",), _zig, (("zig/micro.zig", "micro.zig"),), b'@import("micro.zig")'),
}


def recipe_for(language: str) -> Recipe:
    """Returns how a language is built.

    Raises:
        EngineError: it is not built to WebAssembly here.
    """
    for name, recipe in LANGUAGES.items():
        if name == language:
            return recipe
    raise EngineError(f"{language} is not built to WebAssembly here; {', '.join(LANGUAGES)} are")
