"""The node as an agent: the official client of A2A finds its card, and talks to its assistant, in both versions."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from a2a.client import A2ACardResolver, Client, ClientConfig, ClientFactory
from a2a.types.a2a_pb2 import (
    CancelTaskRequest,
    GetTaskRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import A2AError
from google.protobuf.json_format import MessageToDict, ParseDict

from micro.doors.api.opening import open_api
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from tests.network.places import client_of, run

pytestmark = pytest.mark.asyncio(loop_scope="module")

TICKETS = '''
from collections.abc import AsyncIterator

from micro import Service

tickets = Service("tickets", description="Sells tickets for the opera.")


@tickets.endpoint(price="12.5")
async def buy(opera: str, seats: int) -> str:
    """Buy tickets for an opera.

    Args:
        opera: which opera.
        seats: how many seats.
    """
    return f"{seats} for {opera}"


@tickets.endpoint("Tickets.Count", idempotent=True)
async def count(to: int) -> AsyncIterator[int]:
    """Count the seats that are free."""
    for number in range(to):
        yield number


tickets.run()
'''
COMPLETED, INPUT, CANCELED = (
    TaskState.TASK_STATE_COMPLETED,
    TaskState.TASK_STATE_INPUT_REQUIRED,
    TaskState.TASK_STATE_CANCELED,
)
VERSIONS = ["1.0", "0.3"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[Node]:
    """Yields a node with a service, an assistant, and its HTTP door open."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as home:
        sandbox = os.environ.get("MICRO_SANDBOX", "auto")
        node = Node(NodeConfig(home=home, api_port=0, network=False, sandbox=sandbox), system_ports())
        await node.start()
        await open_api(node)
        folder = Path(home) / "written" / "tickets"
        folder.mkdir(parents=True)
        (folder / "main.py").write_text(TICKETS)
        await run(node, folder)
        yield node
        await node.stop()


@asynccontextmanager
async def agent(node: Node, version: str, *, streaming: bool = False, token: str = "") -> AsyncIterator[Client]:
    """Finds the node's card, and connects the official client by one version of the protocol."""
    headers = {"authorization": f"Bearer {token or node.token}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        card = await A2ACardResolver(http, node.condition.api_address).get_agent_card()
        wanted = [each for each in card.supported_interfaces if each.protocol_version == version]
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(wanted)
        yield ClientFactory(ClientConfig(httpx_client=http, streaming=streaming)).create(card)


def message(text: str = "", *, data: Any = None, context: str = "", task: str = "") -> SendMessageRequest:
    parts = [Part(text=text)] if text else [ParseDict({"data": data}, Part())]
    about = {"message_id": "m1", "context_id": context, "task_id": task}
    return SendMessageRequest(message=Message(role=Role.ROLE_USER, parts=parts, **about))


async def said(client: Client, request: SendMessageRequest) -> Task:
    [response] = [response async for response in client.send_message(request)]
    return response.task


def words(task: Task) -> str:
    return " ".join(part.text for part in task.status.message.parts if part.text)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wish_is_asked_about_confirmed_and_done(node: Node, version: str) -> None:
    """As one task: it needs what is missing, then a yes, and then it has the answer of the real service."""
    async with agent(node, version) as client:
        task = await said(client, message(data={"choose": "tickets Tickets.Buy", "fields": {"opera": "Tosca"}}))
        assert (task.status.state, bool(words(task))) == (INPUT, True)
        asked = [MessageToDict(part)["data"] for part in task.status.message.parts if part.HasField("data")]
        assert asked[0]["missing"] == ["seats"]
        noted = [(call.endpoint, call.code) for call in node.record.last(10) if call.door == "a2a"]
        assert noted[0] == ("Assistant.Say", 0)

        task = await said(client, message(data={"seats": 2}, task=task.id, context=task.context_id))
        assert task.status.state == INPUT
        task = await said(client, message("yes", task=task.id, context=task.context_id))
        assert task.status.state == COMPLETED
        assert "2 for Tosca" in str(MessageToDict(task.artifacts[0])["parts"])
        assert task.artifacts[0].name == "tickets Tickets.Buy"

        assert (await client.get_task(GetTaskRequest(id=task.id))).status.state == COMPLETED
        with pytest.raises(A2AError):
            await said(client, message("yes", task=task.id))
        spoken = await said(client, message("buy 2 tickets for the opera Tosca", context=task.context_id))
        assert (spoken.status.state, spoken.context_id, spoken.id != task.id) == (INPUT, task.context_id, True)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_stream_comes_piece_by_piece(node: Node, version: str) -> None:
    """First the task, then each piece as it comes, last the state it ended in."""
    async with agent(node, version, streaming=True) as client:
        asked = message(data={"choose": "tickets Tickets.Count", "fields": {"to": 3}})
        events = [event async for event in client.send_message(asked)]
        kinds = [event.WhichOneof("payload") for event in events]
        pieces = [event.artifact_update for event in events if event.HasField("artifact_update")]
        given = [MessageToDict(part).get("data") for piece in pieces for part in piece.artifact.parts]
        assert (kinds[0], kinds[-1]) == ("task", "status_update")
        assert [found["value"] if isinstance(found, dict) else found for found in given if found is not None] == [
            0,
            1,
            2,
        ]
        assert [piece.append for piece in pieces] == [False, *[True] * (len(pieces) - 1)]
        assert events[-1].status_update.status.state == COMPLETED


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_task_that_waits_can_be_canceled(node: Node, version: str) -> None:
    """Then nothing is done, and it can be no second time."""
    async with agent(node, version) as client:
        task = await said(client, message("buy 2 tickets for the opera Tosca"))
        assert task.status.state == INPUT
        assert (await client.cancel_task(CancelTaskRequest(id=task.id))).status.state == CANCELED
        with pytest.raises(A2AError):
            await client.cancel_task(CancelTaskRequest(id=task.id))


async def test_a_token_reaches_what_it_covers(node: Node) -> None:
    """And a task is its caller's: another one finds none of that name."""
    async with client_of(node) as owner:
        made = await owner.call("auth", "Tokens.Create", {"name": "peer", "scopes": ["assistant"]})
    async with agent(node, "1.0", token=made["token"]) as peer, agent(node, "1.0") as own:
        task = await said(peer, message(data={"choose": "tickets Tickets.Count", "fields": {"to": 1}}))
        assert task.status.state == TaskState.TASK_STATE_FAILED
        assert "does not cover tickets" in str(MessageToDict(task.status.message))
        with pytest.raises(A2AError):
            await own.get_task(GetTaskRequest(id=task.id))


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{", {}, -32700),
        (b"[]", {}, -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "SendMail"}', {}, -32601),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": []}', {}, -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {}}', {}, -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "none"}}', {}, -32001),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "none"}}', {"a2a-version": "9"}, -32009),
    ],
)
async def test_what_is_wrong_has_the_code_of_the_protocol(
    node: Node, body: bytes, headers: dict[str, str], code: int
) -> None:
    """Each mistake its own."""
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{node.condition.api_address}/a2a", content=body, headers=headers)
    assert answer.status_code == 200
    assert json.loads(answer.content)["error"]["code"] == code
