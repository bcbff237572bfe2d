"""What the app makes of a stranger's Markdown: text with few signs, and never anything else."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.running import Open
from tests.tidy.reading import ROOT

WAIT_SECONDS = 60


def told(folder: Path, expression: str) -> Any:
    """Returns what an expression of the app's is."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not there")
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(ROOT / "ui" / "src" / "markdown.js", folder)
    script = f'import {{ blocks, spans }} from "./markdown.js";\nconsole.log(JSON.stringify({expression}));\n'
    (folder / "run.js").write_text(script)
    said = subprocess.run(
        [node, "run.js"], cwd=folder, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def read(folder: Path, text: str) -> Any:
    """Returns the blocks of a text."""
    return told(folder, f"blocks({json.dumps(text)})")


def line(folder: Path, text: str) -> Any:
    """Returns the pieces of a line."""
    return told(folder, f"spans({json.dumps(text)})")


def test_what_makes_up_a_page_is_told_apart(tmp_path: Path) -> None:
    """Headings of both kinds, paragraphs, code, quotes, tables, and rules and comments as nothing."""
    text = "One\n===\nfirst\nsecond\n\n## Two ##\n> said\n\n```sh\n# run\n```\n---\n    four\n\n| a |\n| b |\n~~~\nopen"
    assert read(tmp_path, text) == [
        {"kind": "heading", "rank": 1, "text": "One"},
        {"kind": "text", "text": "first second"},
        {"kind": "heading", "rank": 2, "text": "Two"},
        {"kind": "text", "text": "said"},
        {"kind": "code", "text": "# run"},
        {"kind": "code", "text": "four"},
        {"kind": "code", "text": "| a |\n| b |"},
        {"kind": "code", "text": "open"},
    ]


def test_tables_and_comments(tmp_path: Path) -> None:
    """A comment that has no end is text; a row may have too few cells, and an escaped line is none between them."""
    found = read(tmp_path, "<!-- a\nb -->\n| *a* | b |\n|:--|---|\n| 1 |\n| 2 \\| 3 | 4 |\n<!-- open")
    assert found == [
        {"kind": "table", "head": ["*a*", "b"], "rows": [["1"], ["2 \\| 3", "4"]]},
        {"kind": "text", "text": "<!-- open"},
    ]


def test_lists_hold_lists(tmp_path: Path) -> None:
    """An item goes on in the next line; another sign begins another list."""
    found = read(tmp_path, "* one\n  more\n  1. deep\n* two\n\n3. three\n\nend")
    one, two = found[0]["items"]
    assert (one["text"], one["lists"][0]["ordered"], one["lists"][0]["items"][0]["text"]) == ("one more", True, "deep")
    assert (two["text"], found[1]["first"], found[2]) == ("two", 3, {"kind": "text", "text": "end"})


def test_the_pieces_of_a_line(tmp_path: Path) -> None:
    """Emphasis, code, and what is escaped; a name with lines in it is a name."""
    found = line(tmp_path, r"a **b `c`** *d* __e__ _f_ snake_case_name \*g\* `*h*` ![i](j.png)")
    code = {"kind": "code", "text": "c"}
    assert found == [
        *("a ", {"kind": "strong", "within": ["b ", code]}, " ", {"kind": "em", "within": ["d"]}, " "),
        *({"kind": "strong", "within": ["e"]}, " ", {"kind": "em", "within": ["f"]}, " snake_case_name "),
        *("*", "g", "*", " ", {"kind": "code", "text": "*h*"}, " i"),
    ]


def test_only_an_address_of_the_web_can_be_followed(tmp_path: Path) -> None:
    """It is shown as it is meant, and a sentence's end is no part of it; one that looks like another is text alone."""
    found = line(
        tmp_path,
        "see https://example.org/a. [b](javascript:alert) [c](https://bank.example@evil.example) <http://ä.example>",
    )
    links = [piece for piece in found if isinstance(piece, dict)]
    assert [(link.get("href"), link["shown"]) for link in links] == [
        ("https://example.org/a", "https://example.org/a"),
        (None, "javascript:alert"),
        (None, "https://bank.example@evil.example"),
        ("http://xn--4ca.example/", "http://xn--4ca.example/"),
    ]


SIGNS = (
    "[",
    "*",
    "_",
    "`",
    "![",
    "](",
    "<",
    "**a",
    "_a ",
    "\\",
    "> ",
    "* ",
    "- ",
    "* a\n  ",
    "#",
    "`a``",
    "[a](",
    "=\n",
)


def test_no_text_takes_long_or_grows(tmp_path: Path) -> None:
    """What has made readers of Markdown hang, each as long as a readme may be; hanging ends the wait of `told`."""
    texts = json.dumps([sign * (64_000 // len(sign)) for sign in SIGNS])
    counted = "blocks(text).map((one) => spans(one.text ?? '', { left: 9 }).length)"
    found = told(tmp_path, f"{texts}.map((text) => [0, ...{counted}].reduce((one, two) => Math.max(one, two)))")
    assert max(found) < 30


def test_signs_that_turn_text_around_are_left_out(tmp_path: Path) -> None:
    """Nor is there any that nobody sees."""
    assert read(tmp_path, "a\u202eb\u0007c\u2066d") == [{"kind": "text", "text": "abcd"}]


def test_a_hostile_readme_is_text(visit: Open) -> None:
    """Nothing of it runs, is loaded, or leads where it does not say; what it may show is shown."""
    page = visit("services/hostile")
    readme = page.locator(".readme")

    expect(readme.get_by_role("heading").first).to_have_text('<img src=x onerror="window.harmed=1"> Harm')
    expect(readme.get_by_role("heading", name="Far below")).to_be_visible()
    expect(readme.locator("a")).to_have_text(["https://example.org/a?b=c", "http://192.0.2.1:9/"])
    assert readme.locator("a").evaluate_all("(all) => all.every((one) => one.href === one.textContent)")
    expect(readme.locator("a[rel='noopener noreferrer nofollow'][referrerpolicy='no-referrer']")).to_have_count(2)
    expect(readme).to_contain_text("press (javascript:window.harmed=1)")
    expect(readme).to_contain_text("badge (../there.md)")
    used = readme.evaluate("(top) => [...new Set([...top.querySelectorAll('*')].map((one) => one.localName))].sort()")
    table = ("table", "tbody", "td", "th", "thead", "tr")
    assert used == ["a", "code", "div", "em", "h3", "h4", "li", "ol", "p", "pre", "strong", *table, "ul"]
    assert page.evaluate("window.harmed ?? null") is None


def test_a_service_without_a_readme_shows_none(visit: Open) -> None:
    """Nor is an owner's asked for by anybody else, to whom it would be refused."""
    page = visit("services/greeter")
    page.get_by_role("heading", name="What it can do").wait_for()
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(page.locator(".readme")).to_have_count(0)

    asked: list[str] = []
    other = visit("services", owner=False)
    other.on("request", lambda request: asked.append(request.url))
    other.goto(other.url.split("#")[0] + "#/services/hostile")
    other.get_by_role("heading", name="What it can do").wait_for()
    assert not [url for url in asked if "Runtime.Readme" in url]
