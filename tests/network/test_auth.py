"""Rules, accounts and tokens on real nodes: over sockets, over HTTP, and from a neighbour."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from micro.doors.api.opening import open_api
from micro.errors import (
    BadRequest,
    ConfigError,
    Conflict,
    Fault,
    Forbidden,
    LinkClosed,
    NotFound,
    TooManyRequests,
    Unauthorized,
)
from micro.mucp import headers as names
from micro.mucp.codec import JSON, decode_json
from micro.mucp.event import Block
from micro.mucp.message import Form
from micro.network.link import Link
from micro.node import blocking, local
from micro.node.front import Client
from micro.node.node import Node
from micro.trust.attempts import TRIES
from micro.trust.policy import Caller
from tests.network.places import StartNode, client_of, run, until

ALL = {"type": "*", "name": "*", "endpoint": "*"}


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


def resource(text: str) -> dict[str, str]:
    return dict(zip(("type", "name", "endpoint"), text.split(":"), strict=True))


async def rule(owner: Client, id: str, about: str, **more: Any) -> None:
    await owner.call("auth", "Rules.Create", {"id": id, "resource": resource(about), **more})


async def token_of(owner: Client, id: str = "ann", scopes: tuple[str, ...] = ("ops",), **more: Any) -> str:
    """Makes an account and returns a token of it."""
    await owner.call("auth", "Auth.Generate", {"id": id, "scopes": list(scopes)})
    return str((await owner.call("auth", "Auth.Token", {"id": id, **more}))["access_token"])


def user_of(node: Node, token: str) -> Client:
    return Client(home=str(node.home.path), token=token)


async def http(node: Node, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
    """Posts to the node's door and returns status and answer."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    data = json.dumps({} if body is None else body).encode()
    request = urllib.request.Request(f"{node.condition.api_address}{path}", data, headers)

    def ask() -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    return await asyncio.to_thread(ask)


