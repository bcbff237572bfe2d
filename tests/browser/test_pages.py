"""The other pages, the frame around them, and who may see what."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.running import FIRST_MILLISECONDS, Open, Running
from tests.tidy.reading import ROOT

AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = (
    "conversation",
    "services",
    "services/everything/Order.Place",
    "services/hostile",
    "services/no-such-service",
    "publish",
    "mine",
    "mine/greeter",
    "activity",
    "network",
    "events/orders",
    "settings",
)
SIZES = ((390, 844), (1280, 860))


def test_the_network_is_drawn_and_said(visit: Open) -> None:
    """The table has what the picture has."""
    page = visit("network")

    expect(page.get_by_role("row", name="this node")).to_contain_text("here")
    expect(page.locator("svg.graph")).to_contain_text("greeter")
    expect(page.get_by_text("Memory", exact=True)).to_be_visible()


def test_a_link_from_another_site_opens_the_page(visit: Open, node: Running) -> None:
    """And whoever is signed in is so there, too; also where the app keeps itself for when the node is away."""
    page = visit("settings", alone=True)
    page.evaluate("navigator.serviceWorker.ready")
    page.goto(f"data:text/html,<a href='{node.address}/'>to my node</a>")

    page.get_by_role("link", name="to my node").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("What do you need?")
    expect(page.get_by_text("signed in")).to_be_visible()


def test_a_page_that_fails_leaves_the_others(visit: Open) -> None:
    """What the node says may be of a form that nobody thought of."""
    page = visit("services")
    page.route("**/Node.Status", lambda route: route.fulfill(json={"nid": "x", "home": "y", "isolation": {}}))
    page.get_by_role("navigation").get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This page has failed")

    page.get_by_role("navigation").get_by_role("link", name="Services", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Services")

    page.unroute("**/Node.Status")
    page.get_by_role("navigation").get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")


def test_a_node_that_does_not_hear_has_no_microphone(visit: Open) -> None:
    """The settings say what to install."""
    nothing = {"hearing": [], "speaking": [], "remedies": ["`pip install 'micro-network[voice]'`"]}
    page = visit("settings")
    page.route("**/Voice.Status", lambda route: route.fulfill(json=nothing))
    page.reload()
    expect(page.get_by_text("pip install 'micro-network[voice]'")).to_be_visible()

    page.get_by_role("navigation").get_by_role("link", name="Conversation").click()

    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.get_by_role("button", name="Hold to talk")).to_have_count(0)


def test_a_language_that_nothing_hears_is_named(visit: Open) -> None:
    """With the one that is heard instead, and the setting that adds to it; not where a model hears it."""
    only = {"hearing": [{"engine": "whisper", "languages": ["en"]}], "speaking": [], "remedies": []}
    page = visit("settings", alone=True)
    page.route("**/Voice.Status", lambda route: route.fulfill(json=only))
    page.get_by_label("Language").select_option("es")
    page.reload()
    expect(page.get_by_text("Aquí nada entiende español hablado: habla inglés")).to_be_visible()
    expect(page.get_by_text("voice_hearing")).to_be_visible()

    only["hearing"].append({"engine": "whisper", "languages": []})
    page.reload()
    expect(page.get_by_text("whisper (en), whisper")).to_be_visible()
    expect(page.get_by_text("voice_hearing")).to_have_count(0)


def test_a_ticket_that_is_none_is_refused_beside_its_field(visit: Open) -> None:
    """With what is wrong about it."""
    page = visit("network")

    page.get_by_label("Ticket of another node").fill("micro1nonsense")
    page.get_by_role("button", name="Join its network").click()

    expect(page.get_by_label("Ticket of another node")).to_have_attribute("aria-invalid", "true")


def test_an_event_reaches_who_listens(visit: Open) -> None:
    """Published on one side, heard on the other, and kept."""
    listener = visit("events/browser-orders")
    listener.get_by_role("button", name="Listen").click()
    expect(listener.get_by_text("Listening to browser-orders")).to_be_visible()
    page = visit("events")

    page.get_by_label("Topic", exact=True).fill("browser-orders")
    page.get_by_label("What happened").fill('{"kind": "ordered"}')
    page.get_by_role("button", name="Publish", exact=True).click()

    expect(listener.get_by_label("Inbox").get_by_role("article")).to_contain_text("ordered")
    kept = visit("events/browser-orders")
    expect(kept.get_by_label("Kept events").get_by_role("article").first).to_contain_text("ordered")


def test_a_topic_that_is_new_is_no_trouble(visit: Open) -> None:
    """It has no events yet; the first one is listed as soon as it is published."""
    page = visit("events")

    page.get_by_label("Topic", exact=True).fill("browser-new")
    kept = page.get_by_role("region", name="Kept events")
    expect(kept).to_contain_text("None are kept of this topic.")
    page.get_by_label("What happened").fill('{"kind": "first"}')
    page.get_by_role("button", name="Publish").click()

    expect(kept).to_contain_text("first")


def test_json_that_is_broken_is_not_published_unasked(visit: Open) -> None:
    """Whoever presses again means it as text."""
    page = visit("events")
    page.get_by_label("Topic", exact=True).fill("browser-broken")
    page.get_by_label("What happened").fill("{bad")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("This is no JSON")).to_be_visible()
    kept = page.get_by_role("region", name="Kept events")
    expect(kept).to_contain_text("None are kept of this topic.")

    page.get_by_role("button", name="Publish it as text").click()

    expect(kept).to_contain_text("{bad")


def test_an_event_without_a_topic_is_not_published(visit: Open) -> None:
    """What is missing has the focus."""
    page = visit("events")

    page.get_by_role("button", name="Publish", exact=True).click()

    expect(page.get_by_label("Topic", exact=True)).to_be_focused()


def test_the_palette_reaches_everything(visit: Open) -> None:
    """A part of a name and Enter."""
    page = visit("settings", alone=True)
    page.get_by_role("heading", level=1).wait_for()
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("everyth")
    page.get_by_role("option", name="everything").wait_for()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("everything")
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("dark")
    page.keyboard.press("Enter")

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_language_and_theme_last(visit: Open) -> None:
    """What was chosen holds after the page was loaded again."""
    page = visit("settings", alone=True)
    page.get_by_label("Language").select_option("de")
    expect(page.get_by_role("heading", level=1)).to_have_text("Einstellungen")
    page.get_by_label("Dunkel").check()

    page.reload()

    expect(page.get_by_role("heading", level=1)).to_have_text("Einstellungen")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_keyboard_alone_is_enough(visit: Open) -> None:
    """From the search over the form to the answer, without a pointer."""
    page = visit("services")
    page.get_by_role("listitem").first.wait_for()
    page.keyboard.press("/")
    page.keyboard.type("greeter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    _tab_to(page, "Say.Hello")
    _tab_to(page, "Name")
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")

    expect(page.get_by_role("region", name="Result").locator(".big")).to_have_text("Hello Ann")
    expect(page.get_by_role("status").first).to_contain_text("Answered in")


def _tab_to(page: Page, name: str) -> None:
    """Presses Tab until what has the focus is called so."""
    for _ in range(30):
        page.keyboard.press("Tab")
        found = page.evaluate("document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent")
        if found.startswith(name):
            return
    raise AssertionError(f"{name} is not reached with Tab")


def test_a_phone_shows_every_page_without_scrolling_aside(visit: Open) -> None:
    """Nothing is wider than the screen, and the rail leads everywhere."""
    page = visit("services", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    for name in ("Publish", "My services", "Activity", "Network", "Events", "Settings", "Services"):
        page.get_by_role("navigation").get_by_role("link", name=name, exact=True).tap()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    page.get_by_role("listitem").filter(has_text="hostile").tap()
    page.get_by_role("heading", name="hostile").wait_for()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_the_node_what_was_known_is_shown(visit: Open) -> None:
    """The app opens, says that the node is not reached, and has the list and the forms."""
    page = visit("services", alone=True)
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    page.get_by_role("listitem").first.wait_for()
    page.goto(page.url.split("#")[0] + "#/services/greeter")
    page.get_by_label("Name").wait_for()
    page.context.set_offline(True)

    page.goto(page.url.split("#")[0] + "#/services")
    page.reload()

    expect(page.get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_text("What you see is what was known last.")).to_be_visible()
    page.get_by_role("listitem").filter(has_text="greeter").click()
    page.get_by_label("Name").fill("Ann")
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_role("alert").first).to_contain_text("does not answer")


def test_a_first_visit_is_enough_for_a_list_without_the_node(visit: Open) -> None:
    """What was asked before anything kept it is asked again once something does."""
    page = visit("services", alone=True)
    page.get_by_role("listitem").first.wait_for()
    page.evaluate("navigator.serviceWorker.ready")
    page.wait_for_function("async () => (await (await caches.open('known')).keys()).length > 0")
    page.context.set_offline(True)

    page.reload()

    expect(page.get_by_role("listitem")).to_have_count(3)


def test_whoever_did_not_sign_in_is_told_how(visit: Open) -> None:
    """Services answer anybody on this machine; the rest says what to type."""
    page = visit("network", owner=False)

    expect(page.get_by_text("micro web", exact=True)).to_be_visible()
    page.get_by_label("Or paste the link here").fill("nonsense")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("type `micro web`")


def test_signing_out_ends_the_session(visit: Open, node: Running) -> None:
    """Neither half of it is of use afterwards."""
    page = visit("", owner=False)
    page.goto("about:blank")
    page.goto(node.link())
    page.get_by_text("signed in").wait_for()
    expect(page.get_by_role("heading", level=1)).to_have_text("What do you need?")
    assert "login" not in page.url
    key = page.evaluate("JSON.parse(localStorage.getItem('micro.session'))")
    cookies = page.context.cookies()
    assert [(one["httpOnly"], one["sameSite"]) for one in cookies] == [(True, "Strict")]
    cookie = f"{cookies[0]['name']}={cookies[0]['value']}"
    assert _status(node, cookie, key) == 200
    assert _status(node, cookie, "wrong") == _status(node, "micro-session-1=wrong", key) == 401
    page.goto(f"{node.address}/#/settings")

    here = page.get_by_role("listitem").filter(has_text="this one")
    here.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("This part is the owner's")).to_be_visible()

    assert _status(node, cookie, key) == 401


def _status(node: Running, cookie: str, key: str) -> int:
    headers = {"Cookie": cookie, "Micro-Session": key}
    request = urllib.request.Request(f"{node.address}/api/node/Node.Status", headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_link_works_once(visit: Open, node: Running) -> None:
    """Whoever finds it later in a history gets nothing."""
    link = node.link()
    first = visit("", owner=False)
    first.goto(link)
    first.get_by_text("signed in").wait_for()
    page = visit("network", owner=False)

    page.goto(link)

    expect(page.get_by_role("alert")).to_contain_text("used already")


@pytest.mark.parametrize("size", SIZES, ids=("phone", "desktop"))
def test_axe_finds_nothing(visit: Open, size: tuple[int, int]) -> None:
    """On any page and in either size; of all that it looks at, only contrast depends on the theme."""
    script = Path(AXE).read_text()
    page = visit("services", viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    found: list[str] = []
    for where in PAGES:
        page.goto(page.url.split("#")[0] + f"#/{where}")
        page.get_by_role("heading", level=1).wait_for()
        expect(page.locator(".skeleton")).to_have_count(0)
        page.evaluate(script)
        for theme, options in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            for violation in page.evaluate(
                "(options) => axe.run(options).then((result) => result.violations)", options
            ):
                places = [each["target"] for each in violation["nodes"]]
                found.append(f"{where}, {theme}: {violation['id']}: {violation['help']} at {places[:3]}")

    assert found == []


def test_what_understands_is_loaded_before_the_first_wish(visit: Open) -> None:
    """When the conversation is opened and no sooner; who is quicker is told why it takes long."""
    held: list[Route] = []
    page = visit("services", alone=True)
    page.route("**/Assistant.Prepare", lambda route: held.append(route))
    page.route("**/assistant/say", lambda route: held.append(route))
    page.get_by_role("heading", level=1).wait_for()
    assert held == []

    with page.expect_request("**/Assistant.Prepare"):
        page.goto(page.url.split("#")[0] + "#/")
    field = page.get_by_label("Say what you need")
    with page.expect_request("**/assistant/say"):
        field.fill("greet Ann")
        field.press("Enter")
    told = page.get_by_text("This node is loading what understands you.")
    expect(told).to_be_visible()
    held[0].continue_()
    told.wait_for(state="hidden", timeout=FIRST_MILLISECONDS)
    held[1].continue_()
    page.locator(".card").wait_for(timeout=FIRST_MILLISECONDS)


def test_a_wish_becomes_a_call(visit: Open) -> None:
    """What is missing is asked for in a form, what changes something waits for a yes, and one may ask why."""
    page = visit("")
    page.get_by_label("Say what you need").fill("place an order")
    page.keyboard.press("Enter")
    page.locator(".card").wait_for(timeout=FIRST_MILLISECONDS)
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Count").fill("2")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Yes, do it").click()

    expect(page.locator(".card dl.facts").last).to_contain_text("Ann")
    page.get_by_role("button", name="Why that one?").last.click()
    expect(page.locator("p.text").last).to_contain_text("everything")
    page.goto(page.url.split("#")[0] + "#/activity")
    entry = page.locator("section.card").filter(has_text="Order.Place").first
    expect(entry).to_contain_text("in the conversation")
    entry.get_by_role("button").click()
    expect(entry).to_contain_text("What was said is not kept.")


def test_what_changes_something_waits_for_a_yes(visit: Open) -> None:
    """Cancelled, nothing is called."""
    page = visit("")
    page.get_by_label("Say what you need").fill("count greetings, and come to an end")
    page.keyboard.press("Enter")
    yes = page.get_by_role("button", name="Yes, do it")
    yes.wait_for(timeout=FIRST_MILLISECONDS)
    page.locator(".card").get_by_role("button", name="Cancel").click()

    expect(yes).to_have_count(0)
    expect(page.locator(".log")).to_have_count(0)
