"""MCP on a real node, spoken by the official SDK's own client: over HTTP and a pipe, in both eras of the protocol."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult, ImageContent, TextContent

from micro.doors.api.opening import open_api
from micro.doors.mcp import door
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.front import Client as MicroClient
from micro.node.node import Node
from tests.network.places import client_of, run, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOW = '''
import asyncio
from collections.abc import AsyncIterator

from micro import Service, Stream

show = Service("show", description="Shows what tools can do.")
started, cancelled = [], []


@show.endpoint("Say.Hello", idempotent=True)
async def hello(name: str, loud: bool = False) -> str:
    """Greet someone by name."""
    return f"HELLO {name}" if loud else f"Hello {name}"


@show.endpoint("Say.Count")
async def count(to: int = 3) -> AsyncIterator[int]:
    for number in range(to):
        yield number


@show.endpoint("Say.Echo")
async def echo(words: Stream[str], prefix: str = ">") -> AsyncIterator[str]:
    async for word in words:
        yield prefix + word


@show.endpoint("Say.Picture")
async def picture() -> bytes:
    return b"\\x89PNG\\r\\n\\x1a\\n" + bytes(8)


@show.endpoint("Say.Forever")
async def forever() -> AsyncIterator[str]:
    started.append(1)
    try:
        while True:
            yield "again"
            await asyncio.sleep(0.05)
    finally:
        cancelled.append(1)


@show.endpoint("Say.Ended", idempotent=True)
async def ended() -> list[int]:
    return [len(started), len(cancelled)]


show.run()
'''

Connect = Callable[..., Any]
ERAS = [("http", "auto"), ("http", "legacy"), ("pipe", "auto"), ("pipe", "legacy")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[Node]:
    """Returns a node that runs the service `show` and listens for HTTP."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as home:
        sandbox = os.environ.get("MICRO_SANDBOX", "auto")
        node = Node(NodeConfig(home=home, api_port=0, network=False, sandbox=sandbox), system_ports())
        await node.start()
        await open_api(node)
        await run(node, _source(Path(home), "show", SHOW))
        yield node
        await node.stop()


def _source(folder: Path, name: str, text: str) -> Path:
    source = folder / "written" / name
    source.mkdir(parents=True)
    (source / "main.py").write_text(text)
    return source


@asynccontextmanager
async def connected(
    node: Node, way: str, mode: str = "auto", *, pins: tuple[str, ...] = (), token: str = "", **more: Any
) -> AsyncIterator[Client]:
    """Connects the SDK's client to a node, over HTTP or over a pipe."""
    if way == "pipe":
        words = [word for pin in pins for word in ("--pin", pin)]
        arguments = ["-m", "micro", "--home", str(node.home.path), "mcp", *words]
        pipe = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
        async with Client(pipe, mode=mode, **more) as client:
            yield client
        return
    url = f"{node.condition.api_address}/mcp" + (f"?pin={','.join(pins)}" if pins else "")
    headers = {"authorization": f"Bearer {token or node.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=60)) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode, **more) as client:
            yield client


def text_of(result: Any) -> str:
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text


@pytest.mark.parametrize(("way", "mode"), ERAS)
async def test_services_are_found_described_and_called(node: Node, way: str, mode: str) -> None:
    """By the three tools that reach every service, and by tools of their own; all that they say is as they announce."""
    asked: list[str] = []
    told: list[str | None] = []

    async def fill(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"name": "Bob"})

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async with connected(node, way, mode, elicitation_callback=fill) as client:
        assert client.protocol_version < "2026" if mode == "legacy" else client.protocol_version >= "2026"
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"search_services", "describe_service", "call_service", "show_Say_Hello"} < set(tools)
        hints = [tools[f"show_Say_{name}"].annotations for name in ("Hello", "Count")]
        assert [(hint.read_only_hint, hint.idempotent_hint) for hint in hints if hint] == [(True, True), (False, False)]
        found = await client.call_tool("search_services", {"query": "what tools can do"})
        assert [line["name"] for line in found.structured_content["services"]] == ["show"]
        read = await client.call_tool("describe_service", {"service": "show"})
        assert "Say.Hello" in [endpoint["name"] for endpoint in read.structured_content["endpoints"]]
        hello = {"service": "show", "endpoint": "Say.Hello", "arguments": {"name": "Ann"}}
        called = await client.call_tool("call_service", hello)
        assert (text_of(called), called.structured_content) == ("Hello Ann", {"result": "Hello Ann"})

        assert text_of(await client.call_tool("show_Say_Hello", {"loud": True})) == "HELLO Bob"
        assert asked == ["show Say.Hello needs name."]

        counted = await client.call_tool("show_Say_Count", {"to": 3}, progress_callback=progress)
        assert counted.structured_content == {"items": [0, 1, 2], "complete": True}
        await until(lambda: told == ["0", "1", "2"])
        echoed = await client.call_tool("show_Say_Echo", {"messages": ["a", "b"]})
        assert echoed.structured_content == {"items": [">a", ">b"], "complete": True}
        picture = (await client.call_tool("show_Say_Picture", {})).content[0]
        assert isinstance(picture, ImageContent)
        assert picture.mime_type == "image/png"


