"""Services and their forms, used as a person would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.running import FIRST_MILLISECONDS, Open, Running


def test_a_search_shows_what_fits_as_one_types(visit: Open) -> None:
    """Each letter narrows the list, and what fits opens with a key."""
    page = visit("services")
    services = page.get_by_role("listitem")
    expect(services).to_have_count(3)

    page.get_by_label("Search services").press_sequentially("greet")
    expect(services).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("greeter")


def test_what_has_none_of_the_words_is_found_by_meaning(visit: Open) -> None:
    """Once somebody stops typing; it leads to the endpoint itself."""
    page = visit("services")

    page.get_by_label("Search services").fill("salute a person")

    found = page.get_by_role("region", name="By meaning").get_by_role("link", name="greeter")
    found.first.wait_for(timeout=FIRST_MILLISECONDS)
    expect(page.get_by_text("0 services")).to_have_count(0)
    expect(page.get_by_text("which may still be far")).to_be_visible()
    found.first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("greeter")


def test_services_that_still_start_are_told(visit: Open) -> None:
    """Whoever misses one knows that it may come."""
    page = visit("")

    def answer(route: Route) -> None:
        told = route.fetch().json()
        told["services"][0]["state"] = "starting"
        route.fulfill(json=told)

    page.route("**/api/runtime/Runtime.Status", answer)
    page.goto(page.url.split("#")[0] + "#/services")

    expect(page.get_by_text("Still starting on this node: 1.")).to_be_visible()


def test_a_search_without_a_find_says_what_to_do(visit: Open) -> None:
    """Nobody is left in front of an empty page."""
    page = visit("services?search=nothing-like-this")

    page.get_by_role("button", name="Show all services").click()

    expect(page.get_by_role("listitem")).to_have_count(3)


def test_a_form_calls_and_shows_the_answer(visit: Open) -> None:
    """The answer is large and first, with how long it took."""
    page = visit("services/greeter/Say.Hello")

    page.get_by_label("Name").fill("Ann")
    page.get_by_role("button", name="Call").click()

    result = page.get_by_role("region", name="Result")
    expect(result.locator(".big")).to_have_text("Hello Ann")
    expect(result).to_contain_text("ms")


def test_what_is_missing_is_said_beside_the_field(visit: Open) -> None:
    """Nothing is sent, the field has the focus, and the complaint goes when it is mended."""
    page = visit("services/greeter/Say.Hello")
    field = page.get_by_label("Name")

    page.get_by_role("button", name="Call").click()

    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("This is needed.").first).to_be_visible()
    field.fill("Ann")
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_every_kind_of_field_reaches_the_service(visit: Open) -> None:
    """Numbers, choices, lists and fields of fields arrive as what they are."""
    page = visit("services/everything/Order.Place")
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Count").fill("99")
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_text("At most 10 is possible.").first).to_be_visible()

    page.get_by_label("Count").fill("3")
    page.get_by_label("Colour").select_option(label="green")
    page.get_by_role("button", name="Add notes").click()
    page.get_by_label("Notes 1", exact=True).fill("ring twice")
    page.get_by_role("button", name="Call").click()

    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("green")
    expect(result).to_contain_text("ring twice")


def test_a_complaint_of_the_service_stands_beside_its_field(visit: Open) -> None:
    """What the service refuses after all is said where it can be mended."""
    page = visit('services/everything/Order.Place?fill={"name":"Ann","count":2,"day":"2026-02-31"}')
    page.get_by_label("Count").fill("2")

    page.evaluate("() => document.querySelector('[data-path=name]').focus()")
    page.get_by_label("Name").fill("A")
    page.get_by_role("button", name="Call").click()

    expect(page.get_by_text("At least 2 characters are needed.").first).to_be_visible()


def test_a_stream_comes_live_and_can_be_stopped(visit: Open) -> None:
    """Items are shown as they come; after the stop no more do."""
    page = visit("services/greeter/Say.Again")

    page.get_by_role("button", name="Start").click()
    log = page.get_by_label("Items")
    expect(log).to_contain_text("Hello world, 3")
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("Stopped")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_a_stream_that_ends_says_how_much_came(visit: Open) -> None:
    """The count stands beside the items."""
    page = visit("services/greeter/Say.Each")

    page.get_by_role("button", name="Start").click()

    expect(page.get_by_role("region", name="Result")).to_contain_text("3 items")
    expect(page.get_by_label("Items")).to_have_text("greeting 1\ngreeting 2\ngreeting 3")


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [
        ("Show.Table", "table td:has-text('Bern')"),
        ("Show.Places", "svg.map circle >> nth=1"),
        ("Show.Picture", "img.result"),
        ("Show.Sound", "audio.result"),
    ],
)
def test_an_answer_is_shown_as_what_it_is(visit: Open, endpoint: str, shown: str) -> None:
    """Rows are a table, places a map, bytes a picture or sound."""
    page = visit(f"services/everything/{endpoint}")

    page.get_by_role("button", name="Call").click()

    found = page.locator(f"section[aria-label=Result] {shown}")
    expect(found).to_be_visible()
    if endpoint == "Show.Picture":
        expect(found).to_have_js_property("naturalWidth", 10)


def test_the_raw_answer_is_one_press_away(visit: Open) -> None:
    """As it travelled."""
    page = visit("services/everything/Show.Table")
    page.get_by_role("button", name="Call").click()

    page.get_by_role("button", name="Raw").click()

    expect(page.locator("pre")).to_contain_text('"people": 134000')


def test_a_file_is_sent_as_it_is(visit: Open, tmp_path: Path) -> None:
    """Bytes arrive as bytes."""
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(1234))
    page = visit("services/everything/Show.Length")

    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Call").click()

    expect(page.get_by_role("region", name="Result").locator(".big")).to_have_text("1,234")


def test_a_shared_link_fills_the_form(visit: Open) -> None:
    """Whoever opens it sees what was typed."""
    page = visit("services/greeter/Say.Hello")
    page.get_by_label("Name").fill("Zoë & Ann")
    page.get_by_role("button", name="Share").click()
    address = page.evaluate("location.href")

    other = visit("services")
    other.goto(address)

    expect(other.get_by_label("Name")).to_have_value("Zoë & Ann")


def test_the_code_to_copy_does_what_the_form_does(visit: Open, node: Running) -> None:
    """The lines for curl and for the command line, typed as they stand."""
    page = visit("services/greeter/Say.Hello")
    page.get_by_label("Name").fill("Ann's friend")
    page.get_by_text("The same as code").click()

    curl = page.locator("details pre").inner_text()
    done = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True)
    page.get_by_role("button", name="CLI").click()
    words = page.locator("details pre").inner_text()

    assert "Hello Ann's friend" in done.stdout
    assert words == """micro greeter say hello --name 'Ann'"'"'s friend'"""
    assert "Hello Ann" in node.micro(*words.split()[1:5], "Ann")


def test_a_service_that_means_harm_does_none(visit: Open) -> None:
    """Its markup is text, its pictures run nothing, and nobody elsewhere is asked; see the fixture."""
    page = visit("services")
    page.get_by_role("listitem").filter(has_text="hostile").click()
    for endpoint in ("Do.Harm", "Do.Draw", "Do.Page", "Do.Drawing"):
        page.goto(page.url.split("#")[0] + f"#/services/hostile/{endpoint}")
        page.get_by_role("button", name="Call").first.wait_for()
        button = page.locator(f"[id='endpoint-{endpoint}']").get_by_role("button", name="Call")
        button.click()
        expect(page.get_by_role("region", name="Result").first).to_be_visible()
        page.wait_for_timeout(100)

    assert page.evaluate("window.harmed ?? ({}).harmed ?? null") is None
    assert page.locator("main a[href^='javascript:'], main iframe, main object").count() == 0


CROWD = 2500


def test_thousands_are_searched_and_a_handful_is_drawn(visit: Open, node: Running) -> None:
    """Over several pages of the registry; the list is as long as it is, and draws what is seen."""
    command = [sys.executable, str(Path(__file__).parent / "crowd.py"), str(node.home), str(CROWD)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as crowd:
        assert crowd.stdout is not None
        assert crowd.stdin is not None
        assert crowd.stdout.readline() == "ready\n"
        page = visit("services")
        expect(page.get_by_text(f"{CROWD + 3:,} services", exact=True)).to_be_visible()
        assert page.get_by_role("listitem").count() < 40

        page.get_by_label("Search services").fill("garden number 2428")
        expect(page.get_by_role("listitem")).to_have_count(1)
        page.get_by_label("Search services").fill("")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(page.get_by_text("weather-992", exact=True)).to_be_visible()
        assert page.get_by_role("listitem").count() < 40
        crowd.stdin.close()
