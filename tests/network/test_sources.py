"""Services from a git host of one's own on loopback: run, followed, and looked at when somebody says so."""

from __future__ import annotations

import asyncio
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from micro.doors.api.opening import open_api
from micro.errors import ConfigError, Forbidden
from micro.node.front import Client
from micro.node.node import Node
from micro.node.sourcing import NOTICES_MAX, Notices
from micro.runtime.source.notice import TOPIC, Notice
from micro.service.broker.broker import StoredEvent
from micro.system import SystemClock
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.policy import Caller
from tests.network.places import GREETER, StartNode, client_of, until
from tests.network.test_exports import Town
from tests.unit.runtime.source.forge import Forge, Repository

STRANGER = Caller(nid=nid_of(NodeKey(bytes([9]) * 32).public))
SECRET = "known to the forge alone"
POLITE = GREETER.replace("Hello {name}", "Good day, {name}")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "forge" / "ann" / "greeter.git")
    made.files(main_py=GREETER)
    return made


@pytest.fixture
def forge(tmp_path: Path, repository: Repository) -> Iterator[Forge]:
    with Forge(tmp_path / "forge").open() as opened:
        yield opened


@pytest.fixture
async def node(start_node: StartNode, forge: Forge) -> Node:
    """Returns a node that trusts the host's own certificate, and listens for HTTP."""
    settings = {"source_authorities": str(forge.authorities), "hook_secret": SECRET, "trial": False}
    node = await start_node(api=True, api_port=0, **settings)
    await open_api(node)
    return node


@pytest.fixture
async def owner(node: Node) -> AsyncIterator[Client]:
    async with client_of(node, direct=False) as client:
        yield client


async def run(node: Node, forge: Forge, ref: str = "") -> str:
    """Runs the greeter from its host and returns where that is."""
    place = f"https://localhost:{forge.port}/ann/greeter.git"
    async for progress in node.supervisor.run(f"{place}{ref}"):
        assert not progress.failed, progress.detail
    return place


def push(place: str) -> dict[str, Any]:
    """What a forge sends for a push to the main branch."""
    return {"ref": "refs/heads/main", "repository": {"clone_url": place}, "commits": [{"message": "Be polite"}]}


def looks(forge: Forge) -> int:
    return len([request for request in forge.requests if "info/refs" in request])


async def post(node: Node, body: object, token: str = "") -> int:
    """Publishes by HTTP, and returns the status of the answer."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await send(node, f"/api/publish/{TOPIC}", json.dumps(body).encode(), headers)


async def sign(node: Node, body: object) -> int:
    """Posts to the node's hook as GitHub does, and returns the status of the answer."""
    data = json.dumps(body).encode()
    signature = hmac.digest(SECRET.encode(), data, "sha256").hex()
    return await send(node, "/hook", data, {"x-hub-signature-256": f"sha256={signature}"})


async def send(node: Node, path: str, data: bytes, headers: dict[str, str]) -> int:
    headers = {"content-type": "application/json", **headers}
    request = urllib.request.Request(f"{node.condition.api_address}{path}", data, headers)

    def ask() -> int:
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    return await asyncio.to_thread(ask)


async def token_of(owner: Client) -> str:
    await owner.call("auth", "Auth.Generate", {"id": "forge", "scopes": ["hooks"]})
    return str((await owner.call("auth", "Auth.Token", {"id": "forge"}))["access_token"])


async def moved(owner: Client) -> bool:
    return await owner.call("greeter", "Say.Hello", {"name": "Ann"}) == "Good day, Ann"


async def test_the_readme_of_a_source_is_shown_to_the_owner(
    node: Node, owner: Client, forge: Forge, repository: Repository, tmp_path: Path
) -> None:
    """Of a revision as it was fetched, and of a folder as it is; nobody else may ask."""
    readme = ("100644", repository.blob(b"# Greeter"), b"README.md")
    repository.commit(repository.tree(readme, ("100644", repository.blob(GREETER.encode()), b"main.py")))
    await run(node, forge)
    folder = tmp_path / "second"
    folder.mkdir()
    (folder / "main.py").write_text(GREETER.replace('"greeter"', '"second"'))
    async for progress in node.supervisor.run(str(folder), None):
        assert not progress.failed, progress
    (folder / "README").write_text("by now")

    async def shown(name: str) -> Any:
        return await owner.call("runtime", "Runtime.Readme", {"name": name})

    assert await shown("greeter") == {"file": "README.md", "text": "# Greeter", "cut": False}
    assert await shown("second") == {"file": "README", "text": "by now", "cut": False}
    assert await shown("auth") == await shown("nobody") == {"file": "", "text": "", "cut": False}
    assert await send(node, "/api/runtime/Runtime.Readme", b'{"name": "greeter"}', {}) == 401


