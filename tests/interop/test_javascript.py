"""The client in JavaScript talks to a real node: over a WebSocket, and over the node's own socket."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from micro.doors.conformance import peer
from micro.doors.conformance.client import tried
from micro.doors.conformance.exercises import EXERCISES
from tests.unit.doors.api.house import TOKEN, open_house

HERE = Path(__file__).parent
CLIENT = HERE.parents[1] / "sdk" / "js" / "micro.js"
RUN_SECONDS = 120
PATIENT_SECONDS = 50.0
FAULTY_SECONDS = 3.0
"""How long the kit waits for what a planted fault keeps from coming."""

EXPECTED = {
    "wrong": {"code": 401, "refused": True},
    "called": {"result": "Hello Ann"},
    "together": [{"result": f"Hello {number}"} for number in range(100)],
    "failed": {"code": 409, "refused": False},
    "missing": {"code": 404, "refused": True},
    "late": {"code": 408, "refused": False},
    "large": 3_000_006,
    "bytes": [0, 255, 1],
    "tooLarge": {"code": 413, "refused": True},
    "badHeader": {"code": 400, "refused": True},
    "counted": [0, 1, 2],
    "sum": sum(range(20_000)),
    "echoed": [2, 200_001, 400_001],
    "forever": 2_000,
    "broke": {"code": 409, "refused": False},
    "breaking": [0, 1],
    "heard": [
        ["one", "1", "application/json", 7],
        ["one", "2", "application/json", 7],
        ["two", "1", "application/octet-stream", 3],
    ],
    "news": [0, 1, 2],
    "badQueue": {"code": 400, "refused": True},
    "unknown": {"code": 503, "refused": False},
    "afterwards": {"code": 503, "refused": True},
}


async def node_js() -> list[str]:
    """Returns how Node.js is run so that it has WebSockets; without it the test is skipped."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no Node.js; version 20 or newer is wanted")
    process = await asyncio.create_subprocess_exec(
        found, "-p", "Number(process.versions.node.split('.')[0])", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return [found] if int(said) >= 22 else [found, "--experimental-websocket", "--no-warnings"]


async def outcome(address: str, token: str) -> dict[str, Any]:
    """Runs the program, and returns what it says."""
    process = await asyncio.create_subprocess_exec(
        *await node_js(),
        str(HERE / "calling.mjs"),
        address,
        token,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_SECONDS):
            said, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaints.decode()
    found: dict[str, Any] = json.loads(said)
    return found


async def test_over_a_web_socket() -> None:
    """Calls, streams both ways, events and queues, faults and time-outs, with the token in the HELLO."""
    async with open_house() as house:
        assert await outcome(f"ws://127.0.0.1:{house.port}/mucp", TOKEN) == EXPECTED


async def test_over_the_owners_socket() -> None:
    """The same bytes on another carrier, where no token is needed."""
    async with open_house() as house:
        said = await outcome(f"unix:{house.node.home.node_socket}", "")

    assert said.pop("wrong")["code"] in (401, 503)  # Node.js reads no more once it could not write, so it may miss why
    assert said == {name: value for name, value in EXPECTED.items() if name != "wrong"}


async def exercised(client: Path, address: str) -> dict[str, str]:
    """Has the kit try a client, and returns what it found wrong, by the name of the check."""
    command, started = [*await node_js(), str(client)], []

    def told(where: str) -> None:
        started.append(asyncio.get_running_loop().create_task(run(where)))

    async def run(where: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *command, where, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(RUN_SECONDS):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    found = [outcome async for outcome in tried(address, told)]
    await asyncio.gather(*started)
    assert len(found) == len(EXERCISES) + 1
    return {outcome.check.name: outcome.seen for outcome in found if outcome.state != "passed"}


@pytest.mark.parametrize("carrier", ["ws", "unix"])
async def test_it_passes_the_kit(home: Path, monkeypatch: pytest.MonkeyPatch, carrier: str) -> None:
    """All that a client is told to do."""
    monkeypatch.setattr(peer, "WAIT_SECONDS", PATIENT_SECONDS)
    address = f"unix:{home / 's'}" if carrier == "unix" else "ws://127.0.0.1:0"

    assert await exercised(HERE / "exercising.mjs", address) == {}


async def test_the_command_tries_a_client() -> None:
    """As a person types it: it says where it waits, and then what it found."""
    words = ["-m", "micro", "conformance", "--client", "ws://127.0.0.1:0", "--output", "json"]
    kit = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert kit.stderr is not None
    try:
        async with asyncio.timeout(RUN_SECONDS):
            address = (await kit.stderr.readline()).decode().split()[-1]
            command = [*await node_js(), str(HERE / "exercising.mjs"), address]
            client = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
            said, _ = await kit.communicate()
            await client.wait()
    finally:
        if kit.returncode is None:
            kit.kill()
            await kit.wait()

    found = json.loads(said)
    assert (kit.returncode, found["failed"], found["passed"]) == (0, 0, len(EXERCISES) + 1)


FAULTS = [
    ("{ this.say(CANCEL); this.finish", "{ this.finish", "client-gives-up"),
    ("this.window -= bytes.length + COST", "this.window -= 0", "client-heeds-credit"),
    ("if ((this.owed += cost) >= CREDIT_STEP)", "if (false)", "client-gives-credit"),
    ("number(8, sequence)", "number(8, Number(sequence))", "client-acknowledges"),
    ("faulty(payload, kind === REFUSED)", "faulty(payload)", "client-refusal"),
    ("this.frame(PONG, 0, payload)", "this.known.size", "client-calls"),
    ("index ? 0 : cost)", "index ? 0 : cost); break", "client-listens"),
]


@pytest.mark.parametrize(("right", "wrong", "name"), FAULTS, ids=[name for _, _, name in FAULTS])
async def test_a_fault_planted_in_it_is_found(
    home: Path, monkeypatch: pytest.MonkeyPatch, right: str, wrong: str, name: str
) -> None:
    """By the check that is for it."""
    monkeypatch.setattr(peer, "WAIT_SECONDS", FAULTY_SECONDS)
    source = CLIENT.read_text()
    assert right in source
    (home / "micro.mjs").write_text(source.replace(right, wrong))
    program = (HERE / "exercising.mjs").read_text().replace("../../sdk/js/micro.js", "./micro.mjs")
    (home / "exercising.mjs").write_text(program)

    assert name in await exercised(home / "exercising.mjs", f"unix:{home / 's'}")


def test_it_is_short_and_alone() -> None:
    """One file of at most 150 lines, which needs nothing but what its surroundings have."""
    source = CLIENT.read_text()
    lines = [line for line in source.splitlines() if line.strip()]

    assert len(lines) <= 150
    assert max(map(len, lines)) <= 150
    assert [line for line in lines if "import" in line and "node:net" not in line] == []
