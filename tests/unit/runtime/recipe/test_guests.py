"""Which engine runs a source: what its author says, else what is asked for, else what it is made for."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.errors import SourceError
from micro.runtime.manifest import Engine
from micro.runtime.recipe.plan import Plan
from tests.kits import GUESTS
from tests.unit.runtime.test_detect import look

SHOUT = "int main(void) { return getchar(); }"
CONFORMANCE = {
    "assemblyscript": "assemblyscript",
    "c": "c",
    "cpp": "cpp",
    "go": "go",
    "javascript": "javascript",
    "rust": "rust",
    "typescript": "typescript",
    "zig": "zig",
}


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def chosen(found: Plan) -> tuple[str, str]:
    return found.kind, found.engine_reason


@pytest.mark.parametrize("language", CONFORMANCE)
def test_a_source_that_uses_the_sdk_is_a_guest(language: str) -> None:
    """In every language whose SDK is not also that of processes; nobody has to say so."""
    found = look(tree(GUESTS / CONFORMANCE[language]))

    assert (found.kind, found.entry, found.recipe) == ("wasm", language, "wasm")
    assert "is of a guest" in found.engine_reason


def test_python_is_a_process_until_somebody_asks() -> None:
    """A service in Python reads the same in both engines, and more of Python works in a process."""
    files = tree(GUESTS / "python")

    assert chosen(look(files)) == ("process", "nothing in it is made for WebAssembly; --engine wasm tries it")
    assert chosen(look(files, "wasm")) == ("wasm", "--engine wasm was asked for")


@pytest.mark.parametrize(
    ("files", "engine"),
    [
        ({"main.c": '__attribute__((export_name("micro_call"))) void f(int n) {}'}, "wasm"),
        ({"Cargo.toml": "[package]\nname='a'", "src/lib.rs": 'pub extern "C" fn micro_call(n: i32) {}'}, "wasm"),
        ({"go.mod": "", "a.go": "package main\n//go:wasmexport micro_call\nfunc f(n int32) {}"}, "wasm"),
        ({"build.zig": "", "main.zig": ""}, "wasm"),
        ({"asconfig.json": "{}", "package.json": "{}", "assembly/index.ts": ""}, "wasm"),
        ({"micro.toml": "[service]\ncommand='guest.wasm'", "guest.wasm": ""}, "wasm"),
        ({"micro.toml": "[service]\nrecipe='wasm'", "main.py": ""}, "wasm"),
        ({"micro.toml": "[service]\nengine='wasm'", "main.py": ""}, "wasm"),
        ({"micro.toml": "[service]\nengine='process'", "main.c": "micro_on_call", "Makefile": ""}, "process"),
        ({"micro.toml": "[service]\nrecipe='make'", "main.c": "micro_on_call", "Makefile": ""}, "process"),
        ({"Makefile": "", "micro.h": "void micro_on_call(void);", "main.c": '#include "micro.h"'}, "process"),
        ({"Makefile": "", "tests/a.c": "micro_on_call", "main.c": SHOUT}, "process"),
        ({"go.mod": "", "main.go": "package main\nfunc OnCall(f func()) {}"}, "process"),
        ({"main.py": "print(input())"}, "process"),
    ],
)
def test_an_engine_is_found_and_told(files: dict[str, str], engine: Engine) -> None:
    """By what a source holds, with a reason in words; what only looks alike is no guest."""
    kind, why = chosen(look(files))

    assert (kind, bool(why)) == (engine, True)


SCRIPT = 'import { Service } from "./micro.js"; export default new Service("a");'


@pytest.mark.parametrize(
    ("files", "language", "start"),
    [
        ({"package.json": '{"main": "index.js"}', "index.js": SCRIPT}, "javascript", "index.js is its main"),
        ({"package.json": '{"main": "./serve"}', "serve.js": SCRIPT, "main.ts": ""}, "javascript", "serve.js is its"),
        ({"package.json": '{"main": "a.ts"}', "a.ts": SCRIPT}, "typescript", "a.ts is its main"),
        ({"package.json": '{"main": "gone.js"}', "index.js": SCRIPT}, "javascript", "starts with index.js"),
        ({"package.json": '{"main": 1}', "index.mjs": SCRIPT}, "javascript", "starts with index.mjs"),
        ({"package.json": "[", "main.js": SCRIPT}, "javascript", "starts with main.js"),
        ({"asconfig.json": "{}", "package.json": '{"main": "a.js"}', "a.js": "", "index.ts": ""}, "assemblyscript", ""),
    ],
)
def test_a_script_begins_with_what_its_package_names(files: dict[str, str], language: str, start: str) -> None:
    """`main` of `package.json` is heeded, and `index.js` is a usual start as `main.js` is."""
    found = look(files)

    assert (found.kind, found.entry, start in found.reason) == ("wasm", language, True)


def test_the_author_has_the_last_word() -> None:
    """Who asks for another engine is told that he is not heeded."""
    found = look({"micro.toml": "[service]\nengine = 'process'", "main.py": ""}, "wasm")

    assert chosen(found) == ("process", "micro.toml says engine = 'process'")
    assert found.notes == ("micro.toml says engine = 'process', so --engine wasm is not heeded",)


def test_a_guest_can_be_asked_to_be_a_process() -> None:
    """Where a process can be made of it."""
    files = {**tree(GUESTS / "c"), "Makefile": "all:"}

    assert (look(files).kind, look(files, "process").kind) == ("wasm", "process")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"README.md": ""}, "nothing here can be built to WebAssembly: the start is one of Cargo.toml"),
        ({"micro.toml": "[service]\nengine='vm'"}, "`engine` is 'vm'; it is one of process, wasm"),
        ({"micro.toml": "[service]\nengine=1"}, "`engine` is '1'; it is one of process, wasm"),
        ({"micro.toml": "[service]\nengine='process'\nrecipe='wasm'"}, "one of them is wrong"),
    ],
)
def test_what_cannot_be_a_guest_is_refused(files: dict[str, str], reason: str) -> None:
    """The message says what there would have to be."""
    with pytest.raises(SourceError, match=reason):
        look(files, "wasm")
