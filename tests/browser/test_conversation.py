"""The conversation, as somebody has it who does not wait."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from tests.browser.running import FIRST_MILLISECONDS, Open
from tests.browser.test_pages import AXE


def say(page: Page, text: str) -> None:
    """Types a sentence and presses Enter."""
    field = page.get_by_label("Say what you need")
    field.fill(text)
    field.press("Enter")


def test_what_is_said_meanwhile_waits_for_its_turn(visit: Open) -> None:
    """It is seen to wait, it may be taken back, and each wish has its own answer in the end."""
    held: list[Route] = []
    page = visit("", alone=True)
    page.route("**/assistant/say", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/assistant/say"):
        say(page, "greet Ann")
    say(page, "greet Bob")
    say(page, "greet Eve")
    expect(page.get_by_text("Waits until the answer before it is there.")).to_have_count(2)
    page.get_by_role("button", name="Take it back").last.click()
    expect(page.locator(".said")).to_have_count(2)
    assert len(held) == 1

    held[0].continue_()

    cards = page.locator(".card")
    expect(cards.nth(0).locator(".big")).to_have_text("Hello Ann", timeout=FIRST_MILLISECONDS)
    expect(cards.nth(1).locator(".big")).to_have_text("Hello Bob")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_stream_makes_room_for_the_next_wish(visit: Open) -> None:
    """What it has said stays, and the wish is answered."""
    page = visit("", alone=True)
    greetings = re.compile(r"Hello \w+, \d+\s")
    say(page, "greet someone until nobody listens")
    expect(page.locator(".log")).to_contain_text(greetings, timeout=FIRST_MILLISECONDS)

    say(page, "greet Ann")

    cards = page.locator(".card")
    expect(cards.nth(1).locator(".big")).to_have_text("Hello Ann")
    expect(cards.nth(0)).to_contain_text("Stopped")
    expect(cards.nth(0).locator(".log")).to_contain_text(greetings)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_turn_that_the_node_refuses_spoils_no_other(visit: Open) -> None:
    """It is told where it was said, and may be tried again."""
    page = visit("", alone=True)
    say(page, "greet Ann")
    card = page.locator(".card")
    expect(card.locator(".big")).to_have_text("Hello Ann", timeout=FIRST_MILLISECONDS)
    refusal = {"code": 429, "detail": "16 turns of yours are under way; end one, or wait"}
    page.route("**/assistant/say", lambda route: route.fulfill(status=429, json=refusal))

    say(page, "greet Bob")
    expect(page.get_by_role("alert")).to_contain_text("16 turns of yours")
    expect(card).to_have_count(1)
    expect(card).not_to_contain_text("16 turns")
    page.unroute("**/assistant/say")
    page.get_by_role("button", name="Try again").click()

    expect(page.locator(".card").nth(1).locator(".big")).to_have_text("Hello Bob")


def test_an_empty_conversation_shows_what_one_may_say(visit: Open) -> None:
    """As services show it; pressed, it is said."""
    page = visit("", alone=True)

    page.get_by_role("group", name="For instance").get_by_role("button", name="greet Ann").click()

    expect(page.locator(".card .big")).to_have_text("Hello Ann", timeout=FIRST_MILLISECONDS)


def test_what_one_may_say_is_shown_in_the_language_of_the_page(visit: Open) -> None:
    """Where the service shows it; it is understood, and the page of the service shows no other language."""
    page = visit("settings", alone=True)
    page.get_by_label("Language").select_option("es")
    page.get_by_role("link", name="Conversación").click()
    page.get_by_role("group", name="Por ejemplo").get_by_role("button", name="saluda a Ana").click()
    expect(page.locator(".card .big")).to_have_text("Hello Ana", timeout=FIRST_MILLISECONDS)

    page.goto(page.url.split("#")[0] + "#/services/greeter/Say.Hello")
    expect(page.get_by_text("saluda a Ana")).to_be_visible()
    page.goto(page.url.split("#")[0] + "#/settings")
    page.get_by_label("Idioma").select_option("en")
    page.goto(page.url.split("#")[0] + "#/services/greeter/Say.Hello")
    expect(page.get_by_text("greet Ann")).to_be_visible()
    expect(page.get_by_text("saluda a Ana")).to_have_count(0)


def test_a_reload_keeps_the_conversation(visit: Open) -> None:
    """With what was filled in, and goes on from there; the arrow brings the last wish back, and one may begin anew."""
    page = visit("", alone=True)
    say(page, "greet Ann")
    expect(page.locator(".card .big")).to_have_text("Hello Ann", timeout=FIRST_MILLISECONDS)

    page.reload()
    expect(page.locator(".card .big")).to_have_text("Hello Ann")
    expect(page.get_by_label("What was filled in")).to_have_text("NameAnn")
    say(page, "no, I meant Bob")
    expect(page.locator(".card").nth(1).locator(".big")).to_have_text("Hello Bob")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Say what you need")).to_have_value("no, I meant Bob")

    assert complaints(page) == []
    page.get_by_role("button", name="Begin a new conversation").click()
    expect(page.locator(".card")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("What do you need?")
    expect(page.locator(".card")).to_have_count(0)


def test_an_earlier_conversation_is_opened_gone_on_from_and_deleted(visit: Open) -> None:
    """By keyboard, on a phone: the node has it, so another browser of the owner's has it too."""
    page = visit("", alone=True)
    with page.expect_response("**/Assistant.Keep"):
        say(page, "greet Zoe")
        expect(page.locator(".card .big")).to_have_text("Hello Zoe", timeout=FIRST_MILLISECONDS)

    phone = visit("", viewport={"width": 390, "height": 844})
    earlier = phone.get_by_role("region", name="Earlier conversations")
    earlier.get_by_role("button", name="greet Zoe", exact=True).press("Enter")
    expect(phone.locator(".card .big")).to_have_text("Hello Zoe")
    expect(phone.get_by_label("Say what you need")).to_be_focused()
    with phone.expect_response("**/Assistant.Keep"):
        say(phone, "no, I meant Yan")
        expect(phone.locator(".card").nth(1).locator(".big")).to_have_text("Hello Yan")

    phone.get_by_role("button", name="Begin a new conversation").press("Enter")
    expect(phone.get_by_label("Say what you need")).to_be_focused()
    expect(phone.locator(".card")).to_have_count(0)
    assert complaints(phone) == []
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    earlier.get_by_role("button", name="Delete: greet Zoe").press("Enter")
    expect(earlier.get_by_role("group", name="Delete it for good?")).to_be_visible()
    with phone.expect_response("**/Assistant.Discard"):
        phone.keyboard.press("Enter")
    expect(phone.get_by_role("button", name="greet Zoe", exact=True)).to_have_count(0)

    page.get_by_role("button", name="Begin a new conversation").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What do you need?")
    expect(page.get_by_role("button", name="greet Zoe", exact=True)).to_have_count(0)