@pytest.mark.parametrize(("way", "mode"), ERAS[:2])
async def test_what_goes_wrong_is_a_result_that_says_so(node: Node, way: str, mode: str) -> None:
    """A client that cannot ask a person is told what is missing; what is no tool at all is an error of the protocol."""
    async with connected(node, way, mode) as client:
        for arguments, words in (
            ({}, "name: required by show Say.Hello"),
            ({"name": 5}, "400 Bad Request: name"),
            ({"name": "Ann", "size": 1}, "400 Bad Request"),
        ):
            result = await client.call_tool("show_Say_Hello", arguments)
            assert (result.is_error, words in text_of(result)) == (True, True), text_of(result)
        for arguments, words in (
            ({"service": "nobody", "endpoint": "A.B"}, "404 Not Found: no service is called nobody"),
            ({"service": "show", "endpoint": "Say.Bye"}, "it has Say.Hello"),
            ({"service": "show"}, "endpoint: a text is expected"),
            ({"service": "show", "endpoint": "Say.Hello", "arguments": [1]}, "arguments: an object"),
            ({"service": "show", "endpoint": "Say.Hello", "timeout_seconds": "x"}, "timeout_seconds"),
            ({"service": "show", "endpoint": "Say.Hello", "request": {"name": "Ann"}}, "request: call_service has no"),
        ):
            result = await client.call_tool("call_service", arguments)
            assert (result.is_error, words in text_of(result)) == (True, True), text_of(result)
        with pytest.raises(MCPError, match="no tool is called"):
            await client.call_tool("show_Say_Bye", {})


@pytest.mark.parametrize(("way", "mode"), ERAS[:2])
async def test_a_person_may_decline(node: Node, way: str, mode: str) -> None:
    """Then nothing is called."""

    async def refuse(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="decline")

    async with connected(node, way, mode, elicitation_callback=refuse) as client:
        result = await client.call_tool("show_Say_Hello", {})
        assert (result.is_error, "declined" in text_of(result)) == (True, True)


