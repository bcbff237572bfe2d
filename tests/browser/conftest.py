"""One node and one browser for all tests of the web app, as a person has them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from micro.doors.web.files import BUILT
from tests.browser.running import READY_SECONDS, SERVICES, WAIT_MILLISECONDS, Open, Running


@pytest.fixture(scope="package")
def chromium() -> str:
    """Returns where Chromium is; without it, or without the built app, the tests are skipped."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no chromium: install it, for instance with apt-get install chromium")
    if not (BUILT / "index.html").exists():
        pytest.skip("the web app is not built: make ui builds it, with Node.js 20 or newer")
    return found


@pytest.fixture(scope="package")
def node(chromium: str) -> Iterator[Running]:
    """Starts a node with a few services, and stops it."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        command = [sys.executable, "-m", "micro", "--home", folder, "server", "--catalogue", str(SERVICES)]
        options = ["--api-port", "0", "--network-host", "127.0.0.1", "--allow-private-sources"]
        with (home / "log").open("w") as log:
            process = subprocess.Popen([*command, *options], stdout=log, stderr=log, start_new_session=True)
        try:
            yield Running(_address(process, home), home)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(READY_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _address(process: subprocess.Popen[bytes], home: Path) -> str:
    """Waits until the services of the catalogue run, and returns where the door is."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        said = (home / "log").read_text()
        if "services run" in said:
            return next(line.split()[1] for line in said.splitlines() if line.strip().startswith("api "))
        assert process.poll() is None, said
        time.sleep(0.05)
    raise AssertionError((home / "log").read_text())


@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    """Starts what drives browsers: one of it is all that a process may have."""
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(chromium: str, driver: Playwright) -> Iterator[Browser]:
    """Opens the browser, and closes it."""
    opened = driver.chromium.launch(
        executable_path=chromium, args=["--no-sandbox", "--mute-audio", "--process-per-site"]
    )
    yield opened
    opened.close()


@pytest.fixture(scope="package")
def signed_in(node: Running, browser: Browser) -> dict[str, Any]:
    """Returns what a browser keeps once its owner opened the link."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(node.link())
    page.get_by_text("signed in").wait_for(timeout=WAIT_MILLISECONDS)
    state = context.storage_state()
    context.close()
    return dict(state)


@pytest.fixture(scope="package")
def profile(browser: Browser, signed_in: dict[str, Any]) -> BrowserContext:
    """Returns the profile of the owner's that most tests share: a new one costs as much as many a test."""
    return browser.new_context(storage_state=signed_in, locale="en-GB")  # type: ignore[arg-type]


@pytest.fixture
def visit(node: Running, browser: Browser, profile: BrowserContext, signed_in: dict[str, Any]) -> Iterator[Open]:
    """Opens pages as the owner; fails where a page complained, or asked anybody but its node.

    Whoever leaves something behind in a browser says `alone`, and has a profile to himself; so has who wants another.
    """
    contexts: list[BrowserContext] = []
    pages: list[Page] = []
    wrong: list[str] = []

    def visit(where: str = "", *, owner: bool = True, alone: bool = False, **options: Any) -> Page:
        context = profile
        if alone or options or not owner:
            state = signed_in if owner else None
            context = browser.new_context(storage_state=state, locale="en-GB", **options)  # type: ignore[arg-type]
            contexts.append(context)
        context.set_default_timeout(WAIT_MILLISECONDS)
        page = context.new_page()
        pages.append(page)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.on("console", lambda said: wrong.append(said.text) if _is_complaint(said.text) else None)
        page.on("request", lambda request: wrong.append(request.url) if not _is_own(request.url, node) else None)
        page.goto(f"{node.address}/#/{where}")
        return page

    yield visit
    for page in pages:
        page.close()
    for context in contexts:
        context.close()
    assert wrong == []


def _is_own(url: str, node: Running) -> bool:
    return url.startswith((f"{node.address}/", "blob:", "data:", "about:"))


def _is_complaint(text: str) -> bool:
    """Says whether the console tells of something that should not be: a policy that had to stop something, say."""
    return "Content Security Policy" in text or "Uncaught" in text
