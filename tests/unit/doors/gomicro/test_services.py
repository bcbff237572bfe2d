"""go-micro's own services are the node's, and answer whom they should."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from micro.doors.api.access import ANONYMOUS, OWNER
from micro.doors.gomicro.registry import WATCHES_MAX
from micro.doors.mucp.names import ASKED_AT
from micro.errors import Conflict, Fault, NotFound, TooManyRequests
from micro.trust.policy import Caller
from tests.unit.doors.gomicro.town import Town, open_town

pytestmark = pytest.mark.asyncio(loop_scope="module")
WAIT_SECONDS = 30
USER = Caller(user=True, account="ann")
PEER = Caller(nid="b" * 52)
NOTE = {"name": "notes", "version": "1", "nodes": [{"id": "notes-1", "address": "127.0.0.1:9"}]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town() -> AsyncIterator[Town]:
    """A node whose owner trusts nobody."""
    async with open_town() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trusting() -> AsyncIterator[Town]:
    """A node that trusts programs of its machine."""
    async with open_town(trusts=True) as found:
        yield found


async def ask(town: Town, service: str, endpoint: str, request: Any = None, *, caller: Caller = OWNER) -> Any:
    return await town.node.client(caller).call(f"go-micro-{service}", endpoint, request)


async def code(town: Town, service: str, endpoint: str, request: Any = None, *, caller: Caller) -> int:
    try:
        await ask(town, service, endpoint, request, caller=caller)
    except Fault as fault:
        return fault.code
    return 0


# -- who may -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "endpoint", "request_"),
    [
        ("store", "Store.List", {}),
        ("store", "Store.Read", {"key": "a"}),
        ("config", "Config.List", {}),
        ("auth", "Accounts.List", {}),
        ("auth", "Auth.Token", {"id": "ann"}),
        ("events", "Store.Read", {"topic": "t"}),
    ],
)
@pytest.mark.parametrize(("caller", "refused"), [(ANONYMOUS, 401), (PEER, 403)])
async def test_what_is_the_owners_answers_him_alone(
    trusting: Town, service: str, endpoint: str, request_: Any, caller: Caller, refused: int
) -> None:
    """Whomever the node trusts with events."""
    assert await code(trusting, service, endpoint, request_, caller=caller) == refused


@pytest.mark.parametrize(
    ("service", "endpoint"),
    [("registry", "Registry.ListServices"), ("broker", "Broker.Publish"), ("client", "Client.Call")],
)
async def test_no_other_node_asks_here(trusting: Town, service: str, endpoint: str) -> None:
    """They are for programs of this machine; a node asks as nodes do."""
    assert await code(trusting, service, endpoint, {}, caller=PEER) == 403


async def test_who_may_register(town: Town, trusting: Town) -> None:
    """The owner; programs of this machine where they are trusted, and then no address elsewhere."""
    assert await code(town, "registry", "Registry.Register", NOTE, caller=ANONYMOUS) == 401
    assert await code(trusting, "registry", "Registry.Register", NOTE, caller=ANONYMOUS) == 0
    for address in ("192.0.2.1:80", "example.org:80", "localhost:80"):
        wish = {**NOTE, "nodes": [{"id": "notes-2", "address": address}]}
        assert await code(trusting, "registry", "Registry.Register", wish, caller=ANONYMOUS) == 403
    assert await code(trusting, "registry", "Registry.Register", NOTE, caller=OWNER) == 403  # it is somebody else's
    assert await code(trusting, "registry", "Registry.Deregister", NOTE, caller=OWNER) == 0
    assert await code(trusting, "registry", "Registry.GetService", {"service": "notes"}, caller=OWNER) == 404


async def test_who_may_publish(town: Town, trusting: Town) -> None:
    """By the broker and by the client as by themselves."""
    wish = {"topic": "notes", "message": {"header": {}, "body": "e30="}}
    assert await code(town, "broker", "Broker.Publish", wish, caller=ANONYMOUS) == 401
    assert await code(trusting, "broker", "Broker.Publish", wish, caller=ANONYMOUS) == 0
    plain = {"topic": "notes", "body": "e30="}
    assert await code(town, "client", "Client.Publish", plain, caller=OWNER) == 0
    assert await code(trusting, "client", "Client.Publish", plain, caller=ANONYMOUS) == 401


# -- the registry ------------------------------------------------------------------------------------------------------


async def test_a_service_of_the_node_is_found_at_its_door(town: Town) -> None:
    """Under its own name, and under one with dots."""
    for name in ("greeter", "go.micro.store"):
        (found,) = (await ask(town, "registry", "Registry.GetService", {"service": name}, caller=ANONYMOUS))["services"]
        assert found["name"] == name
        (node,) = found["nodes"]
        assert (node["address"], node["metadata"]["protocol"]) == (town.address, "mucp")
    where = town.node.condition.addresses
    where["grpc"] = "127.0.0.1:9"
    wish = {"service": "greeter"}
    for headers, wanted in (({}, ("127.0.0.1:9", "grpc")), ({ASKED_AT: "mucp"}, (town.address, "mucp"))):
        client = town.node.client(ANONYMOUS)
        answer = await client.call("go-micro-registry", "Registry.GetService", wish, headers=headers)
        (node,) = answer["services"][0]["nodes"]
        assert (node["address"], node["metadata"]["protocol"]) == wanted
    del where["grpc"]
    streams = {each["name"]: each["metadata"] for each in found["endpoints"]}
    assert streams["Store.List"] == {"stream": "true"}
    assert streams["Store.Read"] == {}


async def test_what_was_registered_is_found_as_it_was_said(town: Town) -> None:
    """Each version with its nodes, until it leaves."""
    one = {**NOTE, "metadata": {"a": "b"}, "endpoints": [{"name": "A.B", "request": {"name": "r", "type": "R"}}]}
    two = {**NOTE, "version": "2", "nodes": [{"id": "notes-2", "address": "127.0.0.1", "port": 8}]}
    for wish in (two, one, one):
        await ask(town, "registry", "Registry.Register", wish)
    found = (await ask(town, "registry", "Registry.GetService", {"service": "notes"}))["services"]
    assert [each["version"] for each in found] == ["1", "2"]
    assert found[0]["endpoints"][0]["request"]["type"] == "R"
    assert [each["id"] for each in found[1]["nodes"]] == ["notes-2"]
    listed = await ask(town, "registry", "Registry.ListServices")
    assert [each["name"] for each in listed["services"]].count("notes") == 1
    for wish in (one, two):
        await ask(town, "registry", "Registry.Deregister", wish)
    with pytest.raises(NotFound):
        await ask(town, "registry", "Registry.GetService", {"service": "notes"})


@pytest.mark.parametrize(
    ("wrong", "refused"),
    [
        ({"name": ""}, 400),
        ({"name": "x" * 200}, 400),
        ({"version": ""}, 400),
        ({"nodes": []}, 400),
        ({"nodes": [{"id": "a", "address": "127.0.0.1:x"}]}, 400),
        ({"nodes": [{"id": "a", "address": "127.0.0.1:99999"}]}, 400),
        ({"nodes": [{"id": "", "address": "127.0.0.1:9"}]}, 400),
        ({"nodes": [{"id": f"n{n}", "address": "127.0.0.1:9"} for n in range(65)]}, 400),
        ({"options": {"ttl": -1}}, 400),
        ({"metadata": {"a": "x" * 70_000}}, 413),
    ],
)
async def test_nonsense_is_not_registered(town: Town, wrong: dict[str, Any], refused: int) -> None:
    """With what is wrong about it."""
    assert await code(town, "registry", "Registry.Register", {**NOTE, **wrong}, caller=OWNER) == refused


async def test_changes_are_watched(town: Town) -> None:
    """What comes, becomes another, and leaves; of one service alone where one is named."""
    async with (
        town.node.client(ANONYMOUS).stream("go-micro-registry", "Registry.Watch", {"service": "notes"}) as changes,
        asyncio.timeout(WAIT_SECONDS),
    ):
        await asyncio.sleep(0.2)  # it is watched from when it is there
        await ask(town, "registry", "Registry.Register", {**NOTE, "name": "other"})
        seen = []
        for verb, wish in (
            ("Register", NOTE),
            ("Register", {**NOTE, "metadata": {"a": "b"}}),
            ("Deregister", NOTE),
        ):
            await ask(town, "registry", f"Registry.{verb}", wish)
            result = await anext(aiter(changes))
            seen.append((result["action"], result["service"]["name"]))
        assert seen == [("create", "notes"), ("update", "notes"), ("delete", "notes")]
    await ask(town, "registry", "Registry.Deregister", {**NOTE, "name": "other"})


async def test_only_so_many_watch(town: Town) -> None:
    """Each looks at all there is, so that many would keep the node from its work; who leaves makes room."""
    client = town.node.client(ANONYMOUS)
    async with contextlib.AsyncExitStack() as open_, asyncio.timeout(WAIT_SECONDS):
        streams = [
            await open_.enter_async_context(client.stream("go-micro-registry", "Registry.Watch", {}))
            for _ in range(WATCHES_MAX + 1)
        ]
        with pytest.raises(TooManyRequests):
            await anext(aiter(streams[-1]))
    async with client.stream("go-micro-registry", "Registry.Watch", {}) as changes, asyncio.timeout(WAIT_SECONDS):
        await asyncio.sleep(0.2)  # it is watched from when it is there
        await ask(town, "registry", "Registry.Register", NOTE)
        assert (await anext(aiter(changes)))["action"] == "create"
    await ask(town, "registry", "Registry.Deregister", NOTE)


# -- broker and client -------------------------------------------------------------------------------------------------


async def test_events_go_through_the_broker(town: Town) -> None:
    """With the headers that programs gave them, and nobody's token."""
    client = town.node.client(OWNER)
    header = {"X-Test": "1", "Content-Type": "application/json", "Authorization": "Bearer secret", "Micro-Id": "7"}
    async with client.stream("go-micro-broker", "Broker.Subscribe", {"topic": "spoken", "queue": "work"}) as events:
        wish = {"topic": "spoken", "message": {"header": header, "body": "eyJhIjoxfQ=="}}
        async with client.subscribe("spoken") as ours, asyncio.timeout(WAIT_SECONDS):
            await ask(town, "broker", "Broker.Publish", wish)
            event = await anext(aiter(events))
            mine = await anext(aiter(ours))
    assert event["body"] == "eyJhIjoxfQ=="
    assert {name: event["header"][name] for name in ("X-Test", "Micro-Id", "Micro-Topic", "Content-Type")} == {
        "X-Test": "1",
        "Micro-Id": "7",
        "Micro-Topic": "spoken",
        "Content-Type": "application/json",
    }
    assert "Authorization" not in {**event["header"], **mine.headers}
    assert (mine.value, mine.id) == ({"a": 1}, "7")


