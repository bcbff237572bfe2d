"""The assistant of a real node: over its socket, over HTTP as events, and as the command that people type."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from micro.doors.api.opening import open_api
from micro.errors import Fault, Forbidden
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from micro.trust.policy import Caller
from tests.network.places import GREETER, client_of, run, typed

pytestmark = pytest.mark.asyncio(loop_scope="module")

TICKETS = """
from micro import Service

tickets = Service("tickets", description="Sells tickets for the opera.")


@tickets.endpoint(price="12.5")
async def buy(opera: str, seats: int) -> str:
    \"\"\"Buy tickets for an opera.

    Args:
        opera: which opera.
        seats: how many seats.
    \"\"\"
    return f"{seats} for {opera}"


tickets.run()
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Node]:
    """Yields a node that runs two services, with its HTTP door open; all tests talk to it."""
    settings = {"network": False, "api_port": 0, "sandbox": os.environ.get("MICRO_SANDBOX", "auto")}
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as home:
        node = Node(NodeConfig(home=home, **settings), system_ports())  # type: ignore[arg-type]
        await node.start()
        await open_api(node)
        for name, source in (("greeter", GREETER), ("tickets", TICKETS)):
            folder = tmp_path_factory.mktemp(name) / name
            folder.mkdir()
            (folder / "main.py").write_text(source)
            await run(node, folder)
        yield node
        await node.stop()


async def say(node: Node, caller: Caller | None = None, **said: Any) -> list[dict[str, Any]]:
    """Says something as the owner, or as somebody else inside the node, and returns the events."""
    client = client_of(node) if caller is None else node.client(caller)
    stream = await client.stream_raw("assistant", "Assistant.Say", json.dumps(said).encode())
    async with stream:
        await stream.end()
        events = [json.loads(message) async for message in stream.messages()]
    if caller is None:
        await client.close()
    return events