def last_line(node: Node, path: str, token: str) -> Any:
    """Posts to a stream of the node's door, and returns its last message once it has ended."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{node.condition.api_address}{path}", b"{}", headers)
    ) as answer:
        return json.loads(answer.read().splitlines()[-1])


def _link_of_greeter(node: Node) -> Link:
    view = node.catalog.lookup("greeter")
    assert view is not None
    link = node.reception.link_of(view.instances[0].id)
    assert link is not None
    return link


async def test_a_rule_decides_over_http_from_the_next_call_on(node: Node, owner: Client) -> None:
    """For callers with and without a token, and never for the owner."""
    token = await token_of(owner)
    hello = "/api/greeter/Say.Hello"
    assert [(await http(node, hello, None, t))[0] for t in ("", token, node.token)] == [200, 200, 200]

    await rule(owner, "no", "service:greeter:*", access="denied")
    assert [(await http(node, hello, None, t))[0] for t in ("", token, node.token)] == [401, 403, 200]
    _, fault = await http(node, hello, None, token)
    assert "the account ann may not use greeter Say.Hello" in fault["detail"]

    await rule(owner, "ops", "service:greeter:Say.Hello", scope="ops", priority=2)
    assert [(await http(node, hello, None, t))[0] for t in ("", token)] == [401, 200]
    assert (await http(node, "/api/greeter/Say.Instance", None, token))[0] == 403

    await owner.call("auth", "Accounts.Update", {"id": "ann", "scopes": []})
    assert (await http(node, hello, None, token))[0] == 403
    await owner.call("auth", "Rules.Delete", {"id": "no"})
    assert [(await http(node, hello, None, t))[0] for t in ("", token)] == [200, 200]


async def test_without_any_rule_nobody_but_the_owner_calls(node: Node, owner: Client, greeter_folder: Path) -> None:
    """And what the node itself needs goes on: services register, read their settings, use their stores."""
    await owner.call("auth", "Rules.Delete", {"id": "default"})
    assert (await http(node, "/api/greeter/Say.Hello"))[0] == 401
    assert (await http(node, "/api/greeter/Debug.Health"))[0] == 200
    assert await owner.call("greeter", "Say.Hello") == "Hello world"
    assert await run(node, greeter_folder, "another") == "another"
    assert (await http(node, "/api/registry/Registry.List"))[0] == 200


async def test_the_handler_sees_what_the_rule_saw(node: Node, owner: Client) -> None:
    """Kind, account and scopes, of each caller."""
    token = await token_of(owner, scopes=("ops", "team/blue"))
    who = "/api/greeter/Say.Caller"
    found = (await http(node, who, None, token))[1]
    assert found == {"kind": "user", "account": "ann", "scopes": "ops,team/blue", "nid": node.nid, "service": ""}
    assert (await http(node, who))[1] == {
        "kind": "anonymous",
        "account": "",
        "scopes": "",
        "nid": node.nid,
        "service": "",
    }
    assert (await owner.call("greeter", "Say.Caller"))["kind"] == "owner"
    async with user_of(node, token) as ann:
        assert await ann.call("greeter", "Say.Caller") == found
    await owner.call("auth", "Auth.Generate", {"id": "notes", "type": "service", "scopes": ["trusted"]})
    notes = node.client(Caller(nid=node.nid, service="notes", supervised=True))
    seen = await notes.call("greeter", "Say.Caller")
    assert (seen["kind"], seen["service"], seen["account"], seen["scopes"]) == ("service", "notes", "notes", "trusted")


async def test_nothing_that_a_caller_writes_is_believed(node: Node, owner: Client) -> None:
    """Neither in the block of headers nor beside it, over the socket or over HTTP."""
    token = await token_of(owner)
    lies = {names.CALLER: "owner", names.ACCOUNT: "root", names.SCOPES: "admin", names.FROM_SERVICE: "bank"}
    honest = await owner.call("greeter", "Say.Caller")
    block = {names.SERVICE: "greeter", names.ENDPOINT: "Say.Caller", names.CONTENT_TYPE: JSON, **lies}
    del block[names.FROM_SERVICE]  # the owner may say which of his programs he is
    nobody = node.client(Caller(anonymous=True))
    for client, kind in ((owner, "owner"), (nobody, "anonymous")):
        link = await client.node()
        answer = link.future()
        link.call(answer, link.session.begin(Form.CALL, block, 0), b"{}")
        seen = decode_json((await answer).body)
        assert (seen["kind"], seen["account"], seen["scopes"]) == (kind, "", "")
    async with user_of(node, token) as ann:
        said = await ann.call("greeter", "Say.Caller", headers=lies)
        assert (said["kind"], said["account"], said["scopes"], said["service"]) == ("user", "ann", "ops", "")
    anonymous = await nobody.call("greeter", "Say.Caller", headers=lies)
    assert (anonymous["kind"], anonymous["account"], anonymous["scopes"]) == ("anonymous", "", "")
    assert (await owner.call("greeter", "Say.Caller", headers={names.ACCOUNT: "x", names.SCOPES: "y"})) == honest


async def test_a_user_of_a_socket_is_no_owner(node: Node, owner: Client) -> None:
    """A program that shows a token has the rights of its account, and gets no way around the node."""
    token = await token_of(owner)
    async with user_of(node, token) as ann:
        assert await ann.call("greeter", "Say.Hello") == "Hello world"
        for service, endpoint in (
            ("node", "Node.Status"),
            ("auth", "Rules.List"),
            ("auth", "Auth.Generate"),
            ("store", "Store.List"),
            ("config", "Config.Get"),
            ("runtime", "Runtime.Status"),
            ("greeter", "Debug.Log"),
        ):
            with pytest.raises(Forbidden):
                await ann.call_raw(service, endpoint, b"{}")
        assert (await ann.call("registry", "Registry.Route", {"name": "greeter"}))["addresses"] == []
        await rule(owner, "no", "service:greeter:*", access="denied")
        with pytest.raises(Forbidden):
            await ann.call("greeter", "Say.Hello")


async def test_a_link_ends_with_its_account(node: Node, owner: Client) -> None:
    """What is under way too; and the token opens no other."""
    token = await token_of(owner)
    async with user_of(node, token) as ann:
        call = asyncio.create_task(ann.call("greeter", "Say.Slowly", {"seconds": 20}))
        over_http = asyncio.create_task(http(node, "/api/greeter/Say.Slowly", {"seconds": 20}, token))
        await until(lambda: len(_link_of_greeter(node).session.calls) == 2)
        await owner.call("auth", "Accounts.Delete", {"id": "ann"})
        with pytest.raises(Forbidden, match="a rule changed"):
            await call
        status, fault = await over_http
        assert (status, "a rule changed" in fault["detail"]) == (403, True)
        with pytest.raises((Fault, LinkClosed)):
            await ann.call("greeter", "Say.Hello")
    assert (await http(node, "/api/greeter/Say.Hello", None, token))[0] == 401


@pytest.mark.parametrize("change", ["Accounts.ChangeSecret", "Accounts.Delete", "Accounts.Update"])
async def test_a_token_ends_when_its_account_changes(node: Node, owner: Client, change: str) -> None:
    """With another secret, when it is disabled, and when it is gone, even where one of its name is made anew."""
    token = await token_of(owner)
    refresh = (await owner.call("auth", "Auth.Token", {"id": "ann"}))["refresh_token"]
    assert (await http(node, "/api/greeter/Say.Hello", None, token))[0] == 200
    await owner.call("auth", change, {"id": "ann", **({"disabled": True} if change == "Accounts.Update" else {})})
    if change == "Accounts.Delete":
        await token_of(owner)
    assert (await http(node, "/api/greeter/Say.Hello", None, token))[0] == 401
    for request in ({"refresh_token": refresh},):
        assert (await http(node, "/api/auth/Auth.Token", request))[0] == 401
    assert (await http(node, "/api/auth/Auth.Inspect", {"token": token}))[0] == 401


async def test_a_disabled_account_gets_no_token(node: Node, owner: Client) -> None:
    """Not from the owner either; and enabled again it has none of those that ended."""
    token = await token_of(owner)
    refresh = (await owner.call("auth", "Auth.Token", {"id": "ann"}))["refresh_token"]
    await owner.call("auth", "Accounts.Update", {"id": "ann", "disabled": True})
    with pytest.raises(Forbidden, match="--enable"):
        await owner.call("auth", "Auth.Token", {"id": "ann"})
    await owner.call("auth", "Accounts.Update", {"id": "ann", "disabled": False})
    status, fault = await http(node, "/api/greeter/Say.Hello", None, token)
    assert (status, "ann was disabled, given another secret or made anew after it was issued" in fault["detail"]) == (
        401,
        True,
    )
    assert "`micro auth token ann`" in fault["detail"]
    assert (await http(node, "/api/auth/Auth.Token", {"refresh_token": refresh}))[0] == 401
    again = (await owner.call("auth", "Auth.Token", {"id": "ann"}))["access_token"]
    assert (await http(node, "/api/greeter/Say.Hello", None, again))[0] == 200


async def test_a_secret_gets_a_token_and_a_token_another(node: Node, owner: Client) -> None:
    """Over HTTP, by whoever has them; and they say whose they are."""
    made = await owner.call("auth", "Auth.Generate", {"id": "ann", "scopes": ["ops"]})
    shown = {"id": "ann", "secret": made["secret"], "token_expiry": 60}
    status, tokens = await http(node, "/api/auth/Auth.Token", shown)
    assert (status, tokens["expiry"] - tokens["created"]) == (200, 60)
    status, more = await http(node, "/api/auth/Auth.Token", {"refresh_token": tokens["refresh_token"]})
    assert status == 200
    for token in (tokens["access_token"], more["access_token"]):
        found = (await http(node, "/api/auth/Auth.Inspect", {"token": token}))[1]
        assert (found["id"], found["scopes"], found["issuer"], found["use"]) == ("ann", ["ops"], node.nid, "access")
        assert "secret" not in found
        assert (await http(node, "/api/greeter/Say.Hello", None, token))[0] == 200
    assert (await http(node, "/api/auth/Auth.Token", {"refresh_token": tokens["access_token"]}))[0] == 401
    assert (await http(node, "/api/greeter/Say.Hello", None, tokens["refresh_token"]))[0] == 401
    assert (await http(node, "/api/auth/Auth.Token", {**shown, "token_expiry": 86_401}))[0] == 400


async def test_nobody_without_a_secret_gets_a_token(node: Node, owner: Client) -> None:
    """Not by leaving it out, not for a name that is none, not for a service; the answers are alike."""
    await owner.call("auth", "Auth.Generate", {"id": "ann"})
    await owner.call("auth", "Auth.Generate", {"id": "notes", "type": "service"})
    faults = [
        await http(node, "/api/auth/Auth.Token", shown)
        for shown in (
            {"id": "ann", "secret": "wrong"},
            {"id": "ann"},
            {"id": "bob", "secret": "x"},
            {"id": "notes"},
            {},
        )
    ]
    assert {(status, fault["detail"]) for status, fault in faults} == {(401, faults[0][1]["detail"])}
    with pytest.raises(BadRequest, match="proves itself"):
        await owner.call("auth", "Auth.Token", {"id": "notes"})


async def test_secrets_cannot_be_tried_out(node: Node, owner: Client) -> None:
    """After a few wrong ones the next is not looked at; right ones cost nothing, and whoever has a token goes on."""
    await owner.call("auth", "Auth.Generate", {"id": "ann", "secret": "correct horse battery"})
    tokens = await owner.call("auth", "Auth.Token", {"id": "ann"})
    wrong = {"id": "ann", "secret": "wrong"}
    anonymous = node.client(Caller(anonymous=True))
    for _ in range(TRIES + 1):
        assert await anonymous.call("auth", "Auth.Token", {"id": "ann", "secret": "correct horse battery"})
    for _ in range(TRIES):
        with pytest.raises(Unauthorized):
            await anonymous.call("auth", "Auth.Token", wrong)
    with pytest.raises(TooManyRequests):
        await anonymous.call("auth", "Auth.Token", {"id": "ann", "secret": "correct horse battery"})
    assert await anonymous.call("auth", "Auth.Token", {"refresh_token": tokens["refresh_token"]})


async def test_callers_at_work_keep_their_place(node: Node, owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is room for one, another waits until the first is done, and is then let in."""
    monkeypatch.setattr(local, "CLIENTS_MAX", 1)
    ann, bob = await token_of(owner, "ann"), await token_of(owner, "bob")
    call = asyncio.create_task(http(node, "/api/greeter/Say.Slowly", {"seconds": 1}, ann))
    await until(lambda: _link_of_greeter(node).session.calls)
    assert (await http(node, "/api/greeter/Say.Hello", None, bob))[0] == 429
    assert await call == (200, {"result": "at last"})
    assert (await http(node, "/api/greeter/Say.Hello", None, bob))[0] == 200


