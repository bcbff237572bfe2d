"""A phone and a node in the same house: two machines with addresses of their own."""

from __future__ import annotations

import asyncio
import base64
import json
import plistlib
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from micro.doors.opening import open_doors
from micro.errors import ConfigError
from tests.network.lab import COMMAND_SECONDS, Host, Lab, reason_not_to
from tests.network.places import StartNode
from tests.waiting import until

JSON = {"content-type": "application/json"}


@dataclass
class Answer:
    """What the phone was answered: a status, or why there was none."""

    status: int
    headers: dict[str, str]
    body: bytes
    error: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def within(host: Host, *command: str, told: str = "") -> str:
    """Runs a program on a host, and returns what it prints."""
    process = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", host.space, sys.executable, *command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(COMMAND_SECONDS):
        out, err = await process.communicate(told.encode())
    assert process.returncode == 0, err.decode()
    return out.decode()


class House:
    """A node, and a phone that trusts one certificate or none."""

    def __init__(self, lab: Lab) -> None:
        self.node, self.phone = lab.host("node"), lab.host("phone")
        self.root = b""

    async def start(self, *options: str) -> None:
        await self.node.start("--api", "--api-port", "0", "--phone-port", "9443", *options)

        async def all_open() -> bool:
            return "mucp" in await self.node.ask("node", "Node.Status")  # the last of its doors

        await until(all_open, what="all doors are open")

    async def web(self, *options: str) -> dict[str, Any]:
        """Types `micro web` at the node."""
        words = ("-m", "micro", "--home", str(self.node.home), "web", *options, "--output", "json")
        return dict(json.loads(await within(self.node, *words)))

    async def ask(self, *wishes: dict[str, Any]) -> list[Answer]:
        """Has the phone ask."""
        told = json.dumps({"root": base64.b64encode(self.root).decode(), "wishes": wishes})
        found = json.loads(await within(self.phone, "-m", "tests.network.phone", told=told))
        return [
            Answer(
                each.get("status", 0),
                each.get("headers", {}),
                base64.b64decode(each.get("body", "")),
                each.get("error", ""),
            )
            for each in found
        ]

    async def trust(self, page: str) -> None:
        """Takes the certificate that the page gives."""
        [found] = await self.ask({"url": f"{page}micro.crt"})
        self.root = found.body


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Builds the house, and takes it down."""
    if reason := reason_not_to():
        pytest.skip(reason)
    lab = Lab()
    yield House(lab)
    await lab.close()


async def test_a_phone_trusts_signs_in_once_calls_and_stops(house: House) -> None:
    """With the certificate of the page alone; without a session it gets the app and nothing else."""
    await house.start()
    paired = await house.web("--phone")
    page, link = paired["trust"]["link"], paired["sign_in"]["link"]
    door, code = link.split("/#login=")
    assert (page, door) == ("http://10.77.0.1:8444/", "https://10.77.0.1:9443")
    login = {"url": f"{door}/-/session", "method": "POST", "headers": JSON, "body": json.dumps({"code": code})}

    [unknown] = await house.ask({"url": f"{door}/"})
    assert "CERTIFICATE_VERIFY_FAILED" in unknown.error
    await house.trust(page)
    home, api, status, first, second = await house.ask(
        {"url": f"{door}/"},
        {"url": f"{door}/api/registry/Registry.List"},
        {"url": f"{door}/api/node/Node.Status", "method": "POST", "headers": JSON, "body": "{}"},
        login,
        login,
    )
    assert home.status in (200, 401)  # 401 where the app is not built
    assert (api.status, status.status, first.status, second.status) == (401, 401, 200, 401)
    cookie = first.headers["set-cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))

    signed = {"cookie": cookie.split(";")[0], "micro-session": first.json["key"]}
    known, devices, half = await house.ask(
        {"url": f"{door}/api/node/Node.Status", "method": "POST", "headers": JSON | signed, "body": "{}"},
        {"url": f"{door}/-/session/all", "headers": signed},
        {"url": f"{door}/-/session/all", "headers": {"cookie": signed["cookie"]}},
    )
    assert known.json["home"] == str(house.node.home)
    assert [each["here"] for each in devices.json["sessions"]] == [True]
    assert half.status == 401

    stopped, gone = await house.ask(
        {"url": f"{door}/-/phone/stop", "method": "POST", "headers": signed}, {"url": f"{door}/healthz"}
    )
    assert (stopped.status, stopped.json["open"]) == (200, False)  # it is told before the door closes
    assert "refused" in gone.error


async def test_the_plain_page_gives_a_certificate_and_nothing_else(house: House) -> None:
    """In plain words, in two forms; and it asks for no host but its own."""
    await house.start()
    paired = await house.web("--phone")
    page = paired["trust"]["link"]
    paths = ("api", "healthz", "-/session", "-/phone", "metrics", "assets/sw.js", "micro.crt/", "../key")
    wishes = [{"url": page, "headers": {"accept-language": "de-CH, en;q=0.7"}}, {"url": f"{page}micro.crt"}]
    wishes += [{"url": f"{page}micro.mobileconfig"}]
    first = await house.ask(
        *wishes,
        {"url": page, "method": "POST", "body": "{}"},
        {"url": page, "headers": {"host": "evil.example:8444"}},
        {"url": page, "headers": {"host": "127.0.0.1:8444"}},
        {"url": page, "headers": {"sec-fetch-site": "cross-site"}},
    )
    text, crt, apple = first[:3]

    assert paired["fingerprint"] in text.body.decode()
    assert '<html lang="de">' in text.body.decode()
    assert "Vergleichen" in text.body.decode()
    assert not re.search(r"<script|://|src=", text.body.decode())
    assert (crt.headers["content-type"], apple.headers["content-type"]) == (
        "application/x-x509-ca-cert",
        "application/x-apple-aspen-config",
    )
    assert plistlib.loads(apple.body)["PayloadContent"][0]["PayloadContent"] == crt.body
    assert [each.status for each in first[3:]] == [413, 403, 403, 403]
    others = await house.ask(*({"url": page + path} for path in paths))
    assert [each.status for each in others] == [404] * len(paths)

    typed = await within(house.node, "-m", "micro", "--home", str(house.node.home), "web", "--phone")
    assert typed.count("█ ▄▄▄▄▄ █") == 6  # the finders of two codes
    assert page in typed
    assert paired["fingerprint"] in typed


async def test_what_the_owner_stops_stays_closed(house: House) -> None:
    """At once and over a restart; what he leaves open is there again, at the same place, and pairing goes on."""
    await house.start()
    paired = await house.web("--phone")
    door, page = paired["urls"][0], paired["trust"]["link"]
    await house.trust(page)
    await house.node.kill()
    await house.start()
    again, plain = await house.ask({"url": f"{door}/healthz"}, {"url": page})
    assert (again.status, plain.status, "refused" in plain.error) == (200, 0, True)

    assert (await house.node.ask("node", "Node.Status"))["phone"] == door

    stopped = await house.web("--no-phone")
    assert (stopped["open"], stopped["urls"]) == (False, [])
    assert "phone" not in await house.node.ask("node", "Node.Status")
    [gone] = await house.ask({"url": f"{door}/healthz"})
    assert "refused" in gone.error
    await house.node.kill()
    await house.start()
    [gone] = await house.ask({"url": f"{door}/healthz"})
    assert "refused" in gone.error

    assert (await house.web("--phone"))["fingerprint"] == paired["fingerprint"]
    [back] = await house.ask({"url": f"{door}/healthz"})
    assert back.status == 200


async def test_the_door_follows_the_machine(house: House) -> None:
    """To its next address, with a certificate for that; the phone trusts it as before."""
    await house.start()
    paired = await house.web("--phone")
    await house.trust(paired["trust"]["link"])
    house.node.renumber("10.77.0.77")

    async def answered() -> bool:
        [found] = await house.ask({"url": "https://10.77.0.77:9443/healthz"})
        return found.status == 200

    await until(answered, 60.0, what="the node is reached at its new address")
    [wrong] = await house.ask({"url": "https://10.77.0.77:9443/healthz", "headers": {"host": "10.77.0.1:9443"}})
    assert wrong.status == 403


async def test_settings_forbid_it(house: House) -> None:
    """Whatever the owner types, with the name of the setting."""
    await house.start("--no-phone")
    words = ("-m", "micro", "--home", str(house.node.home), "web", "--phone")

    with pytest.raises(AssertionError, match="the setting `phone` is off"):
        await within(house.node, *words)


async def test_an_address_that_nothing_vouches_for_is_refused(start_node: StartNode) -> None:
    """At the start, with the name of the setting."""
    node = await start_node(api=True, api_port=0, mucp=False, phone_host="8.8.8.8")

    with pytest.raises(ConfigError, match="phone_host"):
        await open_doors(node)
