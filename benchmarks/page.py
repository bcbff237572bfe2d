"""Measures the web app of a running node in Chromium: `python -m benchmarks.page LINK`.

LINK is what `micro web --no-open` prints. It tells the first paint, what a form adds to the call it makes, and which
frames are late while somebody types into the search over ten thousand services and scrolls. The node needs the service
`greeter` of `tests/browser/services`; the ten thousand stand in for its answer, since one node keeps fewer of its own.
"""

from __future__ import annotations

import shutil
import statistics
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, Route, sync_playwright

ROUNDS = 7
SERVICES = 10_000
WISHES = ("weather", "currency", "train", "recipe", "garden", "music", "letter", "bridge")
LATE_MILLISECONDS = 34.0
"""A frame is late that comes after two of a screen with 60 in a second."""

PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
WATCH = """() => { window.frames_ = []; let last = performance.now();
  const look = (now) => { window.frames_.push(now - last); last = now;
    window.watching_ = requestAnimationFrame(look); };
  window.watching_ = requestAnimationFrame(look); }"""
CALL = """async () => {
  const began = performance.now();
  await (await fetch('/api/greeter/Say.Hello', {method: 'POST', body: '{"name": "Ann"}',
    headers: {'Content-Type': 'application/json'}})).text();
  return performance.now() - began; }"""
FORM = """() => new Promise((done) => { const began = performance.now();
  const seen = new MutationObserver(() => { if (document.querySelector('section .big')?.textContent === 'Hello Ann') {
    seen.disconnect(); done(performance.now() - began); } });
  seen.observe(document.querySelector('main'), {childList: true, subtree: true, characterData: true});
  [...document.querySelectorAll('form button')].find((one) => one.textContent === 'Call').click(); })"""


def first_paints(browser: Browser, address: str) -> list[float]:
    """Returns the first paint of fresh visits, in milliseconds."""
    found = []
    for _ in range(ROUNDS):
        page = browser.new_page()
        page.goto(f"{address}/#/services")
        page.get_by_role("heading", level=1).wait_for()
        found.append(float(page.evaluate(PAINT)))
        page.close()
    return found


def added_by_form(page: Page, address: str) -> list[float]:
    """Returns by how much a call from the form takes longer than the call itself, in milliseconds."""
    found = []
    for _ in range(ROUNDS):
        page.goto(f"{address}/#/services")
        page.goto(f"{address}/#/services/greeter/Say.Hello")
        page.get_by_label("Name").fill("Ann")
        itself = statistics.median(page.evaluate(CALL) for _ in range(3))
        found.append(float(page.evaluate(FORM)) - float(itself))
    return found


def crowd(route: Route) -> None:
    """Answers one page of a list of `SERVICES`."""
    first = int(parse_qs(urlsplit(route.request.url).query)["offset"][0])
    services = [
        {
            "name": f"{WISHES[number % len(WISHES)]}-{number}",
            "version": "1.0.0",
            "description": f"Number {number} of those that help with {WISHES[number % len(WISHES)]}.",
            "endpoints": 3,
            "nodes": 2,
            "where": "network",
        }
        for number in range(first, min(first + 1000, SERVICES))
    ]
    route.fulfill(json={"services": services, "total": SERVICES})


def frames_while_typing(page: Page, address: str) -> tuple[int, list[float]]:
    """Returns how many services there are, and how long each frame took while somebody typed and scrolled."""
    page.route("**/api/registry/Registry.List*", crowd)
    page.goto(f"{address}/#/services")
    page.reload()
    page.get_by_role("listitem").first.wait_for()
    page.wait_for_timeout(1000)
    count = int(page.get_by_role("listitem").first.get_attribute("aria-setsize") or 0)
    page.evaluate(WATCH)
    field: Any = page.get_by_label("Search services")
    for word in ("garden 42", "weather", "bridge number 7"):
        field.press_sequentially(word, delay=60)
        field.fill("")
    for step in range(20):
        page.evaluate("(y) => scrollTo(0, y)", step * 900)
        page.wait_for_timeout(30)
    page.evaluate("() => cancelAnimationFrame(window.watching_)")
    return count, [float(one) for one in page.evaluate("() => window.frames_")]


def main(link: str) -> None:
    address = link.partition("/#")[0]
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        paints = first_paints(browser, address)
        page = browser.new_context(service_workers="block").new_page()
        page.goto(link)
        page.get_by_text("signed in").wait_for()
        added = added_by_form(page, address)
        count, frames = frames_while_typing(page, address)
        page.unroute_all(behavior="ignoreErrors")
        browser.close()
    late = [one for one in frames if one > LATE_MILLISECONDS]
    print(f"first paint: median {statistics.median(paints):.0f} ms of {ROUNDS}, slowest {max(paints):.0f} ms")
    print(f"a form adds to its call: median {statistics.median(added):.0f} ms of {ROUNDS}, most {max(added):.0f} ms")
    print(
        f"{count} services, {len(frames)} frames while typing and scrolling: {len(late)} late,"
        f" median {statistics.median(frames):.1f} ms, longest {max(frames):.0f} ms"
    )


if __name__ == "__main__":
    main(sys.argv[1])
