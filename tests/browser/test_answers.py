"""What comes of a call is seen, and read at a glance, however much it is."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.running import Open

MOST_SHOWN = 25_000


def test_what_was_asked_for_stands_above_the_map(visit: Open) -> None:
    """How far two places are apart is the answer; where they are comes second."""
    page = visit("services/everything/Show.Way")

    page.get_by_role("button", name="Call").click()

    result = page.get_by_role("region", name="Result")
    expect(result.get_by_text("84.6")).to_be_visible()
    expect(result.locator("svg.map circle")).to_have_count(2)
    assert top(page, "dd:has-text('84.6')") < top(page, "svg.map")


def top(page: Page, what: str) -> float:
    box = page.locator(f"section[aria-label=Result] {what}").first.bounding_box()
    assert box is not None
    return box["y"]


def test_what_comes_is_brought_into_view(visit: Open) -> None:
    """Whoever pressed the button need not look for the answer below what is seen."""
    page = visit("services/everything/Order.Place", alone=True, viewport={"width": 1280, "height": 600})
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Count").fill("3")

    page.get_by_label("Count").press("Enter")

    expect(page.get_by_role("region", name="Result").get_by_role("button", name="Again")).to_be_in_viewport()


def test_an_answer_of_the_call_before_is_no_answer_of_this_one(visit: Open) -> None:
    """What stands there after a request that was never sent says that it is older."""
    page = visit("services/everything/Order.Place")
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Count").fill("3")
    page.get_by_role("button", name="Call").click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("Answer")

    page.get_by_label("Count").fill("99")
    page.get_by_role("button", name="Call").click()
    expect(result).to_contain_text("Of the call before")

    page.get_by_label("Count").fill("4")
    page.get_by_role("button", name="Call").click()
    expect(result).not_to_contain_text("Of the call before")


def test_a_number_that_no_machine_holds_is_not_sent(visit: Open) -> None:
    """It would arrive as nothing at all, and be complained of as that."""
    page = visit("services/everything/Order.Place")
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Count").fill("3")
    page.get_by_label("Weight").fill("1e400")

    page.get_by_role("button", name="Call").click()

    expect(page.get_by_text("This number is too large.").first).to_be_visible()
    expect(page.get_by_role("region", name="Result")).to_have_count(0)


def test_a_file_that_is_too_large_is_not_taken_for_none(visit: Open, tmp_path: Path) -> None:
    """The call is not made without it, and what came before is not its answer."""
    page = visit("services/everything/Show.Length")
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"12345")
    large.write_bytes(bytes(5_000_000))
    page.get_by_label("File").set_input_files(small)
    page.get_by_role("button", name="Call").click()
    result = page.get_by_role("region", name="Result")
    expect(result.locator(".big")).to_have_text("5")

    page.get_by_label("File").set_input_files(large)
    page.get_by_role("button", name="Call").click()

    expect(page.get_by_text("At most 4.2 MB fit into one call").first).to_be_visible()
    expect(result).to_contain_text("Of the call before")


def test_a_long_text_is_shown_by_its_beginning(visit: Open) -> None:
    """All of it would keep a browser busy for long; it can be saved."""
    page = visit("services/everything/Show.Much")

    page.get_by_role("button", name="Call").click()

    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("first 20,000 of 3,000,000 characters")
    assert len(result.inner_text()) < MOST_SHOWN
    with page.expect_download() as saved:
        result.get_by_role("button", name="Save answer.txt").click()
    assert len(Path(saved.value.path()).read_bytes()) == 3_000_000


def test_what_lies_deep_stays_in_its_box(visit: Open) -> None:
    """It is shown by its beginning, too."""
    page = visit("services/everything/Show.Deep")

    page.get_by_role("button", name="Call").click()

    deep = page.locator("section[aria-label=Result] pre.log")
    expect(deep).to_be_visible()
    box = deep.bounding_box()
    assert box is not None
    assert box["height"] < 400


def test_a_time_is_said_as_clocks_show_it(visit: Open) -> None:
    """There for a place elsewhere, here for what has no place; what a machine tells rows apart by comes last."""
    page = visit("services/everything/Show.Times", alone=True, timezone_id="Europe/Paris")

    page.get_by_role("button", name="Call").click()

    table = page.get_by_role("region", name="Table")
    expect(table.get_by_role("columnheader")).to_have_text(["City", "At", "Id"])
    expect(table.locator("time").first).to_have_text(re.compile(r"Nov 30, 2026, 3:27.AM \(\+09:00\)"))
    expect(table.locator("time").last).to_have_text(re.compile(r"Nov 29, 2026, 7:27.PM$"))