async def test_the_owner_says_that_a_source_changed(
    node: Node, owner: Client, forge: Forge, repository: Repository
) -> None:
    """The service is what its source is a moment later, and not a minute, with no call failed."""
    place = await run(node, forge)
    commit = repository.files(main_py=POLITE)
    await owner.publish(TOPIC, {"source": place})
    await until(lambda: moved(owner))
    said = (await owner.call("runtime", "Runtime.Status"))["services"][0]

    assert (said["revision"], said["newest"], said["ref"], said["evolves"]) == (commit, commit, "HEAD", True)


@pytest.mark.parametrize("door", ["publish", "hook"])
async def test_a_forge_says_so_over_http(
    node: Node, owner: Client, forge: Forge, repository: Repository, door: str
) -> None:
    """With a token of an account or with its signature, in the words that forges use."""
    place = await run(node, forge, "@main")
    repository.files(main_py=POLITE)
    status = (
        await post(node, push(place), await token_of(owner)) if door == "publish" else await sign(node, push(place))
    )

    assert status == {"publish": 200, "hook": 202}[door]
    await until(lambda: moved(owner))


async def test_who_may_not_say_so(node: Node, owner: Client, forge: Forge) -> None:
    """Nobody unknown, no account that a rule denies it, no other node: and nothing is looked at because of them."""
    place = await run(node, forge)
    before = looks(forge)
    denied = {"id": "quiet", "resource": {"type": "topic", "name": TOPIC, "endpoint": "Publish"}, "priority": 9}
    await owner.call("auth", "Rules.Create", {**denied, "scope": "hooks", "access": "denied"})

    assert [await post(node, push(place)), await post(node, push(place), await token_of(owner))] == [401, 403]
    with pytest.raises(Forbidden, match="not open to"):
        await node.client(STRANGER).publish(TOPIC, {"source": place})
    assert looks(forge) == before


async def test_another_node_says_so_if_it_may(node: Node, owner: Client, forge: Forge, repository: Repository) -> None:
    """A topic that the owner exported takes events of others, and they bring no more than a look."""
    place = await run(node, forge)
    repository.files(main_py=POLITE)
    await owner.call("events", "Events.Export", {"topic": TOPIC})
    await node.client(STRANGER).publish(TOPIC, {"source": place})
    await until(lambda: moved(owner))


async def test_the_topic_of_another_node_is_not_heard(start_node: StartNode, repository: Repository) -> None:
    """What a neighbour publishes at its own node reaches those who subscribe here, and moves nothing."""
    async with AsyncExitStack() as stack:
        town = await Town(start_node, stack).build()
        async for progress in town.near.supervisor.run(f"{repository.folder}@main"):
            assert not progress.failed, progress.detail
        await town.export(TOPIC)
        reader = await town.queue(town.client, None, TOPIC)
        await until(lambda: town.far.eventing.desk.subscribed())
        await town.owner.publish(TOPIC, {"source": str(repository.folder)})

        assert (await anext(aiter(reader))).value == {"source": str(repository.folder)}
        assert town.near.supervisor.status()[0]["look_seconds"] > 0  # nothing is due

        before = town.near.supervisor.status()[0]["looked"]
        await town.client.publish(TOPIC, {"source": str(repository.folder)})
        await until(lambda: town.near.supervisor.status()[0]["looked"] > before)


async def test_a_flood_is_passed_over() -> None:
    """So many events a minute are read, whoever publishes them, and the rest costs nothing."""
    heard: list[Notice] = []

    def hint(notice: Notice) -> int:
        heard.append(notice)
        return 0

    notices = Notices(hint, SystemClock())
    event = StoredEvent("1", TOPIC, "x", {}, b'{"service": "greeter"}', 0.0)
    assert all(notices.deliver(number, event) for number in range(NOTICES_MAX + 100))
    assert len(heard) == NOTICES_MAX


async def test_a_host_of_this_machine_is_refused(start_node: StartNode, forge: Forge) -> None:
    """Unless the owner lets sources come from the network around his machine."""
    node = await start_node(source_authorities=str(forge.authorities), allow_private_sources=False)
    async for progress in node.supervisor.run(f"https://localhost:{forge.port}/ann/greeter.git"):
        last = progress

    assert "is no host of the open internet" in last.detail
    assert not forge.requests


async def test_a_certificate_of_its_own_is_refused(start_node: StartNode, forge: Forge) -> None:
    """Unless the owner names it, and the refusal says how."""
    node = await start_node()
    async for progress in node.supervisor.run(f"https://localhost:{forge.port}/ann/greeter.git"):
        last = progress

    assert "source_authorities names who may" in last.detail


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"source_look_seconds_min": 900, "source_look_seconds_max": 60}, "make it the less"),
        ({"hook_secret": "1234"}, "less than 16 characters"),
    ],
)
async def test_settings_that_cannot_be_meant(start_node: StartNode, settings: dict[str, object], reason: str) -> None:
    """What contradicts itself, or can be guessed, is refused at the start."""
    with pytest.raises(ConfigError, match=reason):
        await start_node(**settings)
