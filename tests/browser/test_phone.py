"""A phone of the house: paired in Settings, trusting one certificate, signed in and out."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from playwright.sync_api import Browser, expect

from micro.doors.phone.addresses import private_addresses
from tests.browser.running import FIRST_MILLISECONDS, WAIT_MILLISECONDS, Open, Running
from tests.tidy.reading import ROOT

AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "locale": "en-GB",
    "user_agent": f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/140.0.0.0 Mobile Safari/537.36",
}


@pytest.fixture
def paired(node: Running) -> Iterator[dict[str, Any]]:
    """Pairs a phone by the command, and lets no phone in any more at the end."""
    if not private_addresses():
        pytest.skip("this machine has no private address; it needs a network")
    yield json.loads(node.micro("web", "--phone", "--output", "json"))
    node.micro("web", "--no-phone")


@pytest.fixture
def trusting(paired: dict[str, Any], browser: Browser, chromium: str, tmp_path: Path) -> Iterator[Browser]:
    """Opens a browser whose user took the certificate that the page without encryption gives.

    Without certutil it is told to accept this very key instead, which says nothing about the certificate.
    """
    certutil = shutil.which("certutil")
    trusts = _kept(certutil, paired, tmp_path) if certutil is not None else _told(paired)
    environment = {**os.environ, "HOME": str(tmp_path)}
    arguments = ["--no-sandbox", "--mute-audio", *trusts]
    opened = browser.browser_type.launch(executable_path=chromium, args=arguments, env=environment)
    yield opened
    opened.close()


def _kept(certutil: str, paired: dict[str, Any], home: Path) -> list[str]:
    """Puts the certificate into the list of a browser's user, where Chromium looks."""
    with urllib.request.urlopen(f"{paired['trust']['link']}micro.crt") as answer:
        (home / "micro.crt").write_bytes(answer.read())
    folder = home / ".pki" / "nssdb"
    folder.mkdir(parents=True)
    trusted = ["-A", "-n", "micro", "-t", "C,,", "-i", str(home / "micro.crt")]
    for words in (["-N", "--empty-password"], trusted):
        subprocess.run([certutil, *words, "-d", f"sql:{folder}"], check=True, capture_output=True)
    return []


def _told(paired: dict[str, Any]) -> list[str]:
    place = urlsplit(paired["urls"][0])
    leaf = load_pem_x509_certificate(ssl.get_server_certificate((str(place.hostname), int(place.port or 0))).encode())
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return [f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(key).digest()).decode()}"]


def test_a_browser_that_was_not_told_does_not_trust_it(paired: dict[str, Any], browser: Browser) -> None:
    """Nobody vouches for the node there."""
    context = browser.new_context(**PHONE)

    with pytest.raises(Exception, match="ERR_CERT_AUTHORITY_INVALID"):
        context.new_page().goto(paired["urls"][0])
    context.close()


def test_a_phone_signs_in_once_and_is_in_a_secure_context(
    paired: dict[str, Any], trusting: Browser, visit: Open
) -> None:
    """With a worker and a microphone; the owner sees it in his list, and signs it out from there."""
    context = trusting.new_context(**PHONE)
    context.set_default_timeout(WAIT_MILLISECONDS)
    page = context.new_page()
    page.goto(paired["sign_in"]["link"])
    page.get_by_role("heading", level=1).wait_for(timeout=FIRST_MILLISECONDS)
    assert page.evaluate("isSecureContext && 'mediaDevices' in navigator")
    assert page.evaluate("navigator.serviceWorker.ready.then((found) => found.scope)") == f"{paired['urls'][0]}/"
    page.goto(f"{paired['urls'][0]}/#/settings")
    expect(page.get_by_role("listitem").filter(has_text="Chrome, Android")).to_contain_text("this one")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]

    second = trusting.new_context(**PHONE).new_page()
    second.goto(paired["sign_in"]["link"])
    second.goto(f"{paired['urls'][0]}/#/settings")
    expect(second.get_by_text("used already")).to_be_visible(timeout=WAIT_MILLISECONDS)

    row = visit("settings").get_by_role("listitem").filter(has_text="Chrome, Android")
    row.get_by_role("button", name="Sign out").click()
    row.get_by_role("group").get_by_role("button", name="Sign out").click()
    expect(row).to_have_count(0)
    page.reload()
    expect(page.get_by_text("This part is the owner's")).to_be_visible()
    expect(page.get_by_text("scan the second code with this phone")).to_be_visible()
    context.close()


def test_the_owner_pairs_and_stops_in_settings(visit: Open) -> None:
    """Two codes, the fingerprint to compare; and it is closed again."""
    if not private_addresses():
        pytest.skip("this machine has no private address; it needs a network")
    page = visit("settings")
    page.get_by_role("button", name="Pair a phone", exact=True).click()
    for step in ("1. Trust this node", "2. Sign in"):
        expect(page.get_by_role("img", name=f"Code for the camera: {step}")).to_be_visible()
    expect(page.get_by_text("Phones are let in at https://")).to_be_visible()
    expect(page.get_by_text("Micro node").first).to_be_visible()
    page.evaluate(AXE.read_text())
    assert page.evaluate("axe.run().then((found) => found.violations.map((each) => each.id))") == []

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("group", name="Let no phone in any more?").get_by_role("button", name="Stop").click()

    expect(page.get_by_role("img")).to_have_count(0)
    expect(page.get_by_text("Phones are let in at")).to_have_count(0)
