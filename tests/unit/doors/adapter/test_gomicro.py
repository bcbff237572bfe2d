"""The parts of an adapter that speaks for a go-micro program."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from micro.doors.adapter.announcing import packets
from micro.doors.adapter.gomicro import GoMicroProgram
from micro.doors.adapter.nearby import Nearby
from micro.doors.adapter.program import Program, read_program
from micro.doors.adapter.speaking import Answering, described_of
from micro.errors import EngineError, Fault
from micro.mucp.event import Block, Opened
from micro.mucp.headers import Headers
from micro.mucp.http.post import BROKER
from micro.mucp.message import Form
from micro.network.link import Link, Serving
from micro.service.client import Client
from micro.service.registry.mdns import Found, read_answer
from micro.system import SystemProcesses

PROGRAM = Program("folder", "go-micro", ("./app",), Path("/"), "Greets.")
FOUND = Found("go.micro.srv.greeter", "1.2", "g-1", "127.0.0.1", 9, {"protocol": "mucp", "broker": "http"})


@pytest.mark.parametrize(
    ("own", "given", "name"),
    [
        ("go.micro.srv.greeter", "", "go-micro-srv-greeter"),
        ("greeter", "other", "other"),
        ("go.micro.server", "", "folder"),
        ("store", "", "my-store"),
    ],
)
def test_by_which_name_it_registers(own: str, given: str, name: str) -> None:
    """Its owner's, else its own, else that of its folder; and the node's own names are taken."""
    found = Found(own, "1.2", "g-1", "127.0.0.1", 9, FOUND.metadata)

    described = described_of(PROGRAM, found, given)

    assert (described["name"], described["version"], described["description"]) == (name, "1.2", "Greets.")
    assert described["metadata"] == {"protocol": "mucp"}
    assert "export" not in described


def test_topics_are_told() -> None:
    """As the node says them; of a node that knows of none there are none."""
    said: dict[str, Any] = {"name": "a", "serves": "go-micro", "command": ["./a"], "directory": "/"}
    said |= {"description": "", "environment": {}}

    assert read_program({"MICRO_PROGRAM": json.dumps({**said, "topics": ["orders"]})}).topics == ("orders",)
    assert read_program({"MICRO_PROGRAM": json.dumps(said)}).topics == ()


def test_each_topic_is_a_subscriber_of_its_own() -> None:
    """In a packet that go-micro takes for an answer; a name that DNS cannot spell is left out."""
    said = packets(["orders", "x" * 200], "127.0.0.1", 7)

    [[found]] = [read_answer(packet) for packet in said]
    assert (found.service, found.metadata["topic"], found.address, found.port) == (BROKER, "orders", "127.0.0.1", 7)


def change(kind: str, service: str, instance: str, number: str = "", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "instance": {"service": service, "id": instance}, "hash": number, **more}


def test_what_is_nearby_follows_the_registry() -> None:
    """A description is said once; a service is there for as long as one of its instances is."""
    nearby = Nearby(cast(Client, None))
    nearby.heard({"kind": "resync"})
    nearby.heard(change("added", "greeter", "1", "a", description={"name": "greeter"}))
    nearby.heard(change("added", "greeter", "2", "a"))
    nearby.heard({"kind": "ready"})
    nearby.heard({"kind": "beat"})
    assert nearby.ready.is_set()
    assert nearby.describe("greeter") == {"name": "greeter"}

    nearby.heard(change("removed", "greeter", "1"))
    assert nearby.list_services() == [{"name": "greeter"}]
    nearby.heard(change("removed", "greeter", "2"))
    nearby.heard(change("removed", "other", "3"))

    assert nearby.describe("greeter") is None
    assert nearby.list_services() == []


class Said:
    """Takes the place of a link, and of what asks the program."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.greeted = self.published = self.going = self.lost = self.withdrawn = None

    def reply(self, number: int, body: bytes) -> None:
        self.answers.append(json.loads(body))

    def fail(self, number: int, fault: Fault, *, refused: bool) -> None:
        self.answers.append((fault.code, refused))

    def opened(self, link: object, event: Opened) -> None:
        self.answers.append("asked")


def test_what_every_service_says_of_itself_is_answered_here() -> None:
    """go-micro programs have no health; all else is theirs."""
    said = Said()
    answering = Answering(cast(Serving, said), "greeter", "1.2")

    for endpoint in ("Debug.Health", "Debug.Stats", "Say.Hello"):
        block = Block(0, Headers({"Micro-Endpoint": endpoint}))
        event = Opened(1, Form.CALL, block, 0, None, b"{}", None)
        answering.opened(cast(Link, said), event)

    assert said.answers == [{"status": "ok", "service": "greeter", "version": "1.2"}, (404, True), "asked"]


async def test_a_program_that_ends_is_told_of(tmp_path: Path) -> None:
    """Before it registered anything."""
    (tmp_path / "app.py").write_text("raise SystemExit(4)")
    program = Program("a", "go-micro", (sys.executable, "app.py"), tmp_path)
    running = GoMicroProgram(program, SystemProcesses(), {}, lambda found: None)

    with pytest.raises(EngineError, match=r"ended with code 4 before it registered a service"):
        await running.start("127.0.0.1:1")
    await running.stop()


TELLS = """
import os, signal, socket, sys, time
listening = socket.create_server(("127.0.0.1", 0))
variables = " ".join(f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("MICRO_"))
print(variables, listening.getsockname()[1], file=open("said", "w"), flush=True)
os.rename("said", "told")
time.sleep(60)
"""


async def test_only_what_the_program_itself_registers_counts(tmp_path: Path) -> None:
    """Without a confinement others of the machine answer too; and it is told where to call, and no more of ours."""
    (tmp_path / "app.py").write_text(TELLS)
    program = Program("a", "go-micro", (sys.executable, "app.py"), tmp_path)
    running = GoMicroProgram(program, SystemProcesses(), {"MICRO_TOKEN": "secret"}, lambda found: None)
    starting = asyncio.ensure_future(running.start("127.0.0.1:1"))
    async with asyncio.timeout(30):
        while not (tmp_path / "told").exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    *variables, port = (tmp_path / "told").read_text().split()

    with socket.create_server(("127.0.0.1", 0)) as other:
        running._heard(Found("b", "1", "b-1", "127.0.0.1", other.getsockname()[1]))
        running._heard(Found("a", "1", "a-1", "127.0.0.1", int(port)))
        async with asyncio.timeout(30):
            found = await starting
    await running.stop()

    assert found.service == "a"
    assert variables == [
        "MICRO_BROKER_ADDRESS=127.0.0.1:0",
        "MICRO_PROXY=127.0.0.1:1",
        "MICRO_SERVER_ADDRESS=127.0.0.1:0",
    ]
    assert await running.wait() != 0
