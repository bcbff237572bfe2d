"""What the owner does: publishing, looking after his services, looking into calls, lending tokens."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.running import Open, Running

WEATHER = """
from micro import Service

weather = Service("weather", description="Tells the weather of yesterday.")


@weather.endpoint("Sky.Look", idempotent=True)
async def look(place: str) -> str:
    \"\"\"Look at the sky.\"\"\"
    print("\\x1b[31msomebody\\x1b[0m looks at", place, flush=True)
    return f"clear over {place}"


if __name__ == "__main__":
    weather.run()
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Returns a folder that nobody has run yet."""
    folder = tmp_path / "weather"
    folder.mkdir()
    (folder / "main.py").write_text(WEATHER)
    return folder


def test_a_folder_becomes_a_service_that_is_offered_last(visit: Open, node: Running, source: Path) -> None:
    """Looked at, run unseen, tried in the form that others will see, offered, and stopped again."""
    page = visit("publish")
    page.get_by_label("Git address or folder").fill(str(source))
    page.get_by_role("button", name="Look at it", exact=True).click()
    expect(page.get_by_role("region", name="What it is")).to_contain_text("Python")
    assert "weather" not in node.micro("services")

    page.get_by_role("button", name="Build and run it here, unseen").click()
    preview = page.get_by_role("region", name="What others will see")
    preview.wait_for(timeout=30_000)
    expect(page.get_by_label("Progress")).to_contain_text("weather runs")
    assert _offered(node) is False
    preview.get_by_label("Place").fill("Bern")
    preview.get_by_role("button", name="Call").click()
    expect(preview.get_by_role("region", name="Result")).to_contain_text("clear over Bern")

    preview.get_by_role("button", name="Go live").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("weather")
    assert _offered(node) is True
    expect(page.get_by_label("Log")).to_contain_text("somebody looks at Bern")
    page.get_by_role("button", name="Stop it").click()
    page.get_by_role("group", name="Stop weather and forget it?").get_by_role("button", name="Stop it").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("My services")
    expect(page.get_by_role("row", name="greeter")).to_contain_text("running")
    expect(page.get_by_role("row", name="weather")).to_have_count(0)


def _offered(node: Running) -> bool:
    found = json.loads(node.micro("call", "network", "Network.Offers", "{}"))["offers"]
    return next(bool(one["offered"]) for one in found if one["service"] == "weather")


def test_a_build_that_failed_is_there_after_one_left_the_page(visit: Open, node: Running, tmp_path: Path) -> None:
    """With its reason, its steps and what to do next; also when the page is loaded again, until it is mended."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "main.py").write_text('raise SystemExit("the cable is unplugged")\n')
    page = visit("publish")
    page.get_by_label("Git address or folder").fill(str(folder))
    page.get_by_role("button", name="Look at it", exact=True).click()
    page.get_by_role("button", name="Build and run it here, unseen").click()
    expect(page.get_by_label("Progress")).to_contain_text("the cable is unplugged", timeout=30_000)

    page.get_by_role("link", name="My services").click()
    page.get_by_role("link", name="Publish", exact=True).first.click()
    page.reload()
    failed = page.get_by_role("region", name="Last builds").get_by_role("article", name="broken")
    expect(failed).to_contain_text("failed")
    expect(failed.locator("p.bad")).not_to_be_empty()
    expect(failed).to_contain_text("Mend it at its source")
    failed.get_by_role("button", name="Show its steps").press("Enter")
    expect(failed.get_by_label("Progress")).to_contain_text("the cable is unplugged")

    (folder / "main.py").write_text(WEATHER.replace("weather", "broken"))
    failed.get_by_role("button", name="Look at it again").click()
    expect(page.get_by_label("Git address or folder")).to_have_value(str(folder))
    page.get_by_role("button", name="Build and run it here, unseen").click()
    page.get_by_role("region", name="What others will see").wait_for(timeout=30_000)
    page.reload()
    expect(page.get_by_role("article", name="broken").first).to_contain_text("it runs")
    node.micro("kill", "broken")


def test_what_is_no_source_is_refused_beside_its_field(visit: Open) -> None:
    """With why, and nothing is run."""
    page = visit("publish")

    page.get_by_label("Git address or folder").fill("/no/such/folder")
    page.get_by_role("button", name="Look at it", exact=True).click()

    expect(page.get_by_label("Git address or folder")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_contain_text("/no/such/folder")


def test_a_call_is_recorded_looked_into_and_repeated(visit: Open) -> None:
    """With what was asked; its form opens filled in."""
    page = visit("services/greeter/Say.Hello")
    page.get_by_label("Name").fill("Activity")
    page.get_by_role("button", name="Call").click()
    page.get_by_role("region", name="Result").wait_for()

    page.goto(page.url.split("#")[0] + "#/activity")
    page.get_by_role("button", name="greeter Say.Hello").first.click()
    expect(page.get_by_label("Request")).to_contain_text('"name": "Activity"')
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.locator(".big")).to_have_text("Hello Activity")
    page.get_by_role("button", name="Show its way").click()
    expect(page.get_by_text("greeter-1-")).to_be_visible()
    page.get_by_role("link", name="Edit and replay").click()

    expect(page.get_by_label("Name")).to_have_value("Activity")
    assert page.url.endswith("#/services/greeter/Say.Hello"), "what was asked stands in no address"