async def test_the_client_calls_for_others(town: Town) -> None:
    """With the caller's own rights, and never itself."""
    wish = {"service": "greeter", "endpoint": "Say.Hello", "content_type": "application/json", "body": "e30="}
    answer = await ask(town, "client", "Client.Call", wish, caller=ANONYMOUS)
    assert answer["body"] == "eyJyZXN1bHQiOiJIZWxsbyB3b3JsZCJ9"
    (noted,) = town.node.record.last(1)
    assert (noted.door, noted.service, noted.endpoint, noted.code) == ("mucp", "greeter", "Say.Hello", 0)
    assert (noted.caller, noted.request, noted.answer_bytes) == ("an anonymous caller", b"{}", 24)
    for service, refused in (("node", 401), ("go.micro.store", 401), ("go.micro.client", 400), ("nobody", 404)):
        asked = {**wish, "service": service, "endpoint": "Node.Stop"}
        assert await code(town, "client", "Client.Call", asked, caller=ANONYMOUS) == refused


async def test_the_client_streams_for_others(town: Town) -> None:
    """The first request opens, and each later one is a message."""
    asked = {"service": "chatter", "endpoint": "Say.Chat", "content_type": "application/json"}
    async with (
        town.node.client(ANONYMOUS).stream("go-micro-client", "Client.Stream") as stream,
        asyncio.timeout(WAIT_SECONDS),
    ):
        await stream.send({**asked, "body": "e30="})
        await stream.send({**asked, "body": "eyJuYW1lIjoiYSJ9"})
        assert await anext(aiter(stream)) == {"body": "eyJtc2ciOiJlY2hvIGEifQ=="}
        await stream.send({**asked, "body": "eyJuYW1lIjoiYnllIn0="})
        assert [each async for each in stream] == []
    (noted,) = town.node.record.last(1)
    assert (noted.service, noted.endpoint, noted.code, noted.answer_bytes) == ("chatter", "Say.Chat", 0, 16)