@pytest.mark.parametrize(("way", "mode"), ERAS)
async def test_a_service_that_registers_is_in_the_next_list(node: Node, way: str, mode: str) -> None:
    """And the client is told that there is another list; so it is when the service goes."""
    name = f"late-{way}-{'newer' if mode == 'auto' else 'older'}"
    changed = asyncio.Event()

    async def heard(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            changed.set()

    async with connected(node, way, mode, pins=(name,), message_handler=heard) as client:
        listening = asyncio.create_task(_listen(client, changed)) if mode == "auto" else None
        assert len((await client.list_tools()).tools) == 3
        await asyncio.sleep(0.5)  # the newer kind of client has no word for being ready to listen
        changed.clear()
        source = _source(node.home.path, name, SHOW.replace('"show"', f'"{name}"'))
        await run(node, source)
        await asyncio.wait_for(changed.wait(), 30)
        tools = [tool.name for tool in (await client.list_tools()).tools]
        assert f"{name}_Say_Hello" in tools
        changed.clear()
        async with client_of(node) as owner:
            await owner.call("runtime", "Runtime.Kill", {"name": name})
        await asyncio.wait_for(changed.wait(), 30)
        assert len((await client.list_tools()).tools) == 3
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _listen(client: Client, changed: asyncio.Event) -> None:
    async with client.listen(tools_list_changed=True) as changes:
        async for _ in changes:
            changed.set()


@pytest.mark.parametrize(("way", "mode"), ERAS)
async def test_a_call_that_is_given_up_ends_in_the_service(node: Node, way: str, mode: str) -> None:
    """A stream that nobody reads any more does not go on."""
    async with client_of(node) as owner:
        before = await owner.call("show", "Say.Ended")
        async with connected(node, way, mode) as client:
            call = asyncio.create_task(client.call_tool("show_Say_Forever", {}))
            await until(lambda: _ended(owner, before[0] + 1, before[1]))
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await until(lambda: _ended(owner, before[0] + 1, before[1] + 1))


async def _ended(owner: MicroClient, started: int, cancelled: int) -> bool:
    return bool(await owner.call("show", "Say.Ended") == [started, cancelled])


async def test_a_token_shows_and_reaches_what_it_covers(node: Node) -> None:
    """Of the endpoints of a service those alone; and nothing once it is deleted."""
    async with client_of(node) as owner:
        made = await owner.call("auth", "Tokens.Create", {"name": "agent", "scopes": ["show:Say.Hello"]})
        async with connected(node, "http", token=made["token"]) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert names == {"search_services", "describe_service", "call_service", "show_Say_Hello"}
            assert text_of(await client.call_tool("show_Say_Hello", {"name": "Ann"})) == "Hello Ann"
            other = await client.call_tool("call_service", {"service": "show", "endpoint": "Say.Count"})
            assert "does not cover show Say.Count" in text_of(other)
            noted = [(call.door, call.caller, call.endpoint, call.code) for call in node.record.last(2)]
            who = "the API token agent"
            assert noted == [("mcp", who, "Say.Count", 403), ("mcp", who, "Say.Hello", 0)]
            await owner.call("auth", "Tokens.Delete", {"name": "agent"})
            with pytest.raises(MCPError):
                await client.call_tool("show_Say_Hello", {"name": "Ann"})


async def test_a_session_answers_the_one_who_began_it(node: Node) -> None:
    """To anybody else it is as if there were none, however he came by its id."""
    url = f"{node.condition.api_address}/mcp"
    said = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    async with httpx2.AsyncClient(headers=said) as http:
        mine = {"authorization": f"Bearer {node.token}"}
        begun = await http.post(url, json=hello, headers=mine)
        session = {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-06-18"}
        assert (await http.post(url, json=ping, headers={**session, **mine})).status_code == 200
        assert (await http.post(url, json=ping, headers=session)).status_code == 404
        assert (await http.delete(url, headers={**session, **mine})).status_code == 200
        assert (await http.post(url, json=ping, headers={**session, **mine})).status_code == 404


async def test_one_caller_does_not_take_the_places_of_others(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """He has so many sessions; another one still comes in."""
    monkeypatch.setattr(door, "SESSIONS_OF_ONE_MAX", 2)
    url = f"{node.condition.api_address}/mcp"
    said = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}
    async with httpx2.AsyncClient(headers=said) as http:
        answers = [await http.post(url, json=hello) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        mine = {"authorization": f"Bearer {node.token}"}
        assert (await http.post(url, json=hello, headers=mine)).status_code == 200
        for answer in answers[:2]:
            await http.delete(url, headers={"mcp-session-id": answer.headers["mcp-session-id"]})
        assert (await http.post(url, json=hello)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"authorization": "Bearer mp_wrong"}, 401),
        ({"accept": "text/html"}, 406),
        ({"content-type": "text/plain"}, 400),
    ],
)
async def test_who_may_not_ask_is_refused(node: Node, headers: dict[str, str], status: int) -> None:
    """A page from elsewhere, a name that leads here, a token that is none; and what is no MCP."""
    said = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{node.condition.api_address}/mcp", json={}, headers={**said, **headers})
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_query_that_nobody_knows_is_refused(node: Node) -> None:
    """A misspelt pin would otherwise show all tools, or none."""
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{node.condition.api_address}/mcp?pins=show", json={})
        assert (answer.status_code, "pin" in answer.json()["detail"]) == (400, True)
        assert (await http.put(f"{node.condition.api_address}/mcp", json={})).status_code == 405