def test_what_was_turned_down_for_programs_is_shown_too(visit: Open, node: Running) -> None:
    """It did not come over HTTP; the service itself remembers, and knows whose fault it was."""
    node.micro("call", "everything", "Order.Place", '{"name": "nobody", "count": 1}', works=False)
    page = visit("activity")

    page.get_by_role("button", name="Also what services noticed").click()
    page.get_by_role("button", name="Turned down").click()
    found = page.locator("section.card").filter(has_text="turned down").filter(has_text="Order.Place")
    found.get_by_role("button", name="everything Order.Place").first.click()

    expect(page.get_by_text("nobody cannot order").first).to_be_visible()


def test_what_its_callers_did_wrong_is_no_failure_of_a_service(visit: Open, node: Running) -> None:
    """Neither in its figures nor among the calls that failed."""
    asked = f"{node.address}/api/everything/Order.Place"
    body = json.dumps({"name": "nobody", "count": 1}).encode()
    with pytest.raises(urllib.error.HTTPError, match="40"):
        urllib.request.urlopen(urllib.request.Request(asked, body, {"Content-Type": "application/json"}), timeout=20)

    page = visit("mine/everything")
    calls = page.get_by_role("region", name="Calls").get_by_role("row").filter(has_text="Order.Place")
    expect(calls.get_by_role("cell").nth(1)).to_have_text("0")
    expect(calls.get_by_role("cell").nth(2)).not_to_have_text("0")
    expect(page.locator("dl.facts").first).to_contain_text("turned down")

    page.goto(page.url.split("#")[0] + "#/activity")
    page.get_by_role("button", name="Turned down").click()
    expect(page.locator("section.card").filter(has_text="Order.Place").first).to_contain_text("turned down")
    page.get_by_role("button", name="Failed", exact=True).click()
    expect(page.locator("section.card").filter(has_text="Order.Place")).to_have_count(0)


def test_a_stream_that_was_stopped_has_not_failed(visit: Open) -> None:
    """Whoever has seen enough ends it; that is no trouble of the service."""
    page = visit("services/greeter/Say.Again")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_label("Items")).to_contain_text("Hello")
    page.get_by_role("button", name="Stop").click()

    page.goto(page.url.split("#")[0] + "#/activity")

    entry = page.locator("section.card").filter(has_text="Say.Again").first
    expect(entry).to_contain_text("stopped")
    expect(entry).not_to_contain_text("499")


def test_what_waits_for_a_trial_is_told(visit: Open) -> None:
    """A commit that is not tried yet is not passed over in silence; neither is one that did not start."""
    page = visit("")

    def answer(route: Route) -> None:
        told = route.fetch().json()
        told["services"][0] |= {"waits": "c0ffee waits until the trial of generation 2 ends", "trouble": "it is broken"}
        route.fulfill(json=told)

    page.route("**/api/runtime/Runtime.Status", answer)
    page.goto(page.url.split("#")[0] + "#/mine")

    expect(page.get_by_role("region", name="My services")).to_contain_text("c0ffee waits until the trial")
    page.get_by_role("region", name="My services").get_by_role("link").first.click()
    expect(page.locator("dl.facts").first).to_contain_text("c0ffee waits until the trial")
    expect(page.locator("dl.facts").first).to_contain_text("it is broken")


def test_a_token_for_what_is_not_there_is_asked_about(visit: Open) -> None:
    """A slip of the pen would make a token that nothing answers; who means it presses again."""
    page = visit("settings")
    page.get_by_label("Name of a new token").fill("slip")
    page.get_by_label("What it may reach").fill("greeter; greetre, everything:Show.Nothing topic:orders greeter:Say")

    page.get_by_role("button", name="Make a token").click()

    expect(page.get_by_text("Nothing in reach is called greetre, everything:Show.Nothing.")).to_be_visible()
    expect(page.get_by_role("row", name="slip")).to_have_count(0)
    page.get_by_label("What it may reach").fill("greeter")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_role("status").filter(has_text="Copy it now")).to_contain_text("slip")


def test_a_token_is_lent_used_and_taken_back(visit: Open, node: Running) -> None:
    """It is shown once, reaches what it names, and nothing after it was taken back."""
    page = visit("settings")
    page.get_by_label("Name of a new token").fill("browser-test")
    page.get_by_label("What it may reach").fill("greeter")
    page.get_by_role("button", name="Make a token").click()
    token = page.get_by_role("status").locator("code").inner_text()
    assert _status(node, token, "/api/greeter/Say.Hello?name=Ann") == 200
    assert _status(node, token, "/api/everything/Show.Table") == 403

    row = page.get_by_role("row", name="browser-test")
    row.get_by_role("button", name="Take back").click()
    row.get_by_role("group").get_by_role("button", name="Take back").click()
    expect(row).to_have_count(0)

    assert _status(node, token, "/api/greeter/Say.Hello?name=Ann") == 401


def _status(node: Running, token: str, path: str) -> int:
    request = urllib.request.Request(f"{node.address}{path}", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