# -- what is kept ------------------------------------------------------------------------------------------------------


async def test_records_are_kept(town: Town) -> None:
    """In the store of the service that is called as the database, for as long as they last."""
    options = {"database": "go.notes", "table": "things"}
    for key in ("a/1", "a/2", "b/1"):
        record = {"key": key, "value": "eA==", "expiry": 3600 if key == "b/1" else 0}
        await ask(town, "store", "Store.Write", {"record": record, "options": options})
    found = await ask(town, "store", "Store.Read", {"key": "a/", "options": {**options, "prefix": True}})
    assert [(each["key"], each["value"], each["expiry"]) for each in found["records"]] == [
        ("a/1", "eA==", 0),
        ("a/2", "eA==", 0),
    ]
    (one,) = (await ask(town, "store", "Store.Read", {"key": "b/1", "options": options}))["records"]
    assert 3500 < one["expiry"] <= 3600
    ours = await town.node.client(OWNER).call(
        "store", "Store.Read", {"key": "a/1", "table": "things", "service": "go-notes"}
    )
    assert ours["value"] == "eA=="
    await ask(town, "store", "Store.Delete", {"key": "a/1", "options": options})
    with pytest.raises(NotFound):
        await ask(town, "store", "Store.Read", {"key": "a/1", "options": options})
    async with town.node.client(OWNER).stream(
        "go-micro-store", "Store.List", {"options": {**options, "suffix": "/1"}}
    ) as pages:
        assert [page["keys"] async for page in pages] == [["b/1"]]


