"""One service in each language, built as a source is built, keeps the ABI: the conformance guests of `tests/guests`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from micro.errors import EngineError, Fault, SourceError
from micro.runtime.guest.build import build_wasm, find_tools
from micro.runtime.guest.description import read_description
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Program
from micro.runtime.guest.recipes import LANGUAGES, Language, Tools
from micro.system import SystemDisk
from tests.kits import FOLDER, built, run
from tests.unit.runtime.guest.guests import KeptHost, machine

FOLDERS: dict[Language, str] = {
    "assemblyscript": "assemblyscript",
    "c": "c",
    "cpp": "cpp",
    "go": "go",
    "javascript": "javascript",
    "python": "python",
    "rust": "rust",
    "typescript": "typescript",
    "zig": "zig",
}
TEXT = '{"text":"Grüße €😀"}'.encode()


def asked(endpoint: str) -> dict[str, str]:
    return {"Micro-Endpoint": endpoint, "Content-Type": "application/json"}


@pytest.mark.parametrize("language", FOLDERS)
async def test_a_guest_of_this_language_keeps_the_abi(tmp_path: Path, language: Language) -> None:
    """It calls, keeps, asks, fails, streams and handles events as the ABI says."""
    artefact = await built(tmp_path, language, FOLDERS[language])
    ready: Program = await machine(FOLDER / "compiled").load(artefact.read_bytes(), Grant())
    declared = read_description(await ready.describe(KeptHost()))
    assert (declared.name, declared.instances) == ("conformance", "pooled")
    assert [each["kind"] for each in declared.endpoints] == ["call"] * 5 + ["stream"]
    assert [(each.topic, each.queue) for each in declared.subscriptions] == [("test.asked", "conformance")]

    one, host = await ready.instantiate(), KeptHost(b'{"text":"other"}')
    assert (await one.call(asked("Test.Echo"), TEXT, host)).replace(b" ", b"") == TEXT.replace(b" ", b"")
    assert host.lines[-1][1] == "asked to echo"
    assert (await one.call(asked("Test.Relay"), TEXT, host)).replace(b" ", b"") == b'{"text":"other"}'
    headers, body = host.asked[-1]
    assert (headers["Micro-Service"], headers["Micro-Endpoint"]) == ("other", "Test.Echo")
    assert body.replace(b" ", b"") == TEXT.replace(b" ", b"")
    assert (await one.call(asked("Test.Keep"), TEXT, host)).replace(b" ", b"") == TEXT.replace(b" ", b"")
    assert list(host.kept) == ["kept"]

    for endpoint, code, detail in (("Test.Setting", 404, "nothing is there"), ("Test.Fail", 422, "as was asked")):
        with pytest.raises(Fault) as caught:
            await one.call(asked(endpoint), b"{}", host)
        assert (caught.value.code, caught.value.detail) == (code, detail)
    host.answer = b""
    with pytest.raises(Fault) as caught:
        await one.call(asked("Test.Relay"), TEXT, host)
    assert (caught.value.code, caught.value.detail) == (404, "nobody is there")
    host.settings["greeting"] = b'"hello"'
    assert b'"hello"' in await one.call(asked("Test.Setting"), b"{}", host)

    host.incoming = [b'{"n":1}', b'{"n":2}']
    await one.serve(asked("Test.Count"), b"", host)
    assert [each.replace(b" ", b"") for each in host.outgoing] == [b'{"n":1}', b'{"n":2}']
    await one.event({"Micro-Topic": "test.asked", "Content-Type": "application/json"}, b'{"n":5}', host)
    headers, body = host.asked[-1]
    assert (headers["Micro-Topic"], body.replace(b" ", b"")) == ("test.handled", b'{"n":5}')
    assert not one.dead


@pytest.mark.parametrize("language", ["c", "go"])
async def test_a_program_without_the_sdk_becomes_a_command(tmp_path: Path, language: Language) -> None:
    """Code that knows nothing of Micro runs with its input and output."""
    artefact = await built(tmp_path, language, f"command/{language}")
    one = await (await machine(FOLDER / "compiled").load(artefact.read_bytes(), Grant())).instantiate()
    assert await one.call(asked("Command.Run"), b"hello", KeptHost()) == b"HELLO"


@pytest.mark.parametrize(
    ("files", "added"),
    [
        ({"a.go": "package main\n"}, True),
        ({"a.go": "package main\n\nfunc main() {}\n"}, False),
        ({"a.go": "package main\n", "a_test.go": "package main\n\nfunc main() {}\n"}, True),
        ({"a.go": "package main\n", "b.go": "//go:build ignore\n\npackage main\n\nfunc main() {}\n"}, True),
        ({"a.go": "package main\n", "micro_guest.go": "package main\n\nfunc main() {}\n"}, True),
    ],
)
async def test_a_guest_of_go_may_have_its_own_main(tmp_path: Path, files: dict[str, str], added: bool) -> None:
    """Every program of Go has one, so only where a source has none it is put beside."""
    for name, text in files.items():
        (tmp_path / name).write_text(text.replace("package main\n", "package main\n\n// OnCall\n"))

    def failing(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> object:
        return run(["false"], directory, environment)

    known = replace(find_tools([], SystemDisk(), {}), words={"go": ("go",)})
    with pytest.raises(SourceError):
        await build_wasm("go", tmp_path, run=failing, tools=known, disk=SystemDisk())  # type: ignore[arg-type]
    assert (tmp_path / "micro_guest_main.go").exists() == added
    assert (tmp_path / "micro_guest.go").exists()


async def test_a_script_begins_with_the_start_that_is_named(tmp_path: Path) -> None:
    """Else with the first of the usual ones."""
    (tmp_path / "main.js").write_text("")
    typed: list[str] = []

    def failing(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> object:
        typed.extend(command)
        return run(["false"], directory, environment)

    words = {"esbuild": ("esbuild",), "componentize-qjs": ("qjs",)}
    known = find_tools([], SystemDisk(), words)
    for tools in (replace(known, start="src/serve.js"), known):
        with pytest.raises(SourceError):
            await build_wasm("javascript", tmp_path, run=failing, tools=tools, disk=SystemDisk())  # type: ignore[arg-type]
    assert [word for word in typed if "micro-main" in word] == [
        "--alias:micro-main=./src/serve.js",
        "--alias:micro-main=./main.js",
    ]


async def test_a_missing_tool_is_named_with_what_installs_it(tmp_path: Path) -> None:
    """Nobody has to search for what is missing."""
    nothing = Tools({}, sdk="", wit="")
    with pytest.raises(EngineError, match=r"install Go 1\.24 or newer, from https"):
        await build_wasm("go", tmp_path, run=run, tools=nothing, disk=SystemDisk())


async def test_a_source_that_does_not_compile_says_why(tmp_path: Path) -> None:
    """The reason that the compiler gave is in the message."""

    def failing(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> object:
        return run(["sh", "-c", "echo line 3: no such word >&2; exit 1"], directory, environment)

    known = find_tools([], SystemDisk(), {"zig": ("zig",)})
    (tmp_path / "main.c").write_text("int main() { return 0 }")
    with pytest.raises(SourceError, match="line 3: no such word"):
        await build_wasm("c", tmp_path, run=failing, tools=known, disk=SystemDisk())  # type: ignore[arg-type]


def test_each_language_has_its_conformance_guest() -> None:
    """There is none that nobody has tried."""
    assert set(FOLDERS) == set(LANGUAGES)


async def test_another_language_is_refused(tmp_path: Path) -> None:
    """The message names those there are."""
    with pytest.raises(EngineError, match="cobol is not built"):
        await build_wasm("cobol", tmp_path, run=run, tools=Tools({}, sdk="", wit=""), disk=SystemDisk())
