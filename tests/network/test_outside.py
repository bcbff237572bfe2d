"""A phone anywhere, a super node with a domain, and a node that nobody can reach: each a process with an address."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from micro.trust.authority import Authority
from tests.network.lab import Host, Lab, reason_not_to
from tests.network.test_phones import JSON, Answer, within
from tests.waiting import until

REASON = reason_not_to()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON or "there are namespaces")

DOMAIN = "nodes.example"
SAID = "quite-unlikely-words-of-a-person"
HEADER = b"a browser that nobody else has"
TRIES = 10
LOOK_BYTES = 1 << 20


class World:
    """A super node, a hidden node behind it, and phones elsewhere."""

    def __init__(self, lab: Lab) -> None:
        self.hub = lab.host("hub")
        self.node = lab.hidden("node", [self.hub])
        self.phone, self.other = lab.host("phone"), lab.host("other")
        self.root = b""
        self.url = ""

    async def start(self) -> None:
        await self.start_hub()
        self.ticket = await self.hub.micro("network", "ticket", "--output", "plain")
        await self.start_node()

    async def start_hub(self) -> None:
        await self.hub.start("--super", "--passage-domain", DOMAIN)

    async def start_node(self, *options: str) -> None:
        await self.node.start("--api", "--api-port", "0", "--join", self.ticket, *options)

        async def ready() -> bool:
            status = await self.node.ask("node", "Node.Status")
            return "mucp" in status and bool(status["backbone"]["home"])

        await until(ready, what="all doors are open, and the home is found")

    async def web(self, *options: str) -> dict[str, Any]:
        """Types `micro web` at the node."""
        words = ("-m", "micro", "--home", str(self.node.home), "web", *options, "--output", "json")
        return dict(json.loads(await within(self.node, *words)))

    async def pair(self) -> str:
        """Opens the door, has the phones trust the certificate, and returns the code that signs one in."""
        paired = await self.web("--outside")
        authority = Authority((self.node.home / "phone-outside.pem").read_bytes())
        assert paired["fingerprint"] == authority.fingerprint
        self.root = authority.root
        self.url, code = paired["sign_in"]["link"].split("/#login=")
        await until(self.reached, what="the node is reached through the super node")
        return str(code)

    async def reached(self) -> bool:
        """Says whether a phone gets an answer."""
        [found] = await self.ask({"path": "/healthz"})
        return found.status == 200

    async def ask(self, *wishes: dict[str, Any], phone: Host | None = None) -> list[Answer]:
        """Has a phone ask, of the node unless a wish has a `url`."""
        full = [{"url": self.url + wish.get("path", "/"), "at": f"{self.hub.address}:443", **wish} for wish in wishes]
        told = json.dumps({"root": base64.b64encode(self.root).decode(), "wishes": full})
        found = json.loads(await within(phone or self.phone, "-m", "tests.network.phone", told=told))
        return [
            Answer(
                each.get("status", 0),
                each.get("headers", {}),
                base64.b64decode(each.get("body", "")),
                each.get("error", ""),
            )
            for each in found
        ]

    async def sign_in(self, code: str) -> dict[str, str]:
        """Signs a phone in, and returns what it shows from then on."""
        wish = {"path": "/-/session", "method": "POST", "headers": JSON, "body": json.dumps({"code": code})}
        [found] = await self.ask(wish)
        assert found.status == 200, found
        cookie = found.headers["set-cookie"]
        assert cookie.startswith("__Host-micro-session=")
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        return {"cookie": cookie.split(";")[0], "micro-session": found.json["key"]}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Builds it, and takes it down."""
    lab = Lab()
    yield World(lab)
    await lab.close()


def remembered(process: int, *wanted: bytes) -> set[bytes]:
    """Returns what of these stands anywhere in the memory of a process."""
    found: set[bytes] = set()
    regions = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", Path(f"/proc/{process}/maps").read_text(), re.MULTILINE)
    longest = max(map(len, wanted))
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for first, last in ((int(a, 16), int(b, 16)) for a, b in regions):
            for at in range(first, last, LOOK_BYTES):
                try:
                    memory.seek(at)
                    data = memory.read(min(LOOK_BYTES + longest, last - at))
                except OSError:
                    continue  # a region that nobody may read, such as one of the kernel
                found |= {each for each in wanted if each in data}
    return found