async def test_lists_have_limits(town: Town) -> None:
    """From which on, and how many; by pages, so that one answer is never too large."""
    options = {"table": "many"}
    for number in range(205):
        record = {"key": f"k{number:03}", "value": ""}
        await ask(town, "store", "Store.Write", {"record": record, "options": options})

    async def keys(**more: Any) -> list[list[str]]:
        wish = {"options": {**options, **more}}
        async with town.node.client(OWNER).stream("go-micro-store", "Store.List", wish) as pages:
            return [page["keys"] async for page in pages]

    assert [len(page) for page in await keys()] == [100, 100, 5]
    assert await keys(offset=99, limit=2) == [["k099", "k100"]]
    assert await keys(suffix="00", offset=1) == [["k100", "k200"]]
    with pytest.raises(Fault):
        await keys(limit=-1)


async def test_settings_are_kept(town: Town) -> None:
    """As JSON below the service that they are for, and watched."""
    change = {"namespace": "go.notes", "path": "look", "changeSet": {"data": '{"colour":"red"}', "format": "json"}}
    await ask(town, "config", "Config.Create", {"change": change})
    with pytest.raises(Conflict):
        await ask(town, "config", "Config.Create", {"change": change})
    found = (await ask(town, "config", "Config.Read", {"namespace": "go.notes", "path": "look"}))["change"]
    assert found["changeSet"]["data"] == '{"colour":"red"}'
    client = town.node.client(OWNER)
    assert (await client.call("config", "Config.Get", {"path": "go-notes.look.colour"}))["value"] == "red"
    wish = {"namespace": "go.notes", "path": "look"}
    async with client.stream("go-micro-config", "Config.Watch", wish) as changes, asyncio.timeout(WAIT_SECONDS):
        await asyncio.sleep(0.2)  # it is watched from when it is there
        change["changeSet"] = {"data": '{"colour":"blue"}'}
        await ask(town, "config", "Config.Update", {"change": change})
        assert (await anext(aiter(changes)))["changeSet"]["data"] == '{"colour":"blue"}'
    assert "go-notes" in [each["namespace"] for each in (await ask(town, "config", "Config.List"))["values"]]
    await ask(town, "config", "Config.Delete", {"change": {"namespace": "go.notes"}})
    with pytest.raises(NotFound):
        await ask(town, "config", "Config.Read", {"namespace": "go.notes"})


