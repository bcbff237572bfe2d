"""The page for people."""

from __future__ import annotations

import base64
import hashlib

from micro.doors.api.page import POLICY, SERVICES_MAX, STYLE, home_page

EVIL = "<script>alert('&')</script>"


def test_what_services_say_is_text() -> None:
    """Nothing of it becomes a part of the page."""
    endpoint = {"name": "A.B", "description": EVIL, "price": EVIL, "examples": [{"a": EVIL}]}
    service = {"name": "x", "version": EVIL, "description": EVIL, "endpoints": [endpoint]}

    page = home_page([service], [service], "http://localhost")

    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 5


def test_a_node_without_services_says_how_to_get_one() -> None:
    """The page is never empty."""
    assert "micro run" in home_page([], [], "http://localhost")


def test_more_services_than_fit_are_told() -> None:
    """The page stays short."""
    names = [{"name": f"s{number}"} for number in range(SERVICES_MAX + 3)]

    assert "And 3 more" in home_page(names, names[:SERVICES_MAX], "http://localhost")


def test_an_example_can_be_typed_as_it_stands() -> None:
    """Quotes in it do not end the shell's."""
    service = {"name": "x", "endpoints": [{"name": "A.B", "examples": [{"a": "it's"}]}]}

    assert "it&#x27;&quot;&#x27;&quot;&#x27;s" in home_page([service], [service], "http://localhost")


def test_the_style_is_the_one_that_is_allowed() -> None:
    """Its hash stands in the policy, and the page has no other."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

    assert f"'sha256-{digest}'" in POLICY
    assert home_page([], [], "").count("style") == 2