def test_nobody_but_the_owner_has_earlier_conversations(visit: Open) -> None:
    """Nothing is listed, and nothing is kept."""
    asked: list[str] = []
    page = visit("", owner=False)
    page.on("request", lambda request: asked.append(request.url) if "Assistant.Keep" in request.url else None)
    say(page, "greet Ann")

    expect(page.locator(".card .big")).to_have_text("Hello Ann", timeout=FIRST_MILLISECONDS)
    expect(page.get_by_role("region", name="Earlier conversations")).to_have_count(0)
    assert asked == []


def complaints(page: Page) -> list[str]:
    """Returns what axe finds in either theme."""
    page.evaluate(AXE.read_text())
    found = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        violations = page.evaluate("axe.run().then((result) => result.violations)")
        found += [f"{theme}: {one['id']} at {[each['target'] for each in one['nodes']][:3]}" for one in violations]
    return found


def test_the_buttons_of_a_question_are_seen_on_a_phone(visit: Open) -> None:
    """They come when the turn is over, and lie above the field then."""
    page = visit("", viewport={"width": 390, "height": 844})
    for number in (1, 2):
        say(page, "greet Ann")
        expect(page.locator(".card .big")).to_have_count(number, timeout=FIRST_MILLISECONDS)
    say(page, "place an order")
    page.get_by_role("button", name="Go on").wait_for()

    page.wait_for_function(
        "() => document.querySelector('.card .stack > .row').getBoundingClientRect().bottom"
        " <= document.querySelector('form.say').getBoundingClientRect().top"
    )
