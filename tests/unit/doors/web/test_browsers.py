"""What kinds of browsers are called."""

from __future__ import annotations

import pytest

from micro.doors.web.browsers import kind_of

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT}"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (f"{ANDROID} Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome, Android"),
        (f"{ANDROID} SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36", "Samsung Internet, Android"),
        (f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1", "Safari, iPhone"),
        (f"{IPHONE} CriOS/140.0.7339.39 Mobile/15E148 Safari/604.1", "Chrome, iPhone"),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
            "Edge, Windows",
        ),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome, Mac"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0", "Firefox, Linux"),
        ("curl/8.14", ""),
        ("", ""),
        (None, ""),
        ("<script>alert(1)</script>" * 9999 + "Firefox/1", ""),
    ],
)
def test_a_browser_is_called_by_what_people_know(said: str | None, kind: str) -> None:
    """Not by the name that it imitates, and by nothing that it says itself."""
    assert kind_of(said) == kind