async def test_tokens_that_no_door_takes(node: Node, owner: Client, start_node: StartNode) -> None:
    """Altered, another node's, or none at all."""
    token = await token_of(owner)
    other = await start_node()
    async with client_of(other) as stranger:
        foreign = await token_of(stranger)
    altered = token[:-3] + ("A" if token[-3] != "A" else "B") + token[-2:]
    for wrong in (altered, foreign, "ma_", "mt_" + "0" * 48, token + "x"):
        assert (await http(node, "/api/greeter/Say.Hello", None, wrong))[0] == 401
    altered = token[:-3] + ("A" if token[-3] != "A" else "B") + token[-2:]
    refresh = (await owner.call("auth", "Auth.Token", {"id": "ann"}))["refresh_token"]
    for wrong in (altered, foreign, "ma_", "garbage", token[3:], f" {token}", refresh):
        client = user_of(node, wrong)
        with pytest.raises(Unauthorized):
            await client.call("node", "Node.Status")
        with pytest.raises(Unauthorized):
            await client.publish("orders", {})
        await client.close()


async def test_an_empty_token_is_no_owner(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gives one meant to give another, and does not become the owner by mistake."""
    with pytest.raises(ConfigError, match="empty"):
        user_of(node, "")
    with pytest.raises(ConfigError, match="empty"):
        blocking.Client(home=str(node.home.path), token="")
    monkeypatch.setenv("MICRO_TOKEN", "")
    with pytest.raises(ConfigError, match="MICRO_TOKEN"):
        Client(home=str(node.home.path))


async def test_a_link_ends_with_its_token(node: Node, owner: Client) -> None:
    """The second it expires."""
    token = await token_of(owner, token_expiry=2)
    async with user_of(node, token) as ann:
        assert await ann.call("greeter", "Say.Hello") == "Hello world"

        async def refused() -> bool:
            try:
                await ann.call("greeter", "Say.Hello")
            except (Fault, LinkClosed):
                return True
            return False

        await until(refused)
    assert (await http(node, "/api/greeter/Say.Hello", None, token))[0] == 401


async def test_topics_are_judged_too(node: Node, owner: Client) -> None:
    """Publishing and subscribing, each by its verb; a subscription that is forbidden ends."""
    token = await token_of(owner)
    await rule(owner, "news", "topic:news:*", access="denied", priority=2)
    await rule(owner, "read", "topic:news:Subscribe", scope="ops", priority=3)
    assert [(await http(node, "/api/publish/news", {}, t))[0] for t in ("", token, node.token)] == [401, 403, 200]
    assert (await http(node, "/api/publish/other", {}, token))[0] == 200
    async with user_of(node, token) as ann:
        with pytest.raises(Forbidden):
            await ann.publish("news", {"n": 1})
        await ann.publish("other", {"n": 1})
        async with ann.subscribe("news") as subscription:
            events = aiter(subscription)
            await owner.publish("news", {"n": 2})
            assert (await anext(events)).value == {"n": 2}
            await owner.call("auth", "Rules.Delete", {"id": "read"})
            with pytest.raises(Forbidden):
                await anext(events)
        await rule(owner, "other", "topic:other:Publish", scope="account:ann", access="denied", priority=9)
        with pytest.raises(Forbidden):
            await ann.publish("other", {"n": 2})


async def test_an_event_says_which_account_published_it(node: Node, owner: Client) -> None:
    """And an account cannot pass as a service."""
    token = await token_of(owner)
    async with user_of(node, token) as ann, owner.subscribe("news") as events:
        await ann.publish("news", {}, headers={names.CALLER: f"{node.nid}/bank"})
        published = aiter(events)
        assert (await anext(published)).publisher == f"{node.nid}/account:ann"
        for shown, publisher in ((token, f"{node.nid}/account:ann"), (node.token, node.nid)):
            assert (await http(node, "/api/publish/news", {}, shown))[0] == 200
            assert (await anext(published)).publisher == publisher


@pytest.mark.parametrize("change", ["rule", "scopes", "secret", "disabled", "deleted"])
async def test_what_is_open_ends_when_a_rule_refuses_it(node: Node, owner: Client, change: str) -> None:
    """Streams and calls under way, over the socket and over HTTP, with a fault that says so; all else goes on."""
    await rule(owner, "no", "service:greeter:*", access="denied")
    await rule(owner, "ops", "service:greeter:*", scope="ops", priority=2)
    await rule(owner, "dev", "service:greeter:*", scope="dev", priority=2)
    ann_token, bob_token = await token_of(owner), await token_of(owner, "bob", ("dev",))
    changes: dict[str, tuple[str, dict[str, Any]]] = {
        "rule": ("Rules.Delete", {"id": "ops"}),
        "scopes": ("Accounts.Update", {"id": "ann", "scopes": []}),
        "secret": ("Accounts.ChangeSecret", {"id": "ann"}),
        "disabled": ("Accounts.Update", {"id": "ann", "disabled": True}),
        "deleted": ("Accounts.Delete", {"id": "ann"}),
    }
    async with (
        user_of(node, ann_token) as ann,
        user_of(node, bob_token) as bob,
        ann.stream("greeter", "Say.Shout") as ours,
        bob.stream("greeter", "Say.Shout") as theirs,
    ):
        for words in (ours, theirs):
            await words.send("a")
            assert await anext(aiter(words)) == "A"
        slow = {"seconds": 600}
        call = asyncio.create_task(ann.call("greeter", "Say.Slowly", slow, timeout_seconds=700))
        posted = asyncio.create_task(http(node, "/api/greeter/Say.Slowly", slow, ann_token))
        finishing = asyncio.create_task(bob.call("greeter", "Say.Slowly", {"seconds": 2}))
        sessions = _link_of_greeter(node).session
        await until(lambda: len(sessions.calls) == 3)

        endpoint, said = changes[change]
        await owner.call("auth", endpoint, said)

        with pytest.raises(Forbidden, match="a rule changed"):
            await anext(aiter(ours))
        with pytest.raises(Forbidden, match="a rule changed"):
            await call
        status, fault = await posted
        assert (status, "a rule changed" in fault["detail"]) == (403, True)
        await until(lambda: len(sessions.calls) <= 1)  # nor does the service work on for nobody
        await theirs.send("b")
        assert await anext(aiter(theirs)) == "B"
        assert await finishing == "at last"


async def test_a_call_outlives_the_token_and_a_stream_does_not(node: Node, owner: Client) -> None:
    """The call was accepted; the stream ends with what it is: 401."""
    token = await token_of(owner, token_expiry=2)
    async with user_of(node, token) as ann, ann.stream("greeter", "Say.Shout") as words:
        call = asyncio.create_task(ann.call("greeter", "Say.Slowly", {"seconds": 4}))
        watched = asyncio.create_task(asyncio.to_thread(last_line, node, "/api/registry/Registry.Watch", token))
        with pytest.raises(Unauthorized, match="the token has expired"):
            await anext(aiter(words))
        with pytest.raises(Unauthorized):
            await ann.call("greeter", "Say.Hello")
        assert await call == "at last"
        assert "the token has expired" in (await watched)["fault"]["detail"]


async def test_changes_outlive_the_node(start_node: StartNode) -> None:
    """Accounts, rules and tokens, and that the default rule was removed."""
    node = await start_node()
    async with client_of(node) as owner:
        token = await token_of(owner)
        await rule(owner, "ops", "service:greeter:*", scope="ops")
        await owner.call("auth", "Rules.Delete", {"id": "default"})
    await node.stop()
    again = await start_node(str(node.home.path))
    async with client_of(again) as owner:
        assert [each["id"] for each in (await owner.call("auth", "Rules.List"))["rules"]] == ["ops"]
        assert (await owner.call("auth", "Auth.Inspect", {"token": token}))["id"] == "ann"
    async with user_of(again, token) as ann:
        with pytest.raises(NotFound):
            await ann.call("greeter", "Say.Hello")


async def test_what_cannot_be_made_is_refused(node: Node, owner: Client) -> None:
    """With a word on what would be right."""
    await token_of(owner)
    with pytest.raises(Conflict):
        await owner.call("auth", "Auth.Generate", {"id": "ann"})
    for request in (
        {"id": "A b"},
        {"id": "bob", "secret": "short"},
        {"id": "x", "type": "service", "secret": "y" * 20},
    ):
        with pytest.raises(BadRequest):
            await owner.call("auth", "Auth.Generate", request)
    with pytest.raises(BadRequest):
        await rule(owner, "r", "service:gre*:*")
    with pytest.raises(BadRequest, match="no topic can be called so"):
        await rule(owner, "r", "topic:orders/*:Subscribe")
    for endpoint in ("Accounts.Delete", "Rules.Delete", "Accounts.ChangeSecret", "Accounts.Update", "Auth.Token"):
        with pytest.raises(NotFound):
            await owner.call("auth", endpoint, {"id": "nobody"})


async def test_the_check_says_what_happens(node: Node, owner: Client) -> None:
    """For each kind of caller the same as a call meets, and by what."""
    await token_of(owner)
    await rule(owner, "ops", "service:greeter:*", scope="ops", priority=5)
    await rule(owner, "no", "service:greeter:*", access="denied", priority=4)

    async def check(caller: str, about: str) -> tuple[bool, str, str]:
        found = await owner.call("auth", "Rules.Check", {"caller": caller, "resource": resource(about)})
        return found["allowed"], found["by"], found["rule"]

    assert await check("ann", "service:greeter:Say.Hello") == (True, "rule", "ops")
    assert await check("account:ann", "service:greeter:Say.Hello") == (True, "rule", "ops")
    assert await check("anonymous", "service:greeter:Say.Hello") == (False, "rule", "no")
    assert await check(f"node:{node.nid}", "service:greeter:Say.Hello") == (False, "rule", "no")
    assert await check("service:notes", "service:other:Say.Hello") == (True, "rule", "default")
    assert await check("owner", "service:greeter:Say.Hello") == (True, "owner", "")
    assert await check("ann", "service:node:Node.Stop") == (False, "policy", "")
    assert await check("ann", "service:greeter:Debug.Health") == (True, "policy", "")
    assert await check("anonymous", "topic:orders:Publish") == (False, "policy", "")
    assert await check("ann", "topic:orders:Subscribe") == (True, "rule", "default")
    await owner.call("auth", "Rules.Delete", {"id": "default"})
    assert await check("ann", "service:other:Say.Hello") == (False, "no rule", "")
    with pytest.raises(NotFound):
        await check("nobody", "service:greeter:Say.Hello")
    with pytest.raises(BadRequest):
        await check("ann", "topic:orders:Say.Hello")
    with pytest.raises(BadRequest, match="no topic can be called so"):
        await check("ann", "topic:orders/eu:Publish")


async def test_a_rule_is_about_a_neighbour(start_node: StartNode, greeter_folder: Path) -> None:
    """By its nid, and by what an account of that name holds; over the link that was there before."""
    far, near = await start_node(network=True), await start_node(network=True)
    await run(far, greeter_folder)
    async with client_of(far) as owner, client_of(near) as client:
        ticket = (await owner.call("network", "Network.Ticket"))["ticket"]
        await client.call("network", "Network.Connect", {"ticket": ticket})
        await until(lambda: near.catalog.lookup("greeter"))
        assert await client.call("greeter", "Say.Hello") == "Hello world"

        await rule(owner, "no", "service:greeter:*", scope=f"node:{near.nid}", access="denied")
        with pytest.raises(Forbidden, match="may not use greeter"):
            await client.call("greeter", "Say.Hello")
        assert await client.call("greeter", "Debug.Health")
        assert await owner.call("greeter", "Say.Hello") == "Hello world"

        await rule(owner, "partners", "service:greeter:*", scope="partner", priority=2)
        await owner.call("auth", "Auth.Generate", {"id": near.nid, "type": "node", "scopes": ["partner"]})
        seen = await client.call("greeter", "Say.Caller")
        assert (seen["kind"], seen["nid"], seen["account"], seen["scopes"]) == ("peer", near.nid, near.nid, "partner")
        await owner.call("auth", "Accounts.Update", {"id": near.nid, "disabled": True})
        with pytest.raises(Forbidden):
            await client.call("greeter", "Say.Hello")


async def test_a_stream_of_a_neighbour_ends_by_a_rule_too(start_node: StartNode, greeter_folder: Path) -> None:
    """It is told why, through its own node."""
    here, there = await start_node(network=True), await start_node(network=True)
    await run(here, greeter_folder)
    async with client_of(here) as owner, client_of(there) as client:
        ticket = (await owner.call("network", "Network.Ticket"))["ticket"]
        await client.call("network", "Network.Connect", {"ticket": ticket})
        await until(lambda: there.catalog.lookup("greeter"))
        async with client.stream("greeter", "Say.Shout") as words:
            await words.send("a")
            assert await anext(aiter(words)) == "A"
            await rule(owner, "no", "service:greeter:Say.Shout", scope=f"node:{there.nid}", access="denied", priority=2)
            with pytest.raises(Forbidden, match="a rule changed"):
                await anext(aiter(words))
        assert await client.call("greeter", "Say.Hello") == "Hello world"


async def test_no_accounts_travel_to_a_neighbour(
    start_node: StartNode, greeter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom a node knows is its own business, and what another says about them counts for nothing there."""
    far, near = await start_node(network=True), await start_node(network=True)
    await run(far, greeter_folder)
    async with client_of(far) as owner, client_of(near) as client:
        ticket = (await owner.call("network", "Network.Ticket"))["ticket"]
        await client.call("network", "Network.Connect", {"ticket": ticket})
        await until(lambda: near.catalog.lookup("greeter"))
        token = await token_of(client)
        await token_of(owner)
        came: list[dict[str, str]] = []
        find = far.router._way

        def noted(link: Link, block: Block, stamp: int) -> Any:
            came.append(dict(block.headers))
            return find(link, block, stamp)

        monkeypatch.setattr(far.router, "_way", noted)
        async with user_of(near, token) as ann:
            lies = {names.ACCOUNT: "ann", names.SCOPES: "ops"}
            seen = await ann.call("greeter", "Say.Caller", headers=lies)
        assert seen == {"kind": "peer", "account": "", "scopes": "", "nid": near.nid, "service": ""}
        said = [headers for headers in came if headers.get(names.ENDPOINT) == "Say.Caller"]
        assert [headers[names.CALLER] for headers in said] == ["user"]
        assert not any(names.ACCOUNT in headers or names.SCOPES in headers for headers in said)


async def test_a_rule_keeps_a_topic_from_a_neighbour(start_node: StartNode, greeter_folder: Path) -> None:
    """Its services subscribe to an exported topic; from the rule on nothing comes to them, but what it has itself."""
    here, there = await start_node(network=True), await start_node(network=True)
    await run(there, greeter_folder)

    async def handled() -> list[str]:
        return [line.line for line in await there.supervisor.tail("greeter") if line.line.startswith("order")]

    async with client_of(here) as owner, client_of(there) as neighbour:
        ticket = (await owner.call("network", "Network.Ticket"))["ticket"]
        await neighbour.call("network", "Network.Connect", {"ticket": ticket})
        await until(lambda: here.catalog.lookup("greeter"))
        await owner.call("events", "Events.Export", {"topic": "orders"})
        await until(lambda: [q for topic in here.broker.topics() if topic.topic == "orders" for q in topic.queues])
        await owner.publish("orders", {"n": 1})

        async def first() -> bool:
            return await handled() == ["order 1"]

        await until(first)
        await rule(owner, "no", "topic:orders:Subscribe", scope=f"node:{there.nid}", access="denied")
        await owner.publish("orders", {"n": 2})
        await neighbour.publish("orders", {"n": 3})

        async def third() -> bool:
            return await handled() == ["order 1", "order 3"]

        await until(third)
        await owner.call("auth", "Rules.Delete", {"id": "no"})

        async def second() -> bool:
            return sorted(await handled()) == ["order 1", "order 2", "order 3"]

        await until(second)


async def test_a_catch_all_rule_is_no_way_around_the_policy(node: Node, owner: Client) -> None:
    """Rules refuse more, and never less."""
    await owner.call("auth", "Rules.Create", {"id": "all", "scope": "", "resource": ALL, "priority": 1_000_000})
    for path in ("node/Node.Stop", "auth/Rules.List", "store/Store.List", "greeter/Debug.Log", "config/Config.Get"):
        assert (await http(node, f"/api/{path}"))[0] == 401
