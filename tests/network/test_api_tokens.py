"""API tokens on a real node: over HTTP, over its socket, and as a person types them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from micro.doors.api.opening import open_api
from micro.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from micro.node.api_tokens import USED_SECONDS
from micro.node.front import Client
from micro.node.node import Node
from tests.network.places import StartNode, client_of, run, typed, until
from tests.network.test_auth import http, last_line, user_of

LEDGER = '''
from micro import Context, Service

ledger = Service("ledger")


@ledger.endpoint("Who.Calls")
async def calls(context: Context) -> dict:
    """Says who calls, and how often somebody with the same data did."""
    who, count = context.caller, int(await context.store.read("count") or b"0") + 1
    await context.store.write("count", str(count).encode())
    told = context.headers.get("Micro-Caller", "")
    return {"owner": who.owner, "lent": who.lent, "kind": who.kind, "token": who.token, "count": count, "told": told}


if __name__ == "__main__":
    ledger.run()
'''

HELLO, STATUS = "/api/greeter/Say.Hello", "/api/runtime/Runtime.Status"


@pytest.fixture
async def node(start_node: StartNode, greeter_folder: Path) -> Node:
    """Returns a node that runs the greeter and listens for HTTP."""
    node = await start_node(api=True, api_port=0)
    await run(node, greeter_folder)
    await open_api(node)
    return node


@pytest.fixture
async def owner(node: Node) -> AsyncIterator[Client]:
    """Returns the owner's client, which goes through the node."""
    async with client_of(node, direct=False) as client:
        yield client


async def made(owner: Client, name: str = "laptop", *scopes: str, **more: Any) -> str:
    """Makes an API token and returns it."""
    found = await owner.call("auth", "Tokens.Create", {"name": name, "scopes": list(scopes), **more})
    return str(found["token"])


async def listed(owner: Client) -> dict[str, Any]:
    """Returns what is told of each API token, by name."""
    found = await owner.call("auth", "Tokens.List")
    return {token["name"]: token for token in found["tokens"]}


async def test_a_token_is_its_owner_within_its_scopes(node: Node, owner: Client) -> None:
    """Over HTTP and over the socket: what it does not cover is refused, and what makes tokens is never covered."""
    token = await made(owner, "laptop", "greeter:Say.Hello", "runtime")
    assert [(await http(node, path, {}, token))[0] for path in (HELLO, STATUS)] == [200, 200]
    status, fault = await http(node, "/api/greeter/Say.Instance", {}, token)
    assert (status, "the API token laptop does not cover greeter Say.Instance" in fault["detail"]) == (403, True)
    assert (await http(node, "/api/auth/Tokens.List", {}, token))[0] == 403
    assert (await http(node, "/api/auth/Auth.Token", {"id": "ann"}, token))[0] == 403
    assert (await http(node, "/api/publish/orders", {}, token))[0] == 403
    async with user_of(node, token) as client:
        assert await client.call("greeter", "Say.Hello", {"name": "Ann"}) == "Hello Ann"
        with pytest.raises(Forbidden, match="does not cover"):
            await client.call("greeter", "Say.Instance")
        assert (await client.call("registry", "Registry.Route", {"name": "greeter"}))["addresses"] == []


async def test_a_service_never_takes_a_token_for_the_owner(node: Node, owner: Client, tmp_path: Path) -> None:
    """It sees a program with the owner's data, by its name and without his authority; what is claimed is not told."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    (folder / "main.py").write_text(LEDGER)
    await run(node, folder)
    token = await made(owner, "laptop", "ledger", "ledger:Debug.*")
    assert (await owner.call("ledger", "Who.Calls"))["owner"]
    claimed = {"Micro-Caller": "owner", "Micro-Token": "other"}
    async with user_of(node, token) as client:
        seen = await client.call("ledger", "Who.Calls", headers=claimed)
        assert await client.call("ledger", "Debug.Trace")
    assert seen == {"owner": False, "lent": True, "kind": "token", "token": "laptop", "count": 2, "told": "token"}
    await owner.call("auth", "Auth.Generate", {"id": "ann"})
    of_ann = await made(owner, "of-ann", "ledger", account="ann")
    seen = (await http(node, "/api/ledger/Who.Calls", {}, of_ann))[1]
    assert seen == {"owner": False, "lent": False, "kind": "user", "token": "of-ann", "count": 1, "told": "user"}


async def test_a_token_opens_no_session_and_ends_none(node: Node, owner: Client) -> None:
    """A session is the owner without limits: a token gets no code for one, is not told it is him, and ends nobody's."""
    token = await made(owner, "laptop", "greeter")
    assert (await http(node, "/-/session/code", {}, token))[0] == 403
    code = (await http(node, "/-/session/code", {}, node.token))[1]["code"]
    assert (await http(node, "/-/session/end/all", {}, token))[0] == 200
    assert (await http(node, "/-/session", {"code": code}))[0] == 200


async def test_a_token_without_scopes_reaches_services_alone(node: Node, owner: Client) -> None:
    """Not what the node itself does."""
    token = await made(owner)
    assert [(await http(node, path, {}, token))[0] for path in (HELLO, STATUS)] == [200, 403]


