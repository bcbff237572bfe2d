"""Real go-micro programs of several generations, built from their published modules, and our programs ask each other.

`make test` asks the generation of today's default; `make prove` all of them, and writes `docs/reference/interop.md`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from micro.errors import Fault
from micro.node.front import Client
from tests.interop import programs
from tests.interop.matrix import Cell, Matrix
from tests.interop.programs import Built, Generation
from tests.interop.street import FOLDER, Street, open_street
from tests.network.lab import reason_not_to

REASON = programs.reason_not_to() or reason_not_to()
ENDS_SECONDS = 30
WANTED: Mapping[str, dict[str, Any]] = {
    "unary JSON": {"found": "Hello John"},
    "unary protobuf": {"found": "Hello John"},
    "bidirectional stream": {"found": ["echo a", "echo b"], "error": "EOF"},
    "server stream": {"found": ["John 0", "John 1", "John 2"], "error": "EOF"},
    "structured error": {"code": 400, "id": "greeter.Say.Fail", "detail": "no name John"},
    "plain error": {"detail": "plain error"},
}

pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)


def comes_to(what: str, line: dict[str, Any] | None) -> bool:
    """Says whether a report is what was wanted."""
    wanted = WANTED[what]
    if line is None or "found" in wanted:
        return line == wanted
    try:
        error = json.loads(line.get("error", ""))
    except ValueError:
        error = {"detail": line.get("error", "")}
    return all(error.get(name) == value for name, value in wanted.items())


def check(matrix: Matrix, generation: Generation, direction: str, lines: dict[str, Any]) -> None:
    """Notes what was seen, and fails where it is not what was wanted."""
    seen = {what: comes_to(what, lines.get(what)) for what in WANTED}
    for what, well in seen.items():
        matrix.note(Cell(what, direction, generation.name), well=well)
    assert all(seen.values()), {what: lines.get(what) for what, well in seen.items() if not well}


async def test_go_micro_asks_us(generation: Generation, built: Built, matrix: Matrix) -> None:
    """A Go program asks a Python service through the node, with `MICRO_PROXY` and nothing else."""
    program = built(generation)
    async with open_street() as street:
        await street.node()
        await street.service("greeter")
        lines = await street.lines(
            str(program),
            INTEROP_DO="ask",
            INTEROP_NAME="asker",
            INTEROP_SERVICE="greeter",
            MICRO_PROXY=street.address,
        )
    check(matrix, generation, "Go asks us", lines)


async def test_we_ask_go_micro(generation: Generation, built: Built, matrix: Matrix) -> None:
    """Our client asks a Go server at its address."""
    program = built(generation)
    async with open_street() as street:
        address = await serving(street, program)
        lines = await street.lines(
            sys.executable, str(FOLDER / "asking.py"), address, PYTHONPATH=str(FOLDER.parents[1])
        )
    check(matrix, generation, "we ask Go", lines)


async def test_go_micro_finds_us(generation: Generation, built: Built, matrix: Matrix) -> None:
    """A Go program that knows nothing of the node finds a Python service by multicast DNS, and asks it."""
    program = built(generation)
    async with open_street() as street:
        await street.node("--mdns")
        await street.service("greeter")
        said = {"INTEROP_DO": "ask", "INTEROP_NAME": "asker", "INTEROP_SERVICE": "greeter"}
        lines = await street.lines(str(program), **said)
    check(matrix, generation, "Go finds and asks us", lines)


async def test_we_find_go_micro(generation: Generation, built: Built, matrix: Matrix) -> None:
    """A Go service that knows nothing of the node is called through it by its name, with its errors and streams."""
    program = built(generation)
    async with open_street() as street:
        await street.node("--mdns")
        await serving(street, program)
        lines = await asked_by_name(street)
    check(matrix, generation, "we find and ask Go", lines)


async def asked_by_name(street: Street) -> dict[str, Any]:
    """Asks a Go server that the node has found for all that is wanted, and reports as the Go program does."""
    lines = {"unary JSON": {"found": (await street.answer_of("greeter", "Say.Hello", {"name": "John"}))["msg"]}}
    async with street.client() as client:
        body = await client.call_raw("greeter", "Pb.Hello", b"\x0a\x04John", content_type="application/protobuf")
        lines["unary protobuf"] = {"found": body[2:].decode()}
        for what, endpoint in (("structured error", "Say.Fail"), ("plain error", "Say.Plain")):
            with pytest.raises(Fault) as raised:
                await client.call("greeter", endpoint, {"name": "John"})
            lines[what] = {"error": raised.value.to_json()}
        lines["bidirectional stream"] = await talk(client, "Say.Chat", ["a", "b", "bye"], 1)
        await ends(client, "Say.Chat")
        lines["server stream"] = await talk(client, "Say.Count", ["John"], 3)
    return lines


async def talk(client: Client, endpoint: str, names: list[str], answers: int) -> dict[str, Any]:
    """Streams through the node, and reports as the Go program does."""
    found: list[str] = []
    stream = await client.stream_raw("greeter", endpoint)
    async with stream:
        messages = stream.messages()
        for name in names:
            await stream.send(json.dumps({"name": name}).encode())
            count = answers if name != "bye" else 0
            found += [json.loads(await anext(messages))["msg"] for _ in range(count)]
        rest = [message async for message in messages]
    return {"found": found, "error": "EOF" if not rest else str(rest)}


async def ends(client: Client, endpoint: str) -> None:
    """Ends a stream from this side: go-micro's handler hears it, and its server says nothing of it."""
    stream = await client.stream_raw("greeter", endpoint)
    async with stream:
        messages = stream.messages()
        await stream.send(b'{"name":"a"}')
        await anext(messages)
        await stream.end()
        async with asyncio.timeout(ENDS_SECONDS):
            assert [message async for message in messages] == []


async def serving(street: Street, program: Path) -> str:
    """Starts the Go program as a server, and returns its address once it serves."""
    process = await street.server(program)
    return str(await street.first_line(process, "serving"))
