"""A hostile guest in Python, with all of CPython and WASI to try, finds nothing and harms nobody."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest

from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Guest, Program
from tests.unit.runtime.guest.guests import KeptHost, machine
from tests.unit.runtime.guest.test_languages import built

GRANT = Grant(memory_bytes=134_217_728, seconds=60.0)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of what is built and compiled once for all tests: all of CPython takes a while."""
    return tmp_path_factory.mktemp("escaping")


@pytest.fixture
async def program(kept: Path) -> Program:
    """Returns the guest on an engine of its own."""
    engine, compiled = machine(kept), kept / "escaping.component.compiled"
    if not compiled.exists():
        artefact = await built(kept, "python", "escaping")
        compiled.write_bytes(await engine.compile(await asyncio.to_thread(artefact.read_bytes), GRANT))
    return await engine.open(compiled, GRANT)


async def tried(one: Guest, what: str, host: KeptHost | None = None, **given: object) -> object:
    headers = {"Micro-Endpoint": f"Try.{what}", "Content-Type": "application/json"}
    return json.loads(await one.call(headers, json.dumps(given).encode(), host or KeptHost()))


async def test_a_guest_in_python_gets_out_nowhere(program: Program) -> None:
    """No file, folder, socket, program or variable is there, and neither memory nor chance is given without end."""
    one = await program.instantiate()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused = [
            *(await tried(one, "Files"))["result"],  # type: ignore[index]
            (await tried(one, "Write"))["result"],  # type: ignore[index]
            *(await tried(one, "Folders"))["result"],  # type: ignore[index]
            *(await tried(one, "Sockets", port=port))["result"],  # type: ignore[index]
            *(await tried(one, "Programs"))["result"],  # type: ignore[index]
            (await tried(one, "Memory", megabytes=1_000))["result"],  # type: ignore[index]
            (await tried(one, "Chance", megabytes=1_000))["result"],  # type: ignore[index]
        ]
    assert [each for each in refused if not each.startswith("refused: ")] == []
    assert await tried(one, "Environment") == {}


async def test_a_guest_in_python_prints_to_its_log_and_sleeps_alone(program: Program) -> None:
    """All lines arrive in order, and while one sleeps another answers; a sleeper can be dropped."""
    one, other, host = await program.instantiate(), await program.instantiate(), KeptHost()
    await tried(one, "Printing", host, lines=300)
    assert [line for _, line in host.lines] == [f"line {number}" for number in range(300)]
    sleeping = asyncio.ensure_future(tried(one, "Sleep", seconds=3_600))
    for _ in range(3):
        assert await tried(other, "Environment") == {}
    assert not sleeping.done()
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    one.close()
    assert await tried(other, "Sleep", seconds=0.01) == {"result": "slept"}