async def test_accounts_and_rules_are_kept(town: Town) -> None:
    """And the tokens are the node's."""
    made = (await ask(town, "auth", "Auth.Generate", {"id": "ann", "scopes": ["notes"]}))["account"]
    assert (made["type"], made["scopes"], made["issuer"]) == ("user", ["notes"], town.node.nid)
    token = (await ask(town, "auth", "Auth.Token", {"id": "ann", "secret": made["secret"]}))["token"]
    assert token["expiry"] > token["created"]
    assert town.node.gate.visit(token["access_token"]).caller.account == "ann"
    found = await ask(town, "auth", "Auth.Inspect", {"token": token["access_token"]})
    assert found["account"]["id"] == "ann"
    assert await code(town, "store", "Store.List", {}, caller=USER) == 403
    rule = {"id": "r", "scope": "notes", "resource": {"name": "greeter"}, "access": 2, "priority": 9}
    await ask(town, "auth", "Rules.Create", {"rule": rule})
    listed = (await ask(town, "auth", "Rules.List"))["rules"]
    assert next(each for each in listed if each["id"] == "r")["access"] == 2
    wish = {"service": "greeter", "endpoint": "Say.Hello", "body": ""}
    assert await code(town, "client", "Client.Call", wish, caller=USER) == 403
    await ask(town, "auth", "Rules.Delete", {"id": "r"})
    assert await code(town, "client", "Client.Call", wish, caller=USER) == 0


async def test_events_are_kept(town: Town) -> None:
    """Published, read again, and consumed by a queue from its beginning."""
    for number in range(3):
        wish = {"topic": "told", "metadata": {"nO": str(number)}, "payload": "eA=="}
        await ask(town, "events", "Stream.Publish", wish)
    found = (await ask(town, "events", "Store.Read", {"topic": "told", "offset": 1, "limit": 1}))["events"]
    assert [(each["topic"], each["payload"]) for each in found] == [("told", "eA==")]
    wish = {"topic": "told", "queue": "q", "start_at_time": 1, "auto_ack": True}
    async with (
        town.node.client(OWNER).stream("go-micro-events", "Stream.Consume", wish) as events,
        asyncio.timeout(WAIT_SECONDS),
    ):
        coming = aiter(events)
        assert [(await anext(coming))["metadata"] for _ in range(3)] == [{"nO": str(number)} for number in range(3)]
    with pytest.raises(Fault, match="auto_ack"):
        async with town.node.client(OWNER).stream("go-micro-events", "Stream.Consume", {"topic": "told"}) as events:
            await anext(aiter(events))