async def test_a_phone_anywhere_signs_in_and_calls_and_the_super_node_reads_none_of_it(
    world: World, greeter_folder: Path
) -> None:
    """Neither the code, nor the session, nor what is said or answered is ever in the memory of its process."""
    await world.start()
    await world.node.run(greeter_folder)
    code = await world.pair()
    signed = await world.sign_in(code)
    hello, count, anonymous = await world.ask(
        {
            "path": "/api/greeter/Say.Hello",
            "method": "POST",
            "headers": JSON | signed | {"user-agent": HEADER.decode()},
            "body": f'{{"name": "{SAID}"}}',
        },
        {
            "path": "/api/greeter/Say.Count",
            "method": "POST",
            "headers": JSON | signed | {"accept": "text/event-stream"},
            "body": '{"to": 500}',
        },
        {"path": "/api/greeter/Say.Hello", "method": "POST", "headers": JSON, "body": "{}"},
    )
    secrets = {
        "code": code.encode(),
        "cookie": signed["cookie"].partition("=")[2].encode(),
        "key": signed["micro-session"].encode(),
        "said": SAID.encode(),
        "header": HEADER,
    }
    host = world.url.removeprefix("https://").encode()
    assert world.hub.process is not None
    assert world.node.process is not None
    seen = await asyncio.to_thread(remembered, world.hub.process.pid, host, *secrets.values())
    of_node = await asyncio.to_thread(remembered, world.node.process.pid, *secrets.values())
    passage = (await world.hub.ask("node", "Node.Status"))["passage"]

    assert hello.json == {"result": f"Hello {SAID}"}
    assert count.body.count(b"data:") >= 500
    assert anonymous.status == 401
    assert seen == {host}  # whom the phone wants, and nothing else
    assert SAID.encode() in of_node  # so that it would have been found
    assert passage["passed_bytes"] > len(count.body)


async def test_names_that_do_not_fit_are_refused(world: World) -> None:
    """By the super node where it passes nothing on to such a name, else by the node."""
    await world.start()
    await world.pair()
    host = world.url.removeprefix("https://")
    for headers in ({"host": "bank.example"}, {"host": f"{host}:8443"}, {"host": "127.0.0.1"}, {"host": f"a.{host}"}):
        [wrong] = await world.ask({"path": "/healthz", "headers": headers})
        assert wrong.status == 403, headers
    for headers in (
        {"origin": "https://evil.nodes.example", "sec-fetch-site": "same-site"},
        {"origin": "http://" + host},
        {"sec-fetch-site": "same-site"},
    ):
        [wrong] = await world.ask({"path": "/api", "headers": headers})
        assert wrong.status == 403, headers
    for shown in (f"a{host[1:]}", f"x.{host}", DOMAIN, "bank.example"):
        [wrong] = await world.ask({"path": "/healthz", "shown": shown})
        assert "UNRECOGNIZED_NAME" in wrong.error, shown
    [unknown] = await world.ask({"path": "/healthz", "headers": {"host": host}})
    assert unknown.status == 200
    world.root = b""
    [strange] = await world.ask({"path": "/healthz"})
    assert "CERTIFICATE_VERIFY_FAILED" in strange.error


async def test_who_guesses_shuts_out_himself_alone(world: World) -> None:
    """Wrong tokens count for the address they come from; the owner elsewhere is served, and so is the house."""
    await world.start()
    signed = await world.sign_in(await world.pair())
    guess = {"path": "/api", "headers": {"authorization": "Bearer guessed"}}
    guesses = await world.ask(*[guess] * (TRIES + 1), phone=world.other)
    [owner] = await world.ask({"path": "/-/session/all", "headers": signed})
    [another] = await world.ask(guess)

    assert [each.status for each in guesses] == [401] * TRIES + [429]
    assert owner.status == 200
    assert another.status == 401


async def test_it_is_there_again_after_each_of_them_was_away(world: World) -> None:
    """The super node comes back, the node comes back; while the node is away a connection is closed."""
    await world.start()
    signed = await world.sign_in(await world.pair())
    await world.hub.kill()
    await world.start_hub()
    await until(world.reached, what="the super node passes on again")

    await world.node.kill()

    async def away() -> bool:
        [found] = await world.ask({"path": "/healthz"})
        return "UNRECOGNIZED_NAME" in found.error

    await until(away, what="the super node has noticed")
    await world.start_node()
    await until(world.reached, what="the node has asked again by itself")
    [owner] = await world.ask({"path": "/-/session/all", "headers": signed})
    assert owner.status == 200

    stopped = await world.web("--no-outside")
    assert (stopped["open"], stopped["url"]) == (False, "")
    await until(away, what="nobody is let in any more")
    await world.node.kill()
    await world.start_node()
    assert await away()


async def test_a_super_node_without_a_domain_is_none_to_go_through(world: World) -> None:
    """And the settings may forbid it: both are said."""
    await world.hub.start("--super")
    world.ticket = await world.hub.micro("network", "ticket", "--output", "plain")
    await world.start_node()
    with pytest.raises(AssertionError, match="passage_domain"):
        await world.web("--outside")
    await world.node.kill()
    await world.start_node("--no-phone-outside")
    with pytest.raises(AssertionError, match="phone_outside"):
        await world.web("--outside")
