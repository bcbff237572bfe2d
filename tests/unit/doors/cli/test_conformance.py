"""The command `micro conformance`, typed at a node and at what is none."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node

COMMAND_SECONDS = 60


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "micro", "conformance", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)


async def test_checks_are_shown(home: Path) -> None:
    """As JSON each with its paragraph; 0 where all pass."""
    node = Node(NodeConfig(home=str(home), api=False, network=False), system_ports())
    await node.start()
    try:
        words = (f"unix:{node.home.node_socket}", "--only", "call", "--output", "json")
        done = await asyncio.to_thread(typed, *words)
        table = await asyncio.to_thread(typed, *words[:3], "--output", "table")
    finally:
        await node.stop()

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["failed"], found["skipped"]) == (0, 0)
    call = next(each for each in found["checks"] if each["name"] == "call")
    assert call["paragraph"] == "docs/reference/mucp.md#a-call"
    assert call["state"] == "passed"
    assert "passed" in table.stdout.splitlines()[0]


def test_a_service_is_started_and_tried(home: Path) -> None:
    """The one of our own SDK passes."""
    command = ("--", sys.executable, "-m", "tests.interop.serving")
    done = typed("--service", f"unix:{home / 'kit'}", "--output", "json", *command)

    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["failed"] == 0


def test_what_is_wrong_is_told() -> None:
    """An address that is none, nobody there, no such check, options that do not go together."""
    for words, code in (
        (("nowhere",), 1),
        (("unix:/nowhere",), 7),
        (("unix:/nowhere", "--only", "no such check"), 2),
        (("ws://127.0.0.1:0", "--client", "--only", "x"), 2),
        (("tcp:127.0.0.1:0", "--service", "--only", "x"), 2),
        (("tcp:127.0.0.1:0", "--service", "--client"), 2),
        (("tcp:127.0.0.1:0", "--", "./kit"), 2),
        (("tcp:127.0.0.1:0", "--service", "--", "/nowhere/at/all"), 1),
    ):
        done = typed(*words)
        assert done.returncode == code, done.stderr
        assert done.stderr
