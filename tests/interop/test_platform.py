"""go-micro v2's clients of its own services find, register, keep and publish at the node."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from tests.interop import programs
from tests.interop.matrix import Cell, Matrix
from tests.interop.programs import GENERATIONS, Built
from tests.interop.street import Street, open_street
from tests.interop.test_events import TOPIC, listen, until
from tests.interop.test_go_micro import WANTED, asked_by_name, check, comes_to
from tests.network.lab import reason_not_to

REASON = programs.reason_not_to() or reason_not_to()
V2 = GENERATIONS[0]
SAID = {
    "get": "mucp",
    "missing": 404,
    "watch": ["create 127.0.0.1:9", "delete 127.0.0.1:9"],
    "broker": '1 {"name":"John"}',
    "store": [["value of a/1", "value of a/2"], ["a/2", "b/1"], 404],
    "config": '{"colour":"red"}',
    "auth": ["ann", ["notes"], True],
    "client": '{"msg":"Hello John"}',
}
LABELS = {
    "get": "registry: a service",
    "missing": "registry: none of that name",
    "watch": "registry: changes",
    "broker": "broker: publish and subscribe in a queue",
    "store": "store: write, read, list, delete",
    "config": "config: update and read",
    "auth": "auth: an account and its token",
    "client": "client: a call",
}

pytestmark = [pytest.mark.skipif(bool(REASON), reason=REASON), pytest.mark.prove]


async def test_go_micro_uses_the_services_of_the_node(built: Built, matrix: Matrix) -> None:
    """With the owner's token where they are his, and the words of go-micro's own clients."""
    program = built(V2)
    async with open_street() as street:
        await street.node("--mucp-trust")
        await street.service("greeter")
        token = (street.home / "node" / "token").read_text().strip()
        said = {"INTEROP_DO": "platform", "INTEROP_NODE": street.address, "INTEROP_TOKEN": token}
        lines = await street.lines(str(program), **said)
        refused = await street.lines(str(program), **{**said, "INTEROP_TOKEN": "wrong"})
    assert "greeter" in lines.pop("list")["found"]
    for what, wanted in SAID.items():
        matrix.note(Cell(LABELS[what], "Go asks our services", V2.name), well=lines.get(what) == {"found": wanted})
    assert {what: line.get("found", line) for what, line in lines.items()} == SAID
    assert json.loads(refused["store"]["error"])["code"] == 401


async def test_go_micro_meets_us_in_our_registry(built: Built, matrix: Matrix) -> None:
    """A Go program with the node as its registry finds our service, and one that registered there is called by us."""
    program = built(V2)
    async with open_street() as street:
        await street.node("--mucp-trust")
        await street.service("greeter")
        registry = {"INTEROP_REGISTRY": street.address}
        asked = {"INTEROP_DO": "ask", "INTEROP_NAME": "asker", "INTEROP_SERVICE": "greeter", **registry}
        lines = await street.lines(str(program), **asked)
        seen = {what: comes_to(what, lines.get(what)) for what in WANTED}
        served = await serves_us(street, program, registry)
    for what, well in seen.items():
        matrix.note(Cell(what, "Go finds us in our registry", V2.name), well=well)
    matrix.note(Cell("unary JSON", "we find Go in our registry", V2.name), well=served == "Hello John")
    assert all(seen.values()), lines
    assert served == "Hello John"


async def serves_us(street: Street, program: Path, registry: dict[str, str]) -> str:
    """Starts a Go server that registers at the node, and returns what it answers there."""
    await street.server(program, INTEROP_NAME="go.micro.srv.other", **registry)
    found = await street.answer_of("go-micro-srv-other", "Say.Hello", {"name": "John"})
    return str(found["msg"])


async def test_events_flow_by_our_registry(built: Built, matrix: Matrix) -> None:
    """Programs whose brokers know each other from the node alone hear it, it hears them, and each event comes once."""
    program = built(V2)
    ours, theirs = list[str](), list[str]()
    async with open_street() as street, asyncio.TaskGroup() as group:
        await street.node("--mucp-trust")
        registry = {"INTEROP_REGISTRY": street.address, "INTEROP_TOPIC": TOPIC}
        tasks = [group.create_task(listen(street, ours))]
        process = await street.server(program, INTEROP_NAME="listener", **registry)
        tasks.append(group.create_task(street.heard(process, theirs)))
        async with street.client() as client:
            await until(lambda: bool(ours and theirs), partial(client.publish, TOPIC, {"name": "warm"}))
            await client.publish(TOPIC, {"name": "Ann"})
        await until(lambda: "Ann" in theirs)
        await street.lines(str(program), INTEROP_DO="publish", INTEROP_NAME="speaker", **registry)
        await until(lambda: "John" in ours and "John" in theirs)
        await asyncio.sleep(1)  # so long an event that came by another way too has to be heard twice
        for task in tasks:
            task.cancel()
    matrix.note(Cell("publish", "Go finds us in our registry", V2.name), well=theirs.count("Ann") == 1)
    matrix.note(Cell("publish", "we find Go in our registry", V2.name), well=ours.count("John") == 1)
    assert [each.count(name) for each in (ours, theirs) for name in ("Ann", "John")] == [1, 1, 1, 1]


async def test_go_micro_2_as_it_is_finds_us(built: Built, matrix: Matrix) -> None:
    """With `MICRO_REGISTRY=service` and nothing else: it speaks gRPC to our registry, and to what it finds there."""
    program = built(V2)
    async with open_street() as street:
        await street.node("--grpc", "--grpc-port", "0")
        await street.service("greeter")
        address = (await street.answer_of("node", "Node.Status"))["grpc"]
        said = {"INTEROP_DO": "ask", "INTEROP_NAME": "asker", "INTEROP_SERVICE": "greeter", "INTEROP_AS_IT_IS": "1"}
        lines = await street.lines(str(program), **said, MICRO_REGISTRY="service", MICRO_REGISTRY_ADDRESS=address)
    seen = {what: comes_to(what, lines.get(what)) for what in WANTED}
    for what, well in seen.items():
        matrix.note(Cell(what, "Go as it is, by gRPC, finds us in our registry", V2.name), well=well)
    assert all(seen.values()), lines


async def test_we_ask_go_micro_2_as_it_is(built: Built, matrix: Matrix) -> None:
    """By gRPC, in protobuf and in JSON: a server with the node as its registry, and nothing else."""
    program = built(V2)
    async with open_street() as street:
        await street.node("--grpc", "--grpc-port", "0", "--mucp-trust")
        address = (await street.answer_of("node", "Node.Status"))["grpc"]
        said = {"INTEROP_AS_IT_IS": "1", "MICRO_REGISTRY": "service", "MICRO_REGISTRY_ADDRESS": address}
        await street.server(program, **said)
        lines = await asked_by_name(street)
    check(matrix, V2, "we find Go as it is, by gRPC, in our registry", lines)


async def test_we_find_go_micro_2_as_it_is(built: Built, matrix: Matrix) -> None:
    """A server that knows nothing of the node announces its gRPC by multicast DNS, and is asked by it."""
    program = built(V2)
    async with open_street() as street:
        await street.node("--grpc", "--grpc-port", "0", "--mdns")
        await street.server(program, INTEROP_AS_IT_IS="1")
        lines = await asked_by_name(street)
    check(matrix, V2, "we find and ask Go as it is, by gRPC", lines)
