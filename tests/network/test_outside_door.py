"""What comes through a super node, on one machine: from its loopback, by WebSocket, and from a super node that lies."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from micro.doors.opening import open_doors
from micro.network.passage.server import PassageServer
from micro.trust.authority import Authority
from tests.network.places import StartNode, run
from tests.waiting import until

DOMAIN = "nodes.example"


def free_port() -> int:
    """Returns a port that nobody has now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Pair:
    """A super node and a node behind it, both here."""

    def __init__(self, start_node: StartNode) -> None:
        self._start = start_node
        self.port = free_port()
        self.paired: dict[str, Any] = {}

    async def start(self) -> None:
        domain = f"{DOMAIN}:{self.port}"
        self.hub = await self._start(
            network=True, super_node=True, relay_port=0, passage_domain=domain, passage_port=self.port
        )
        self.node = await self._start(
            network=True, api=True, api_port=0, mucp=False, phone_page_port=0, join=self.hub.ticket().encode()
        )
        await open_doors(self.node)
        await until(lambda: bool(self.node.backbone and self.node.backbone.status().get("home")), what="it is at home")
        self.paired = await self.own("POST", "/-/phone/outside/pair")
        self.url = str(self.paired["url"])
        self.host = self.url.removeprefix("https://")
        authority = Authority((self.node.home.path / "phone-outside.pem").read_bytes())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.load_verify_locations(cadata=authority.root)
        await until(self.linked, what="the super node passes on")

    async def linked(self) -> bool:
        """Says whether the super node passes on."""
        return bool((await self.own("GET", "/-/phone/outside"))["linked"])

    async def own(self, method: str, path: str) -> dict[str, Any]:
        """Asks as the owner, at home."""
        place = self.node.condition.addresses["api"].removeprefix("http://")
        host, _, port = place.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        token = {"authorization": f"Bearer {self.node.token}"}
        answer = await exchange(reader, writer, place, method, path, token)
        assert answer.status == 200, answer.body
        return dict(json.loads(answer.body))

    async def ask(self, method: str, path: str, headers: dict[str, str], body: str = "") -> Answer:
        """Asks from outside."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context, server_hostname=self.host.partition(":")[0]
        )
        return await exchange(reader, writer, self.host, method, path, headers, body)

    async def sign_in(self) -> dict[str, str]:
        """Signs a browser in, and returns what it shows from then on."""
        code = self.paired["sign_in"]["link"].split("#login=")[1]
        said = {"content-type": "application/json"}
        answer = await self.ask("POST", "/-/session", said, json.dumps({"code": code}))
        cookie = answer.headers["set-cookie"].split(";")[0]
        return {"cookie": cookie, "micro-session": json.loads(answer.body)["key"]}


async def exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    host: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: str = "",
) -> Answer:
    """Asks once over a connection, and closes it."""
    said = {"host": host, "connection": "close", "content-length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n{body}".encode())
    whole = await reader.read()
    writer.close()
    head, _, rest = whole.partition(b"\r\n\r\n")
    first, *others = head.decode().split("\r\n")
    found = {name.lower(): value for name, _, value in (line.partition(": ") for line in others)}
    return Answer(int(first.split()[1]), found, rest)


@pytest.fixture
async def pair(start_node: StartNode) -> Pair:
    """Starts both, and opens the door."""
    found = Pair(start_node)
    await found.start()
    return found


async def test_nobody_who_comes_that_way_is_of_this_machine(pair: Pair) -> None:
    """A browser on loopback of the super node's machine is not the node's, though its address is told as it is."""
    assert (await pair.ask("GET", "/healthz", {})).status == 200
    for path in ("/api", "/metrics", "/-/phone", "/api/registry/Registry.List"):
        assert (await pair.ask("GET", path, {})).status == 401, path
    secret = json.dumps({"id": "ann", "secret": "guessed"})
    for path in ("/api/auth/Auth.Token", "/api/auth/Auth.Inspect"):  # guesses would shut out whom they are about
        answer = await pair.ask("POST", path, {"content-type": "application/json"}, secret)
        assert answer.status == 401
        assert b"who asks from another machine" in answer.body, path
    assert (await pair.own("GET", "/-/phone"))["open"] is False  # the door of the house is another, and stays closed


async def test_calls_and_websockets_pass(pair: Pair, greeter_folder: Path) -> None:
    """With a session, and from a page of this very origin alone."""
    await run(pair.node, greeter_folder)
    signed = await pair.sign_in()
    body = json.dumps({"name": "Ann"})
    said = {"content-type": "application/json", **signed}
    assert json.loads((await pair.ask("POST", "/api/greeter/Say.Hello", said, body)).body) == {"result": "Hello Ann"}

    settings: dict[str, Any] = {"ssl": pair.context, "host": "127.0.0.1", "port": pair.port}
    way = f"wss://{pair.host}/api/greeter/Say.Shout"
    async with connect(way, additional_headers=signed, proxy=None, **settings) as shout:
        for word in ("one", "two" * 50_000):
            await shout.send(json.dumps({"result": word}))
            assert json.loads(await shout.recv()) == {"result": word.upper()}
    for headers in ({}, signed | {"origin": f"https://evil.{DOMAIN}:{pair.port}"}):
        with pytest.raises(InvalidStatus) as refused:
            await connect(way, additional_headers=headers, proxy=None, **settings)
        assert refused.value.response.status_code in (401, 403)


async def test_a_large_answer_passes_whole_to_a_slow_reader(pair: Pair, greeter_folder: Path) -> None:
    """It waits in between, and nothing is lost."""
    await run(pair.node, greeter_folder)
    signed = await pair.sign_in()
    body = "x" * 3_000_000
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", pair.port, ssl=pair.context, server_hostname=pair.host.partition(":")[0], limit=1024
    )
    headers = {"host": pair.host, "content-type": "application/octet-stream", "connection": "close", **signed}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST /api/greeter/Say.Bytes HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n{body}".encode())
    await asyncio.sleep(1)
    assert (await reader.read()).endswith(body.encode())
    writer.close()


async def test_a_super_node_with_another_domain_is_not_followed(pair: Pair, start_node: StartNode) -> None:
    """What phones trust is one name; the owner is told, and pairs again."""
    home, port = pair.hub.home.path, pair.port
    await pair.hub.stop()
    settings: dict[str, Any] = {"network": True, "super_node": True, "relay_port": 0, "passage_port": port}
    await start_node(str(home), passage_domain=f"others.example:{port}", **settings)

    async def told() -> bool:
        return "others.example" in (await pair.own("GET", "/-/phone/outside"))["trouble"]

    await until(told, what="the owner is told")
    assert pair.url == (await pair.own("GET", "/-/phone/outside"))["url"]
    before = pair.paired["fingerprint"]
    [offer] = (await pair.own("GET", "/-/phone/outside/offers"))["offers"]
    await pair.own("POST", "/-/phone/outside/stop")
    again = await pair.own("POST", f"/-/phone/outside/pair/{offer['nid']}")
    assert ".others.example:" in again["url"]
    assert again["fingerprint"] != before


async def test_a_super_node_may_say_anything_of_addresses(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes nobody a program of the node's machine."""
    said = ["127.0.0.1", "::1", "localhost", ""]
    original = PassageServer._pass

    async def lie(self: PassageServer, seat: Any, address: str, *rest: Any) -> None:
        await original(self, seat, said.pop(), *rest)

    monkeypatch.setattr(PassageServer, "_pass", lie)
    pair = Pair(start_node)
    await pair.start()
    statuses = [(await pair.ask("GET", "/api", {})).status for _ in range(len(said))]
    assert statuses == [401] * 4


async def test_a_node_without_a_network_starts_all_the_same(pair: Pair, start_node: StartNode) -> None:
    """What was open stays closed, and nothing else is in the way."""
    home = str(pair.node.home.path)
    await pair.node.stop()
    node = await start_node(home, api=True, api_port=0, mucp=False)
    await open_doors(node)

    assert "phone_outside" not in node.condition.addresses
