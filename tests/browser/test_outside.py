"""A phone outside of the house: its browser reaches the node by name, through a super node that passes it on."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from playwright.sync_api import Browser, Page, expect

from micro.doors.phone.addresses import private_addresses
from micro.trust.authority import Authority
from tests.browser.running import FIRST_MILLISECONDS, READY_SECONDS, SERVICES, WAIT_MILLISECONDS, Running
from tests.browser.test_phone import AXE, PHONE

DOMAIN = "nodes.example"
GREETINGS = re.compile(r"Hello \w+, \d+\s")


@contextmanager
def running(home: Path, *options: str) -> Iterator[Running]:
    """Runs a node as its owner would, until it is not needed any more."""
    command = [sys.executable, "-m", "micro", "--home", str(home), "server", "--network-host", "127.0.0.1"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log, start_new_session=True)
    found = Running("", home)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while "nid" not in json.loads(_tried(found, "status") or "{}"):
            assert process.poll() is None, (home / "log").read_text()
            assert time.monotonic() < deadline, (home / "log").read_text()
            time.sleep(0.2)
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _tried(node: Running, *words: str) -> str:
    command = [sys.executable, "-m", "micro", "--home", str(node.home), *words, "--output", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.fixture(scope="module")
def paired(chromium: str) -> Iterator[dict[str, Any]]:
    """Starts a super node with a domain and a node in its network, and pairs a phone by the command."""
    if not private_addresses():
        pytest.skip("this machine has no private address; it needs a network")
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    passage = ("--passage-domain", f"{DOMAIN}:{port}", "--passage-port", str(port))
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        homes = [Path(folder) / name for name in ("hub", "node")]
        for home in homes:
            home.mkdir(mode=0o700)
        with running(homes[0], "--super", "--no-api", "--relay-port", "0", *passage) as hub:
            joins = ("--join", hub.micro("network", "ticket"), "--catalogue", str(SERVICES), "--api-port", "0")
            with running(homes[1], *joins, "--allow-private-sources") as node:
                deadline = time.monotonic() + READY_SECONDS
                while "services run" not in (homes[1] / "log").read_text():
                    assert time.monotonic() < deadline
                    time.sleep(0.5)
                while not (told := _tried(node, "web", "--outside")):
                    assert time.monotonic() < deadline
                    time.sleep(0.5)
                yield {**json.loads(told), "port": port, "own": node.link(), "root": Authority(_kept(homes[1])).root}


def _kept(home: Path) -> bytes:
    return (home / "phone-outside.pem").read_bytes()


@pytest.fixture
def phone(paired: dict[str, Any], browser: Browser, chromium: str, tmp_path: Path) -> Iterator[Browser]:
    """Opens a browser that finds every name of the domain at the super node, and trusts the certificate alone."""
    certutil = shutil.which("certutil")
    if certutil is None:
        pytest.skip("there is no certutil: install it, for instance with apt-get install libnss3-tools")
    certificate = tmp_path / "micro.crt"
    certificate.write_bytes(load_der_x509_certificate(paired["root"]).public_bytes(Encoding.PEM))
    folder = tmp_path / ".pki" / "nssdb"
    folder.mkdir(parents=True)
    for words in (["-N", "--empty-password"], ["-A", "-n", "micro", "-t", "C,,", "-i", str(certificate)]):
        subprocess.run([certutil, *words, "-d", f"sql:{folder}"], check=True, capture_output=True)
    opened = browser.browser_type.launch(
        executable_path=chromium,
        args=["--no-sandbox", "--mute-audio", f"--host-resolver-rules=MAP *.{DOMAIN} 127.0.0.1"],
        env={**os.environ, "HOME": str(tmp_path)},
    )
    yield opened
    opened.close()


def say(page: Page, text: str) -> None:
    """Types a wish and presses Enter."""
    field = page.get_by_label("Say what you need")
    field.fill(text)
    field.press("Enter")


def test_a_phone_anywhere_uses_the_app(paired: dict[str, Any], phone: Browser) -> None:
    """It is in a secure context, with a worker; forms, wishes and streams work, and nothing else is trusted."""
    context = phone.new_context(**PHONE)
    context.set_default_timeout(WAIT_MILLISECONDS)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(paired["sign_in"]["link"])
    page.get_by_role("heading", level=1).wait_for(timeout=FIRST_MILLISECONDS)
    assert page.evaluate("isSecureContext && 'mediaDevices' in navigator")
    assert page.evaluate("navigator.serviceWorker.ready.then((found) => found.scope)") == f"{paired['url']}/"

    page.goto(f"{paired['url']}/#/services/greeter/Say.Hello")
    page.get_by_label("Name").fill("Ann")
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_role("region", name="Result").locator(".big")).to_have_text("Hello Ann")

    page.goto(f"{paired['url']}/#/")
    say(page, "greet Bob")
    expect(page.locator(".card .big").first).to_have_text("Hello Bob", timeout=FIRST_MILLISECONDS)
    say(page, "greet someone until nobody listens")
    expect(page.locator(".log")).to_contain_text(GREETINGS, timeout=FIRST_MILLISECONDS)

    page.goto(f"{paired['url']}/#/settings")
    expect(page.get_by_role("listitem").filter(has_text="Chrome, Android")).to_contain_text("this one")
    expect(page.get_by_text(f"Phones are let in at {paired['url']}")).to_be_visible()
    assert all(url.startswith((f"{paired['url']}/", "blob:", "data:")) for url in asked)
    cookies = context.cookies()
    assert [each["name"] for each in cookies] == [f"__Host-micro-session-{paired['port']}"]
    context.close()


def test_settings_say_what_a_super_node_sees(paired: dict[str, Any], browser: Browser) -> None:
    """And pair another phone, at once, for the name that is open; nothing of the page is out of anybody's reach."""
    page = browser.new_page(locale="en-GB")
    page.set_default_timeout(WAIT_MILLISECONDS)
    page.goto(paired["own"])
    page.get_by_role("heading", level=1).wait_for(timeout=FIRST_MILLISECONDS)
    page.goto(page.url.split("#")[0] + "#/settings")
    expect(page.get_by_text("from which address, when and how much; not what")).to_be_visible()
    page.get_by_role("button", name="Pair a phone for anywhere").click()
    for step in ("1. Trust this node", "2. Sign in"):
        expect(page.get_by_role("img", name=f"Code for the camera: {step}")).to_be_visible()
    expect(page.get_by_text("nothing but the name of this node")).to_be_visible()
    page.evaluate(AXE.read_text())
    assert page.evaluate("axe.run().then((found) => found.violations.map((each) => each.id))") == []
    page.close()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("other.nodes.example", "ERR_SSL_UNRECOGNIZED_NAME_ALERT|ERR_SSL_PROTOCOL_ERROR|ERR_CONNECTION_CLOSED"),
        ("www.nodes.example", "ERR_SSL_UNRECOGNIZED_NAME_ALERT|ERR_SSL_PROTOCOL_ERROR|ERR_CONNECTION_CLOSED"),
    ],
)
def test_other_names_of_the_domain_lead_nowhere(paired: dict[str, Any], phone: Browser, name: str, says: str) -> None:
    """The browser says so."""
    context = phone.new_context(**PHONE)
    with pytest.raises(Exception, match=says):
        context.new_page().goto(f"https://{name}:{paired['port']}/")
    context.close()


def test_a_browser_that_was_not_told_does_not_trust_it(paired: dict[str, Any], browser: Browser, chromium: str) -> None:
    """Nobody public vouches for the name."""
    rules = f"--host-resolver-rules=MAP *.{DOMAIN} 127.0.0.1"
    opened = browser.browser_type.launch(executable_path=chromium, args=["--no-sandbox", rules])
    with pytest.raises(Exception, match="ERR_CERT_AUTHORITY_INVALID"):
        opened.new_page().goto(paired["url"])
    opened.close()