async def posted(node: Node, said: dict[str, Any], *, accept: str, token: str = "") -> tuple[bytes, bytes]:
    """Posts to the door by hand, and returns the head of the answer and all that follows."""
    port = int(node.status()["api"].rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps(said).encode()
    lines = [
        "POST /assistant/say HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
        f"Accept: {accept}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *([f"Authorization: Bearer {token}"] if token else []),
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    return head, rest


async def test_a_sentence_becomes_a_call(node: Node) -> None:
    """The real service answers, and the conversation goes on by its name."""
    events = await say(node, text="greet Ann by her name")
    assert [event["kind"] for event in events] == ["heard", "route", "calling", "result", "turn"]
    assert events[3]["value"] == "Hello Ann"

    again = await say(node, text="change name to Bob", conversation=events[0]["conversation"])
    assert again[-2]["value"] == "Hello Bob"


async def test_what_costs_something_waits_for_a_yes(node: Node) -> None:
    """And is done after it, once."""
    first = await say(node, text="buy 2 tickets for the opera Tosca", conversation="c")
    assert first[-2]["kind"] == "confirm"
    assert first[-2]["price"] == "12.5"
    assert first[1]["fields"] == {"opera": "Tosca", "seats": 2}

    assert (await say(node, confirm=True, conversation="c"))[-2]["value"] == "2 for Tosca"
    assert (await say(node, confirm=True, conversation="c"))[-2]["topic"] == "nothing"


async def test_a_stream_is_told_item_by_item(node: Node) -> None:
    """Then comes the end."""
    events = await say(node, choose="greeter Say.Count", fields={"to": 3})
    events = await say(node, confirm=True, conversation=events[0]["conversation"])
    assert [event["value"] for event in events if event["kind"] == "item"] == [0, 1, 2]


async def test_a_failing_endpoint_is_no_fault_of_the_stream(node: Node) -> None:
    """It is an event of the turn."""
    events = await say(node, choose="greeter Say.Fail", fields={"code": 404})
    events = await say(node, confirm=True, conversation=events[0]["conversation"])
    assert events[-2]["kind"] == "failed"
    assert events[-2]["fault"]["code"] == 404


async def test_bytes_are_sent_and_told_in_base64(node: Node) -> None:
    """An endpoint whose whole body is bytes asks for a file, and gets it as it is."""
    events = await say(node, choose="greeter Say.Bytes")
    assert (events[-2]["field"], events[-2]["schema"]["contentEncoding"]) == ("file", "base64")

    events = await say(node, fields={"file": "AAEC"}, conversation=events[0]["conversation"])
    events = await say(node, confirm=True, conversation=events[0]["conversation"])
    assert (events[-2]["bytes"], events[-2]["content_type"]) == ("AAEC", "application/octet-stream")


async def test_the_http_door_sends_server_sent_events(node: Node) -> None:
    """To whoever accepts them, each event as one `data:`, and lines to others."""
    said = {"text": "greet Ann by her name"}
    head, body = await posted(node, said, accept="text/event-stream", token=node.token)
    assert b"text/event-stream" in head
    assert b'data: {"kind":"heard"' in body
    assert b"Hello Ann" in body
    assert b"event: end" in body

    head, body = await posted(node, said, accept="*/*")
    assert b"application/x-ndjson" in head
    assert b"Hello Ann" in body


async def test_a_caller_has_his_own_rights(node: Node) -> None:
    """The assistant lends nobody its own: an anonymous caller is anonymous to the service too."""
    events = await say(node, Caller(anonymous=True), choose="greeter Say.Caller")
    events = await say(node, Caller(anonymous=True), confirm=True, conversation=events[0]["conversation"])
    assert events[-2]["value"]["kind"] == "anonymous"


async def test_another_node_is_refused(node: Node) -> None:
    """It has an assistant of its own."""
    with pytest.raises(Forbidden, match="has its own"):
        await say(node, Caller(nid="b" + "c" * 55), text="greet Ann")


KEPT: Mapping[str, Mapping[str, object]] = {
    "Assistant.Keep": {"conversation": "a", "turns": []},
    "Assistant.Conversations": {},
    "Assistant.Open": {"conversation": "a"},
    "Assistant.Discard": {},
}


@pytest.mark.parametrize("endpoint", KEPT)
@pytest.mark.parametrize(
    "caller", [Caller(anonymous=True), Caller(user=True, account="ann"), Caller(nid="b" + "c" * 55)]
)
async def test_conversations_are_kept_for_the_owner_alone(node: Node, caller: Caller, endpoint: str) -> None:
    """Nobody else lists, reads, writes or deletes them."""
    with pytest.raises(Fault) as refused:
        await node.client(caller).call("assistant", endpoint, dict(KEPT[endpoint]))
    assert refused.value.code in (401, 403)

    async with client_of(node) as client:
        await client.call("assistant", "Assistant.Keep", dict(KEPT["Assistant.Keep"]))
        kept = (await client.call("assistant", "Assistant.Conversations"))["conversations"]
    assert [each["conversation"] for each in kept] == ["a"]


async def test_services_are_found_by_meaning(node: Node) -> None:
    """In other words than their own."""
    async with client_of(node) as client:
        found = await client.call("assistant", "Assistant.Search", {"query": "I want to hear Verdi on stage"})
    assert found["services"][0]["name"] == "tickets"


async def test_the_command_line_talks(node: Node) -> None:
    """At once, or line by line; it says yes only where it is told to."""
    home = str(node.home.path)

    code, out, err = await typed(home, "chat", "greet", "Ann", "by", "her", "name")
    assert (code, out) == (0, "Hello Ann")
    assert "greeter Say.Hello name=Ann" in err

    code, out, err = await typed(home, "chat", "buy 2 tickets for the opera Tosca")
    assert (code, out) == (2, "")
    assert "It costs 12.5." in err

    code, out, _ = await typed(home, "chat", "--yes", "buy 2 tickets for the opera Tosca")
    assert (code, out) == (0, "2 for Tosca")

    code, out, err = await typed(home, "chat", given=b"buy tickets for the opera Tosca\n3\nyes\n")
    assert (code, out) == (0, "3 for Tosca")

    code, out, err = await typed(home, "chat", "why is the sky blue")
    assert code == 4
    assert "I know no service for that." in err

    code, out, _ = await typed(home, "chat", "--output", "json", "greet Ann by her name")
    assert [json.loads(line)["kind"] for line in out.splitlines()][-1] == "turn"
