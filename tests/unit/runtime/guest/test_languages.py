"""One service in each language, built as a source is built, keeps the ABI: the conformance guests of `tests/guests`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from micro.errors import EngineError, Fault, SourceError
from micro.runtime.command import Finished, run_command
from micro.runtime.guest.build import build_wasm, find_tools
from micro.runtime.guest.description import read_description
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Program
from micro.runtime.guest.recipes import LANGUAGES, Language, Tools
from micro.system import SystemDisk, SystemProcesses
from tests.unit.runtime.guest.guests import KeptHost, machine

SOURCES = Path(__file__).parents[3] / "guests"
PROGRAMS = [
    Path(each) for name in ("MICRO_TEST_PROGRAMS", "PATH") for each in os.environ.get(name, "").split(":") if each
]
"""Where to look for compilers: first in folders such as a `node_modules/.bin`, then on the search path."""

FOLDERS: dict[Language, str] = {
    "assemblyscript": "assemblyscript",
    "c": "c",
    "go": "go",
    "javascript": "javascript",
    "python": "python",
    "rust": "rust",
    "zig": "zig",
}
TEXT = '{"text":"Grüße €😀"}'.encode()
BUILD_SECONDS_MAX = 240.0


def tools() -> Tools:
    return find_tools(PROGRAMS, SystemDisk())


async def run(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Finished:
    return await run_command(
        SystemProcesses(),
        command,
        directory=directory,
        environment={**os.environ, **environment},
        seconds_max=BUILD_SECONDS_MAX,
        output_bytes_max=10_000_000,
    )


async def built(folder: Path, language: Language, source: str) -> Path:
    """Builds one of the sources; skips where a tool for it is not there."""
    missing = [name for name in LANGUAGES[language].tools if name not in tools().words]
    if missing:
        pytest.skip(f"{language}: {missing[0]} is not there")
    shutil.copytree(SOURCES / source, folder / "source")
    try:
        return await build_wasm(language, folder / "source", run=run, tools=tools(), disk=SystemDisk())
    except SourceError as error:
        if "target may not be installed" in str(error):
            pytest.skip(f"{language}: the compiler has no target for WebAssembly")
        raise


def asked(endpoint: str) -> dict[str, str]:
    return {"Micro-Endpoint": endpoint, "Content-Type": "application/json"}


@pytest.mark.parametrize("language", FOLDERS)
async def test_a_guest_of_this_language_keeps_the_abi(tmp_path: Path, language: Language) -> None:
    """It calls, keeps, asks, fails, streams and handles events as the ABI says."""
    artefact = await built(tmp_path, language, FOLDERS[language])
    ready: Program = await machine(tmp_path / "cache").load(artefact.read_bytes(), Grant())
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
    one = await (await machine(tmp_path / "cache").load(artefact.read_bytes(), Grant())).instantiate()
    assert await one.call(asked("Command.Run"), b"hello", KeptHost()) == b"HELLO"


async def test_a_missing_tool_is_named_with_what_installs_it(tmp_path: Path) -> None:
    """Nobody has to search for what is missing."""
    nothing = Tools({}, sdk="", wit="")
    with pytest.raises(EngineError, match="pip install componentize-py"):
        await build_wasm("python", tmp_path, run=run, tools=nothing, disk=SystemDisk())


async def test_a_source_that_does_not_compile_says_why(tmp_path: Path) -> None:
    """The reason that the compiler gave is in the message."""

    def failing(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> object:
        return run(["sh", "-c", "echo line 3: no such word >&2; exit 1"], directory, environment)

    known = Tools({"zig": ("zig",)}, sdk=tools().sdk, wit="")
    (tmp_path / "main.c").write_text("int main() { return 0 }")
    with pytest.raises(SourceError, match="line 3: no such word"):
        await build_wasm("c", tmp_path, run=failing, tools=known, disk=SystemDisk())  # type: ignore[arg-type]


async def test_another_language_is_refused(tmp_path: Path) -> None:
    """The message names those there are."""
    with pytest.raises(EngineError, match="cobol is not built"):
        await build_wasm("cobol", tmp_path, run=run, tools=tools(), disk=SystemDisk())
