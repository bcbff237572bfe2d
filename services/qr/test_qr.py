"""Codes are images of the right size and form."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest

pytest.importorskip("segno", reason="`micro run` installs it beside the service; here it is not installed")

TEXT = "https://micro.example"


def test_a_png_has_the_size_it_says(main: ModuleType) -> None:
    """Dots and border, times the scale."""
    image = main.png(TEXT, scale=5, border=2)
    side = (main.size(TEXT).modules + 4) * 5

    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", image[16:24]) == (side, side)


def test_an_svg_is_one_image(main: ModuleType) -> None:
    """Which any reader of XML can read, with the size it says."""
    root = ET.fromstring(main.svg(TEXT, scale=5, border=2))
    side = (main.size(TEXT).modules + 4) * 5

    assert (root.tag, root.get("width")) == ("{http://www.w3.org/2000/svg}svg", str(side))


def test_the_three_drawings_are_the_same_code(main: ModuleType) -> None:
    """The dots of the text are those of the code."""
    lines = main.text(TEXT, border=0, correction="m").splitlines()
    dots = [row for line in lines for row in ([one in "▄ " for one in line], [one in "▀ " for one in line])]
    code = main._code(TEXT, "m")

    assert dots[: main.size(TEXT).modules] == [[bool(dot) for dot in row] for row in code.matrix_iter(border=0)]


def test_a_border_is_empty(main: ModuleType) -> None:
    """All of the first two rows and columns, drawn as light."""
    lines = main.text(TEXT, border=4).splitlines()

    assert set(lines[0]) == {"█"}
    assert all(line.startswith("████") for line in lines[:-1])


def test_colours_are_taken(main: ModuleType) -> None:
    """By number and by name."""
    assert "navy" in main.svg(TEXT, dark="navy") or "#000080" in main.svg(TEXT, dark="navy")


def test_more_text_needs_a_larger_code(main: ModuleType) -> None:
    """And what fits gets the best correction for nothing."""
    assert main.size("x" * 1000).version > main.size("x").version
    assert main.size("x", "l").correction == "h"


@pytest.mark.parametrize(
    ("endpoint", "arguments"),
    [
        ("svg", {"text": ""}),
        ("svg", {"text": "x" * 2001}),
        ("png", {"text": "é" * 1001}),
        ("text", {"text": "x" * 2000, "correction": "h"}),
        ("size", {"text": "\ud800"}),
        ("png", {"text": "x", "scale": 0}),
        ("png", {"text": "x", "scale": 33}),
        ("text", {"text": "x", "border": -1}),
        ("svg", {"text": "x", "dark": '"/><script>'}),
        ("svg", {"text": "x", "light": "nosuchcolour"}),
        ("svg", {"text": "x", "light": ""}),
    ],
)
def test_what_cannot_be_drawn_is_refused(main: ModuleType, endpoint: str, arguments: dict[str, Any]) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match=r"^\w+: "):
        getattr(main, endpoint)(**arguments)


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
