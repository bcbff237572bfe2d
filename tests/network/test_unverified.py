"""A name that nobody vouches for is confirmed once by a person, whichever face he uses."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult, TextContent

from micro.doors.api.opening import open_api
from micro.errors import Forbidden
from micro.node.local import InsideDialer
from micro.node.node import Node
from micro.service.dialed import ClientLinks
from micro.service.once import call_once
from micro.trust.policy import Caller
from tests.network.places import StartNode, client_of, typed
from tests.network.test_strangers import town

HELLO = "/api/greeter/Say.Hello"


async def http(node: Node, path: str, body: Any = None, *, token: str = "") -> tuple[int, Any]:
    """Asks a node's door, by POST where there is a body, and returns status and answer."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{node.condition.api_address}{path}", data, headers)

    def ask() -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    return await asyncio.to_thread(ask)


def pins(node: Node) -> dict[str, tuple[str, ...]]:
    assert node.backbone is not None
    return node.backbone.pinned.everything()


async def seeking(start_node: StartNode, folder: Path) -> tuple[Node, Node]:
    """Returns a node that offers the greeter, and one with a door that never used it; they are strangers."""
    [provider], other = await town(start_node, folder, 1)
    seeker = await start_node(network=True, join=other.ticket().encode(), api=True, api_port=0)
    await open_api(seeker)
    return provider, seeker


async def agree(context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"use": True})


async def by_mcp(node: Node, token: str, answer: Any, mode: str = "auto", service: str = "greeter") -> str:
    """Calls the greeter as a model does, answers as that person what is asked, and returns what came of it."""
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=30) as web:
        way = streamable_http_client(f"{node.condition.api_address}/mcp", http_client=web)
        async with Client(way, mode=mode, elicitation_callback=answer) as client:
            hello = {"service": service, "endpoint": "Say.Hello", "arguments": {"name": "Ann"}}
            found = await client.call_tool("call_service", hello)
            assert isinstance(found.content[0], TextContent)
            return found.content[0].text


async def test_each_face_asks_before_the_first_use(start_node: StartNode, greeter_folder: Path) -> None:
    """Over HTTP, on the command line and by MCP; looking is no use, and once it is confirmed nobody asks again."""
    provider, seeker = await seeking(start_node, greeter_folder)
    said: list[str] = []

    async def decline(context: Any, params: Any) -> ElicitResult:
        said.append(params.message)
        return ElicitResult(action="accept", content={"use": False})

    async def confirm(context: Any, params: Any) -> ElicitResult:
        said.append(params.message)
        return await agree(context, params)

    async def call(answer: Any, mode: str = "auto", service: str = "greeter") -> str:
        return await by_mcp(seeker, seeker.token, answer, mode, service)

    assert (await http(seeker, "/api/greeter"))[1]["name"] == "greeter"
    for token in ("", seeker.token):
        for path in (HELLO, "/greeter/say/hello"):
            status, fault = await http(seeker, path, {}, token=token)
            assert (status, fault["status"], fault["id"]) == (403, "unverified_name", "greeter")
            assert provider.nid in fault["detail"]
            assert "micro network pin greeter" in fault["detail"]
    assert (await http(seeker, f"/api/greeter@{provider.nid}/Say.Hello", {}))[0] == 200
    code, _, told = await typed(str(seeker.home.path), "greeter", "hello")
    assert (code, "unverified" in told) == (5, True)
    assert "micro network pin greeter" in await call(None)
    assert "nobody confirmed it" in await call(decline)
    assert await call(None, service=f"greeter@{provider.nid}") == "Hello Ann"
    assert pins(seeker) == {}

    assert await call(confirm, "legacy") == "Hello Ann"
    assert all(provider.nid in words for words in said)
    assert pins(seeker) == {"greeter": (provider.nid,)}
    assert await call(None) == "Hello Ann"
    assert await http(seeker, HELLO, {}) == (200, {"result": "Hello world"})
    assert (await typed(str(seeker.home.path), "greeter", "hello"))[:2] == (0, "Hello world")


async def test_a_name_is_confirmed_over_http_too(start_node: StartNode, greeter_folder: Path) -> None:
    """By the owner; whoever he lent a token to, and whoever shows none, is refused, on the node's socket as well."""
    provider, seeker = await seeking(start_node, greeter_folder)
    async with client_of(seeker, direct=False) as owner:
        lent = (await owner.call("auth", "Tokens.Create", {"name": "agent"}))["token"]
        other = (await owner.call("auth", "Tokens.Create", {"name": "other", "scopes": ["weather"]}))["token"]
    for token in ("", lent):
        assert (await http(seeker, HELLO, {}, token=token))[1]["status"] == "unverified_name"
        assert (await http(seeker, "/api/network/Network.Pin", {"name": "greeter"}, token=token))[0] in (401, 403)
        route = await http(seeker, "/api/registry/Registry.Route", {"name": "greeter"}, token=token)
        assert route[1]["status"] == "unverified_name"
    assert "micro network pin greeter" in await by_mcp(seeker, lent, agree)
    assert "other does not cover greeter Say.Hello" in await by_mcp(seeker, other, agree)
    assert pins(seeker) == {}
    pinned = await http(seeker, "/api/network/Network.Pin", {"name": "greeter"}, token=seeker.token)
    assert pinned == (200, {"name": "greeter", "nodes": [provider.nid]})
    assert (await http(seeker, HELLO, {}, token=lent))[0] == 200


async def test_a_link_that_asks_for_no_way_is_refused_too(start_node: StartNode, greeter_folder: Path) -> None:
    """Once somebody has looked at it, the router knows the service of strangers; it passes on what is vouched for."""
    provider, seeker = await seeking(start_node, greeter_folder)
    assert (await http(seeker, "/api/greeter"))[0] == 200
    link = await InsideDialer(seeker.router, Caller(anonymous=True)).dial(None, ClientLinks(lambda lost: None))
    for _ in range(2):  # also where the headers are known already
        with pytest.raises(Forbidden, match="unverified_name") as refused:
            await call_once(link, "greeter", "Say.Hello", {})
        assert provider.nid in refused.value.detail
    assert b"Hello" in await call_once(link, f"greeter@{provider.nid}", "Say.Hello", {})
    await seeker.confirm("greeter")
    assert b"Hello" in await call_once(link, "greeter", "Say.Hello", {})
    link.close("done")