async def test_a_token_of_an_account_goes_with_it(node: Node, owner: Client) -> None:
    """It may what rules let the account, and ends when that is given another secret, also if it is made anew."""
    await owner.call("auth", "Auth.Generate", {"id": "ann"})
    token = await made(owner, "of-ann", account="ann")
    assert (await http(node, HELLO, {}, token))[0] == 200
    denied = {"id": "no", "resource": {"type": "service", "name": "greeter"}, "scope": "account:ann", "priority": 9}
    await owner.call("auth", "Rules.Create", {**denied, "access": "denied"})
    assert (await http(node, HELLO, {}, token))[0] == 403
    await owner.call("auth", "Rules.Delete", {"id": "no"})
    await owner.call("auth", "Accounts.Delete", {"id": "ann"})
    await owner.call("auth", "Auth.Generate", {"id": "ann"})
    assert (await http(node, HELLO, {}, token))[0] == 401
    with pytest.raises(NotFound, match="no account called bob"):
        await made(owner, "of-bob", account="bob")


async def test_a_deleted_token_ends_what_is_open(node: Node, owner: Client) -> None:
    """Calls are refused from then on, a stream ends with a fault that says why, and a new one is not the old one."""
    token = await made(owner)
    async with user_of(node, token) as client, client.stream("greeter", "Say.Shout") as words:
        task = asyncio.create_task(asyncio.to_thread(last_line, node, "/api/registry/Registry.Watch", token))
        await until(lambda: any(caller.token for caller in node.client._clients))
        await client.call("greeter", "Say.Hello")
        await owner.call("auth", "Tokens.Delete", {"name": "laptop"})
        with pytest.raises(Forbidden, match="the API token laptop was deleted"):
            await anext(aiter(words))
        fault = (await task)["fault"]
    assert (fault["code"], "laptop was deleted" in fault["detail"]) == (403, True)
    await made(owner)
    assert (await http(node, HELLO, {}, token))[0] == 401
    with pytest.raises(Unauthorized, match="API token"):
        await user_of(node, token).call("greeter", "Say.Hello")


async def test_an_expired_token_is_refused_and_its_streams_end(node: Node, owner: Client) -> None:
    """In its second."""
    token = await made(owner, expiry_seconds=1)
    last = await asyncio.to_thread(last_line, node, "/api/registry/Registry.Watch", token)
    assert (last["fault"]["code"], "expired" in last["fault"]["detail"]) == (401, True)
    assert (await http(node, HELLO, {}, token))[0] == 401
    assert (await listed(owner))["laptop"]["expired"]


async def test_tokens_are_listed_with_their_last_use_and_never_told_again(
    node: Node, owner: Client, start_node: StartNode
) -> None:
    """The file holds no token either, and the last use is known after a restart."""
    token = await made(owner, "laptop", "greeter")
    assert (await listed(owner))["laptop"]["used"] == 0
    await http(node, HELLO, {}, token)
    found = await owner.call("auth", "Tokens.List")
    assert found["tokens"][0]["used"] > 0
    assert found["tokens"][0]["scopes"] == ["service:greeter:*"]
    assert token not in str(found)
    await owner.close()
    home = node.home.path
    await node.stop()
    assert not any(token.encode() in path.read_bytes() for path in home.iterdir() if path.is_file())
    again = await start_node(str(home))
    async with client_of(again) as later:
        assert (await listed(later))["laptop"]["used"] == found["tokens"][0]["used"]


async def test_the_last_use_is_written_now_and_then(node: Node, owner: Client) -> None:
    """Not at each call, for each write is an fsync."""
    token = await made(owner)
    tokens, store = node.gate.api_tokens, node.gate.api_tokens._store
    await http(node, HELLO, {}, token)
    await tokens.keep_used()
    first = store.used["laptop"]
    assert first > 0
    await http(node, HELLO, {}, token)
    await tokens.keep_used()
    assert store.used["laptop"] == first
    tokens._used["laptop"] = first + USED_SECONDS + 1
    await tokens.keep_used()
    assert store.used["laptop"] == first + USED_SECONDS + 1


async def test_what_is_no_token_is_not_made(owner: Client) -> None:
    """A name that is taken, scopes that cannot be, a time that is none."""
    await made(owner)
    with pytest.raises(Conflict):
        await made(owner)
    for wrong in ({"scopes": ["auth"]}, {"expiry_seconds": -1}, {"name": "a b"}):
        with pytest.raises(BadRequest):
            await owner.call("auth", "Tokens.Create", {"name": "phone", **wrong})
    assert list(await listed(owner)) == ["laptop"]


async def test_tokens_are_typed(node: Node) -> None:
    """Made, used, listed, deleted."""
    home = str(node.home.path)
    words = ["auth", "create", "token", "laptop", "--scope", "greeter", "--expire", "never"]
    code, token, told = await typed(home, *words)
    assert (code, token[:3], "keep it now" in told) == (0, "mp_", True)
    assert (await http(node, HELLO, {}, token))[0] == 200
    code, shown, _ = await typed(home, "auth", "list", "tokens", "-o", "plain")
    assert (code, shown.split("\t")[:4]) == (0, ["laptop", "service:greeter:*", "owner", "never"])
    assert (await typed(home, "auth", "create", "token", "x", "--expire", "soon"))[0] == 2
    assert (await typed(home, "auth", "delete", "token", "laptop"))[0] == 0
    assert (await http(node, HELLO, {}, token))[0] == 401
